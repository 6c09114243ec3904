"""The ledger as a list, and one customer: what happened, where they wait, why they got a message or did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.errors import RelightError
from relight.base.instants import iso_utc
from relight.customers.codec import read_consent
from relight.engine.explain import explain_customer
from relight.engine.explain_history import last_instant
from relight.engine.plan_versions import known_plans
from relight.stores.listing import RowWish
from relight.streams.envelope import Event
from relight.web.desk.facts import Page, Table
from relight.web.desk.rule_pages import SHOWN_STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from relight.engine.explain import Explanation, Finding, RuleStory
    from relight.messages.ledger import LedgerRow
    from relight.stores.interface import Store
    from relight.streams.envelope import Record
    from relight.web.desk.desk import Desk

#: Ledger rows of one page.
ROWS_A_PAGE = 50
#: Events of the time line, newest first.
EVENTS_SHOWN = 200
#: Records of one customer that explain folds for a page; beyond, the command line does.
EXPLAINED_RECORDS_MAX = 20_000
_COLUMNS = ("judged", "customer", "rule", "step", "state", "reason", "leaf", "number", "scheduled", "place")


def messages(desk: Desk, wish: RowWish, before: int | None) -> Page:
    """Return a page of the ledger, newest first, narrowed as wished."""
    rows = desk.ask(lambda store: store.newest_rows(wish, before=before, limit=ROWS_A_PAGE + 1))
    shown = rows[:ROWS_A_PAGE]
    listed = [_row_facts(row) for _, row in shown]
    facts = {
        "rows": listed,
        "rule": wish.rule,
        "state": wish.state,
        "reason": wish.reason,
        "customer": wish.customer,
        "next_before": shown[-1][0] if len(rows) > ROWS_A_PAGE else None,
    }
    table = Table(columns=_COLUMNS, rows=[tuple(one[key] for key in _COLUMNS) for one in listed])  # type: ignore[misc]  # of these values
    choices = {"rules": sorted(desk.plan.rules), "states": [state.value for state in SHOWN_STATES]}
    return Page(name="messages", facts=facts, table=table, drawn=choices)


def _row_facts(row: LedgerRow) -> dict[str, object]:
    return {
        "judged": iso_utc(row.judged),
        "customer": row.customer,
        "rule": row.rule,
        "step": row.step,
        "state": row.state.value,
        "reason": row.reason,
        "leaf": row.leaf,
        "number": row.number,
        "scheduled": None if row.scheduled is None else iso_utc(row.scheduled),
        "place": row.place,
    }


def customer(desk: Desk, name: str) -> Page | None:
    """Return one customer; None for somebody of whom the log knows nothing."""
    found = desk.ask(lambda store: _read(desk, store, name))
    if found is None:
        return None
    own, told, journal, consent = found
    events = [_event_facts(record) for record in reversed(own[-EVENTS_SHOWN:])]
    rules = [] if told is None else [_story(story) for story in told.stories]
    facts = {
        "customer": name,
        "records": len(own),
        "zone": None if told is None else told.zone,
        "consent": consent,
        "events": events,
        "rules": rules,
        "rows": [_row_facts(row) for row in journal],
        "too_long": len(own) > EXPLAINED_RECORDS_MAX,
    }
    table = Table(
        columns=("at", "what", "detail"),
        rows=[(one["at"], one["what"], one["detail"]) for one in events],  # type: ignore[misc]  # of these values
    )
    return Page(name="customer", facts=facts, table=table, subject=name)


def _read(
    desk: Desk, store: Store, name: str
) -> tuple[list[Record], Explanation | None, list[LedgerRow], dict[str, bool]] | None:
    own = [record for _, record in store.customer_log(name)]
    if not own:
        return None
    rows = list(store.ledger(customer=name))
    states = ((row.occurrence_key, store.message(row.occurrence_key)) for row in rows)
    told = None
    if len(own) <= EXPLAINED_RECORDS_MAX:
        everybody = [record for _, record in store.global_log()]
        try:
            told = explain_customer(
                plan=desk.plan,
                plans=known_plans(store, desk.plan),
                customer=name,
                own=own,
                everybody=everybody,
                at=last_instant(store, own, everybody),
                ledger=rows,
                journal={key: status.state for key, status in states if status is not None},
            )
        except RelightError:
            told = None  # nothing was decided yet
    profile = store.load_profile(name)
    consent = {} if profile is None else {topic: given for topic, (given, _) in read_consent(profile.blob).items()}
    return own, told, rows[-ROWS_A_PAGE:], consent


def _event_facts(record: Record) -> dict[str, object]:
    if isinstance(record, Event):
        detail: Mapping[str, object] = {**record.properties, **record.traits}
        return {"at": iso_utc(record.event_time), "what": record.name, "detail": _shown(detail.items())}
    return {"at": iso_utc(record.ingest_time), "what": record.kind, "detail": record.subject}


def _shown(items: Iterable[tuple[str, object]]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in items)


def _story(story: RuleStory) -> dict[str, object]:
    return {
        "rule": story.rule,
        "outcome": story.outcome,
        "headline": story.headline,
        "why": None if story.why is None else story.why.text,
        "place": None if story.why is None else story.why.place,
        "next": story.next or None,
        "findings": [
            *_findings("trigger", story.trigger),
            *_findings("audience", story.audience),
            *_findings("gate", story.gate),
        ],
    }


def _findings(part: str, findings: Iterable[Finding]) -> list[dict[str, object]]:
    return [
        {
            "part": part,
            "mark": one.mark.value,
            "text": one.text + (f", {one.needs}" if one.needs else ""),
            "place": one.place,
            "more": list(one.more),
        }
        for one in findings
    ]
