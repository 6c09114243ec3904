"""A failure in words: where, expected and got, why, and the customer's timeline."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from relight.base.errors import UsageError
from relight.base.kinds import Kind as ValueKind
from relight.engine.explain import explain_customer, tell
from relight.engine.explain_ledger import ledger_number, ledger_word
from relight.engine.explain_lines import Line, say
from relight.engine.explain_words import shown
from relight.messages.reasons import Reason
from relight.simulate.rule_tests.case import Kind
from relight.simulate.rule_tests.comparing import tell_seen
from relight.simulate.rule_tests.moments import clock_of, since_start

if TYPE_CHECKING:
    from relight.decide.effects import TraitSet
    from relight.messages.ledger import LedgerRow
    from relight.simulate.rule_tests.case import Case
    from relight.simulate.rule_tests.comparing import Failure
    from relight.simulate.rule_tests.running import Told

#: Lines of a timeline; the earliest beyond are left out.
TIMELINE_MAX = 30


def tell_failure(failure: Failure, case: Case, told: Told) -> list[str]:
    """Return the lines of a failure, without its timeline."""
    at = since_start(failure.at, case.start)
    lines = [f"at {at}, customer {failure.customer}, rule {failure.rule} ({failure.place})"]
    lines += _aligned("- expected  ", failure.expected)
    lines += _aligned("+ got       ", failure.got)
    why = why_so(failure, case, told)
    return [*lines, f"why: {why}"] if why else lines


def _aligned(head: str, text: str) -> list[str]:
    first, *more = text.split("\n")
    return [head + first, *(" " * len(head) + line for line in more)]


def why_so(failure: Failure, case: Case, told: Told) -> str | None:
    """Return what decided: the leaf and number of the row that came, or what kept the expected one back."""
    seen, wanted = failure.seen, failure.wanted
    if seen is not None and seen.row is not None and seen.row.reason is not None:
        return _row_words(seen.row, case)
    if seen is not None and wanted is not None and seen.kind is Kind.SENT:
        return _why_sent(failure, case, told)
    if seen is None:
        return _why_nothing(failure, case, told)
    return None


def _row_words(row: LedgerRow, case: Case) -> str:
    reason, zone = str(row.reason), case.zone
    words = tell(say(Line.CODE, text=ledger_word(row.leaf, reason))) if row.leaf else reason
    if row.leaf and row.number is not None:
        words += ": it was " + tell(say(Line.CODE, text=ledger_number(row.leaf, row.number, reason, zone)))
    return words + (f" ({row.place})" if row.place else "")


def _why_sent(failure: Failure, case: Case, told: Told) -> str | None:
    wanted, plan = failure.wanted, told.engine.plan
    assert wanted is not None
    rule = plan.rules.get(failure.rule) if plan is not None else None
    if plan is None or rule is None:
        return None
    if wanted.kind is Kind.HELD_OUT:
        if rule.holdout <= 0:
            return f"{rule.id} holds nobody out ({rule.place})"
        return f"{failure.customer} is not named in `holdout`"
    if wanted.row.reason == Reason.NO_CONSENT and rule.topic is not None:
        place = case.consents.get((failure.customer, rule.topic))
        default = plan.policy.topics.get(rule.topic, False)
        if place is not None:
            return f"{failure.customer} had given topic '{rule.topic}' ({place})"
        return f"topic '{rule.topic}' is {'opted in' if default else 'given'}"
    if wanted.row.reason == Reason.AUDIENCE_FALSE:
        if rule.audience is None:
            return f"{rule.id} has no audience ({rule.place})"
        return f"the audience was true: {rule.audience.text} ({rule.audience.place})"
    return None


def _why_nothing(failure: Failure, case: Case, told: Told) -> str | None:
    """Ask the same question as `relight explain`, as of the instant that was expected."""
    engine = told.engine
    plan = engine.plan
    at = min(failure.at, case.until)
    if plan is None or failure.rule not in plan.rules:
        return f"the plan has no rule {failure.rule} then"
    if failure.at > case.until:
        return f"the test ends at {since_start(case.until, case.start)}"
    try:
        answer = explain_customer(
            plan=plan,
            plans=engine.world.plans(),
            customer=failure.customer,
            own=[record for _, record in engine.store.customer_log(failure.customer)],
            everybody=[record for _, record in engine.store.global_log()],
            at=at,
            rules=[failure.rule],
        )
    except UsageError:
        return None
    story = next(iter(answer.stories), None)
    if story is None:
        return None
    if story.why is not None:
        return tell(story.why.text) + (f" ({story.why.place})" if story.why.place else "")
    return tell(story.headline if story.next is None else story.next)


# ---------------------------------------------------------------- what happened
def tell_timeline(customer: str, case: Case, told: Told) -> list[str]:
    """Return what happened to a customer and what became of it, in order, with the times of the test."""
    lines = sorted(_happened(customer, case, told), key=lambda line: line[:2])
    width = max((len(since_start(at, case.start)) for at, _, _ in lines), default=0)
    shown = []
    for text, group in groupby(lines, key=lambda line: line[2]):
        times = [at for at, _, _ in group]
        again = f", {len(times)} times, last at {since_start(times[-1], case.start)}" if len(times) > 1 else ""
        shown.append(f"{since_start(times[0], case.start):>{width}}  {text}{again}")
    if len(shown) > TIMELINE_MAX:
        shown = [f"… {len(shown) - TIMELINE_MAX} earlier lines", *shown[-TIMELINE_MAX:]]
    return [f"{customer} from {clock_of(case.start, case.zone)}:", *(f"  {line}" for line in shown)]


def _happened(customer: str, case: Case, told: Told) -> Iterator[tuple[int, int, str]]:
    for given in case.given:
        if given.customer in (customer, None) and given.instant <= case.until:
            yield given.instant, 0, given.text
    for row in told.rows:
        if row.customer == customer and row.state.value == "entered":
            yield row.judged, 1, f"{row.rule}: enters"
    for one in told.sets:
        if one.customer == customer:
            yield one.at, 2, f"{one.rule}: sets {one.trait} to {_set_value(one, case, told)} in '{one.step}'"
    for seen in told.seen:
        if seen.customer == customer:
            words = tell_seen(seen, case).split(" at ", 1)[0]
            more = f" until {since_start(seen.until, case.start)}" if seen.until is not None else ""
            why = f" ({_row_words(seen.row, case)})" if seen.row is not None and seen.row.leaf is not None else ""
            yield seen.at, 2, f"{seen.rule}: {words}{more}{why}"
    yield case.until, 3, "the test ends"


def _set_value(one: TraitSet, case: Case, told: Told) -> str:
    """Return what a trait became, a time on the test's clock."""
    declared = None if told.engine.plan is None else told.engine.plan.schema.traits.get(one.trait)
    if declared is not None and declared.kind is ValueKind.TIME and isinstance(one.value, int):
        return clock_of(one.value, case.zone)
    return shown(one.value)
