"""One readable story for tests of the core: rules as YAML, what happened at which local time, and the rows that follow.

Rules go through the real compiler; streams, config and templates are small values here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import yaml

from relight.base.ids import digest
from relight.base.instants import HOUR, from_local, to_local
from relight.base.kinds import UNKNOWN, Kind
from relight.base.problems import Place
from relight.customers.layout import LayoutBuilder
from relight.customers.profile import Profile
from relight.customers.reading import Reading
from relight.decide import Effects, live_until, own_events, take_record
from relight.messages.addresses import address_hash
from relight.messages.ledger import LedgerRow
from relight.rules.compile import RuleSource, Surroundings, compile_rules, slack_of
from relight.rules.definitions import compile_definitions, read_definitions
from relight.rules.models import DefinitionsModel, RuleModel
from relight.rules.plan import Cap, Condition, MessageClass, Plan, Policy
from relight.rules.step_parts import Outside
from relight.rules.texts import Texts
from relight.rules.world import World
from relight.streams.envelope import Control, Event, Rank
from relight.streams.schema import EventType, PropertyType, Schema

LATENESS = 72 * HOUR


def _kinds(**kinds: Kind) -> dict[str, PropertyType]:
    return {name: PropertyType(kind=kind) for name, kind in kinds.items()}


SCHEMA = Schema(
    events={
        e.name: e
        for e in (
            EventType(
                name="order",
                streams=("shop",),
                properties=_kinds(order_id=Kind.TEXT, total=Kind.MONEY, items=Kind.INTEGER, day=Kind.DATE),
            ),
            EventType(name="session", streams=("app",), properties=_kinds(feature=Kind.TEXT)),
            EventType(name="cart", streams=("shop",), properties=_kinds(cart_id=Kind.TEXT)),
            EventType(name="opened", streams=("mail",), activity=False),
            EventType(name="asked", streams=("app",), properties=_kinds(feature=Kind.TEXT, note=Kind.TEXT)),
            EventType(
                name="shipped",
                streams=("news",),
                properties=_kinds(feature=Kind.TEXT, region=Kind.TEXT),
                is_global=True,
            ),
            EventType(
                name="incident", streams=("news",), properties=_kinds(feature=Kind.TEXT, region=Kind.TEXT), is_global=True
            ),
        )
    },
    traits={
        **_kinds(
            email=Kind.EMAIL, plan=Kind.TEXT, region=Kind.TEXT, timezone=Kind.TIMEZONE, birthday=Kind.DATE,
            trial_ends_at=Kind.TIME, credit=Kind.MONEY, points=Kind.INTEGER,
        )
    },
    topics=("news",),
)  # fmt: skip
TEMPLATES = ("hello", "again", "third", "plan_named")


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that may name one trait."""

    name: str

    def render(self, reading: Reading, extra: Mapping[str, object]) -> Any:
        del extra
        trait = self.name.removesuffix("_named") if self.name.endswith("_named") else None
        if trait is not None and reading.trait(trait) is UNKNOWN:
            return SimpleNamespace(reason="missing_data", what=trait, file=f"templates/{self.name}/body.txt", line=3)
        return SimpleNamespace(subject=self.name, text="t", html="h", preheader="", locale="en")


def _place_in(file: str) -> Callable[..., Place]:
    def place_of(*_path: object, **_options: object) -> Place:
        return Place(file=file, line=1, column=1)

    return place_of


def read_rules(rules: Mapping[str, str]) -> list[RuleSource]:
    """Return rule files, each with the places of nothing but its name."""
    return [
        RuleSource(
            id=name,
            model=RuleModel.model_validate(yaml.safe_load(text)),
            place_of=_place_in(f"rules/{name}.yaml"),
        )
        for name, text in rules.items()
    ]


def make_plan(
    rules: Mapping[str, str],
    *,
    definitions: str = "{}",
    schema: Schema = SCHEMA,
    sensitive: str | None = None,
    version: str | None = None,
    **policy: Any,
) -> Plan:
    """Return the plan of rules written in YAML.

    Policy: fields of Policy; a holdout of 0 % and the topic `news` are implied.
    """
    sources = read_rules(rules)
    binder = LayoutBuilder(schema, lateness=LATENESS, slack=slack_of(sources))
    place_of = sources[0].place_of if sources else _place_in("config")
    has_accounts = policy.get("account") is not None
    read = DefinitionsModel.model_validate(yaml.safe_load(definitions))
    found, problems = read_definitions(read, place_of, schema, has_accounts=has_accounts)
    around = Surroundings(
        schema=schema,
        definitions=found,
        topics=frozenset({"news"}),
        class_topics={MessageClass.MARKETING: "news"},
        holdout=Decimal(0),
        has_accounts=has_accounts,
        zone=policy.get("zone", "UTC"),
        outside=Outside(
            templates=frozenset(TEMPLATES),
            bodies=frozenset({"chat/new"}),
            alerts={"support": "support@shop.example"},
            webhooks=frozenset({"chat"}),
            codes=frozenset({"spring"}),
        ),
    )
    made, more, names = compile_rules(sources, around, binder)
    texts = Texts(scope=found.scope(schema), binder=binder, place_of=place_of)
    held = texts.condition(sensitive, ("sensitive",))
    if policy.get("sunset") is not None:
        policy["silent"] = texts.expression_of("silent", place_of(()))
    errors = [str(p) for p in [*problems, *more, *texts.problems] if p.severity == "error"]
    assert not errors, errors
    values, segments = compile_definitions(found, names, binder)
    policy.setdefault("topics", {"news": True})
    return Plan(
        version=version
        or digest(repr(sorted(rules.items())), definitions, repr(sorted(policy.items())), str(sensitive)),
        schema=schema,
        rules=made,
        policy=Policy(sensitive=held, **policy),
        layout=binder.build(),
        letters={name: Letter(name) for name in (*TEMPLATES, "chat/new/body.json")},
        values=values,
        segments=segments,
        members=binder.counted_members,
    )


def expression(text: str, schema: Schema = SCHEMA, *, slack: int = 24 * HOUR) -> tuple[Condition, LayoutBuilder]:
    """Return a condition or expression compiled alone, and what it keeps."""
    binder = LayoutBuilder(schema, lateness=LATENESS, slack=slack)
    place_of = _place_in("rules/one.yaml")
    found, _ = read_definitions(DefinitionsModel(), place_of, schema)
    texts = Texts(scope=found.scope(schema), binder=binder, place_of=place_of)
    made = texts.expression_of(text, Place(file="rules/one.yaml", line=1, column=1))
    assert made is not None, [str(p) for p in texts.problems]
    return made, binder


def caps(*, marketing: tuple[Cap, ...]) -> dict[MessageClass, tuple[Cap, ...]]:
    return {MessageClass.MARKETING: marketing}


@dataclass(slots=True)
class Story:
    """What happened to the customers of one project, in the order of the log."""

    plan: Plan
    #: Local time of the plan record.
    begins: str = "2026-01-01 00:00"
    world: World = field(default_factory=World)
    profiles: dict[str, Profile] = field(default_factory=dict)
    effects: dict[str, Effects] = field(default_factory=dict)
    past: dict[str, list[Event]] = field(default_factory=dict)
    number: int = 0

    def __post_init__(self) -> None:
        self.change(self.begins, self.plan)

    # ------------------------------------------------------------ time
    def instant(self, when: str | int) -> int:
        """Return the instant of a local time of the project's zone."""
        return when if isinstance(when, int) else from_local(dt.datetime.fromisoformat(when), self.plan.policy.zone)

    def local(self, instant: int | None) -> str:
        """Return the local time of an instant, to the minute where it is whole."""
        if instant is None:
            return "-"
        text = to_local(instant, self.plan.policy.zone).strftime("%m-%d %H:%M:%S.%f")
        return text.removesuffix(".000000").removesuffix(":00")

    def until(self, when: str | int) -> Story:
        """Let time come to an instant, inclusive."""
        for customer in self.profiles:
            live_until(
                self.world, self.profiles[customer], self.instant(when) + 1, self.effects[customer],
                history=lambda c=customer: list(self.past[c]),  # type: ignore[misc]
            )  # fmt: skip
        return self

    # ------------------------------------------------------------ records
    def event(
        self,
        name: str,
        when: str | int,
        *,
        arrives: str | int | None = None,
        customer: str = "ann",
        id: str | None = None,  # noqa: A002 - the word of the log
        traits: Mapping[str, object] | None = None,
        consent: Mapping[str, bool] | None = None,
        **properties: object,
    ) -> Story:
        """Let a customer's event happen."""
        self.number += 1
        happened = self.instant(when)
        arrived = happened if arrives is None else self.instant(arrives)
        declared = self.plan.schema.events.get(name)
        self._own(
            Event(
                stream=declared.streams[0] if declared else "app",
                id=id or f"e{self.number}",
                customer=customer,
                name=name,
                event_time=happened,
                ingest_time=arrived,
                properties=dict(properties),
                traits=dict(traits or {}),
                consent=dict(consent or {}),
                late=arrived - happened > LATENESS,
            )
        )
        return self

    def known(self, when: str | int, *, customer: str = "ann", **traits: object) -> Story:
        """Let a customer become known, with an address unless one is given."""
        return self.event("identify", when, customer=customer, traits={"email": f"{customer}@mail.example", **traits})

    def own(self, kind: str, when: str | int, subject: str = "", *, customer: str = "ann", **detail: object) -> Story:
        """Add a control record of one customer."""
        self._own(Control(kind=kind, ingest_time=self.instant(when), customer=customer, subject=subject, detail=detail))
        return self

    def _own(self, record: Event | Control) -> None:
        customer = record.customer
        assert customer is not None
        profile = self.profiles.setdefault(customer, Profile(customer=customer))
        effects = self.effects.setdefault(customer, Effects())
        past = self.past.setdefault(customer, [])
        take_record(self.world, profile, record, effects, history=lambda: list(past))
        past += own_events([record], self.plan.layout)

    def everybody(self, name: str, when: str | int, *, arrives: str | int | None = None, **properties: object) -> Story:
        """Let a global event happen."""
        self.number += 1
        happened = self.instant(when)
        arrived = happened if arrives is None else self.instant(arrives)
        self.world.append(
            Event(
                stream="news", id=f"g{self.number}", customer=None, name=name, event_time=happened, ingest_time=arrived,
                properties=dict(properties), late=arrived - happened > LATENESS,
            )
        )  # fmt: skip
        return self

    def control(self, kind: str, when: str | int, subject: str = "", **detail: object) -> Story:
        """Add a control record that concerns everybody."""
        self.world.append(Control(kind=kind, ingest_time=self.instant(when), subject=subject, detail=detail))
        return self

    def change(self, when: str | int, plan: Plan) -> Story:
        """Put a plan in force."""
        self.plan = plan
        self.world.register(plan)
        return self.control("plan", when, plan.version)

    def gap(self, begin: str, until: str) -> Story:
        """Let relight have been down."""
        return self.control("gap", begin, until=self.instant(until))

    def suppress(self, when: str, address: str, scope: str = "all") -> Story:
        """Put an address on the suppression list."""
        return self.control("suppression", when, address_hash(address), scope=scope)

    # ------------------------------------------------------------ what follows
    def rows(self, *, rule: str | None = None, customer: str = "ann") -> list[LedgerRow]:
        """Return the ledger rows of a customer."""
        found = self.effects[customer].rows if customer in self.effects else []
        return [r for r in found if rule is None or r.rule == rule]

    def said(self, *, rule: str | None = None, customer: str = "ann") -> list[str]:
        """Return the rows as `01-31 09:00 entered quiet` or `01-31 09:00 suppressed quiet/send:0 no_consent`.

        The time is that of the message where there is one, else the instant the row is about.
        """
        return [
            f"{self.local(r.scheduled if r.scheduled is not None else r.instant)} {r.state} {r.rule}"
            + (f"/{r.step}" if r.step else "")
            + (f" {r.reason}" if r.reason else "")
            for r in self.rows(rule=rule, customer=customer)
        ]

    def counted(self, customer: str = "ann") -> dict[tuple[str, str], int]:
        """Return (rule, reason) -> how often, of what gets no row."""
        found: dict[tuple[str, str], int] = {}
        for (rule, reason, _), count in self.effects[customer].counted.items():
            found[rule, reason] = found.get((rule, reason), 0) + count
        return found


def story(rules: Mapping[str, str], *, begins: str = "2026-01-01 00:00", **options: Any) -> Story:
    """Return a story that begins with a plan of these rules."""
    return Story(make_plan(rules, **options), begins=begins)


__all__ = ["SCHEMA", "Letter", "Rank", "Story", "caps", "expression", "make_plan", "story"]
