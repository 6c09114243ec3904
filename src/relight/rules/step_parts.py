"""Compiles the steps that hold no other steps: what they name must exist, what they give must fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from relight.base.durations import Span
from relight.base.kinds import Kind
from relight.rules import step_models as m
from relight.rules.local_times import parse_until, until_mistake
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


def compile_send(texts: Texts, outside: Outside, model: m.SendStep, path: Path) -> dict[str, Any]:
    """Return the fields of a send: its template, and when it may not leave."""
    check_template(texts, outside.templates, model.send, (*path, "send"))
    for option in ("sender", "code"):
        if getattr(model, option) is not None:
            texts.report("not-yet", f"'{option}' is not carried out by this version", (*path, option), key=True)
    return {
        "template": model.send,
        "unless": texts.condition(model.unless, (*path, "unless")),
        "at_minute": model.at,
        "send_window": model.send_window,
    }


def check_template(texts: Texts, templates: frozenset[str], name: str, path: Path) -> None:
    """Report a template that is not there."""
    if name not in templates:
        message = f"there is no templates/{name}/"
        report_unknown(texts, "missing-template", message, path, (name, sorted(templates)))


def compile_wait(texts: Texts, _outside: Outside, model: m.WaitStep, path: Path) -> dict[str, Any]:
    """Return how long a wait lasts: a length, a local time, or an expression."""
    if isinstance(model.wait, Span):
        return {"span": model.wait}
    text, path = model.wait.until, (*path, "wait", "until")
    until = parse_until(text)
    if until is not None:
        return {"until": until}
    mistake = until_mistake(text)
    if mistake is not None:
        texts.report(
            "wrong-value", f"'{text}' is no local time: expected {mistake}", path, "write it as next monday 09:00"
        )
        return {}
    return {"until_expression": texts.condition(text, path, want=Kind.TIME)}


def compile_set(texts: Texts, _outside: Outside, model: m.SetStep, path: Path) -> dict[str, Any]:
    """Return the trait and its value in memory form."""
    trait, value = model.set.trait, model.set.to
    path = (*path, "set")
    declared = texts.scope.schema.traits.get(trait)
    if declared is None:
        message = f"no stream declares the trait '{trait}'"
        report_unknown(texts, "unknown-trait", message, (*path, "trait"), (trait, texts.scope.schema.traits))
        return {"trait": trait}
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
    line = f"webhooks: {{{name}: ${{{name.upper()}_URL}}}}" if code == "unknown-webhook" else f"alerts: {{{name}: …}}"
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
