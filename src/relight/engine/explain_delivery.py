"""What became of a message after its decision, in words: the delivery journal beside the ledger (H7, S2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from relight.engine.explain_lines import Line, Said, say
from relight.engine.explain_words import Finding, Mark
from relight.messages.life import MessageState
from relight.messages.reasons import Reason, RowState

if TYPE_CHECKING:
    from relight.engine.explain_holds import Hold
    from relight.engine.explain_words import RuleStory
    from relight.messages.ledger import LedgerRow

#: State -> (outcome, headline, what it means; None where the headline says it).
_WORDS: Mapping[
    MessageState, tuple[Literal["sent", "waiting", "not_sent", "unknown"], Line, Line | None]
] = {
    MessageState.PENDING: ("waiting", Line.NOT_GOT_YET, Line.TO_BE_SENT),
    MessageState.SENDING: ("waiting", Line.NOT_GOT_YET, Line.BEING_SENT),
    MessageState.BOUNCED: ("not_sent", Line.NOT_GOT, Line.BOUNCED),
    MessageState.REJECTED: ("not_sent", Line.NOT_GOT, Line.REFUSED),
    MessageState.SUPPRESSED: ("not_sent", Line.NOT_GOT, Line.STOPPED),
    MessageState.EXPIRED: ("not_sent", Line.NOT_GOT, Line.TOO_LATE),
    MessageState.UNKNOWN: ("unknown", Line.MAYBE_GOT, Line.LINE_BROKE),
    MessageState.COMPLAINED: ("sent", Line.COMPLAINED, None),
}  # fmt: skip

#: A row that passed the gate, in a word, by where its message is now.
_MAIL_WORDS: Mapping[MessageState, str] = {
    MessageState.PENDING: "to send",
    MessageState.SENDING: "being sent",
    MessageState.ACCEPTED: "sent",
    MessageState.DELIVERED: "delivered",
    MessageState.BOUNCED: "bounced",
    MessageState.COMPLAINED: "complaint",
    MessageState.REJECTED: "refused",
    MessageState.UNKNOWN: "unknown",
    MessageState.SUPPRESSED: "stopped",
    MessageState.EXPIRED: "expired",
}

#: What stopped a mail between the gate and its leaving, by the reason of its outcome.
_STOPPED: Mapping[str, Line] = {
    Reason.POOL_EMPTY: Line.POOL_EMPTY,
    Reason.RULE_PAUSED: Line.PAUSED_THEN,
    Reason.NO_CONSENT: Line.CONSENT_GONE,
    Reason.SUPPRESSED: Line.ADDRESS_GONE,
    Reason.RETRIES_EXHAUSTED: Line.NOT_TAKEN,
}


def after_sending(
    story: RuleStory,
    state: MessageState | None,
    customer: str,
    *,
    reason: str = "",
    hold: Hold | None = None,
) -> RuleStory:
    """Return the story of a message that passed the gate as the delivery journal goes on with it.

    state: where the message is; None where no journal is kept, as in a simulation. reason: of its outcome, where the
    log has it. hold: why a message that waits does not leave now, or never will; None where its time has come.
    """
    if state is None or state not in _WORDS:
        return story
    outcome, line, meaning = _WORDS[state]
    if state is MessageState.PENDING and isinstance(hold, Finding):
        headline = say(Line.NOT_GOT, customer=customer, rule=story.rule)
        return replace(story, outcome="not_sent", headline=headline, why=hold)
    if state is MessageState.PENDING and isinstance(hold, Said):
        return replace(story, outcome=outcome, headline=say(line, customer=customer, rule=story.rule), next=hold)
    names = {"headline": story.headline} if line is Line.COMPLAINED else {"customer": customer, "rule": story.rule}
    headline = say(line, **names)
    if outcome == "not_sent":
        assert meaning is not None
        why = Finding(mark=Mark.NO, text=say(_STOPPED.get(reason, meaning)), reason=reason or state.value)
        return replace(story, outcome=outcome, headline=headline, why=why)
    return replace(story, outcome=outcome, headline=headline, next=story.next if meaning is None else say(meaning))


def row_word(row: LedgerRow, state: MessageState | None, outbox: str | None) -> str:
    """Return what a ledger row is called, in two words at most: what was decided, and for a mail where it is now.

    state: of its message; None where no journal is kept. outbox: the folder that mails go to instead of to people.
    """
    if row.state is not RowState.PENDING:
        return row.state.value.replace("_", " ")
    if state is None:
        return "would send"
    if state is MessageState.ACCEPTED and outbox is not None:
        return f"in {outbox}"
    return _MAIL_WORDS[state]
