"""The gate run dry for one customer now (G1): for each check yes or NO with leaf, number and place.

Nothing is written or taken.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from relight.base.instants import DAY
from relight.customers.profile import Entry
from relight.decide.minutes import allowed_minute, case_of
from relight.decide.rooms import needs_room
from relight.decide.standing import step_of
from relight.engine.explain_ledger import ledger_number, ledger_word
from relight.engine.explain_lines import Because, Length, Line, Moment, Said, Share, code, say
from relight.engine.explain_suppression import say_suppressed
from relight.engine.explain_words import Finding, Mark, leaf_finding, place_text
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
#: Checks that a class may skip, and classes, as they are called.
CHECK_LINES = MappingProxyType({
    "suppression": Line.CHECK_SUPPRESSION,
    "consent": Line.CHECK_CONSENT,
    "sunset": Line.CHECK_SUNSET,
    "sensitive": Line.CHECK_SENSITIVE,
    "quiet hours": Line.CHECK_QUIET_HOURS,
    "expires": Line.CHECK_EXPIRES,
    "frequency cap": Line.CHECK_FREQUENCY_CAP,
    "account cap": Line.CHECK_ACCOUNT_CAP,
    "holdout": Line.CHECK_HOLDOUT,
})  # fmt: skip
_CLASSES = MappingProxyType({
    MessageClass.MARKETING: Line.CLASS_MARKETING,
    MessageClass.TRANSACTIONAL: Line.CLASS_TRANSACTIONAL,
    MessageClass.INTERNAL: Line.CLASS_INTERNAL,
})  # fmt: skip
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
        return (Finding(mark=mark, text=code(rule.audience.text), place=str(rule.audience.place)),)
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
        return (Finding(mark=Mark.SKIPPED, text=say(Line.NOTHING_SENDS)),)
    case = _case(turn, rule, entry, step)
    found = []
    idle = {"audience"}  # told by itself
    idle |= {"sunset"} if turn.plan.policy.sunset is None else set()
    idle |= set() if needs_room(turn, rule) else {"account cap"}
    for name, check in CHECKS:
        if name in idle:
            continue
        if name in SKIPS[case.message_class]:
            text = say(Line.CLASS_SKIPS, check=say(CHECK_LINES[name]), message_class=say(_CLASSES[case.message_class]))
            found.append(Finding(mark=Mark.SKIPPED, text=text))
        elif name == "render" and not is_real:
            found.append(Finding(mark=Mark.SKIPPED, text=say(Line.RENDER_NEEDS_EVENT)))
        elif name in _NEED_ADDRESS and not case.address:
            found.append(Finding(mark=Mark.SKIPPED, text=say(Line.NO_ADDRESS_TO_LOOK_UP)))
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
        return Finding(mark=Mark.YES, text=say(Line.LEAVES_AT_ONCE))
    late = case.scheduled - turn.now
    place = place_text(turn.plan.policy.places.get("quiet_hours"))
    line = Line.LEAVES_AT_QUIET if late < DAY and turn.plan.policy.quiet is not None else Line.LEAVES_AT
    return Finding(mark=Mark.YES, text=say(line, when=Moment(case.scheduled, turn.zone)), place=place)


# ---------------------------------------------------------------- words
def _passed(name: str, case: Case) -> Finding:
    plan, rule = case.plan, case.rule
    places = plan.policy.places
    match name:
        case "rule active":
            return Finding(mark=Mark.YES, text=say(Line.RULE_ACTIVE), place=str(rule.place))
        case "exit":
            return Finding(mark=Mark.YES, text=say(Line.NO_EXIT), place=str(rule.place))
        case "address":
            return Finding(mark=Mark.YES, text=say(Line.ADDRESS_THERE, address=mask_address(case.address)))
        case "suppression":
            return Finding(mark=Mark.YES, text=say(Line.NOT_SUPPRESSED))
        case "consent":
            return _consent(case)
        case "sensitive":
            line = Line.NOTHING_SENSITIVE if plan.policy.sensitive is None else Line.NOT_SENSITIVE
            return Finding(mark=Mark.YES, text=say(line), place=place_text(places.get("sensitive")))
        case "sunset":
            return Finding(mark=Mark.YES, text=say(Line.SIGN_OF_LIFE), place=place_text(places.get("sunset")))
        case "render":
            subject = getattr(case.rendered, "subject", "")
            text = say(Line.RENDERS, template=case.step.template or "", subject=subject)
            return Finding(mark=Mark.YES, text=text)
        case "expires":
            text = say(Line.NOT_EXPIRED, length=Length(rule.expires))
            return Finding(mark=Mark.YES, text=text, place=str(rule.place))
        case "frequency cap":
            return _room(case)
        case "account cap":
            place = place_text(places.get("classes"))
            return Finding(mark=Mark.SKIPPED, text=say(Line.ACCOUNT_LATER), place=place)
        case _:
            place = place_text(rule.holdout_place or places.get("holdout"))
            return Finding(mark=Mark.YES, text=_not_held_out(case), place=place)


def _not_held_out(case: Case) -> Said:
    line = Line.ACCOUNTS_HELD_OUT if case.plan.policy.holdout_by_account else Line.NOT_HELD_OUT
    return say(line if case.rule.holdout else Line.NOBODY_HELD_OUT, share=Share(case.rule.holdout))


def _consent(case: Case) -> Finding:
    topic = case.rule.topic
    if topic is None:
        return Finding(mark=Mark.YES, text=say(Line.NO_CONSENT_NEEDED), place=str(case.rule.place))
    given = case.profile.consent.get(topic)
    place = place_text(case.plan.policy.places.get("topics"))
    if given is None:
        return Finding(mark=Mark.YES, text=say(Line.CONSENT_BY_DEFAULT, topic=topic), place=place)
    text = say(Line.CONSENT_GIVEN, topic=topic, when=Moment(given[0][0], case.reading.zone))
    return Finding(mark=Mark.YES, text=text, place=place)


def _room(case: Case) -> Finding:
    caps = caps_of(case.plan, case.rule)
    if not caps:
        return Finding(mark=Mark.YES, text=say(Line.NO_CAP))
    taken = taken_places(case.profile, case.rule)
    cap = caps[-1]
    used = sum(1 for at in taken if cap.window is not None and 0 <= case.scheduled - at < cap.window)
    line = Line.ROOM if cap.window is None else Line.ROOM_OF
    return Finding(mark=Mark.YES, text=say(line, used=used, cap=ledger_word(str(cap))), place=place_text(cap.place))


def _refused(name: str, verdict: Verdict, case: Case) -> Finding:
    reason = verdict.reason.value if verdict.reason else ""
    more = _holders(case) if name == "frequency cap" else ()
    leaf, number = verdict.leaf, verdict.number
    text = _refusal(name, verdict, case, reason)
    places = case.plan.policy.places
    fallback = {"consent": "topics", "holdout": "holdout", "sensitive": "sensitive"}.get(name, "")
    own = case.rule.holdout_place if name == "holdout" else None
    place = verdict.place or place_text(own or places.get(fallback)) or str(case.rule.place)
    return Finding(mark=Mark.NO, text=text, place=place, more=more, leaf=leaf, number=number, reason=reason)


def _refusal(name: str, verdict: Verdict, case: Case, reason: str) -> Said:
    because = Because(reason)
    if not verdict.leaf:
        return say(Line.REASON, reason=because)
    leaf = ledger_word(verdict.leaf, reason)
    if verdict.number is None:
        return say(Line.REASON_LEAF, reason=because, leaf=leaf)
    number = ledger_number(verdict.leaf, verdict.number, reason, case.reading.zone)
    match name:
        case "frequency cap" | "account cap":
            return say(Line.CAP_FULL, reason=because, leaf=leaf, number=number)
        case "consent":
            return say(Line.CONSENT_WAS, reason=because, topic=case.rule.topic or "", number=number)
        case "holdout":
            return say(Line.DRAWN, reason=because, leaf=leaf, number=number)
        case "suppression":
            return say_suppressed(case, because)
        case "expires":
            late, worth = Length(case.scheduled - case.born), Length(case.rule.expires)
            return say(Line.WOULD_BE_LATE, reason=because, late=late, length=worth)
        case _:
            return say(Line.REASON_IS, reason=because, leaf=leaf, number=number)


def _holders(case: Case) -> tuple[Said, ...]:
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
    lines = [say(Line.HOLDS_PLACE, rule=p.rule, when=Moment(p.scheduled, zone)) for p in shown]
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
        lines.append(say(Line.NEXT_ROOM, when=Moment(free, zone)))
    return tuple(lines)
