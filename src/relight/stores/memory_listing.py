"""What pages ask of the store in memory: counted and listed when it is asked."""

# ruff: noqa: D102  # what a method promises stands once, at listing.Listing
from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice

from relight.messages.ledger import LedgerRow, OutboxMessage
from relight.messages.life import FIRST_STATE, MessageState
from relight.stores.listing import MessageCount, RowCount, RowWish, Tally, by_state, row_count, utc_ordinal


@dataclass(slots=True)
class Parcel:
    """A message of the outbox and where it is."""

    message: OutboxMessage
    address_hash: str
    due: int
    #: Order of arrival.
    number: int
    state: MessageState = FIRST_STATE
    token: int = 0
    lease_until: int | None = None
    owner: str = ""
    attempts: int = 0
    #: None while it may still have to leave, and once its body is gone.
    settled_at: int | None = None


class MemoryListing:
    """The store's methods for pages."""

    _rows: dict[str, LedgerRow]
    _tallies: dict[tuple[str, str, int], int]
    _outbox: dict[str, Parcel]

    def newest_rows(self, wish: RowWish, *, before: int | None = None, limit: int) -> list[tuple[int, LedgerRow]]:
        asked = {name: value for name in RowWish.__slots__ if (value := getattr(wish, name)) is not None}
        found = (
            (number, row)
            for number, row in reversed(list(enumerate(self._rows.values(), 1)))
            if (before is None or number < before) and all(getattr(row, name) == one for name, one in asked.items())
        )
        return list(islice(found, limit))

    def row_counts(self, *, since: int | None = None, state: str | None = None) -> list[RowCount]:
        keys = Counter(
            (r.rule, r.step, str(r.state), r.reason or "", utc_ordinal(r.judged))
            for r in self._rows.values()
            if state in {None, r.state}
        )
        return [row_count(*key, count) for key, count in sorted(keys.items()) if since is None or key[-1] >= since]

    def row_totals(self) -> list[RowCount]:
        found: dict[tuple[str, str, str, str], tuple[int, int]] = {}
        for one in self.row_counts():
            key = (one.rule, one.step, one.state, one.reason)
            day, count = found.get(key, (one.day, 0))
            found[key] = (max(day, one.day), count + one.count)
        return [row_count(*key, day, count) for key, (day, count) in found.items()]

    def tallies(self) -> list[Tally]:
        return [
            Tally(rule=rule, reason=reason, day=day, count=count)
            for (rule, reason, day), count in sorted(self._tallies.items())
        ]

    def tally_totals(self) -> dict[tuple[str, str], int]:
        found = Counter[tuple[str, str]]()
        for (rule, reason, _), count in self._tallies.items():
            found[rule, reason] += count
        return dict(found)

    def message_states(self, keys: Collection[str]) -> dict[str, MessageState]:
        return {key: self._outbox[key].state for key in keys if key in self._outbox}

    def newest_messages(
        self, rule: str | None, states: Collection[MessageState], *, before: int | None = None, limit: int
    ) -> list[tuple[int, str]]:
        found = (
            (number, key)
            for number, (key, one) in reversed(list(enumerate(self._outbox.items(), 1)))
            if (before is None or number < before) and rule in {None, one.message.rule} and one.state in states
        )
        return list(islice(found, limit))

    def message_counts(self) -> dict[MessageState, int]:
        return by_state(self.rule_message_counts())

    def rule_message_counts(self) -> list[MessageCount]:
        found = Counter((one.message.rule, one.state) for one in self._outbox.values())
        return [MessageCount(rule=rule, state=state, count=count) for (rule, state), count in sorted(found.items())]
