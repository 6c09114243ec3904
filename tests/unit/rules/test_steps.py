"""Steps compile to a flat program whose ids are made from kind and position."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from relight.base.durations import Span
from relight.base.instants import DAY
from relight.customers.layout import LayoutBuilder
from relight.rules.compile import RuleSource, compile_rules
from relight.rules.definitions import read_definitions
from relight.rules.models import DefinitionsModel, RuleModel
from relight.rules.plan import Program, SendWindow, StepKind, Until
from tests.unit.rules.project import SCHEMA, compile_one, place_of, sound, surroundings, told

EVENT = {"event": "order_placed"}


def program_of(*steps: Any) -> Program:
    return sound({"trigger": EVENT, "steps": list(steps)}).program


def steps_of(*steps: Any) -> list[tuple[str, str]]:
    """Return the problems of steps as (place, code)."""
    return told({"trigger": EVENT, "steps": list(steps)})


def test_the_short_form() -> None:
    """`send` at the top is a program of one send."""
    program = sound({"trigger": EVENT, "send": "other/one"}).program
    assert program.start == "send:0"
    assert program.steps["send:0"].template == "other/one"
    assert program.steps["send:0"].next is None


def test_a_row_of_steps() -> None:
    """Each step leads to the next one; the last ends the entry; a given id stands."""
    program = program_of({"send": "nudge"}, {"wait": "2 days", "id": "pause"}, {"send": "nudge"})
    assert program.start == "send:0"
    assert {id_: step.next for id_, step in program.steps.items()} == {
        "send:0": "pause", "pause": "send:2", "send:2": None,
    }  # fmt: skip
    assert program.steps["pause"].span == Span(elapsed=2 * DAY)


def test_a_branch() -> None:
    """Arms lead to their first step and go on behind the branch; the else has no condition; an empty arm goes on."""
    arms = [
        {"when": "vip", "steps": [{"send": "nudge"}, {"wait": "1 day"}]},
        {"when": "spent > 3", "steps": []},
        {"else": ["stop"]},
    ]
    program = program_of({"wait": "1 day"}, {"branch": arms}, {"send": "nudge"})
    branch = program.steps["branch:1"]
    assert [(arm and arm.text, to) for arm, to in branch.arms] == [
        ("vip", "send:1.0.0"), ("spent > 3", "send:2"), (None, "stop:1.2.0"),
    ]  # fmt: skip
    assert program.steps["send:1.0.0"].next == "wait:1.0.1"
    assert program.steps["wait:1.0.1"].next == "send:2"
    assert program.steps["stop:1.2.0"].next is None
    assert branch.next == "send:2"


def test_a_branch_without_else_goes_on() -> None:
    """Who fits no arm goes on behind the branch."""
    program = program_of({"branch": [{"when": "vip", "steps": ["stop"]}]}, {"send": "nudge"})
    assert program.steps["branch:0"].next == "send:1"


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("next monday 09:00", Until(weekday=0, minute=540)),
        ("fri 8:30", Until(weekday=4, minute=510)),
        ("09:00", Until(weekday=None, minute=540)),
    ],
)
def test_wait_until_a_local_time(text: str, until: Until) -> None:
    """A wait may end at a weekday and time, or at a time of day."""
    assert program_of({"wait": {"until": text}}, {"send": "nudge"}).steps["wait:0"].until == until


def test_wait_until_an_expression() -> None:
    """A wait may end at an instant that traits give."""
    found = program_of({"wait": {"until": "trial_ends_at - 3 days"}}, {"send": "nudge"}).steps["wait:0"]
    assert found.until_expression is not None
    assert found.until_expression.text == "trial_ends_at - 3 days"


WAITING = {
    "wait_for": "order_refunded where order_id == entry.order_id",
    "up_to": "4 hours",
    "then": "stop",
    "else": [{"send": "nudge"}],
}


def test_a_wait_for_leads_two_ways() -> None:
    """A wait_for goes one way on a match and another when time runs out; left out, both go on."""
    program = program_of(WAITING, {"send": "other/one"})
    found = program.steps["wait_for:0"]
    assert (found.then, found.otherwise) == ("stop:0.then.0", "send:0.else.0")
    assert program.steps["send:0.else.0"].next == "send:1"
    plain = program_of({"wait_for": "order_placed", "up_to": "1 day"}, {"send": "nudge"}).steps["wait_for:0"]
    assert (plain.then, plain.otherwise, plain.next) == ("send:1", "send:1", "send:1")
    assert steps_of({**WAITING, "wait_for": "order_refundd"}) == [("steps/0/wait_for", "unknown-event")]
    assert steps_of({**WAITING, "else": ["stop"]}, {"send": "nudge"}) == [("steps/1", "unreachable-step")]


def test_a_split_divides_into_its_arms() -> None:
    """Each arm leads to its steps, an arm without steps goes on, and `arm` may be named where there is a split."""
    split = {"split": {"a": "30%", "b": "70%"}, "steps_a": [{"send": "nudge"}]}
    program = program_of(split, {"branch": [{"when": 'arm == "b"', "steps": ["stop"]}]})
    assert program.steps["split:0"].shares == (("a", 0.3, "send:0.a.0"), ("b", 0.7, "branch:1"))
    assert steps_of({**split, "steps_a": [{"send": "missing"}]}) == [("steps/0/steps_a/0/send", "missing-template")]
    assert steps_of({"branch": [{"when": 'arm == "b"', "steps": ["stop"]}]}) == [("steps/0/branch/0/when", "not-here")]


def test_what_steps_name_outside_must_exist() -> None:
    """A set names a declared trait and a value that fits, an alert a team, a webhook an address and a body."""
    assert program_of({"set": {"trait": "plan", "to": None}}).steps["set:0"].value is None
    day = program_of({"set": {"trait": "birthday", "to": "2026-03-01"}}).steps["set:0"]
    assert day.value == dt.date(2026, 3, 1)
    assert steps_of({"set": {"trait": "birthday", "to": "soon"}}) == [("steps/0/set/to", "wrong-value")]
    alert = program_of({"alert": {"to": "support", "template": "nudge"}}).steps["alert:0"]
    assert (alert.address, alert.template) == ("support@shop.example", "nudge")
    assert steps_of({"alert": {"to": "sales", "template": "nudge"}}) == [("steps/0/alert/to", "unknown-team")]
    hook = program_of({"webhook": "chat/new"}).steps["webhook:0"]
    assert (hook.webhook, hook.template) == ("chat", "chat/new/body.json")
    assert steps_of({"webhook": "chat/old"}) == [("steps/0/webhook", "missing-template")]
    assert steps_of({"webhook": "sms/new"}) == [
        ("steps/0/webhook", "unknown-webhook"), ("steps/0/webhook", "missing-template"),
    ]  # fmt: skip


def test_an_internal_rule_mails_no_customer() -> None:
    """G5: internal messages pass no gate of the customer's, so a rule of that class must not send to the customer."""
    rule = {"trigger": EVENT, "class": "internal", "steps": [{"send": "nudge"}]}
    assert told(rule) == [("steps/0/send", "internal-send")]


def test_rules_that_would_set_each_other_off_for_ever_are_refused() -> None:
    """I18: rules that set the traits whose change sets off one another are refused; one that sets its own is not."""
    definitions, _ = read_definitions(
        DefinitionsModel.model_validate({"segments": {"one": 'plan == "a"', "two": 'region == "b"'}}), place_of, SCHEMA
    )
    around = replace(surroundings(), definitions=definitions)
    written = {
        "first": {"trigger": {"enters": "one"}, "steps": [{"set": {"trait": "region", "to": "b"}}]},
        "second": {"trigger": {"enters": "two"}, "steps": [{"set": {"trait": "plan", "to": "a"}}]},
        "third": {"trigger": {"leaves": "one"}, "steps": [{"set": {"trait": "plan", "to": "c"}}]},
    }

    def problems_of(*names: str) -> list[str]:
        sources = [RuleSource(id=n, model=RuleModel.model_validate(written[n]), place_of=place_of) for n in names]
        return [p.code for p in compile_rules(sources, around, LayoutBuilder(SCHEMA))[1]]

    assert problems_of("first", "second") == ["set-loop", "set-loop"]
    assert problems_of("first", "third") == []


@pytest.mark.parametrize(
    ("text", "days", "start", "end"),
    [("weekdays 09:00-18:00", range(5), 540, 1080), ("sat, sun 10:00 - 24:00", (5, 6), 600, 1440)],
)
def test_a_wait_may_end_in_a_send_window(text: str, days: Any, start: int, end: int) -> None:
    """A wait runs until a time inside a send window, written as that of a send."""
    found = program_of({"wait": {"until": text}}, {"send": "nudge"}).steps["wait:0"].until_window
    assert found == SendWindow(weekdays=frozenset(days), start=start, end=end)


def test_a_wait_may_end_at_a_date() -> None:
    """V3: a wait may end at a trait's date, which begins at the customer's midnight, or so long before it."""
    for text in ("birthday", "birthday - 3 days"):
        found = program_of({"wait": {"until": text}}, {"send": "nudge"}).steps["wait:0"].until_expression
        assert found is not None
        assert found.traits == {"birthday"}
    assert steps_of({"wait": {"until": "plan"}}) == [("steps/0/wait/until", "type-mismatch")]


def test_no_rule_moves_people_between_accounts() -> None:
    """I18: a rule may not set the trait that says which account somebody belongs to."""
    rule = {"trigger": EVENT, "steps": [{"set": {"trait": "plan", "to": "pro"}}]}
    outside = replace(surroundings().outside, account="plan")
    assert told(rule, outside=outside) == [("steps/0/set/trait", "not-here")]


def test_a_sender_is_a_trait_that_names_a_person() -> None:
    """A24: `sender` names a trait; where accounts name their manager's, `manager` means that one."""
    steps = [{"send": "nudge", "sender": "manager"}]
    assert told({"trigger": EVENT, "steps": steps}) == [("steps/0/sender", "unknown-trait")]
    outside = replace(surroundings().outside, manager="plan")
    assert sound({"trigger": EVENT, "steps": steps}, outside=outside).program.steps["send:0"].sender == "plan"
    steps = [{"send": "nudge", "sender": "trial_ends_at"}]
    assert told({"trigger": EVENT, "steps": steps}) == [("steps/0/sender", "wrong-value")]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"at": "21:00"}, "always-quiet"),
        ({"at": "08:59"}, "always-quiet"),
        ({"at": "09:00"}, None),
        ({"send_window": "weekdays 22:00-24:00"}, "always-quiet"),
        ({"send_window": "weekdays 08:00-10:00"}, None),
        ({"at": "18:00", "send_window": "weekdays 09:00-18:00"}, "never-sent"),
    ],
)
def test_times_of_day_that_never_come_are_refused(options: dict[str, str], code: str | None) -> None:
    """I18: a time of day that always lies inside quiet hours, or outside its own window, is refused for marketing."""
    outside = replace(surroundings().outside, quiet=(21 * 60, 9 * 60))
    rule = {"trigger": EVENT, "steps": [{"send": "nudge", **options}]}
    assert [found for _, found in told(rule, outside=outside)] == ([code] if code else [])
    # Transactional mail goes at once, so a time of day would change nothing.
    assert {found for _, found in told({**rule, "class": "transactional"})} <= {"not-here", "never-sent"}


def test_send_options() -> None:
    """A send may name a time of day, a window and what makes it needless; conditions read the entry."""
    send = {"send": "nudge", "at": "09:30", "send_window": "weekdays 09:00-18:00", "unless": "entry.total > 3"}
    found = program_of(send).steps["send:0"]
    assert (found.at_minute, found.send_window and found.send_window.start) == (570, 540)
    assert found.unless is not None


@pytest.mark.parametrize(
    ("step", "problems"),
    [
        ({"send": "offer", "code": "spring"}, []),
        ({"send": "offer", "code": "sprng"}, [("steps/0/code", "unknown-pool")]),
        ({"send": "offer"}, [("steps/0/send", "no-code")]),
        ({"send": "nudge", "code": "spring"}, [("steps/0/code", "code-unused")]),
        ({"send": "spring/offer", "code": "spring"}, [("steps/0/code", "code-unused")]),
    ],
)
def test_a_code_needs_a_pool_and_a_template_that_prints_it(
    step: dict[str, str], problems: list[tuple[str, str]]
) -> None:
    """A pool that the config lacks and a code of no pool are refused; a code that nobody would see is warned of."""
    outside = replace(
        surroundings().outside,
        templates=frozenset({"nudge", "offer", "spring/offer"}),
        codes=frozenset({"spring"}),
        coded={"offer": (), "spring/offer": ("spring/offer/tr",)},
    )
    assert told({"trigger": EVENT, "steps": [step]}, outside=outside) == problems


@pytest.mark.parametrize(
    ("steps", "place"),
    [
        (["stop", {"send": "nudge"}], "steps/1"),
        ([{"branch": [{"when": "vip", "steps": ["stop"]}, {"else": ["stop"]}]}, {"send": "nudge"}], "steps/1"),
        ([{"branch": [{"else": [{"stop": True}, {"send": "nudge"}]}]}], "steps/0/branch/0/else/1"),
    ],
)
def test_unreachable_steps(steps: list[Any], place: str) -> None:
    """A step that nobody can reach is refused."""
    assert steps_of(*steps) == [(place, "unreachable-step")]


def test_the_shape_of_a_step_is_its_own() -> None:
    """A step's shape changes with its own parameters, not with its id or with the steps inside it."""

    def shape(step: dict[str, Any]) -> str:
        rule = sound({"trigger": EVENT, "steps": [step]})
        return rule.program.steps[rule.program.start or ""].shape

    assert shape({"send": "nudge"}) == shape({"send": "nudge", "id": "first", "channel": "email"})
    assert shape({"send": "nudge"}) != shape({"send": "other/one"})
    assert shape({"wait": "7 days"}) == shape({"wait": "1 week"}) != shape({"wait": "8 days"})
    inner, other = [{"when": "vip", "steps": ["stop"]}], [{"when": "vip", "steps": [{"send": "nudge"}]}]
    assert shape({"branch": inner}) == shape({"branch": other})
    assert shape({"branch": inner}) != shape({"branch": [{"when": "not vip", "steps": ["stop"]}]})


def test_too_many_steps() -> None:
    """A rule holds at most STEPS_MAX steps, those of branches included."""
    arms = [{"when": "vip", "steps": [{"send": "nudge"}] * 100}, {"else": [{"send": "nudge"}] * 100}]
    assert steps_of({"branch": arms}) == [("steps", "too-many-steps")]
    rule, _, _ = compile_one({"trigger": EVENT, "steps": [{"send": "nudge"}] * 200})
    assert rule is not None


def test_kinds() -> None:
    """The kinds of the program are those of the steps."""
    program = program_of({"wait": "1 day"}, {"send": "nudge"}, "stop")
    assert [step.kind for step in program.steps.values()] == [StepKind.STOP, StepKind.SEND, StepKind.WAIT]
