"""Compiles steps to a flat program: each step knows where it goes on, so an entry is a step's id (E2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from relight.rules import step_models as m
from relight.rules.file_model import FileModel, written_form
from relight.rules.models import STEPS_MAX, RuleModel
from relight.rules.plan import Condition, Program, Step, StepKind
from relight.rules.step_parts import (
    Outside,
    compile_alert,
    compile_send,
    compile_set,
    compile_wait,
    compile_webhook,
)
from relight.rules.texts import Path, Texts, report_unknown

#: Parts of a step that hold other steps: an edit of these is no edit of the step.
_NESTED = frozenset({"steps", "else", "then"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spot:
    """Where a step stands and where it goes on."""

    path: Path
    #: Positions from the top: (1, 0, 2).
    position: tuple[str | int, ...]
    following: str | None


@dataclass(slots=True, kw_only=True)
class _Compiler:
    """The steps of one rule."""

    texts: Texts
    outside: Outside
    steps: dict[str, Step] = field(default_factory=dict)


def compile_program(model: RuleModel, texts: Texts, outside: Outside) -> Program:
    """Return the program of a rule; mistakes are reported to the texts."""
    compiler = _Compiler(texts=texts, outside=outside)
    if model.send is not None:
        step = m.SendStep(send=model.send)
        spot = _Spot(path=(), position=(0,), following=None)
        return Program(steps=compiler.steps, start=_compile_step(compiler, step, spot))
    start = _compile_list(compiler, model.steps or [], ("steps",), (), None)
    if len(compiler.steps) > STEPS_MAX:
        texts.report("too-many-steps", f"more than {STEPS_MAX} steps in one rule", ("steps",), key=True)
    return Program(steps=compiler.steps, start=start)


def _compile_list(
    compiler: _Compiler, steps: Sequence[Any], path: Path, base: tuple[str | int, ...], following: str | None
) -> str | None:
    """Return the id of the first step of a list, or where it goes on when the list is empty."""
    for n in range(len(steps) - 1, -1, -1):
        spot = _Spot(path=(*path, n), position=(*base, n), following=following)
        if n + 1 < len(steps) and _ends(steps[n]):
            message = "nothing reaches this step: the one before it ends here for everybody"
            compiler.texts.report("unreachable-step", message, (*path, n + 1), "remove it, or move it before the stop")
        following = _compile_step(compiler, steps[n], spot)
    return following


def _ends(step: Any) -> bool:
    """Return whether nobody goes on after a step."""
    if step == "stop" or isinstance(step, m.StopStep):
        return True
    if isinstance(step, m.BranchStep):
        bodies = [arm.steps if isinstance(arm, m.WhenArm) else arm.else_ for arm in step.branch]
        has_else = any(isinstance(arm, m.ElseArm) for arm in step.branch)
        return has_else and all(body and _ends(body[-1]) for body in bodies)
    if isinstance(step, m.WaitForStep):
        return all(_outcome_ends(outcome) for outcome in (step.then, step.else_))
    if isinstance(step, m.SplitStep):
        arms = step.__pydantic_extra__ or {}
        return all(_outcome_ends(arms.get(f"steps_{arm}")) for arm in step.split)
    return False


def _outcome_ends(outcome: Any) -> bool:
    return outcome == "stop" or (isinstance(outcome, list) and bool(outcome) and _ends(outcome[-1]))


def arms_of(steps: Sequence[Any]) -> tuple[str, ...]:
    """Return the arms of the splits among the steps and those inside them: `arm` says which one; empty for no split."""
    found: dict[str, None] = {}
    for step in steps:
        if isinstance(step, m.SplitStep):
            found |= dict.fromkeys(step.split)
        for body in _bodies(step):
            found |= dict.fromkeys(arms_of(body))
    return tuple(found)


def draws_code(steps: Sequence[Any]) -> bool:
    """Return whether a mail of the steps, or of those inside them, has a code of a pool: then `entry.code` exists."""
    return any(
        (isinstance(step, m.SendStep) and step.code is not None) or any(draws_code(body) for body in _bodies(step))
        for step in steps
    )


def _bodies(step: Any) -> Iterator[list[Any]]:
    if isinstance(step, m.BranchStep):
        for arm in step.branch:
            yield arm.steps if isinstance(arm, m.WhenArm) else arm.else_
    elif isinstance(step, m.WaitForStep):
        yield from (outcome for outcome in (step.then, step.else_) if isinstance(outcome, list))
    elif isinstance(step, m.SplitStep):
        arms: Mapping[str, Any] = step.__pydantic_extra__ or {}
        yield from (body for body in arms.values() if isinstance(body, list))


def _compile_step(compiler: _Compiler, model: Any, spot: _Spot) -> str:
    kind = StepKind.STOP if model == "stop" else _KINDS[type(model)]
    named = None if model == "stop" else model.id
    id_ = named or f"{kind.value}:" + ".".join(str(part) for part in spot.position)
    key_path = (*spot.path, kind.value) if model != "stop" else spot.path
    texts = compiler.texts
    if id_ in compiler.steps:
        other = compiler.steps[id_].place
        texts.report(
            "duplicate-step",
            f"two steps of this rule are called '{id_}', another in line {other.line}",
            (*spot.path, "id"),
        )
    common: dict[str, Any] = {
        "id": id_,
        "kind": kind,
        "next": None if kind is StepKind.STOP else spot.following,
        "place": texts.place_of(key_path, key=True),
        "shape": _shape(kind, model),
    }
    more: dict[str, Any] = {}
    if kind in _BUILDERS:
        more = _BUILDERS[kind](compiler, model, spot)
    elif kind in _PARTS:
        more = _PARTS[kind](texts, compiler.outside, model, spot.path)
    compiler.steps[id_] = Step(**common, **more)
    return id_


def _shape(kind: StepKind, model: Any) -> str:
    """Return the canonical text of a step's own parameters."""
    own = _own(written_form(model)) if isinstance(model, FileModel) else {}
    if isinstance(own, dict):
        own.pop("id", None)
    return f"{kind.value} " + json.dumps(own, sort_keys=True, ensure_ascii=False)


def _own(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _own(v) for k, v in value.items() if k not in _NESTED and not str(k).startswith("steps_")}
    return [_own(one) for one in value] if isinstance(value, list) else value


# ---------------------------------------------------------------- one function for each kind
def _wait_for(compiler: _Compiler, model: m.WaitForStep, spot: _Spot) -> dict[str, Any]:
    texts = compiler.texts
    match = texts.pattern(model.wait_for, (*spot.path, "wait_for"))
    if match is not None:
        texts.binder.trail(match.event, match.compares)
    return {
        "awaited": match,
        "up_to": model.up_to,
        "then": _outcome(compiler, model.then, "then", spot),
        "otherwise": _outcome(compiler, model.else_, "else", spot),
    }


def _outcome(compiler: _Compiler, outcome: Any, key: str, spot: _Spot) -> str | None:
    if outcome is None:
        return spot.following
    steps = ["stop"] if outcome == "stop" else outcome
    return _compile_list(compiler, steps, (*spot.path, key), (*spot.position, key), spot.following)


def _branch(compiler: _Compiler, model: m.BranchStep, spot: _Spot) -> dict[str, Any]:
    texts = compiler.texts
    arms: list[tuple[Condition | None, str | None]] = []
    for n, arm in enumerate(model.branch):
        path = (*spot.path, "branch", n)
        position = (*spot.position, n)
        if isinstance(arm, m.WhenArm):
            condition = texts.condition(arm.when, (*path, "when"))
            arms.append((condition, _compile_list(compiler, arm.steps, (*path, "steps"), position, spot.following)))
            continue
        if n + 1 < len(model.branch):
            texts.report(
                "unreachable-arm",
                "the arms after 'else' are never taken",
                (*spot.path, "branch", n + 1),
                "let 'else' be the last arm",
            )
        arms.append((None, _compile_list(compiler, arm.else_, (*path, "else"), position, spot.following)))
    return {"arms": tuple(arms)}


def _split(compiler: _Compiler, model: m.SplitStep, spot: _Spot) -> dict[str, Any]:
    texts = compiler.texts
    total = sum(model.split.values())
    if total != 1:
        texts.report("bad-split", f"the shares add up to {total:.2%}, not to 100%", (*spot.path, "split"))
    shares = []
    bodies: Mapping[str, Any] = model.__pydantic_extra__ or {}
    for name in bodies:
        if name.removeprefix("steps_") not in model.split or not name.startswith("steps_"):
            allowed = [f"steps_{arm}" for arm in model.split]
            message = f"'{name}' belongs to no arm of this split"
            report_unknown(texts, "unknown-field", message, (*spot.path, name), (name, allowed))
    for arm, share in model.split.items():
        key = f"steps_{arm}"
        first = _compile_list(compiler, bodies.get(key, []), (*spot.path, key), (*spot.position, arm), spot.following)
        shares.append((arm, float(share), first))
    return {"shares": tuple(shares)}


_KINDS: Mapping[type, StepKind] = {
    m.SendStep: StepKind.SEND,
    m.WaitStep: StepKind.WAIT,
    m.WaitForStep: StepKind.WAIT_FOR,
    m.BranchStep: StepKind.BRANCH,
    m.SplitStep: StepKind.SPLIT,
    m.SetStep: StepKind.SET,
    m.WebhookStep: StepKind.WEBHOOK,
    m.AlertStep: StepKind.ALERT,
    m.StopStep: StepKind.STOP,
}
_BUILDERS: Mapping[StepKind, Callable[[_Compiler, Any, _Spot], dict[str, Any]]] = {
    StepKind.WAIT_FOR: _wait_for,
    StepKind.BRANCH: _branch,
    StepKind.SPLIT: _split,
}
_PARTS: Mapping[StepKind, Callable[[Texts, Outside, Any, Path], dict[str, Any]]] = {
    StepKind.SEND: compile_send,
    StepKind.WAIT: compile_wait,
    StepKind.SET: compile_set,
    StepKind.WEBHOOK: compile_webhook,
    StepKind.ALERT: compile_alert,
}
