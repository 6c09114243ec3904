"""Compiles rule files to rules: defaults filled in, every name resolved, every problem reported at once.

What the config lays down and which templates exist comes in as values; no file is read here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from relight.base.durations import Span
from relight.base.kinds import Kind
from relight.base.problems import Problem
from relight.customers.layout import LayoutBuilder
from relight.rules.definitions import Definitions
from relight.rules.index import watched_condition
from relight.rules.models import ReentryAfter, ReentryPer, RuleModel, WhenCapped
from relight.rules.plan import (
    EXPIRES_DEFAULT,
    GRACE_DEFAULT,
    Cap,
    Condition,
    DeclinedTrigger,
    EventMatch,
    EventTrigger,
    Goal,
    InactiveTrigger,
    MessageClass,
    MilestoneTrigger,
    Program,
    Reentry,
    ReentryKind,
    Rule,
    SegmentTrigger,
    StepKind,
    Trigger,
)
from relight.rules.step_parts import Outside
from relight.rules.steps import arms_of, compile_program, draws_code
from relight.rules.texts import PlaceOf, Texts, report_unknown
from relight.rules.triggers import compile_trigger, entry_properties, extra_names, lengths_of, trigger_shape
from relight.streams.schema import PropertyType, Schema

_RULE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSource:
    """One rule file, read."""

    #: The file's name without its ending.
    id: str
    model: RuleModel
    place_of: PlaceOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What rules are checked against, beside the streams."""

    schema: Schema
    definitions: Definitions = field(default_factory=Definitions)
    #: Topics of the config.
    topics: frozenset[str] = frozenset()
    #: The topic that rules of a class need where they name none.
    class_topics: Mapping[MessageClass, str | None] = field(default_factory=dict)
    #: Config's holdout; None where it has none.
    holdout: Decimal | None = None
    #: The config says what names the account somebody belongs to.
    has_accounts: bool = False
    #: The project's zone, for `starts` and `ends`.
    zone: str = "UTC"
    #: Templates, teams and web addresses that steps name.
    outside: Outside = field(default_factory=Outside)


def slack_of(sources: Sequence[RuleSource]) -> int:
    """Return how far back a reading may stand: the largest settle + grace (µs)."""
    return max(
        (_elapsed(s.model.settle, 0) + _elapsed(s.model.grace, GRACE_DEFAULT) for s in sources), default=GRACE_DEFAULT
    )


def compile_rules(
    sources: Sequence[RuleSource], around: Surroundings, binder: LayoutBuilder
) -> tuple[dict[str, Rule], list[Problem], set[str]]:
    """Return the rules without mistakes by id, all problems, and the names that their conditions use."""
    rules: dict[str, Rule] = {}
    problems: list[Problem] = []
    names: set[str] = set()
    for source in sorted(sources, key=lambda s: s.id):
        texts = Texts(scope=around.definitions.scope(around.schema), binder=binder, place_of=source.place_of)
        rule = _compile_rule(source, texts, around)
        problems += texts.problems
        names |= texts.names
        if rule is not None and not any(p.severity == "error" for p in texts.problems):
            rules[source.id] = rule
    problems += [*_address_problems(rules, around.schema), *_loop_problems(rules)]
    return rules, problems, names


def _compile_rule(source: RuleSource, texts: Texts, around: Surroundings) -> Rule | None:
    model = source.model
    if not _RULE_ID.fullmatch(source.id):
        message = f"'{source.id}' cannot be a rule's id"
        texts.report("bad-rule-name", message, (), "name the file with letters, digits, _ and - alone")
    message_class = MessageClass(model.class_)
    trigger = compile_trigger(model, texts)
    triggering = entry_properties(model, texts)
    inside = texts.within(entry=triggering, allow=extra_names(model), thresholds=lengths_of(trigger))
    audience = inside.condition(model.audience, ("audience",))
    if draws_code(model.steps or []):
        inside = inside.within(entry={"code": PropertyType(kind=Kind.TEXT), **triggering})
    if arms := arms_of(model.steps or []):
        inside = inside.within(allow=frozenset({"arm"}), arms=arms)
    is_marketing = message_class is MessageClass.MARKETING
    outside = around.outside if is_marketing else replace(around.outside, quiet=None, may_wait=False)
    _refuse_idle(model, trigger, message_class, inside)
    program = compile_program(model, inside, outside)
    if any(step.kind is StepKind.WAIT_FOR for step in program.steps.values()):
        texts.binder.look_back(source.id)
    if message_class is MessageClass.INTERNAL:
        texts.problems.extend(_internal_sends(program))
    exits_on, exits_when = _exits(model, inside)
    goal = _goal(model, inside)
    reentry = _reentry(model, trigger, texts.within(entry=triggering))
    if model.backfill is not None and trigger is not None and not _may_match_already(trigger):
        message = "nobody matches this trigger already: it fires at an instant, and that one has passed"
        help_text = "`backfill` goes with inactive, milestone, declined and enters"
        texts.report("not-here", message, ("backfill",), help_text, key=True)
    topic = _topic(model, message_class, inside, around)
    holdout = _holdout(model, message_class, inside, around)
    starts = model.starts.first_instant(around.zone) if model.starts else None
    ends = model.ends.last_instant(around.zone) if model.ends else None
    if starts is not None and ends is not None and starts > ends:
        texts.report("bad-dates", "it ends before it starts", ("ends",))
    if trigger is None:
        return None
    return Rule(
        id=source.id,
        trigger=trigger,
        program=program,
        place=source.place_of(("trigger",), key=True),
        audience=audience,
        exits_on=exits_on,
        exits_when=exits_when,
        exit_on_activity=model.exit_on_activity,
        goal=goal,
        reentry=reentry,
        group=model.group,
        message_class=message_class,
        topic=topic,
        priority=model.priority,
        expires=_elapsed(model.expires, EXPIRES_DEFAULT),
        grace=_elapsed(model.grace, GRACE_DEFAULT),
        settle=_elapsed(model.settle, 0),
        when_capped=model.when_capped.wait.elapsed if isinstance(model.when_capped, WhenCapped) else None,
        account_cap=_account_cap(model, texts, around),
        holdout=holdout,
        holdout_place=source.place_of(("holdout",)) if model.holdout is not None else None,
        paused=model.paused,
        starts=starts,
        ends=ends,
        backfill=model.backfill.ramp.elapsed if model.backfill else None,
        name=model.name,
        owner=model.owner,
        trigger_shape=trigger_shape(model, trigger),
    )


def _elapsed(span: Span | None, default: int) -> int:
    return default if span is None else span.elapsed


# ---------------------------------------------------------------- parts of a rule
def _exits(model: RuleModel, texts: Texts) -> tuple[tuple[EventMatch, ...], tuple[Condition, ...]]:
    on: list[EventMatch] = []
    when: list[Condition] = []
    for n, text in enumerate(model.exit or []):
        path = ("exit", n)
        if texts.is_pattern(text):
            match = texts.pattern(text, path)
            if match is not None:
                texts.binder.trail(match.event, match.compares)
                on.append(match)
        else:
            condition = texts.condition(text, path)
            if condition is not None:
                when.append(condition)
    return tuple(on), tuple(when)


def _goal(model: RuleModel, texts: Texts) -> Goal | None:
    if model.goal is None:
        return None
    match = texts.pattern(model.goal.event, ("goal", "event"))
    if match is None:
        return None
    texts.binder.trail(match.event, match.compares)
    attribution = model.goal.attribution
    return Goal(match=match, attribution=None if attribution is None else attribution.elapsed)


def _reentry(model: RuleModel, trigger: Trigger | None, texts: Texts) -> Reentry:
    written = model.reentry
    if written is None:
        return Reentry(kind=ReentryKind.ONCE if isinstance(trigger, EventTrigger) else ReentryKind.EACH)
    if isinstance(written, ReentryAfter):
        return Reentry(kind=ReentryKind.AFTER, after=written.after)
    if isinstance(written, ReentryPer):
        path = ("reentry", "per")
        known = texts.scope.entry or {}
        if trigger is not None and not isinstance(trigger, EventTrigger):
            message = "'per' names a property of the triggering event, and this trigger is none"
            texts.report("not-here", message, path, "write `once`, `every` or `{after: 60 days}`")
        elif trigger is not None and written.per not in known:
            message = f"'{written.per}' is not a property of the triggering event"
            report_unknown(texts, "unknown-property", message, path, (written.per, known))
        return Reentry(kind=ReentryKind.PER, per=written.per)
    return Reentry(kind=ReentryKind(written))


def _topic(model: RuleModel, message_class: MessageClass, texts: Texts, around: Surroundings) -> str | None:
    if model.topic is not None:
        if model.topic not in around.topics:
            message = f"the config has no topic '{model.topic}'"
            report_unknown(texts, "unknown-topic", message, ("topic",), (model.topic, sorted(around.topics)))
        return model.topic
    topic = around.class_topics.get(message_class)
    if topic is None and message_class is MessageClass.MARKETING:
        message = "marketing needs a consent, and neither the rule nor its class names a topic"
        texts.report(
            "missing-topic", message, (), "write `topic:` here, or `classes: {marketing: {topic: …}}` in the config"
        )
    return topic


def _holdout(model: RuleModel, message_class: MessageClass, texts: Texts, around: Surroundings) -> float:
    if message_class is not MessageClass.MARKETING:
        if model.holdout:
            message = f"{message_class} messages reach everybody, so nobody is held out"
            texts.report("not-here", message, ("holdout",), "remove it, or let the class be marketing")
        return 0.0
    share = model.holdout if model.holdout is not None else around.holdout
    if share is None:
        message = "nothing says which share is kept without messages"
        texts.report(
            "no-holdout",
            message,
            (),
            "write `holdout: 5%` or `holdout: 0%` here, or `holdout: {share: 5%, salt: 2026}` in the config",
        )
        return 0.0
    return float(share)


def _account_cap(model: RuleModel, texts: Texts, around: Surroundings) -> Cap | None:
    cap = model.account_cap
    if cap is None:
        return None
    if not around.has_accounts:
        message = "nothing says which account somebody belongs to"
        help_text = "write `accounts: {key: <trait or field>}` in config/default.yaml"
        texts.report("no-accounts", message, ("account_cap",), help_text, key=True)
    return replace(cap, place=texts.place_of(("account_cap",)))


def _refuse_idle(model: RuleModel, trigger: Trigger | None, message_class: MessageClass, texts: Texts) -> None:
    """Refuse what would change nothing in a rule of its class or trigger."""
    if message_class is not MessageClass.MARKETING:
        for key in ("topic", "when_capped", "account_cap"):
            if key in model.model_fields_set:
                message = f"{message_class} messages ask for neither consent nor room, so '{key}' would change nothing"
                texts.report("not-here", message, (key,), "remove it, or let the class be marketing", key=True)
    if "exit_on_activity" in model.model_fields_set and not isinstance(trigger, InactiveTrigger | None):
        message = "only a silence is ended by activity, so 'exit_on_activity' would change nothing here"
        texts.report("not-here", message, ("exit_on_activity",), "name what ends it: `exit: …`", key=True)


def _may_match_already(trigger: Trigger) -> bool:
    """Return whether a trigger stands for a state that somebody can be in before the rule exists (E5)."""
    if isinstance(trigger, SegmentTrigger):
        return trigger.enters
    return isinstance(trigger, InactiveTrigger | MilestoneTrigger | DeclinedTrigger)


def _internal_sends(program: Program) -> list[Problem]:
    """Internal messages pass no gate of the customer's, so none of them may go to the customer (G5)."""
    message = "a rule of class internal tells the team, and this mail would go to the customer past consent"
    help_text = "write an `alert`, or let the class be marketing or transactional"
    return [
        Problem(code="internal-send", message=message, place=step.place, help=help_text)
        for step in program.steps.values()
        if step.kind is StepKind.SEND
    ]


def _loop_problems(rules: Mapping[str, Rule]) -> list[Problem]:
    """Return what would go round for ever: rules that set the traits whose change sets off one another."""
    leads = {
        rule.id: {
            other.id
            for step in rule.program.steps.values()
            for other in rules.values()
            if step.trait is not None and other.id != rule.id and step.trait in _watched_traits(other)
        }
        for rule in rules.values()
    }
    problems = []
    for rule_id, following in leads.items():
        reached, todo = set[str](), list(following)
        while todo:
            one = todo.pop()
            if one not in reached:
                reached.add(one)
                todo += leads[one]
        if rule_id in reached:
            setter = next(step for step in rules[rule_id].program.steps.values() if step.trait is not None)
            others = ", ".join(f"'{one}'" for one in sorted(reached - {rule_id}))
            message = f"this sets a trait that sets off {others}, which leads back to this rule"
            help_text = "let one of them wait for something that happens, or leave the trait alone"
            problems.append(Problem(code="set-loop", message=message, place=setter.place, help=help_text))
    return problems


def _watched_traits(rule: Rule) -> frozenset[str]:
    condition = watched_condition(rule)
    return frozenset() if condition is None else condition.traits


def _address_problems(rules: Mapping[str, Rule], schema: Schema) -> list[Problem]:
    if "email" in schema.traits:
        return []
    first = next((rule for rule in rules.values() if _sends(rule.program)), None)
    if first is None:
        return []
    message = "no stream declares the trait 'email', so nobody has an address"
    help_text = "declare it in a stream: traits: {email: email}"
    return [Problem(code="no-address", message=message, place=first.place, severity="warning", help=help_text)]


def _sends(program: Program) -> bool:
    return any(step.kind is StepKind.SEND for step in program.steps.values())
