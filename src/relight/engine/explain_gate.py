"""The gate run dry for one customer now (G1): for each check yes or NO with leaf, number and place.

Nothing is written or taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.instants import DAY
from relight.customers.profile import Entry
from relight.decide.minutes import allowed_minute, case_of
from relight.decide.rooms import needs_room
from relight.decide.standing import step_of
from relight.engine.explain_words import Finding, Mark, clock, leaf_finding, length, place_text
from relight.messages.caps import full_cap, next_minute_with_room
from relight.messages.gate import CHECKS, SKIPS, Case, Verdict, caps_of, taken_places
from relight.messages.quiet_hours import first_allowed_minute
from relight.messages.reasons import Reason
from relight.rules.plan import MESSAGE_KINDS, MessageClass, message_class_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relight.decide.turn import Turn
    from relight.rules.plan import Rule, Step

#: Checks that need an address to look at.
_NEED_ADDRESS = frozenset({"suppression"})
#: How far ahead room in the caps is looked for (µs).
ROOM_AHEAD = 40 * DAY


def mask_address(address: str) -> str:
    """Return `e…@customers.example`."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}" if at and local else "…"


def audience_findings(turn: Turn, rule: Rule, entry: Entry) -> tuple[Finding, ...]:
    """Return each comparison of the audience with its value now; the one to blame is marked NO or ??."""
    if rule.audience is None:
        return ()
    reading = turn.reading(entry=entry)
    holds = rule.audience.evaluate(reading) is True
    blamed = None if holds else rule.audience.blame(reading)
    if not rule.audience.leaves:
        mark = Mark.YES if holds else Mark.NO
        return (Finding(mark=mark, text=rule.audience.text, place=str(rule.audience.place)),)
    return tuple(
        leaf_finding(leaf, reading, decides=leaf is blamed, reason=Reason.AUDIENCE_FALSE.value)
        for leaf in rule.audience.leaves
    )


def entry_of_now(
    turn: Turn, rule: Rule, properties: Mapping[str, object], release: Mapping[str, object], event: str
) -> Entry:
    """Return the entry that would be made now, standing at the first send step it would come to."""
    entry = Entry(
        rule=rule.id,
        occurrence="",
        start=turn.now,
        anchor=turn.now,
        trigger_stream="",
        trigger_id="",
        trigger_event=event,
        properties=dict(properties),
        plan_version=turn.plan.version,
        step=None,
        entered=turn.now,
        since=turn.now,
        release=dict(release),
    )
    entry.step = _first_send(turn, rule, entry)
    return entry


def _first_send(turn: Turn, rule: Rule, entry: Entry) -> str | None:
    """Return the nearest send step, arms that hold now first."""
    steps = rule.program.steps
    pending = [rule.program.start]
    seen: set[str] = set()
    while pending:
        name = pending.pop(0)
        if name is None or name in seen:
            continue
        seen.add(name)
        step = steps[name]
        if step.kind in MESSAGE_KINDS:
            return name
        reading = turn.reading(entry=entry)
        holding = [first for when, first in step.arms if when is None or when.evaluate(reading) is True]
        others = [first for _, first in step.arms]
        pending += [*holding[:1], *others, step.then, step.otherwise, *(first for *_, first in step.shares), step.next]
    return None


def gate_findings(turn: Turn, rule: Rule, entry: Entry, *, is_real: bool) -> tuple[Finding, ...]:
    """Return what each check of the gate says now. is_real: the entry exists, so that its mail can be rendered."""
    step = step_of(turn, entry)
    if step is None or step.kind not in MESSAGE_KINDS:
        send = _first_send(turn, rule, entry)
        step = None if send is None else rule.program.steps[send]
    if step is None:
        return (Finding(mark=Mark.SKIPPED, text="no step of this rule sends anything"),)
    case = _case(turn, rule, entry, step)
    found = []
    idle = {"audience"}  # told by itself
    idle |= {"sunset"} if turn.plan.policy.sunset is None else set()
    idle |= set() if needs_room(turn, rule) else {"account cap"}
    for name, check in CHECKS:
        if name in idle:
            continue
        if name in SKIPS[case.message_class]:
            found.append(Finding(mark=Mark.SKIPPED, text=f"{name}: {case.message_class.value} messages skip it"))
        elif name == "render" and not is_real:
            found.append(Finding(mark=Mark.SKIPPED, text="render: it needs the event that it would be about"))
        elif name in _NEED_ADDRESS and not case.address:
            found.append(Finding(mark=Mark.SKIPPED, text=f"{name}: without an address there is nothing to look up"))
        else:
            verdict = check(case)
            if verdict is None and name == "quiet hours":
                continue  # the minute below says so
            found.append(_passed(name, case) if verdict is None else _refused(name, verdict, case))
    last = 2 if "account cap" in idle else 3
    return (*found[:-last], _minute(turn, case), *found[-last:])


def _case(turn: Turn, rule: Rule, entry: Entry, step: Step) -> Case:
    born = entry.candidate.born if entry.candidate is not None else turn.now
    ready = entry.candidate.scheduled if entry.candidate is not None else turn.now
    is_marketing = message_class_of(rule, step) is MessageClass.MARKETING
    scheduled = allowed_minute(turn, max(ready, turn.now), step) if is_marketing else turn.now
    return case_of(turn, entry, step, born=born, scheduled=scheduled)


def _minute(turn: Turn, case: Case) -> Finding:
    if case.message_class is not MessageClass.MARKETING:
        return Finding(mark=Mark.YES, text="it would leave at once")
    late = case.scheduled - turn.now
    text = f"it would leave {clock(case.scheduled, turn.zone)}"
    place = place_text(turn.plan.policy.places.get("quiet_hours"))
    if late < DAY and turn.plan.policy.quiet is not None:
        text += ", outside quiet hours"
    return Finding(mark=Mark.YES, text=text, place=place)


# ---------------------------------------------------------------- words
def _passed(name: str, case: Case) -> Finding:
    plan, rule = case.plan, case.rule
    places = plan.policy.places
    match name:
        case "rule active":
            return Finding(mark=Mark.YES, text="the rule is active", place=str(rule.place))
        case "exit":
            return Finding(mark=Mark.YES, text="no exit holds", place=str(rule.place))
        case "address":
            return Finding(mark=Mark.YES, text=f"there is an address: {mask_address(case.address)}")
        case "suppression":
            return Finding(mark=Mark.YES, text="the address is not suppressed")
        case "consent":
            return _consent(case)
        case "sensitive":
            text = "not held back as sensitive" if plan.policy.sensitive is not None else "nothing is sensitive"
            return Finding(mark=Mark.YES, text=text, place=place_text(places.get("sensitive")))
        case "sunset":
            return Finding(mark=Mark.YES, text="there was a sign of life", place=place_text(places.get("sunset")))
        case "render":
            subject = getattr(case.rendered, "subject", "")
            return Finding(mark=Mark.YES, text=f"templates/{case.step.template} renders: {subject}")
        case "expires":
            text = f"not expired; it is worth sending for {length(rule.expires)}"
            return Finding(mark=Mark.YES, text=text, place=str(rule.place))
        case "frequency cap":
            return _room(case)
        case "account cap":
            text = "account cap: what others of the account have had is looked up at the minute itself"
            return Finding(mark=Mark.SKIPPED, text=text, place=place_text(places.get("classes")))
        case _:
            share = f"{rule.holdout:.1%}" if rule.holdout else "nobody"
            share += " of accounts" if rule.holdout and plan.policy.holdout_by_account else ""
            return Finding(
                mark=Mark.YES, text=f"not held out (holdout: {share})", place=place_text(places.get("holdout"))
            )


def _consent(case: Case) -> Finding:
    topic = case.rule.topic
    if topic is None:
        return Finding(mark=Mark.YES, text="the rule needs no consent", place=str(case.rule.place))
    given = case.profile.consent.get(topic)
    place = place_text(case.plan.policy.places.get("topics"))
    if given is None:
        return Finding(mark=Mark.YES, text=f"topic '{topic}' holds unless withdrawn", place=place)
    return Finding(mark=Mark.YES, text=f"topic '{topic}' given {clock(given[0][0], case.reading.zone)}", place=place)


def _room(case: Case) -> Finding:
    caps = caps_of(case.plan, case.rule)
    if not caps:
        return Finding(mark=Mark.YES, text="no frequency cap binds it")
    taken = taken_places(case.profile, case.rule)
    cap = caps[-1]
    used = sum(1 for at in taken if cap.window is not None and 0 <= case.scheduled - at < cap.window)
    told = f": {used} of {cap}" if cap.window is not None else f": {cap}"
    return Finding(mark=Mark.YES, text=f"there is room in the frequency caps{told}", place=place_text(cap.place))


def _refused(name: str, verdict: Verdict, case: Case) -> Finding:
    reason = verdict.reason.value if verdict.reason else ""
    more = _holders(case) if name == "frequency cap" else ()
    leaf, number = verdict.leaf, verdict.number
    text = reason + (f": {leaf}" if leaf else "") + (f": it is {number}" if number is not None else "")
    if name in {"frequency cap", "account cap"}:
        text = f"{reason}: {leaf}, {number} taken"
    elif name == "consent":
        text = f"{reason}: topic '{case.rule.topic}' was {number}"
    elif name == "holdout":
        text = f"{reason}: drawn {number} of {leaf}"
    elif name == "expires":
        late = length(case.scheduled - case.born)
        text = f"{reason}: it would leave {late} late, and expires after {length(case.rule.expires)}"
    places = case.plan.policy.places
    fallback = {"consent": "topics", "holdout": "holdout", "sensitive": "sensitive"}.get(name, "")
    place = verdict.place or place_text(places.get(fallback)) or str(case.rule.place)
    return Finding(mark=Mark.NO, text=text, place=place, more=more, leaf=leaf, number=number, reason=reason)


def _holders(case: Case) -> tuple[str, ...]:
    """Return who has the places of the cap that is full, and when there is room again."""
    caps, zone = caps_of(case.plan, case.rule), case.reading.zone
    taken = taken_places(case.profile, case.rule)
    full = full_cap(caps, taken, case.scheduled, zone)
    if full is None:
        return ()
    cap = full[0]
    least = case.scheduled - (cap.window if cap.window is not None else 31 * DAY)
    holders = [
        p for p in case.profile.places if p.message_class == case.rule.message_class.value and p.scheduled > least
    ]
    shown = holders[-full[1] :]
    lines = [f"'{p.rule}' holds a place since {clock(p.scheduled, zone)}" for p in shown]
    free = next_minute_with_room(
        ((caps, taken),),
        after=case.scheduled,
        until=case.scheduled + ROOM_AHEAD,
        zone=zone,
        allowed=lambda at: first_allowed_minute(
            at, zone, case.plan.policy.quiet, past_gaps=case.state.past_gaps, step=case.step
        ),
    )
    if free is not None:
        lines.append(f"next possible {clock(free, zone)}")
    return tuple(lines)
