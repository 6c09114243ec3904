"""A ledger row has one identity and one instant."""

from __future__ import annotations

from relight.messages.ledger import KEYS_KEPT, LedgerRow, occurrence_key
from relight.messages.reasons import RowState


def make_row(deadline: int | None) -> LedgerRow:
    return LedgerRow(
        occurrence_key="0" * 32,
        rule="quiet",
        customer="ada",
        occurrence="silence:1:help",
        state=RowState.ENTERED,
        deadline=deadline,
        judged=9,
        plan_version="p1",
    )


def test_the_instant_is_the_deadline_or_the_judgement() -> None:
    """A row is about its deadline, also one of 1970 exactly, and without one about its judgement."""
    assert [make_row(deadline).instant for deadline in (5, 0, None)] == [5, 0, 9]


def test_a_key_depends_on_every_part() -> None:
    """Each part of an occurrence changes its key, and no part runs into the next (S1)."""
    keys = {
        occurrence_key("shop", "quiet", "ada", occurrence="silence:1:help"),
        occurrence_key("shop", "quiet", "ada", occurrence="silence:1:help", step="mail"),
        occurrence_key("shop", "quiet", "ada", occurrence="silence:1:hel", step="pmail"),
        occurrence_key("shop", "quie", "tada", occurrence="silence:1:help"),
        occurrence_key("shops", "quiet", "ada", occurrence="silence:1:help"),
    }
    assert len(keys) == 5
    assert all(len(key) == 32 and int(key, 16) >= 0 for key in keys)


def test_a_bounded_number_of_keys_is_kept() -> None:
    """However many are asked for, KEYS_KEPT are known without reckoning; one that was forgotten is the same again."""
    first = occurrence_key("p", "r", "ada", occurrence="o0", step="s")
    for number in range(2 * KEYS_KEPT):
        occurrence_key("p", "r", "ada", occurrence=f"o{number}", step="s")
    assert occurrence_key.cache_info().currsize == KEYS_KEPT == 64
    assert occurrence_key("p", "r", "ada", occurrence="o0", step="s") == first
