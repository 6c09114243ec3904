"""Which rules, and which of their possible outcomes, the tests exercised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.messages.reasons import Reason
from relight.rules.plan import MESSAGE_KINDS, MessageClass, ReentryKind, message_class_of
from relight.simulate.rule_tests.case import Kind

if TYPE_CHECKING:
    from relight.rules.plan import Plan, Rule
    from relight.simulate.rule_tests.case import Case
    from relight.simulate.rule_tests.running import Told


@dataclass(slots=True, kw_only=True)
class Coverage:
    """What was exercised."""

    #: rule -> outcomes it can have.
    possible: Mapping[str, tuple[str, ...]]
    #: rule -> where it stands.
    places: Mapping[str, str]
    #: rule -> outcomes that came up in a test which names it.
    seen: dict[str, set[str]] = field(default_factory=dict)

    def add(self, case: Case, told: Told) -> None:
        """Count what came up in one case."""
        for one in told.seen:
            if one.rule not in case.rules or one.rule not in self.possible:
                continue
            found = self.seen.setdefault(one.rule, set())
            if one.kind is Kind.SENT:
                found |= {_sent(one.step), Kind.SENT.value}
            elif one.kind is Kind.HELD_OUT:
                found.add(Reason.HOLDOUT.value)
            elif one.reason is not None:
                found.add(one.reason)
        for rule, reason in told.counted:
            if rule in case.rules and rule in self.possible:
                self.seen.setdefault(rule, set()).add(reason)

    def missing(self) -> dict[str, list[str]]:
        """Return the outcomes of each rule that never came up, rules without any left out."""
        found = {}
        for rule, outcomes in self.possible.items():
            left = [one for one in outcomes if one not in self.seen.get(rule, ())]
            if left:
                found[rule] = left
        return found

    @property
    def rules_seen(self) -> int:
        """Number of rules of which anything came up."""
        return sum(1 for rule in self.possible if self.seen.get(rule))

    @property
    def outcomes(self) -> int:
        """Number of possible outcomes."""
        return sum(len(outcomes) for outcomes in self.possible.values())

    @property
    def outcomes_seen(self) -> int:
        """Number of possible outcomes that came up."""
        return self.outcomes - sum(len(left) for left in self.missing().values())

    @property
    def percent(self) -> float:
        """Share of the possible outcomes that came up, 0 to 100; 100 where there are none."""
        return 100.0 if not self.outcomes else 100.0 * self.outcomes_seen / self.outcomes


def coverage_of(plan: Plan, rules: Iterable[str] | None = None) -> Coverage:
    """Return a coverage of these rules (default: all) in which nothing came up yet."""
    wanted = [plan.rules[name] for name in (plan.rules if rules is None else rules)]
    return Coverage(
        possible={rule.id: tuple(_outcomes(plan, rule)) for rule in wanted},
        places={rule.id: f"{rule.place.file}:{rule.place.line}" for rule in wanted},
    )


def _sent(step: str) -> str:
    return f"{Kind.SENT.value} {step}"


def _outcomes(plan: Plan, rule: Rule) -> Iterable[str]:
    """Yield what can become of a rule: each send, and each check that this rule and this config can refuse by."""
    sends = [step for step in rule.program.steps.values() if step.kind in MESSAGE_KINDS]
    yield from (Kind.SENT.value for _ in sends[:1] if len(sends) == 1)
    yield from (_sent(step.id) for step in sends if len(sends) > 1)
    if rule.audience is not None:
        yield Reason.AUDIENCE_FALSE.value
    if rule.exits_on or rule.exits_when:
        yield Reason.EXIT.value
    if rule.goal is not None:
        yield Reason.GOAL_MET.value
    if rule.reentry.kind is ReentryKind.AFTER:
        yield Reason.REENTRY_GAP.value
    if any(step.unless is not None for step in sends):
        yield Reason.UNLESS.value
    if any(message_class_of(rule, step) is MessageClass.MARKETING for step in sends):
        policy = plan.policy
        told = (
            (Reason.NO_CONSENT, rule.topic is not None),
            (Reason.SENSITIVE_HOLD, policy.sensitive is not None),
            (Reason.QUIET_HOURS, policy.quiet is not None),
            (Reason.FREQUENCY_CAP, bool(policy.caps.get(MessageClass.MARKETING))),
            (Reason.ACCOUNT_CAP, rule.account_cap is not None or bool(policy.account_caps)),
            (Reason.HOLDOUT, rule.holdout > 0),
        )
        yield from (reason.value for reason, can in told if can)
