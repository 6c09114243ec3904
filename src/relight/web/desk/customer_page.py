"""One customer: what happened, where they wait, why they got a message or did not, what they agreed to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relight.base.errors import RelightError
from relight.base.kinds import UNKNOWN
from relight.engine.explain import explain_customer
from relight.engine.explain_history import last_instant
from relight.messages.addresses import address_hash
from relight.stores.listing import RowWish
from relight.streams.envelope import Control, Event
from relight.web.desk.facts import Page, Table
from relight.web.desk.message_pages import ROWS_A_PAGE, row_facts
from relight.web.desk.orders import may_erase
from relight.web.desk.times import zoned, zoned_or_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from relight.engine.explain import Explanation, Finding, RuleStory
    from relight.engine.explain_words import Standing
    from relight.messages.ledger import LedgerRow
    from relight.messages.life import MessageState
    from relight.stores.interface import Attempt, Store
    from relight.streams.envelope import Record
    from relight.web.desk.desk import Desk

#: Lines of the time line, newest first.
LINES_SHOWN = 200
#: Records of one customer that explain folds for a page; beyond, the command line does.
EXPLAINED_RECORDS_MAX = 20_000
#: Ledger rows of a customer that are looked at, the newest.
ROWS_MAX = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the store says of a customer."""

    own: list[Record]
    told: Explanation | None
    #: Newest first.
    rows: list[LedgerRow]
    states: Mapping[str, MessageState]
    attempts: list[Attempt]
    can_erase: bool


def customer(desk: Desk, name: str) -> Page | None:
    """Return one customer; None for somebody of whom the log knows nothing."""
    found = desk.ask(lambda store: _read(desk, store, name))
    if found is None:
        return None
    told = found.told
    lines = _time_line(desk, found)
    facts = {
        "customer": name,
        "records": len(found.own),
        "zone": desk.zone,
        "own_zone": None if told is None else told.zone,
        "traits": {} if told is None else {key: _plain(value) for key, value in sorted(told.traits.items())},
        "consent": {} if told is None else dict(sorted(told.consent.items())),
        "entries": [] if told is None else [_standing(desk, one) for one in told.standing],
        "events": lines,
        "rules": [] if told is None else [_story(story) for story in told.stories],
        "rows": [row_facts(row, found.states.get(row.occurrence_key), desk.zone) for row in found.rows[:ROWS_A_PAGE]],
        "too_long": len(found.own) > EXPLAINED_RECORDS_MAX,
    }
    table = Table(
        columns=("at", "what", "detail"),
        rows=[(one["at"], one["what"], one["detail"]) for one in lines],  # type: ignore[misc]  # of these values
    )
    return Page(name="customer", facts=facts, table=table, drawn={"can_erase": found.can_erase}, subject=name)


def _read(desk: Desk, store: Store, name: str) -> _Known | None:
    own = [record for _, record in store.customer_log(name)]
    if not own:
        return None
    rows = [row for _, row in store.newest_rows(RowWish(customer=name), limit=ROWS_MAX)]
    states = store.message_states([row.occurrence_key for row in rows])
    told = None
    if len(own) <= EXPLAINED_RECORDS_MAX:
        everybody = desk.everybody.records_for(_address_hashes(own))
        try:
            told = explain_customer(
                plan=desk.plan,
                plans=desk.everybody.plans(),
                customer=name,
                own=own,
                everybody=everybody,
                at=last_instant(store, own, everybody),
                ledger=rows[::-1],
                journal=states,
            )
        except RelightError:
            told = None  # nothing was decided yet
    return _Known(
        own=own, told=told, rows=rows, states=states, attempts=store.attempts_of(name), can_erase=may_erase(store)
    )


def _address_hashes(own: Iterable[Record]) -> set[str]:
    """Return the hashes of every address that the customer has had."""
    found = set()
    for record in own:
        traits = record.traits if isinstance(record, Event) else {record.subject: record.detail.get("value")}
        address = traits.get("email")
        if isinstance(address, str) and address:
            found.add(address_hash(address))
    return found


def _time_line(desk: Desk, found: _Known) -> list[dict[str, object]]:
    """Return what the customer did, what was decided, and what became of the mails, newest first."""
    lines = [(*_record_line(record), number) for number, record in enumerate(found.own)]
    first = len(lines)
    for number, row in enumerate(reversed(found.rows), first):
        why = f"{row.reason}: {row.leaf}" if row.reason and row.leaf else row.reason or ""
        step = f", step {row.step}" if row.step else ""
        because = f" ({why})" if why else ""
        lines.append((row.judged, "decision", f"{row.rule}{step}: {row.state.value}{because}", number))
    for number, one in enumerate(found.attempts, len(lines)):
        text = f": {one.text}" if one.text else ""
        lines.append((one.at, "mail", f"{one.rule}, step {one.step}: {one.state.value}{text}", number))
    lines.sort(key=lambda line: (line[0], line[3]), reverse=True)
    return [{"at": zoned(at, desk.zone), "what": what, "detail": detail} for at, what, detail, _ in lines[:LINES_SHOWN]]


def _record_line(record: Record) -> tuple[int, str, str]:
    if isinstance(record, Control):
        detail = ", ".join(f"{name}: {value}" for name, value in record.detail.items())
        return record.ingest_time, record.kind, f"{record.subject}{f' ({detail})' if detail else ''}"
    said: dict[str, object] = {**record.properties, **record.traits}
    said |= {f"consent to {topic}": "given" if given else "withdrawn" for topic, given in record.consent.items()}
    return record.event_time, record.name, ", ".join(f"{name}: {value}" for name, value in said.items())


def _standing(desk: Desk, one: Standing) -> dict[str, object]:
    return {
        "rule": one.rule,
        "step": one.step,
        "since": zoned(one.since, desk.zone),
        "until": zoned_or_none(one.until, desk.zone),
        "is_mail": one.is_mail,
        "awaits": one.awaits,
    }


def _plain(value: object) -> object:
    if value is UNKNOWN or value is None:
        return None
    return value if isinstance(value, str | int | float | bool) else str(value)


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
