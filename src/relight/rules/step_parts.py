"""Compiles the steps that hold no other steps: what they name must exist, what they give must fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from relight.base.durations import Span
from relight.base.kinds import Kind
from relight.base.problems import Problem
from relight.base.suggest import nearest_word
from relight.rules import step_models as m
from relight.rules.conditions import compile_condition
from relight.rules.local_times import (
    DAY_MINUTES,
    is_meant_as_window,
    parse_send_window,
    parse_until,
    until_mistake,
)
from relight.rules.texts import Path, Texts, report_unknown
from relight.streams.times import make_time_reader
from relight.streams.values import coercer_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What steps name that lies outside the rules."""

    #: Templates of mails, and those of web requests.
    templates: frozenset[str] = frozenset()
    bodies: frozenset[str] = frozenset()
    #: Team -> address, for alerts; None while the config cannot be read, which is not the rules' fault.
    alerts: Mapping[str, str] | None = field(default_factory=dict)
    #: Names of web addresses; None likewise.
    webhooks: frozenset[str] | None = frozenset()
    #: Names of pools of codes; None likewise.
    codes: frozenset[str] | None = frozenset()
    #: Templates that print `{{ code }}` -> folders of their languages that do not.
    coded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: The trait that names a customer's manager, where accounts are declared.
    manager: str | None = None
    #: The trait that names the account somebody belongs to; None for none, and where a field does.
    account: str | None = None
    #: Messages of the rule wait for their minute: marketing alone (G5).
    may_wait: bool = True
    #: Quiet minutes of the day that bind the rule; None for none.
    quiet: tuple[int, int] | None = None


def compile_send(texts: Texts, outside: Outside, model: m.SendStep, path: Path) -> dict[str, Any]:
    """Return the fields of a send: its template, and when it may not leave."""
    check_template(texts, outside.templates, model.send, (*path, "send"))
    _check_code(texts, outside, model, path)
    _check_minutes(texts, outside, model, path)
    return {
        "template": model.send,
        "unless": texts.condition(model.unless, (*path, "unless")),
        "at_minute": model.at,
        "send_window": model.send_window,
        "sender": _sender(texts, outside, model.sender, (*path, "sender")),
        "code": model.code,
    }


def _check_code(texts: Texts, outside: Outside, model: m.SendStep, path: Path) -> None:
    """Report a pool that is not there, one that nobody would see a code of, and a code of no pool."""
    pool, is_printed = model.code, model.send in outside.coded
    if pool is None:
        if is_printed:
            message = f"templates/{model.send}/ prints {{{{ code }}}}, and this send draws none"
            texts.report("no-code", message, (*path, "send"), "name the pool: `code: <pool>`, or take it out")
        return
    if outside.codes is not None and pool not in outside.codes:
        message = f"the config names no pool of codes '{pool}'"
        _report_outside(texts, "unknown-pool", message, (*path, "code"), (pool, sorted(outside.codes)))
    without = outside.coded.get(model.send, (model.send,)) if model.send in outside.templates else ()
    for folder in without:
        place = texts.place_of((*path, "code"), key=True)
        message = f"templates/{folder}/ does not print {{{{ code }}}}: each of its mails would use up a code unseen"
        help_text = "print it in the template, or remove `code`"
        texts.problems.append(
            Problem(code="code-unused", severity="warning", message=message, place=place, help=help_text)
        )


def _sender(texts: Texts, outside: Outside, name: str | None, path: Path) -> str | None:
    if name is None:
        return None
    trait = outside.manager if name == "manager" and outside.manager is not None else name
    declared = texts.scope.schema.traits.get(trait)
    if declared is None:
        message = f"no stream declares the trait '{trait}', which would name the sender"
        report_unknown(texts, "unknown-trait", message, path, (trait, texts.scope.schema.traits))
    elif declared.kind not in {Kind.TEXT, Kind.EMAIL}:
        texts.report("wrong-value", f"the trait '{trait}' is {declared.kind}, and names no person", path)
    else:
        texts.binder.trait(trait)
    return trait


def _check_minutes(texts: Texts, outside: Outside, model: m.SendStep, path: Path) -> None:
    """Refuse times of day that can never come: a message is refused at the gate rather than sent at another time."""
    at, window, quiet = model.at, model.send_window, outside.quiet
    for option in ("at", "send_window") if not outside.may_wait else ():
        if getattr(model, option) is not None:
            message = f"this mail goes at once, so '{option}' would change nothing"
            texts.report("not-here", message, (*path, option), "remove it, or let the class be marketing", key=True)
    if at is not None and quiet is not None and _lies_in(at, quiet):
        texts.report(
            "always-quiet", f"{_clock(at)} always lies in the quiet hours, {_clock(quiet[0])} to {_clock(quiet[1])}",
            (*path, "at"), "choose another time of day",
        )  # fmt: skip
    elif at is not None and window is not None and not window.start <= at < window.end:
        message = f"{_clock(at)} lies outside the send window, {_clock(window.start)} to {_clock(window.end)}"
        texts.report("never-sent", message, (*path, "at"), "leave out one of the two")
    elif window is not None and quiet is not None and all(_lies_in(m, quiet) for m in range(window.start, window.end)):
        message = f"the window always lies in the quiet hours, {_clock(quiet[0])} to {_clock(quiet[1])}"
        texts.report("always-quiet", message, (*path, "send_window"), "choose other times of day")


def _lies_in(minute: int, quiet: tuple[int, int]) -> bool:
    return (minute - quiet[0]) % DAY_MINUTES < (quiet[1] - quiet[0]) % DAY_MINUTES


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def check_template(texts: Texts, templates: frozenset[str], name: str, path: Path) -> None:
    """Report a template that is not there."""
    if name not in templates:
        near = nearest_word(name, templates)
        message = f"there is no templates/{name}/" + (f"; did you mean '{near}'?" if near else "")
        help_text = None if near else f"make templates/{name}/subject.txt and templates/{name}/body.html"
        texts.report("missing-template", message, path, help_text)


def compile_wait(texts: Texts, _outside: Outside, model: m.WaitStep, path: Path) -> dict[str, Any]:
    """Return how long a wait lasts: a length, a local time, or an expression."""
    if isinstance(model.wait, Span):
        return {"span": model.wait}
    text, path = model.wait.until, (*path, "wait", "until")
    until = parse_until(text)
    if until is not None:
        return {"until": until}
    window = parse_send_window(text)
    if window is not None:
        return {"until_window": window}
    mistake = until_mistake(text)
    if mistake is not None:
        example = "weekdays 09:00-18:00" if is_meant_as_window(text) else "next monday 09:00"
        texts.report("wrong-value", f"'{text}' is no local time: expected {mistake}", path, f"write it as {example}")
        return {}
    checked = texts.check(text, texts.place_of(path), want=None)
    if checked is not None and checked.type.kind not in {Kind.TIME, Kind.DATE}:
        texts.report("type-mismatch", f"'{text}' is {checked.type}, and a time or a date is needed here", path)
        checked = None
    return {"until_expression": None if checked is None else compile_condition(checked, texts.binder)}


def compile_set(texts: Texts, outside: Outside, model: m.SetStep, path: Path) -> dict[str, Any]:
    """Return the trait and its value in memory form."""
    trait, value = model.set.trait, model.set.to
    path = (*path, "set")
    declared = texts.scope.schema.traits.get(trait)
    if declared is None:
        message = f"no stream declares the trait '{trait}'"
        report_unknown(texts, "unknown-trait", message, (*path, "trait"), (trait, texts.scope.schema.traits))
        return {"trait": trait}
    if trait == outside.account:
        message = f"'{trait}' says which account somebody belongs to, and no rule moves people between accounts"
        texts.report("not-here", message, (*path, "trait"), "set another trait; accounts come from events")
    if value is not None:
        try:
            value = coercer_of(declared.kind, declared.values, make_time_reader(None))(value)
        except ValueError as error:
            texts.report("wrong-value", f"the trait '{trait}' takes {error}", (*path, "to"))
    return {"trait": trait, "value": value}


def _report_outside(texts: Texts, code: str, message: str, path: Path, words: tuple[str, list[str]]) -> None:
    """Report a name that the config lacks, with what to write there where it has none at all."""
    name, known = words
    if known:
        report_unknown(texts, code, message, path, words)
        return
    lines = {
        "unknown-webhook": f"webhooks: {{{name}: ${{{name.upper()}_URL}}}}",
        "unknown-pool": f"codes: {{{name}: codes/{name}.csv}}",
    }
    line = lines.get(code, f"alerts: {{{name}: …}}")
    texts.report(code, message, path, f"write `{line}` in config/default.yaml")


def body_path(name: str) -> str:
    """Return the name of a web request's template beside those of mails: a folder may hold both."""
    return f"{name}/body.json"


def compile_webhook(texts: Texts, outside: Outside, model: m.WebhookStep, path: Path) -> dict[str, Any]:
    """Return the web address, by name, and the template of the body."""
    path = (*path, "webhook")
    hook = model.webhook.split("/", 1)[0]
    if outside.webhooks is not None and hook not in outside.webhooks:
        message = f"the config names no webhook '{hook}'"
        _report_outside(texts, "unknown-webhook", message, path, (hook, sorted(outside.webhooks)))
    if model.webhook not in outside.bodies:
        message = f"there is no templates/{body_path(model.webhook)}"
        report_unknown(texts, "missing-template", message, path, (model.webhook, sorted(outside.bodies)))
    return {"template": body_path(model.webhook), "webhook": hook}


def compile_alert(texts: Texts, outside: Outside, model: m.AlertStep, path: Path) -> dict[str, Any]:
    """Return the template and the team's address."""
    path = (*path, "alert")
    check_template(texts, outside.templates, model.alert.template, (*path, "template"))
    address = (outside.alerts or {}).get(model.alert.to)
    if outside.alerts is not None and address is None:
        message = f"the config names no team '{model.alert.to}' under `alerts`"
        _report_outside(texts, "unknown-team", message, (*path, "to"), (model.alert.to, sorted(outside.alerts)))
    return {"template": model.alert.template, "address": address}
