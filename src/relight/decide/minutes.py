"""The scheduled minute (G1, G2).

When a message stands before the gate, who competes with it, and what the gate's word does.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from relight.customers.profile import Candidate, Place
from relight.decide.effects import Mail
from relight.decide.rooms import room_of, use_room
from relight.decide.standing import drop_entry, step_of
from relight.messages.caps import keep_places_for, next_minute_with_room
from relight.messages.codes import CODE_PLACEHOLDER
from relight.messages.gate import Case, Verdict, account_limits, caps_of, pass_gate, taken_places
from relight.messages.identity import content_hash
from relight.messages.quiet_hours import first_allowed_minute
from relight.messages.reasons import Reason, RowState
from relight.messages.senders import personal_sender
from relight.rules.plan import MessageClass

if TYPE_CHECKING:
    from relight.customers.profile import Entry
    from relight.decide.turn import Turn
    from relight.rules.plan import Rule, Sender, Step
    from relight.templates.letters import Rendered


def allowed_minute(turn: Turn, instant: int, step: Step | None) -> int:
    """Return the first minute at or after an instant at which this step may send."""
    return first_allowed_minute(instant, turn.zone, turn.plan.policy.quiet, past_gaps=turn.state.past_gaps, step=step)


def make_candidate(turn: Turn, entry: Entry, step: Step) -> None:
    """Let a marketing message wait in its send step for its minute."""
    ready = turn.state.past_gaps(turn.now) + turn.closing
    minute = allowed_minute(turn, ready + turn.plan.policy.arbitration, step)
    entry.candidate = Candidate(born=turn.now, ready=ready, scheduled=minute, first=minute)
    turn.moved = True


def move_candidates(turn: Turn) -> None:
    """Place waiting messages again: a new zone, other quiet hours or a gap moved their minute (H6)."""
    for entry in turn.profile.entries:
        if entry.candidate is not None:
            held = max(entry.candidate.ready, turn.now)
            entry.candidate.scheduled = allowed_minute(turn, held, step_of(turn, entry))
            turn.moved = True


def follow_zone(turn: Turn) -> None:
    """Place waiting messages again where the customer's zone is another than they were placed by."""
    zone = turn.zone
    if zone != turn.profile.zone:
        # The first record of somebody moves nothing: there is no deadline yet that a zone could have.
        turn.rearm = turn.rearm or turn.profile.zone != ""
        turn.profile.zone = zone
        move_candidates(turn)


def case_of(turn: Turn, entry: Entry, step: Step, *, born: int, scheduled: int) -> Case:
    """Return a message as it stands before the gate; `explain` asks the checks about the same case."""
    return Case(
        plan=turn.plan,
        state=turn.state,
        world=turn.world,
        profile=turn.profile,
        rule=turn.plan.rules[entry.rule],
        entry=entry,
        step=step,
        reading=turn.reading(entry=entry),
        born=born,
        scheduled=scheduled,
        room=room_of(turn, entry, step, scheduled),
        sender=sender_of(turn, entry, step),
        extra=lambda: template_names(turn, entry, step),
    )


def judge_message(turn: Turn, entry: Entry, step: Step, *, born: int, scheduled: int) -> bool:
    """Run the gate for one message and write its row; return False when it goes on waiting for room in the caps."""
    rule = turn.plan.rules[entry.rule]
    case = case_of(turn, entry, step, born=born, scheduled=scheduled)
    verdict = pass_gate(case)
    use_room(turn, entry, step)
    if case.capped and rule.when_capped is not None and _wait_for_room(turn, case):
        return False
    _finish(turn, case, verdict)
    return True


def _wait_for_room(turn: Turn, case: Case) -> bool:
    rule, candidate = case.rule, case.entry.candidate
    assert candidate is not None and rule.when_capped is not None  # noqa: PT018 - only candidates are capped
    minute = next_minute_with_room(
        ((caps_of(turn.plan, rule), taken_places(turn.profile, rule)), *account_limits(case)),
        after=candidate.scheduled,
        until=candidate.first + rule.when_capped,
        zone=turn.zone,
        allowed=lambda at: allowed_minute(turn, at, case.step),
    )
    if minute is None:
        return False
    candidate.scheduled = candidate.ready = minute
    turn.moved = True
    return True


def _finish(turn: Turn, case: Case, verdict: Verdict) -> None:
    entry, step, rule = case.entry, case.step, case.rule
    passed = verdict.state in (RowState.PENDING, RowState.HELD_OUT)
    rendered = case.rendered if passed else None
    row = turn.write_row(
        rule,
        entry.occurrence,
        step.id,
        verdict.state,
        reason=verdict.reason,
        instant=case.born,
        scheduled=case.scheduled,
        verdict=verdict,
        content_hash=None if rendered is None else _content_hash(turn, case, rendered),
    )
    if passed and case.message_class is MessageClass.MARKETING:
        _take_place(turn, rule, entry, step, case.scheduled)
    if verdict.state is RowState.PENDING:
        mail = Mail(
            row=row,
            rule=rule,
            step=step,
            entry=entry,
            message_class=case.message_class,
            sender=case.sender or turn.plan.policy.sender,
            address=case.address,
            rendered=rendered,
            expires_at=case.born + rule.expires,
        )
        turn.effects.mails.append(mail)
    ends = verdict.state is RowState.ENDED or (verdict.reason is Reason.EXIT)
    if ends:
        drop_entry(turn, entry)
    else:
        entry.sent.append(step.id)


def _content_hash(turn: Turn, case: Case, rendered: Rendered) -> str:
    """Return the hash of text, HTML and headers, all that decides them known here (H7)."""
    rule, policy = case.rule, turn.plan.policy
    sender = case.sender or policy.sender
    key = turn.key_of(rule.id, case.entry.occurrence, case.step.id)
    is_marketing = case.message_class is MessageClass.MARKETING
    link = policy.links(key, rule.topic or "")[0] if policy.links is not None and is_marketing else ""
    headers = {
        "Message-ID": key,
        "From": f"{sender.name} <{sender.address}>",
        "To": case.address,
        "Reply-To": sender.reply_to or "",
        "Subject": rendered.subject,
        "List-Unsubscribe": link,
        "Auto-Submitted": "auto-generated" if case.message_class is MessageClass.TRANSACTIONAL else "",
    }
    return content_hash((rendered.text, rendered.html), headers)


def _take_place(turn: Turn, rule: Rule, entry: Entry, step: Step, scheduled: int) -> None:
    policy, index = turn.plan.policy, turn.index
    together = policy.account_caps.get(rule.message_class, ())
    oldest = turn.now - keep_places_for((*caps_of(turn.plan, rule), *together, *index.account_caps))
    kept = [p for p in turn.profile.places if p.scheduled >= oldest]
    kept.append(Place(scheduled, rule.id, entry.occurrence, step.id, rule.message_class.value))
    turn.profile.places = kept


def give_back_place(turn: Turn, key: str) -> None:
    """A rejected or bounced message gives its place in the caps back (G2)."""
    turn.profile.places = [p for p in turn.profile.places if turn.key_of(p.rule, p.occurrence, p.step) != key]


def sender_of(turn: Turn, entry: Entry, step: Step) -> Sender | None:
    """Return whom a step's mail comes from; None where the customer's trait names nobody (A24)."""
    base = turn.plan.policy.sender
    if step.sender is None:
        return base
    return personal_sender(base, turn.reading(entry=entry).trait(step.sender))


def template_names(turn: Turn, entry: Entry, step: Step) -> dict[str, object]:
    """Return what a template may name beside the customer."""
    rule = turn.plan.rules[entry.rule]
    names: dict[str, object] = {
        "event": entry.release or entry.properties,
        "request": entry.properties,
        "release": entry.release,
        "threshold": entry.threshold,
        "milestone": entry.milestone,
    }
    sender = sender_of(turn, entry, step)
    if step.sender is not None and sender is not None:
        names["sender"] = {"name": sender.name, "reply_to": sender.reply_to or sender.address}
    if step.code is not None:
        names["code"] = CODE_PLACEHOLDER  # the sender draws it: a decision would not be the same twice (S6)
    links = turn.plan.policy.links
    key = turn.key_of(rule.id, entry.occurrence, step.id)
    survey_links = turn.plan.policy.survey_links
    if survey_links is not None:
        names["survey"] = lambda name: survey_links(key, name)
    page_links = turn.plan.policy.page_links
    if page_links is not None:
        names |= {kind: partial(page_links, key, kind) for kind in ("confirm_url", "click_url")}
    if links is not None:
        names["unsubscribe_url"], names["preferences_url"] = links(key, rule.topic or "")
    return names
