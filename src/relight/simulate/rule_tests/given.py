"""What a test says happens, as records of the log: declared events through their streams' types, and control records.

Knows no engine. A mistake is a problem at its place in the test's file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from relight.base.durations import parse_span
from relight.base.suggest import suggest_words
from relight.simulate.rule_tests.case import Given
from relight.simulate.rule_tests.controls import CONTROLS, Wanted
from relight.simulate.rule_tests.moments import since_start
from relight.streams.envelope import IDENTIFY, SKEW_MAX, Event

if TYPE_CHECKING:
    from relight.config.rule_test_models import GivenCustomer, GivenEvent
    from relight.config.yaml_nodes import Path
    from relight.simulate.rule_tests.setting import Setting
    from relight.streams.plan import PropertyPlan, StreamPlan

#: Traits that a customer is given by a key of their own.
OWN_TRAITS = ("email", "timezone", "locale")
#: Stream of the events that make the customers of a test; it is none of the project's.
CUSTOMERS_STREAM = ""


def read_customer(setting: Setting, name: str, told: GivenCustomer, path: Path) -> Given:
    """Return the event that makes somebody known at the start: traits and consent, no sign of life."""
    kinds = {one.name: one for stream in setting.streams.values() for one in stream.traits}
    traits: dict[str, object] = {}
    for key in OWN_TRAITS:
        value = getattr(told, key)
        if value is not None:
            _read_value(setting, kinds, (*path, key), value, traits)
    for key, value in told.traits.items():
        _read_value(setting, kinds, (*path, "traits", key), value, traits)
    account = _read_account(setting, told, path, traits)
    consent = {}
    for number, topic in enumerate(told.consent):
        if is_topic(setting, topic, (*path, "consent", number)):
            consent[topic] = True
    event = Event(
        stream=CUSTOMERS_STREAM, id=name, customer=name, name=IDENTIFY, event_time=setting.start,
        ingest_time=setting.start, traits=traits, consent=consent, account=account,
    )  # fmt: skip
    # As the test writes them: a time in memory is a number that nobody reads.
    written = {key: told.traits.get(key, value) for key, value in traits.items() if key != "email"}
    words = ", ".join([*(f"{key}: {value}" for key, value in written.items()), *(f"consent: {t}" for t in consent)])
    text = "exists" + (f" ({words})" if words else "")
    return Given(instant=setting.start, text=text, place=setting.place_of(path, key=True), customer=name, record=event)


def _read_account(setting: Setting, told: GivenCustomer, path: Path, traits: dict[str, object]) -> str | None:
    """Return the account of somebody where streams say it in a field; one that a trait names goes among the traits."""
    key = setting.plan.policy.account
    if told.account is None or key is None:
        if told.account is not None:
            place = setting.place_of((*path, "account"), key=True)
            message = "nothing says which account somebody belongs to"
            setting.report("no-accounts", message, place, "`accounts: {key: …}` in config/default.yaml")
        return None
    if key.trait is None:
        return told.account
    traits[key.trait] = told.account
    return None


def is_topic(setting: Setting, topic: str, path: Path) -> bool:
    """Return whether a topic exists; reports it otherwise."""
    topics = setting.plan.policy.topics
    if topic in topics:
        return True
    hint = suggest_words(topic, topics)
    message = f"there is no topic '{topic}'" + (f"; {hint}" if hint else "")
    setting.report("unknown-topic", message, setting.place_of(path), None)
    return False


def read_given(setting: Setting, told: GivenEvent, path: Path) -> list[Given]:
    """Return what happens, as often as `times` says; nothing where it cannot be read, which is reported."""
    at = setting.moment(told.at, (*path, "at"))
    arrives = at if told.arrives is None else setting.moment(told.arrives, (*path, "arrives"))
    every = None if told.every is None else parse_span(told.every)
    if (told.every is None) != ("times" not in told.model_fields_set) or (told.every is not None and not every):
        message = (
            "'every' and 'times' belong together" if told.every is None or every else "'every' is no length of time"
        )
        setting.report("wrong-value", message, setting.place_of(path), "write every: 2d, times: 30")
        return []
    if at is None or arrives is None:
        return []
    found = []
    for _ in range(told.times):
        one = _read_one(setting, told, path, (at, arrives))
        if one is None:
            break
        found.append(one)
        if every is not None:
            at, arrives = every.after(at, setting.zone), every.after(arrives, setting.zone)
    return found


def _read_one(setting: Setting, told: GivenEvent, path: Path, times: tuple[int, int]) -> Given | None:
    at, arrives = times
    if at < setting.start or arrives < setting.start:
        place = setting.place_of((*path, "at"))
        setting.report("wrong-value", "it happens before the test starts", place, "let `start` be earlier")
        return None
    declared = setting.plan.schema.events.get(told.event)
    if declared is None and told.event != IDENTIFY:
        read = CONTROLS.get(told.event)
        if read is None:
            _unknown_event(setting, told.event, path)
            return None
        return read(Wanted(setting=setting, told=told, path=path, at=arrives))
    if at > arrives + SKEW_MAX:
        message = "it arrives before it happens"
        setting.report("wrong-value", message, setting.place_of((*path, "arrives")), None)
        return None
    return _read_event(setting, told, path, (min(at, arrives), arrives))


def _read_event(setting: Setting, told: GivenEvent, path: Path, times: tuple[int, int]) -> Given | None:
    stream = _stream_of(setting, told, path)
    if stream is None:
        return None
    is_global = told.event != IDENTIFY and setting.plan.schema.events[told.event].is_global
    if is_global != (told.customer is None):
        message = f"'{told.event}' concerns everybody" if is_global else f"'{told.event}' needs its 'customer'"
        help_text = "leave `customer` out" if is_global else "only a global event has none"
        setting.report("wrong-customer", message, setting.place_of((*path, "event")), help_text)
        return None
    kinds: Sequence[PropertyPlan] = stream.traits
    if told.event != IDENTIFY:
        kinds = next(e.properties for found in stream.events.values() for e in found if e.name == told.event)
    values = {} if told.event == IDENTIFY else {k.name: k.default for k in kinds if k.default is not None}
    by_name = {kind.name: kind for kind in kinds}
    for key, value in told.properties.items():
        _read_value(setting, by_name, (*path, "properties", key), value, values)
    number = setting.numbers[told.event] = setting.numbers.get(told.event, 0) + 1
    event_time, ingest_time = times
    event = Event(
        stream=stream.name, id=told.id or f"{told.event}-{number}", customer=told.customer, name=told.event,
        event_time=event_time, ingest_time=ingest_time, late=ingest_time - event_time > stream.lateness,
        properties={} if told.event == IDENTIFY else values, traits=values if told.event == IDENTIFY else {},
        position=number,
    )  # fmt: skip
    words = ", ".join(f"{key}: {value}" for key, value in told.properties.items())
    text = told.event + (f" ({words})" if words else "")
    if event_time != ingest_time:
        text += f", happened at {since_start(event_time, setting.start)}"
    place = setting.place_of((*path, "event"))
    return Given(instant=ingest_time, text=text, place=place, customer=told.customer, record=event)


def _stream_of(setting: Setting, told: GivenEvent, path: Path) -> StreamPlan | None:
    if told.event == IDENTIFY:
        able = [name for name, stream in setting.streams.items() if stream.traits]
    else:
        able = list(setting.plan.schema.events[told.event].streams)
    if told.stream is None and able:
        return setting.streams[able[0]]
    if told.stream in able:
        return setting.streams[told.stream]
    hint = suggest_words(told.stream or "", able)
    message = f"stream '{told.stream}' has no '{told.event}'" + (f"; {hint}" if hint else "")
    setting.report("unknown-stream", message, setting.place_of((*path, "stream")), None)
    return None


def _read_value(
    setting: Setting, kinds: Mapping[str, PropertyPlan], path: Path, value: object, into: dict[str, object]
) -> None:
    key = str(path[-1])
    kind = kinds.get(key)
    if kind is None:
        what = "trait" if path[-2] == "traits" or path[-1] in OWN_TRAITS else "property"
        hint = suggest_words(key, kinds)
        message = f"no stream declares the {what} '{key}'" if what == "trait" else f"it has no property '{key}'"
        place = setting.place_of(path, key=True)
        setting.report(f"unknown-{what}", message + (f"; {hint}" if hint else ""), place, None)
        return
    if value is None:
        into[key] = None
        if path[-2] == "properties":
            into.pop(key)
        return
    try:
        into[key] = kind.coerce(value)
    except (ValueError, ArithmeticError) as error:
        message = f"'{key}' is '{value}', but {error} was expected"
        setting.report("wrong-type", message, setting.place_of(path), None)


def _unknown_event(setting: Setting, name: str, path: Path) -> None:
    words = [*setting.plan.schema.events, IDENTIFY, *CONTROLS]
    hint = suggest_words(name, words)
    message = f"no stream declares the event '{name}'" + (f"; {hint}" if hint else "")
    help_text = None if hint else "beside declared events: " + ", ".join([IDENTIFY, *CONTROLS])
    setting.report("unknown-event", message, setting.place_of((*path, "event")), help_text)
