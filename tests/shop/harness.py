"""The shop's own project folder on a handful of readable events: read by its real streams, decided by the real engine.

A row is spelled as its collector spells it (the app's JSON, the till's CSV cells on Istanbul's clock, the help desk's
JSON on Berlin's clock) and goes through the stream's decoder; nothing is stood in for.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from relight.base.durations import parse_span
from relight.base.ids import share_of
from relight.base.instants import SECOND, from_local, iso_utc, to_local
from relight.config.loader import LoadedProject, load_project
from relight.engine.engine import Engine
from relight.stores.memory import MemoryStore
from relight.streams.decode import decode_record
from relight.streams.envelope import Event, order_key

if TYPE_CHECKING:
    from relight.decide import Mail
    from relight.messages.ledger import LedgerRow

ROOT = Path(__file__).resolve().parents[2]
ISTANBUL, NEW_YORK = "Europe/Istanbul", "America/New_York"
TOPICS = ("product_news", "offers", "service")
TILL = {"order_placed": "placed", "order_refunded": "refunded"}
DESK = frozenset({"ticket_opened", "ticket_resolved", "csat_answered", "nps_answered"})
#: Rules that nearly every story would set off: their own stories are in tests/rules/.
ASIDE = ("onboarding", "csat", "nps", "ces", "ticket_stale", "api_guide", "everyday")
#: A first name in each language that ships; the Turkish one is hard on careless upper-casing.
NAMES = {"en": "Maya", "tr": "Işıl"}
LOCALES = {"en": "en-GB", "tr": "tr-TR"}


def local(text: str, zone: str = ISTANBUL) -> int:
    """Return the instant of a wall clock: `2026-01-05 10:00`."""
    return from_local(dt.datetime.fromisoformat(text), zone)


#: A Monday morning in Istanbul; every story begins here unless it says otherwise.
BEGIN = local("2026-01-05 10:00")


def at(text: str, since: int = BEGIN) -> int:
    """Return the instant so long after the story's begin: `3 days 2 hours`."""
    words = text.split()
    spans = [parse_span(f"{number} {unit}") for number, unit in zip(words[::2], words[1::2], strict=True)]
    return since + sum(span.elapsed for span in spans if span is not None)


def clock(instant: int | None, zone: str = ISTANBUL) -> str:
    """Return an instant as the wall clock shows it: `Mon 2026-01-05 10:00`."""
    assert instant is not None
    return to_local(instant, zone).strftime("%a %Y-%m-%d %H:%M")


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One row, before its collector spells it."""

    when: int
    name: str
    customer: str | None
    fields: Mapping[str, object]
    #: When it reached the collector.
    arrives: int
    #: Empty: numbered by its place in the story.
    id: str = ""


def happened(when: str | int, name: str, customer: str | None = None, **fields: object) -> Happened:
    """Return one row; `arrives=` says when it reached us, in the words of `when`."""
    instant = at(when) if isinstance(when, str) else when
    arrives = fields.pop("arrives", instant)
    reached = at(arrives) if isinstance(arrives, str) else arrives
    assert isinstance(reached, int)
    return Happened(when=instant, name=name, customer=customer, fields=fields, arrives=reached)


def each(whens: Iterable[str], name: str, customer: str, **fields: object) -> list[Happened]:
    """Return the same row at several times."""
    return [happened(when, name, customer, **fields) for when in whens]


def signs_up(
    customer: str,
    language: str = "en",
    *,
    when: str | int = "0 days",
    topics: Sequence[str] = TOPICS,
    **traits: object,
) -> list[Happened]:
    """Return the rows of a sign-up: traits, the event, one consent a topic. A trait of None is never said."""
    known: dict[str, object] = {
        "email": "maya@harbour.example",
        "first_name": NAMES[language],
        "locale": LOCALES[language],
        "timezone": ISTANBUL,
        "region": "tr",
        "plan": "trial",
        "team_size": 1,
        **traits,
    }
    said = {name: value for name, value in known.items() if value is not None}
    return [
        happened(when, "identify", customer, **said),
        happened(when, "signed_up", customer, source="friend"),
        *(happened(when, "preferences_saved", customer, consent_topic=t, consent_given=True) for t in topics),
    ]


def subscribes(customer: str, when: str = "3 days") -> list[Happened]:
    """Return the row by which somebody starts to pay."""
    return [happened(when, "subscribed", customer, plan="team", period="monthly", price=590)]


def orders(
    customer: str, *whens: str, product: str = "Card refill, 500 cards", amount: str = "640.00"
) -> list[Happened]:
    """Return one order at each time, numbered TB-1, TB-2, …"""
    cells = {"product": product, "quantity": "2", "amount": amount}
    return [
        happened(when, "order_placed", customer, order_id=f"TB-{number}", **cells)
        for number, when in enumerate(whens, 1)
    ]


def releases(
    when: str, feature: str = "dark_theme", title: str = "Dark theme", title_tr: str = "Koyu tema"
) -> Happened:
    """Return the row of a release."""
    texts = {"title": title, "title_tr": title_tr, "summary": "Easy on the eyes.", "summary_tr": "Gözü yormaz."}
    return happened(when, "feature_released", feature=feature, url="https://app.tidewater.example/new/x", **texts)


@dataclass(frozen=True, slots=True)
class Told:
    """What was decided."""

    rows: list[LedgerRow]
    mails: list[Mail]
    #: (rule, reason) -> how often (R6).
    counted: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def of(self, rule: str) -> list[LedgerRow]:
        """Return the rows of a rule."""
        return [row for row in self.rows if row.rule == rule]

    def words(self, rule: str) -> list[str]:
        """Return the rows of a rule in words: `entered`, `pending`, `suppressed audience_false`."""
        return [f"{row.state} {row.reason or ''}".strip() for row in self.of(rule)]

    def why(self, rule: str) -> tuple[str | None, str | None, str | None]:
        """Return reason, leaf and number of the last row of a rule."""
        row = self.of(rule)[-1]
        return row.reason, row.leaf, row.number

    def mail(self, rule: str) -> Mail:
        """Return the only mail of a rule."""
        (mail,) = [mail for mail in self.mails if mail.row.rule == rule]
        return mail

    def sent(self, zone: str = ISTANBUL) -> list[tuple[str, str]]:
        """Return (template, local minute) of every mail."""
        return [(mail.step.template or "", clock(mail.row.scheduled, zone)) for mail in self.mails]


@dataclass(frozen=True, slots=True)
class Shop:
    """The repository's own project, loaded once."""

    project: LoadedProject

    @classmethod
    def load(cls) -> Shop:
        """Return the project at the repository's root."""
        return cls(load_project(ROOT, env={}))

    def customer(self, *held_out: str) -> str:
        """Return a customer who is held out for exactly these of the shop's rules."""
        plan = self.project.plan
        assert plan is not None
        for number in range(100_000):
            name = f"c{number:05d}"
            drawn = {r.id for r in plan.rules.values() if share_of(plan.policy.salt, r.id, name) < r.holdout}
            if drawn == set(held_out):
                return name
        message = f"nobody is held out for exactly {held_out}"
        raise LookupError(message)

    def tell(
        self,
        story: Iterable[Happened | Iterable[Happened]],
        until: str | int,
        *,
        copies: int = 1,
        aside: Collection[str] = ASIDE,
    ) -> Told:
        """Return what is decided on a story by `until`.

        copies: every row is delivered so often, in one batch each. aside: rules that are left out.
        """
        happenings = [h for part in story for h in ([part] if isinstance(part, Happened) else part)]
        events = [
            e
            for number, h in enumerate(happenings, 1)
            for e in self._decode(replace(h, id=h.id or f"e{number}"), number)
        ]
        events.sort(key=order_key)
        plan = self.project.plan
        assert plan is not None
        engine = Engine(MemoryStore())
        plan = replace(plan, rules={name: rule for name, rule in plan.rules.items() if name not in aside})
        engine.follow_plan(plan, events[0].ingest_time)
        effects = [engine.take([event]) for event in events for _ in range(copies)]
        effects.append(engine.advance((at(until) if isinstance(until, str) else until) + 1))
        counted: dict[tuple[str, str], int] = {}
        for tally in engine.store.tallies():
            counted[tally.rule, tally.reason] = counted.get((tally.rule, tally.reason), 0) + tally.count
        return Told(list(engine.store.ledger()), [mail for e in effects for mail in e.mails], counted)

    def _decode(self, row: Happened, number: int) -> list[Event]:
        stream, spell = _collector(row.name)
        raw = spell(row)
        events = decode_record(
            self.project.streams[stream], raw, position=number, source=f"{stream}:{number}", ingest_time=None
        )
        assert isinstance(events, list), events
        assert events, f"{row.name} is not declared"
        return events


Spelling = Callable[[Happened], bytes | Mapping[str, object]]


def _collector(name: str) -> tuple[str, Spelling]:
    if name in TILL:
        return "shop", _till_cells
    return ("support", _desk_line) if name in DESK else ("app", _app_line)


def _app_line(row: Happened) -> bytes:
    line = {"id": row.id, "event": row.name, "at": iso_utc(row.when), "arrives": iso_utc(row.arrives), **row.fields}
    return json.dumps(line if row.customer is None else {"customer": row.customer, **line}, ensure_ascii=False).encode()


def _desk_line(row: Happened) -> bytes:
    line = {"id": row.id, "type": row.name, "requester": row.customer, "arrives": iso_utc(row.arrives), **row.fields}
    return json.dumps({**line, "at": _wall(row.when, "Europe/Berlin", "T")}, ensure_ascii=False).encode()


def _till_cells(row: Happened) -> Mapping[str, object]:
    cells = {"row_id": row.id, "kind": TILL[row.name], "buyer": row.customer, "arrives": iso_utc(row.arrives)}
    return {**cells, "ordered_at": _wall(row.when, ISTANBUL, " "), **row.fields}


def _wall(instant: int, zone: str, separator: str) -> str:
    return to_local(instant // SECOND * SECOND, zone).replace(tzinfo=None).isoformat(separator)
