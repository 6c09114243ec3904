"""The life of a message equals S2, and its page in the docs equals the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from relight.base.errors import FaultError
from relight.messages.life import (
    FINAL_STATES,
    FIRST_STATE,
    TRANSITIONS,
    MessageCause,
    MessageState,
    advance_message,
    draw_life,
    may_advance,
)

DOCS = Path(__file__).parents[3] / "docs" / "message-life.md"
#: S2, written down a second time.
MOVES = {
    "pending": {"sending", "suppressed", "expired"},
    "sending": {"accepted", "pending", "rejected", "unknown"},
    "accepted": {"delivered", "bounced", "complained"},
    "delivered": {"bounced", "complained"},
    "unknown": {"accepted", "delivered", "bounced", "rejected", "pending"},
    "bounced": set(), "complained": set(), "rejected": set(), "suppressed": set(), "expired": set(),
}  # fmt: skip


def test_the_table_is_the_one_of_the_semantics() -> None:
    """The table holds each move of S2 and no other."""
    assert {str(s): {str(t) for t in moves.values()} for s, moves in TRANSITIONS.items()} == MOVES


def test_every_state_is_in_the_table_and_reached() -> None:
    """Each state has a row, and every one but the first is led to."""
    reached = {target for moves in TRANSITIONS.values() for target in moves.values()}
    assert set(TRANSITIONS) == set(MessageState)
    assert reached | {FIRST_STATE} == set(MessageState)


def test_every_cause_moves_something() -> None:
    """No cause is without a move."""
    assert {cause for moves in TRANSITIONS.values() for cause in moves} == set(MessageCause)


@pytest.mark.parametrize("state", list(MessageState))
@pytest.mark.parametrize("cause", list(MessageCause))
def test_an_illegal_move_is_a_fault(state: MessageState, cause: MessageCause) -> None:
    """A move that the table lacks raises; one that it has gives its state."""
    if may_advance(state, cause):
        assert advance_message(state, cause) is TRANSITIONS[state][cause]
    else:
        with pytest.raises(FaultError, match=f"'{state}' cannot move by '{cause}'"):
            advance_message(state, cause)


def test_a_time_out_is_neither_failed_nor_sent() -> None:
    """No answer leads to unknown, and only a later word or an operator leads out."""
    assert advance_message(MessageState.SENDING, MessageCause.NO_ANSWER) is MessageState.UNKNOWN
    assert advance_message(MessageState.SENDING, MessageCause.LEASE_RAN_OUT) is MessageState.UNKNOWN


def test_nothing_leads_out_of_a_final_state() -> None:
    """Bounced, complained, rejected, suppressed and expired are for good."""
    assert {str(s) for s in FINAL_STATES} == {"bounced", "complained", "rejected", "suppressed", "expired"}


def test_the_page_is_drawn_from_the_table() -> None:
    """docs/message-life.md holds the drawing of the table, letter by letter."""
    assert draw_life() in DOCS.read_text(encoding="utf-8")
