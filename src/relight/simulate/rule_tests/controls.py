"""What a test writes like an event and is none: consent, what a provider says, pauses, gaps, edited rules.

Each becomes the control record that the live engine would have written (H1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from relight.base.suggest import suggest_words
from relight.messages.addresses import address_hash
from relight.rules.world import ALL_RULES
from relight.simulate.rule_tests.case import Given
from relight.streams.envelope import Control
from relight.streams.times import make_time_reader
from relight.streams.values import coercer_of

if TYPE_CHECKING:
    from relight.config.rule_test_models import GivenEvent
    from relight.config.yaml_nodes import Path
    from relight.simulate.rule_tests.setting import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One of them as it is written."""

    setting: Setting
    told: GivenEvent
    path: Path
    #: µs.
    at: int

    def refuse(self, message: str, *key: str, code: str = "wrong-value", help_text: str | None = None) -> None:
        """Report a mistake at one of its keys."""
        place = self.setting.place_of((*self.path, *(key or ("event",))))
        self.setting.report(code, f"'{self.told.event}': {message}", place, help_text)

    def keys(self, needed: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> bool:
        """Return whether its properties are those it may have; reports the others."""
        before = len(self.told.properties.keys() - {*needed, *more})
        for key in self.told.properties:
            if key not in (*needed, *more):
                hint = suggest_words(key, [*needed, *more])
                self.refuse(f"no property '{key}'" + (f"; {hint}" if hint else ""), "properties", key)
        for key in needed:
            if self.told.properties.get(key) is None:
                self.refuse(f"needs properties: {{{key}: …}}", code="missing-field")
                return False
        return before == 0

    def whose(self) -> str | None:
        """Return the customer it concerns; reports that there is none."""
        if self.told.customer is None:
            self.refuse("needs its 'customer'", code="missing-field")
        return self.told.customer

    def made(self, record: Control | None, text: str, *, provider: str = "") -> Given:
        """Return it as something that happens."""
        place = self.setting.place_of((*self.path, "event"))
        return Given(
            instant=self.at, text=text, place=place, customer=self.told.customer, record=record, provider=provider
        )


def _consent(wanted: Wanted) -> Given | None:
    customer = wanted.whose()
    if not wanted.keys(("topic",), ("given",)) or customer is None:
        return None
    topic, given = str(wanted.told.properties["topic"]), wanted.told.properties.get("given", True)
    if topic not in wanted.setting.plan.policy.topics:
        hint = suggest_words(topic, wanted.setting.plan.policy.topics)
        message = f"there is no topic '{topic}'" + (f"; {hint}" if hint else "")
        wanted.refuse(message, "properties", "topic", code="unknown-topic")
        return None
    if not isinstance(given, bool):
        wanted.refuse("'given' is true or false", "properties", "given", code="wrong-type")
        return None
    detail: dict[str, object] = {"given": given, "source": "rule test"}
    record = Control(kind="consent", ingest_time=wanted.at, customer=customer, subject=topic, detail=detail)
    return wanted.made(record, f"consent to '{topic}' {'given' if given else 'withdrawn'}")


def _unsubscribe(wanted: Wanted) -> Given | None:
    customer = wanted.whose()
    if not wanted.keys(("topic",)) or customer is None:
        return None
    topic = str(wanted.told.properties["topic"])
    if topic not in wanted.setting.plan.policy.topics:
        hint = suggest_words(topic, wanted.setting.plan.policy.topics)
        message = f"there is no topic '{topic}'" + (f"; {hint}" if hint else "")
        wanted.refuse(message, "properties", "topic", code="unknown-topic")
        return None
    detail: dict[str, object] = {"given": False, "source": "unsubscribe"}
    record = Control(kind="consent", ingest_time=wanted.at, customer=customer, subject=topic, detail=detail)
    return wanted.made(record, f"unsubscribes from '{topic}'")


def _provider_word(wanted: Wanted) -> Given | None:
    if wanted.whose() is None or not wanted.keys():
        return None
    return wanted.made(None, {"bounce": "the last mail bounces", "complaint": "complains of the last mail"}[
        wanted.told.event
    ], provider=wanted.told.event)  # fmt: skip


def _code(wanted: Wanted) -> Given | None:
    customer = wanted.whose()
    if not wanted.keys(("code",)) or customer is None:
        return None
    code = str(wanted.told.properties["code"])
    record = Control(kind="code", ingest_time=wanted.at, customer=customer, detail={"code": code})
    return wanted.made(record, f"the last mail went out with the code {code}", provider="code")


def _trait(wanted: Wanted) -> Given | None:
    customer = wanted.whose()
    if customer is None:
        return None
    kinds = {one.name: one for stream in wanted.setting.streams.values() for one in stream.traits}
    if len(wanted.told.properties) != 1:
        wanted.refuse("sets one trait: properties: {plan: team}", code="missing-field")
        return None
    ((name, value),) = wanted.told.properties.items()
    kind = kinds.get(name)
    if kind is None:
        hint = suggest_words(name, kinds)
        message = f"no stream declares the trait '{name}'" + (f"; {hint}" if hint else "")
        wanted.refuse(message, "properties", name, code="unknown-trait")
        return None
    try:
        read = None if value is None else kind.coerce(value)
    except (ValueError, ArithmeticError) as error:
        wanted.refuse(f"'{name}' is '{value}', but {error} was expected", "properties", name, code="wrong-type")
        return None
    record = Control(kind="trait", ingest_time=wanted.at, customer=customer, subject=name, detail={"value": read})
    return wanted.made(record, f"trait {name}: {value}")


def _measures(wanted: Wanted) -> Given | None:
    customer = wanted.whose()
    kinds = wanted.setting.plan.layout.measures
    if customer is None:
        return None
    if not wanted.told.properties:
        wanted.refuse("names what was computed: properties: {clv: 120}", code="missing-field")
        return None
    detail: dict[str, object] = {}
    for name, value in wanted.told.properties.items():
        if name not in kinds:
            hint = suggest_words(name, kinds)
            message = f"no rule reads the measure '{name}'" + (f"; {hint}" if hint else "")
            wanted.refuse(message, "properties", name, code="unknown-measure")
            return None
        try:
            detail[name] = None if value is None else coercer_of(kinds[name], (), make_time_reader(None))(value)
        except (ValueError, ArithmeticError) as error:
            wanted.refuse(f"'{name}' is '{value}', but {error} was expected", "properties", name, code="wrong-type")
            return None
    words = ", ".join(f"{name}: {value}" for name, value in wanted.told.properties.items())
    record = Control(kind="measures", ingest_time=wanted.at, customer=customer, detail=detail)
    return wanted.made(record, f"measures computed ({words})")


def _pause(wanted: Wanted) -> Given | None:
    if wanted.told.customer is not None:
        wanted.refuse("concerns everybody; leave `customer` out", "customer", code="wrong-customer")
        return None
    if not wanted.keys((), ("rule",)):
        return None
    rule = str(wanted.told.properties.get("rule", ALL_RULES))
    if rule != ALL_RULES and rule not in wanted.setting.plan.rules:
        hint = suggest_words(rule, wanted.setting.plan.rules)
        message = f"there is no rule '{rule}'" + (f"; {hint}" if hint else "")
        wanted.refuse(message, "properties", "rule", code="unknown-rule")
        return None
    record = Control(kind=wanted.told.event, ingest_time=wanted.at, subject=rule)
    return wanted.made(record, f"{wanted.told.event} {'all rules' if rule == ALL_RULES else rule}")


def _gap(wanted: Wanted) -> Given | None:
    if not wanted.keys(("until",)):
        return None
    until = wanted.setting.moment(str(wanted.told.properties["until"]), (*wanted.path, "properties", "until"))
    if until is None:
        return None
    if until <= wanted.at:
        wanted.refuse("ends before it begins", "properties", "until")
        return None
    record = Control(kind="gap", ingest_time=wanted.at, detail={"until": until})
    return wanted.made(record, f"the engine is down until {wanted.told.properties['until']}")


def _plan(wanted: Wanted) -> Given | None:
    if not wanted.told.properties:
        wanted.refuse("names the rules that change: properties: {winback: {trigger: {inactive: 21 days}}}")
        return None
    changes: Mapping[str, object] = wanted.told.properties
    for rule, change in changes.items():
        if change is not None and not isinstance(change, dict):
            wanted.refuse(
                f"'{rule}' is the keys of the rule that change, or empty to remove it", "properties", rule,
                code="wrong-type",
            )  # fmt: skip
            return None
    place = wanted.setting.place_of((*wanted.path, "event"))
    plan = wanted.setting.edit(changes, place)
    if plan is None:
        return None
    text = "plan applied: " + ", ".join(f"{r} {'removed' if c is None else 'changed'}" for r, c in changes.items())
    record = Control(kind="plan", ingest_time=wanted.at, subject=plan.version)
    return Given(instant=wanted.at, text=text, place=place, customer=None, record=record, plan=plan)


#: What may be written like an event, unless a stream declares an event of that name.
CONTROLS: Final[Mapping[str, Callable[[Wanted], Given | None]]] = {
    "consent": _consent,
    "unsubscribe": _unsubscribe,
    "bounce": _provider_word,
    "complaint": _provider_word,
    "code": _code,
    "trait": _trait,
    "measures": _measures,
    "pause": _pause,
    "resume": _pause,
    "gap": _gap,
    "plan": _plan,
}


def suppression_after(cause: str, address: str, now: int) -> Control:
    """Return the record by which an address is written to no more after a bounce, or hears no marketing (S4, G5)."""
    scope = {"bounce": "all", "complaint": "marketing"}[cause]
    detail: dict[str, object] = {"scope": scope, "cause": cause}
    return Control(kind="suppression", ingest_time=now, subject=address_hash(address), detail=detail)
