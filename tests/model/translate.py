"""Turns a plan and a log of the independent model into ours, and our ledger rows into the model's shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from relight.base.durations import Span
from relight.base.instants import DAY, HOUR
from relight.base.kinds import UNKNOWN, Kind
from relight.base.problems import Place
from relight.customers.facts import Fact, Function, Selector
from relight.customers.layout import LayoutBuilder
from relight.customers.reading import Reading
from relight.messages.addresses import address_hash
from relight.messages.ledger import occurrence_key
from relight.rules import plan as p
from relight.streams.envelope import Control, Event
from relight.streams.schema import EventType, PropertyType, Schema

HERE = Place(file="model")
PROPERTIES = {
    "amount": PropertyType(kind=Kind.NUMBER),
    "oid": PropertyType(kind=Kind.TEXT),
    "feature": PropertyType(kind=Kind.TEXT),
}
NAMES = ("A", "B", "C", "order", "cart", "ask")
SCHEMA = Schema(
    events={
        **{n: EventType(name=n, streams=("s", "u"), properties=PROPERTIES) for n in NAMES},
        "ship": EventType(name="ship", streams=("g",), properties=PROPERTIES, is_global=True),
    },
    traits={n: PropertyType(kind=Kind.TEXT) for n in ("email", "plan", "timezone")},
)


def condition(text: str, evaluate: Callable[[Reading], object]) -> p.Condition:
    return p.Condition(text=text, place=HERE, evaluate=evaluate)


def _count(builder: LayoutBuilder, event: str, window: int | None) -> Callable[[Reading], Any]:
    span = None if window is None else Span(elapsed=window)
    return builder.reader(Fact(function=Function.COUNT, selector=Selector(event=event), window=span), None)


def translate_condition(builder: LayoutBuilder, function: Callable[..., object] | None) -> p.Condition | None:
    """Return our condition for one of the model's, by its name."""
    if function is None:
        return None
    match function.__name__:
        case "aud_b0":
            read = _count(builder, "B", 2 * DAY)
            return condition("count(B, 2 days) == 0", lambda r: read(r) == 0)
        case "aud_pro":
            builder.trait("plan")
            return condition(
                'plan == "pro"', lambda r: UNKNOWN if r.trait("plan") is UNKNOWN else r.trait("plan") == "pro"
            )
        case "aud_sum":
            fact = Fact(function=Function.SUM, selector=Selector(event="order"), prop="amount", prop_kind=Kind.NUMBER)
            total: Callable[[Reading], Any] = builder.reader(fact, None)
            return condition("sum(order.amount) < 100", lambda r: total(r) < 100)
        case "aud_never_c":
            never = builder.reader(Fact(function=Function.NEVER, selector=Selector(event="C")), None)
            return condition("never(C)", never)
        case "aud_th":
            return condition("threshold <= 3 days", lambda r: r.threshold is UNKNOWN or r.threshold <= 3 * DAY)  # type: ignore[operator]
        case "ex_two_c":
            two = _count(builder, "C", 3 * DAY)
            return condition("count(C, 3 days) >= 2", lambda r: two(r) >= 2)
        case "w_big":
            return condition("amount > 10", lambda r: (r.event or {}).get("amount", 0) > 10)  # type: ignore[operator]
        case "same_id":
            return condition("oid == entry.oid", lambda r: (r.event or {}).get("oid") == (r.entry or {}).get("oid"))
    message = f"the model has a new condition: {function}"
    raise ValueError(message)


def match_of(builder: LayoutBuilder, name: str, where: Callable[..., object] | None) -> p.EventMatch:
    builder.trail(name, ("amount", "oid", "feature"))
    return p.EventMatch(event=name, where=translate_condition(builder, where))


def _kind(step: Mapping[str, Any]) -> str:
    return next(k for k in ("send", "wait", "wait_until", "wait_for", "branch", "stop") if k in step)


def _compile(
    builder: LayoutBuilder, steps: list[Any], after: str | None, base: tuple[Any, ...], into: dict[str, p.Step]
) -> str | None:
    following = after
    for place in range(len(steps) - 1, -1, -1):
        step, path = steps[place], (*base, place)
        kind = _kind(step)
        id_ = step.get("id") or f"{kind}:" + ".".join(map(str, path))
        shape = repr({k: step.get(k) for k in ("wait", "wait_until", "up_to")})
        common: dict[str, Any] = {"id": id_, "next": following, "place": HERE, "shape": shape}
        if kind == "send":
            name = step["send"] + ("!" + step["needs"] if step.get("needs") else "")
            made = p.Step(kind=p.StepKind.SEND, template=name, **common)
        elif kind == "wait":
            made = p.Step(kind=p.StepKind.WAIT, span=Span(elapsed=step["wait"]), **common)
        elif kind == "wait_until":
            weekday, hour, minute = step["wait_until"]
            made = p.Step(kind=p.StepKind.WAIT, until=p.Until(weekday=weekday, minute=hour * 60 + minute), **common)
        elif kind == "wait_for":
            then = (
                _compile(builder, step["then"], following, (*path, "then"), into)
                if step.get("then") is not None
                else following
            )
            other = _compile(builder, step.get("else") or [], following, (*path, "else"), into)
            made = p.Step(
                kind=p.StepKind.WAIT_FOR,
                awaited=match_of(builder, step["wait_for"], step.get("where")),
                up_to=Span(elapsed=step["up_to"]),
                then=then,
                otherwise=other,
                **common,
            )
        elif kind == "branch":
            arms = tuple(
                (translate_condition(builder, c), _compile(builder, sub, following, (*path, n), into))
                for n, (c, sub) in enumerate(step["branch"])
            )
            made = p.Step(kind=p.StepKind.BRANCH, arms=arms, **common)
        else:
            made = p.Step(kind=p.StepKind.STOP, **common)
        into[id_] = made
        following = id_
    return following


class PlainLetter:
    """A mail that names one trait, or none."""

    def __init__(self, needs: str | None) -> None:
        self.needs = needs

    def render(self, reading: Reading, extra: Mapping[str, object]) -> Any:
        del extra
        if self.needs and reading.trait(self.needs) is UNKNOWN:
            return SimpleNamespace(reason="missing_data", what=self.needs, file="t", line=1)
        return SimpleNamespace(subject="s", text="t", html="h", preheader="", locale="en")


def _trigger(builder: LayoutBuilder, rule: Mapping[str, Any]) -> p.Trigger:
    trigger = rule["trigger"]
    if "milestone" in trigger:
        return p.MilestoneTrigger(
            kind=p.MilestoneKind(trigger["milestone"]),
            match=match_of(builder, trigger["event"], trigger.get("where")),
            prop=trigger.get("prop"),
            at=tuple(sorted(trigger["at"])),
            labels=tuple(str(k) for k in sorted(trigger["at"])),
        )
    if "inactive" in trigger:
        names = frozenset(trigger.get("activity") or NAMES)
        lengths = trigger["inactive"]
        builder.activity(names, thresholds=[Span(elapsed=x) for x in lengths], settle=rule.get("settle", 0))
        return p.InactiveTrigger(
            thresholds=tuple(
                p.Threshold(id=str(i), position=i, name=str(i), span=Span(elapsed=x)) for i, x in enumerate(lengths)
            ),
            activity=names,
            include_never_active=bool(trigger.get("never")),
        )
    if trigger.get("released"):
        return p.ReleasedTrigger(
            asked=match_of(builder, trigger["asked"], None),
            shipped=trigger["shipped"],
            shipped_where=None,
            by=trigger["by"],
        )
    return p.EventTrigger(match=match_of(builder, trigger["event"], trigger.get("where")))


def _reentry(trigger: Mapping[str, Any], how: Any) -> p.Reentry:
    if how is None:
        once = "event" in trigger and "milestone" not in trigger
        return p.Reentry(kind=p.ReentryKind.ONCE if once else p.ReentryKind.EACH)
    if isinstance(how, str):
        return p.Reentry(kind=p.ReentryKind(how))
    if how[0] == "after":
        return p.Reentry(kind=p.ReentryKind.AFTER, after=Span(elapsed=how[1]))
    return p.Reentry(kind=p.ReentryKind.PER, per=how[1])


def translate_plan(plan: Mapping[str, Any], version: str) -> p.Plan:
    """Return our plan for one of the model's."""
    rules = plan["rules"]
    slack = max([r.get("settle", 0) + r.get("grace", 24 * HOUR) for r in rules.values()], default=24 * HOUR)
    builder = LayoutBuilder(SCHEMA, lateness=plan.get("lateness", 72 * HOUR), slack=slack)
    builder.trait("plan")
    made: dict[str, p.Rule] = {}
    for rule_id, rule in rules.items():
        steps: dict[str, p.Step] = {}
        start = _compile(builder, rule["steps"], None, (), steps)
        if any(step.kind is p.StepKind.WAIT_FOR for step in steps.values()):
            builder.look_back(rule_id)
        exits = rule.get("exit", ())
        goal = rule.get("goal")
        capped = rule.get("when_capped", "skip")
        trigger = _trigger(builder, rule)
        made[rule_id] = p.Rule(
            id=rule_id,
            trigger=trigger,
            trigger_shape=repr((trigger, rule.get("settle", 0))),
            program=p.Program(steps=steps, start=start),
            place=HERE,
            audience=translate_condition(builder, rule.get("audience")),
            exits_on=tuple(match_of(builder, x[0], x[1]) for x in exits if not callable(x)),
            exits_when=tuple(c for x in exits if callable(x) and (c := translate_condition(builder, x))),
            exit_on_activity=False,
            goal=None if goal is None else p.Goal(match=match_of(builder, goal[0], None), attribution=goal[1]),
            reentry=_reentry(rule["trigger"], rule.get("reentry")),
            group=rule.get("group"),
            message_class=p.MessageClass(rule.get("cls", "marketing")),
            topic=rule.get("topic"),
            priority=rule.get("priority", 50),
            expires=rule.get("expires", 3 * DAY),
            grace=rule.get("grace", 24 * HOUR),
            settle=rule.get("settle", 0),
            when_capped=None if capped == "skip" else capped[1],
            holdout=rule.get("holdout", 0),
        )
    caps = tuple(
        p.Cap(most=c[1], window=c[2]) if c[0] == "slide" else p.Cap(most=c[1], window=None, calendar="day")
        for c in plan.get("caps", ())
    )
    templates = {s.template for r in made.values() for s in r.program.steps.values() if s.template}
    return p.Plan(
        version=version,
        schema=SCHEMA,
        rules=made,
        policy=p.Policy(
            project="model",
            zone=plan["zone"],
            topics={"news": True, "offers": True},
            caps={p.MessageClass.MARKETING: caps},
            quiet=plan.get("quiet"),
            salt=plan.get("salt", ""),
        ),
        layout=builder.build(),
        letters={t: PlainLetter(t.partition("!")[2] or None) for t in templates},
    )


# ---------------------------------------------------------------- the log
def translate_log(log: Iterable[Any]) -> tuple[list[Event | Control], dict[str, p.Plan]]:
    """Return our records, in the order of the log, and the plans its plan records name.

    Duplicates and skew are left to the caller.
    """
    records: list[Event | Control] = []
    plans: dict[str, p.Plan] = {}
    lateness = 72 * HOUR
    for number, r in enumerate(log):
        if r.kind in ("event", "global"):
            traits = r.props if r.name == "identify" else {}
            props = {} if traits else {k: Decimal(v) if k == "amount" else v for k, v in r.props.items()}
            records.append(
                Event(
                    stream=r.stream,
                    id=r.id,
                    customer=r.customer,
                    name=r.name,
                    event_time=min(r.et, r.t),
                    ingest_time=r.t,
                    properties=props,
                    traits=dict(traits),
                    late=r.t - r.et > lateness,
                    position=number,
                )
            )
            continue
        control = Control(kind=r.kind, ingest_time=r.t, customer=r.customer)
        if r.kind == "plan":
            version = f"v{number}"
            plans[version] = translate_plan(r.data, version)
            control.subject = version
        elif r.kind in ("pause", "resume"):
            control.subject = r.data
        elif r.kind == "consent":
            control.subject, control.detail = r.data[0], {"given": r.data[1]}
        elif r.kind == "suppress":
            control.kind, control.subject, control.detail = "suppression", address_hash(r.data), {"scope": "all"}
        elif r.kind == "outcome":
            rule, occ, step, state = r.data
            key = occurrence_key("model", rule, r.customer or "", occurrence=occurrence_text(occ), step=step)
            control.subject, control.detail = key, {"state": state}
        elif r.kind == "gap":
            control.detail = {"until": r.data}
        records.append(control)
    return records, plans


def occurrence_text(occ: tuple[Any, ...]) -> str:
    """Return our text for one of the model's occurrences."""
    match occ[0]:
        case "event":
            return f"event:{occ[1]}/{occ[2]}"
        case "released":
            return f"released:{occ[1]}:{occ[2]}/{occ[3]}"
        case _:
            return ":".join(str(x) for x in occ)


__all__ = ["occurrence_text", "translate_log", "translate_plan"]
