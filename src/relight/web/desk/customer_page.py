"""One customer: what happened, where they wait, why they got a message or did not, what they agreed to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from relight.base.errors import RelightError
from relight.base.kinds import UNKNOWN, Kind
from relight.engine.customer_past import Past
from relight.engine.explain import explain_customer, tell
from relight.messages.addresses import address_hash
from relight.stores.listing import RowWish
from relight.streams.envelope import Control, Event
from relight.web.desk.facts import Page, Table
from relight.web.desk.message_pages import ROWS_A_PAGE, row_facts
from relight.web.desk.orders import may_erase
from relight.web.desk.times import zoned, zoned_or_none

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from relight.engine.explain import Explanation, Finding, RuleStory
    from relight.engine.explain_lines import Said
    from relight.engine.explain_words import Standing
    from relight.messages.ledger import LedgerRow
    from relight.messages.life import MessageState
    from relight.stores.interface import Attempt, Store
    from relight.streams.envelope import Record
    from relight.web.desk.desk import Desk

#: Lines of the time line, newest first.
LINES_SHOWN = 200
#: Order in which a page tells of the rules: first where something goes on or went out.
OUTCOMES = ("waiting", "unknown", "sent", "held_out", "not_sent")
#: Records of one customer that explain folds for a page; beyond, the command line does.
EXPLAINED_RECORDS_MAX = 20_000
#: People of whom something was decided last: how many are shown, and rows that are looked at for them.
RECENT_SHOWN, RECENT_ROWS_MAX = 12, 200
#: Ledger rows of a customer that are looked at, the newest.
ROWS_MAX = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the store says of a customer."""

    own: Sequence[Record]
    told: Explanation | None
    #: Newest first.
    rows: list[LedgerRow]
    states: Mapping[str, MessageState]
    attempts: list[Attempt]
    can_erase: bool


def finding(desk: Desk, wanted: str) -> Page:
    """Return the page that looks for a customer, with the last ones decided about; wanted: an id that is none."""
    rows = desk.ask(lambda store: store.newest_rows(RowWish(), limit=RECENT_ROWS_MAX))
    newest: dict[str, LedgerRow] = {}
    for _, row in rows:
        newest.setdefault(row.customer, row)
    recent = [row_facts(row, None, desk.zone) for row in list(newest.values())[:RECENT_SHOWN]]
    table = Table(columns=("customer", "judged"), rows=[(str(one["customer"]), str(one["judged"])) for one in recent])
    return Page(name="customers", facts={"id": wanted, "recent": recent}, table=table)


def customer(desk: Desk, name: str) -> Page | None:
    """Return one customer; None for somebody of whom the log knows nothing."""
    elsewhere = desk.past_elsewhere(name)
    found = desk.ask(lambda store: _read(desk, store, name, elsewhere))
    if found is None:
        return None
    told = found.told
    stories = () if told is None else told.stories
    kinds = desk.plan.layout.trait_kinds
    lines = _time_line(desk, found)
    facts = {
        "customer": name,
        "records": len(found.own),
        "zone": desk.zone,
        "own_zone": None if told is None else told.zone,
        "traits": {}
        if told is None
        else {key: _plain(value, kinds.get(key), desk.zone) for key, value in sorted(told.traits.items())},
        "consent": {} if told is None else dict(sorted(told.consent.items())),
        "entries": [] if told is None else [_standing(desk, one) for one in told.standing],
        "events": lines,
        "rules": [_story(story, tell) for story in stories],
        "rows": [row_facts(row, found.states.get(row.occurrence_key), desk.zone) for row in found.rows[:ROWS_A_PAGE]],
        "too_long": len(found.own) > EXPLAINED_RECORDS_MAX,
    }
    table = Table(
        columns=("at", "what", "detail"),
        rows=[(one["at"], one["what"], one["detail"]) for one in lines],  # type: ignore[misc]  # of these values
    )
    # Machines read the sentences in English; the page says them in its reader's language.
    shown = sorted(stories, key=lambda story: OUTCOMES.index(story.outcome))
    drawn = {
        "can_erase": found.can_erase,
        "rules": [_story(story, _untold) for story in shown],
        "times": [name for name, kind in kinds.items() if kind is Kind.TIME],
    }
    return Page(name="customer", facts=facts, table=table, drawn=drawn, subject=name)


def _read(desk: Desk, store: Store, name: str, elsewhere: Past | None) -> _Known | None:
    past = _past(store, name) if elsewhere is None else elsewhere
    own = past.own
    if not own:
        return None
    rows = [row for _, row in store.newest_rows(RowWish(customer=name), limit=ROWS_MAX)]
    states = store.message_states([row.occurrence_key for row in rows])
    told = None
    if len(own) <= EXPLAINED_RECORDS_MAX:
        keyed = getattr(store, "keyed", None)
        everybody = _everybody(desk, past, keyed)
        try:
            told = explain_customer(
                plan=desk.plan,
                plans=desk.everybody.plans(),
                customer=name,
                own=own,
                everybody=everybody,
                at=replace(past, everybody=everybody).last,
                ledger=rows[::-1],
                journal=states,
                keyed=keyed,
            )
        except RelightError:
            told = None  # nothing was decided yet
    return _Known(
        own=own, told=told, rows=rows, states=states, attempts=store.attempts_of(name), can_erase=may_erase(store)
    )


def _past(store: Store, name: str) -> Past:
    """Return a customer's log that is in the store; what concerns everybody is the desk's already."""
    return Past(own=[record for _, record in store.customer_log(name)], everybody=(), reached=store.reached())


def _everybody(desk: Desk, past: Past, keyed: Callable[[str], str] | None) -> list[Record]:
    """Return the records that concern everybody and can matter to who has had these addresses."""
    hashes = _address_hashes(past.own)
    if keyed is not None:  # the list may name them as it names the erased
        hashes |= {keyed(one) for one in hashes}
    if not past.everybody:
        return desk.everybody.records_for(hashes)
    return [
        r for r in past.everybody if not (isinstance(r, Control) and r.kind == "suppression") or r.subject in hashes
    ]


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
    """Return what the customer did, what was decided, and what became of the mails, newest first.

    Of recorded files many days are handed over at once: there a mail stands at the minute that it was written for.
    """
    written = {} if desk.is_live else {row.occurrence_key: row.scheduled for row in found.rows}
    lines = [_record_line(record) for record in found.own]
    lines += [_row_line(row) for row in reversed(found.rows)]
    lines += [_attempt_line(one, written.get(one.occurrence_key) or one.at) for one in found.attempts]
    newest = sorted(enumerate(lines), key=lambda line: (line[1][0], line[0]), reverse=True)[:LINES_SHOWN]
    return [{"at": zoned(at, desk.zone), **line} for _, (at, line) in newest]


def _record_line(record: Record) -> tuple[int, dict[str, object]]:
    if isinstance(record, Control):
        detail = ", ".join(f"{name}: {_listed(value)}" for name, value in record.detail.items())
        text = f"{record.subject} ({detail})" if record.subject and detail else record.subject or detail
        return record.ingest_time, {"kind": "record", "what": record.kind, "detail": text}
    values: dict[str, object] = {**record.properties, **record.traits}
    said = {f"consent to {topic}": "given" if given else "withdrawn" for topic, given in record.consent.items()}
    told = ", ".join(f"{name}: {value}" for name, value in values.items())
    agreed = ", ".join(f"{name}: {value}" for name, value in said.items())
    detail = ", ".join(part for part in (told, agreed) if part)
    named = {"values": told, "consent": dict(record.consent)}
    return record.event_time, {"kind": "event", "what": record.name, "detail": detail, **named}


def _listed(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _row_line(row: LedgerRow) -> tuple[int, dict[str, object]]:
    why = f"{row.reason}: {row.leaf}" if row.reason and row.leaf else row.reason or ""
    step = f", step {row.step}" if row.step else ""
    detail = f"{row.rule}{step}: {row.state.value}{f' ({why})' if why else ''}"
    named = {"rule": row.rule, "step": row.step, "state": row.state.value, "reason": row.reason, "leaf": row.leaf}
    return row.judged, {"kind": "decision", "what": "decision", "detail": detail, **named}


def _attempt_line(one: Attempt, at: int) -> tuple[int, dict[str, object]]:
    detail = f"{one.rule}, step {one.step}: {one.state.value}{f': {one.text}' if one.text else ''}"
    named = {"rule": one.rule, "step": one.step, "state": one.state.value, "said": one.text}
    return at, {"kind": "mail", "what": "mail", "detail": detail, **named}


def _standing(desk: Desk, one: Standing) -> dict[str, object]:
    return {
        "rule": one.rule,
        "step": one.step,
        "since": zoned(one.since, desk.zone),
        "until": zoned_or_none(one.until, desk.zone),
        "is_mail": one.is_mail,
        "awaits": one.awaits,
    }


def _plain(value: object, kind: Kind | None, zone: str) -> object:
    if value is UNKNOWN or value is None:
        return None
    if kind is Kind.TIME and isinstance(value, int):
        return zoned(value, zone)
    return value if isinstance(value, str | int | float | bool) else str(value)


def _untold(said: Said) -> object:
    return said


def _story(story: RuleStory, written: Callable[[Said], object]) -> dict[str, object]:
    """Return a story as facts; written: what becomes of its sentences."""
    why = story.why
    return {
        "rule": story.rule,
        "outcome": story.outcome,
        "headline": written(story.headline),
        "why": None if why is None else written(why.text),
        "reason": None if why is None else why.reason,
        "place": None if why is None else why.place,
        "next": None if story.next is None else written(story.next),
        "findings": [
            *_findings("trigger", story.trigger, written),
            *_findings("audience", story.audience, written),
            *_findings("gate", story.gate, written),
        ],
    }


def _findings(part: str, findings: Iterable[Finding], written: Callable[[Said], object]) -> list[dict[str, object]]:
    return [
        {
            "part": part,
            "mark": one.mark.value,
            "text": written(one.whole),
            "place": one.place,
            "more": [written(line) for line in one.more],
        }
        for one in findings
    ]
