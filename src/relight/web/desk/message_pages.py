"""The ledger as a list: each decision with its reason, and where its message is by now; each row leads to its why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from relight.messages.life import MessageState
from relight.messages.reasons import Reason, RowState
from relight.stores.listing import RowWish
from relight.web.desk.facts import Page, Table
from relight.web.desk.funnel import ENTRY
from relight.web.desk.times import zoned, zoned_or_none

if TYPE_CHECKING:
    from relight.messages.ledger import LedgerRow
    from relight.stores.interface import Store
    from relight.web.desk.desk import Desk

#: Ledger rows of one page.
ROWS_A_PAGE = 50
#: Rows that are messages or what kept one back.
SHOWN_STATES = (RowState.PENDING, RowState.HELD_OUT, RowState.SUPPRESSED, RowState.ENDED, RowState.ENTERED)
_COLUMNS = (
    "judged", "customer", "rule", "step", "state", "delivery", "reason", "leaf", "number", "scheduled", "place",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a list is narrowed by."""

    wish: RowWish
    #: Where messages are, instead of what the ledger says; with a rule at most.
    delivery: tuple[MessageState, ...] = ()
    #: Number before which the page begins; None: with the newest.
    before: int | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        """Return what an address asks for; what it cannot mean is left out."""
        states = set(query.get("delivery", "").split(","))
        delivery = tuple(state for state in MessageState if state.value in states)
        named = {name: query.get(name) or None for name in ("rule", "state", "reason", "customer", "step")}
        if named["step"] == ENTRY:
            named["step"] = ""
        if delivery:
            named = {"rule": named["rule"]}
        before = query.get("before", "")
        number = int(before) if before.isascii() and before.isdigit() else None
        return cls(wish=RowWish(**named), delivery=delivery, before=number)

    def address(self, before: int) -> str:
        """Return the address of the next page."""
        step = ENTRY if self.wish.step == "" else self.wish.step
        named = {
            "rule": self.wish.rule, "state": self.wish.state, "reason": self.wish.reason, "step": step,
            "customer": self.wish.customer, "delivery": ",".join(one.value for one in self.delivery),
            "before": str(before),
        }  # fmt: skip
        return f"/desk/messages?{urlencode({name: value for name, value in named.items() if value})}"


def messages(desk: Desk, asked: Asked) -> Page:
    """Return a page of the ledger, newest first, narrowed as asked."""

    def read(store: Store) -> tuple[list[tuple[int, LedgerRow]], dict[str, MessageState]]:
        rows = _rows(store, asked, ROWS_A_PAGE + 1)
        return rows, store.message_states([row.occurrence_key for _, row in rows if row.state is RowState.PENDING])

    rows, states = desk.ask(read)
    shown = rows[:ROWS_A_PAGE]
    listed = [row_facts(row, states.get(row.occurrence_key), desk.zone) for _, row in shown]
    facts = {
        "rows": listed,
        "rule": asked.wish.rule,
        "state": asked.wish.state,
        "reason": asked.wish.reason,
        "customer": asked.wish.customer,
        "step": asked.wish.step,
        "delivery": [state.value for state in asked.delivery],
        "zone": desk.zone,
        "next_before": shown[-1][0] if len(rows) > ROWS_A_PAGE else None,
        "next": asked.address(shown[-1][0]) if len(rows) > ROWS_A_PAGE else None,
    }
    table = Table(columns=_COLUMNS, rows=[tuple(one[key] for key in _COLUMNS) for one in listed])  # type: ignore[misc]  # of these values
    choices = {
        "rules": sorted(desk.plan.rules),
        "states": [state.value for state in SHOWN_STATES],
        "reasons": [one.value for one in Reason],
        "deliveries": [state.value for state in MessageState],
    }
    return Page(name="messages", facts=facts, table=table, drawn=choices)


def _rows(store: Store, asked: Asked, limit: int) -> list[tuple[int, LedgerRow]]:
    if not asked.delivery:
        return store.newest_rows(asked.wish, before=asked.before, limit=limit)
    found = store.newest_messages(asked.wish.rule, asked.delivery, before=asked.before, limit=limit)
    return [(number, row) for number, key in found if (row := store.ledger_for(key)) is not None]


def row_facts(row: LedgerRow, delivery: MessageState | None, zone: str) -> dict[str, object]:
    """Return a row as facts; delivery: where its message is, None where it has none."""
    return {
        "judged": zoned(row.judged, zone),
        "customer": row.customer,
        "rule": row.rule,
        "step": row.step,
        "state": row.state.value,
        "delivery": None if delivery is None else delivery.value,
        "reason": row.reason,
        "leaf": row.leaf,
        "number": row.number,
        "scheduled": zoned_or_none(row.scheduled, zone),
        "place": row.place,
    }
