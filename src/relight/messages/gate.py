"""The gate: one ordered list of checks that every message passes once, at its scheduled minute (G1–G5).

There is no second path.

A check looks at one case and returns a refusal, or None. The order of CHECKS is the order of G1; the journal looks
again at sending.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from relight.base.durations import Span
from relight.base.instants import DAY
from relight.base.kinds import UNKNOWN
from relight.customers.reading import account_of
from relight.messages.addresses import address_hash, looks_like_address
from relight.messages.caps import full_cap
from relight.messages.quiet_hours import is_allowed
from relight.messages.reasons import Reason, RowState
from relight.rules.plan import InactiveTrigger, MessageClass, ReentryKind, StepKind, account_drawn, message_class_of
from relight.rules.world import class_subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relight.customers.profile import Entry, Profile, Room
    from relight.customers.reading import Reading
    from relight.messages.caps import Limits
    from relight.rules.plan import Cap, Condition, Plan, Policy, Reentry, Rule, Sender, Step
    from relight.rules.world import World, WorldState


@dataclass(slots=True, kw_only=True)
class Case:
    """One message before the gate."""

    plan: Plan
    state: WorldState
    world: World
    profile: Profile
    rule: Rule
    entry: Entry
    step: Step
    #: The customer with everything known at the scheduled minute.
    reading: Reading
    #: When the send step was reached, and the minute the gate runs at (µs).
    born: int
    scheduled: int
    #: More for the template; made only when something is rendered, since links are signed.
    extra: Callable[[], Mapping[str, object]]
    #: Whom it comes from; None where the trait that names a person says nothing.
    sender: Sender | None
    #: What the people of the account had, as the log says for this minute; None for somebody without an account.
    room: Room | None = None
    #: Set by the render check.
    rendered: Any = None
    address: str = ""
    #: Set when the cap refuses: it may wait for room.
    capped: bool = False

    @property
    def message_class(self) -> MessageClass:
        """The class of this message."""
        return message_class_of(self.rule, self.step)


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the gate says, with the leaf and the number that decided."""

    state: RowState
    reason: Reason | None = None
    leaf: str | None = None
    number: str | None = None
    place: str | None = None


Check = Callable[[Case], Verdict | None]


def reentry_word(reason: Reason, reentry: Reentry) -> str:
    """Return what refuses a re-entry: `reentry after 30 days`, `reentry once`, or the entry that is still running."""
    if reason is Reason.REENTRY_GAP:
        return f"reentry after {reentry.after}"
    return "reentry once" if reentry.kind is ReentryKind.ONCE else "one entry at a time"


def refuse(reason: Reason, leaf: str | None = None, number: object = None, place: object = None) -> Verdict:
    """Return a refusal with the comparison and the value that decided."""
    shown = None if number is None else str(number)
    return Verdict(
        state=RowState.SUPPRESSED, reason=reason, leaf=leaf, number=shown, place=str(place) if place else None
    )


def blame(condition: Condition, reading: Reading, reason: Reason, state: RowState = RowState.SUPPRESSED) -> Verdict:
    """Return the refusal of a condition that is not true, with the leaf that decided and its value."""
    leaf = condition.blame(reading)
    if leaf is None:
        return Verdict(state=state, reason=reason, leaf=condition.text, place=str(condition.place))
    value = leaf.value(reading)
    shown = "unknown" if value is UNKNOWN else str(value)
    return Verdict(state=state, reason=reason, leaf=leaf.text, number=shown, place=str(leaf.place))


def check_active(case: Case) -> Verdict | None:
    """Refuse while the rule is paused."""
    reason = paused_reason(case.rule, case.state)
    if reason is None:
        return None
    return braked_verdict(case.rule, case.state) or refuse(reason, place=case.rule.place)


def braked_verdict(rule: Rule, state: WorldState) -> Verdict | None:
    """Return the refusal of a rule whose class the sending brake paused, with the share that decided; else None."""
    decided = state.brakes.get(class_subject(rule.message_class.value))
    return None if decided is None else refuse(Reason.RULE_PAUSED, *decided, rule.place)


def paused_reason(rule: Rule, state: WorldState) -> Reason | None:
    """Return why a rule starts and sends nothing: its pause, its class's, everybody's, or the volume guard (S5)."""
    if rule.paused or state.is_paused(rule.id) or class_subject(rule.message_class.value) in state.paused:
        return Reason.RULE_PAUSED
    return Reason.VOLUME_GUARD if state.is_held(rule.id) else None


def check_exit(case: Case) -> Verdict | None:
    """End on an exit condition; refuse the first send of an inactive rule when the customer came back (E3)."""
    for condition in case.rule.exits_when:
        if condition.evaluate(case.reading) is True:
            return Verdict(state=RowState.ENDED, reason=Reason.EXIT, leaf=condition.text, place=str(condition.place))
    trigger, deadline = case.rule.trigger, case.entry.deadline
    if (
        isinstance(trigger, InactiveTrigger)
        and case.rule.exit_on_activity
        and not case.entry.sent
        and deadline is not None
    ):
        key = (case.state.index.activity_keys if case.state.index else {}).get(case.rule.id, "")
        starts = case.profile.starts.get(key)
        if starts and starts[-1].event_time > deadline:
            return refuse(Reason.EXIT, "activity after the deadline", starts[-1].event_time, case.rule.place)
    return None


def check_audience(case: Case) -> Verdict | None:
    """Refuse when the audience is no longer true (R5: unknown does not match), or the step's `unless` is."""
    if case.rule.audience is not None and case.rule.audience.evaluate(case.reading) is not True:
        return blame(case.rule.audience, case.reading, Reason.AUDIENCE_FALSE)
    unless = case.step.unless
    if unless is not None and unless.evaluate(case.reading) is True:
        return refuse(Reason.UNLESS, unless.text, place=unless.place)
    return None


def check_address(case: Case) -> Verdict | None:
    """Refuse without an address that a mail could go to; an alert goes to the team, a webhook needs none."""
    if case.step.address is not None:
        case.address = case.step.address
        return None
    address = case.reading.trait("email")
    if case.step.kind is StepKind.WEBHOOK:
        # Known, it is looked up among the suppressed all the same.
        known = isinstance(address, str) and looks_like_address(address)
        case.address = str(address).strip() if known else ""
        return None
    if not isinstance(address, str):
        return refuse(Reason.NO_ADDRESS, "email", "unknown")
    if not looks_like_address(address):
        return refuse(Reason.NO_ADDRESS, "email", "not an address")
    case.address = address.strip()
    return None


def check_suppression(case: Case) -> Verdict | None:
    """Refuse a suppressed address; transactional mail only where the address itself is dead (G5)."""
    if not case.address or not case.world.suppressions:
        return None
    scope = case.world.suppressed_by(address_hash(case.address), case.profile.now)
    if scope == "all" or (scope == "marketing" and case.message_class is MessageClass.MARKETING):
        return refuse(Reason.SUPPRESSED, "suppression list", scope)
    return None


def check_consent(case: Case) -> Verdict | None:
    """Refuse without consent to the rule's topic."""
    topic = case.rule.topic
    if topic is None:
        return None
    given = case.profile.consent.get(topic)
    if given[1] if given is not None else case.plan.policy.topics.get(topic, False):
        return None
    return refuse(Reason.NO_CONSENT, f"topic {topic}", "withdrawn" if given is not None else "never given")


def check_sunset(case: Case) -> Verdict | None:
    """Leave somebody alone who gave no sign of life for the config's `sunset` (B4); first seen counts as one."""
    policy = case.plan.policy
    if policy.sunset is None or policy.silent is None:
        return None
    silent = policy.silent.evaluate(case.reading)
    if silent is UNKNOWN:
        first = case.reading.first_seen
        silent = case.reading.at - first if isinstance(first, int) else 0
    if isinstance(silent, int) and silent > policy.sunset:
        return refuse(
            Reason.SUNSET,
            f"silent > {Span(elapsed=policy.sunset)}",
            f"{silent // DAY} days",
            policy.places.get("sunset"),
        )
    return None


def check_sensitive(case: Case) -> Verdict | None:
    """Hold marketing back from somebody in trouble (B2); an unknown does not hold (G5)."""
    sensitive = case.plan.policy.sensitive
    if sensitive is not None and sensitive.evaluate(case.reading) is True:
        held = next((leaf for leaf in sensitive.leaves if leaf.test(case.reading) is True), None)
        if held is None:
            return refuse(Reason.SENSITIVE_HOLD, sensitive.text, place=sensitive.place)
        return refuse(Reason.SENSITIVE_HOLD, held.text, held.value(case.reading), held.place)
    return None


def check_render(case: Case) -> Verdict | None:
    """Render; a missing variable suppresses, so that no broken sentence leaves (B1)."""
    if case.sender is None:
        return refuse(Reason.MISSING_DATA, f"sender: {case.step.sender}", "unknown", case.step.place)
    name = case.step.template or ""
    letter = case.plan.letters.get(name)
    if letter is None:
        return refuse(Reason.TEMPLATE_ERROR, f"templates/{name}/", "missing")
    rendered = letter.render(case.reading, case.extra())
    refused = getattr(rendered, "reason", None)
    if refused is not None:
        return refuse(Reason(refused), str(rendered.what), place=f"{rendered.file}:{rendered.line}")
    case.rendered = rendered
    return None


def check_quiet_hours(case: Case) -> Verdict | None:
    """Refuse a message for which no minute is allowed: it was placed at a quiet one, as there is no other (G1, G3)."""
    quiet, step = case.plan.policy.quiet, case.step
    if is_allowed(case.scheduled, case.reading.zone, quiet, step=step):
        return None
    place = case.plan.policy.places.get("quiet_hours") if quiet is not None else step.place
    return refuse(Reason.QUIET_HOURS, "no minute is allowed", place=place or step.place)


def check_expires(case: Case) -> Verdict | None:
    """Refuse what was deferred past its worth (G3)."""
    waited = case.scheduled - case.born
    if waited > case.rule.expires:
        return refuse(Reason.EXPIRED, f"expires after {case.rule.expires} µs", f"{waited} µs", case.rule.place)
    return None


def caps_of(plan: Plan, rule: Rule) -> Sequence[Cap]:
    """Return the caps that bind a rule's messages."""
    return plan.policy.caps.get(rule.message_class, ())


def taken_places(case_profile: Profile, rule: Rule) -> list[int]:
    """Return the scheduled instants of the places that count against a rule's class."""
    return [p.scheduled for p in case_profile.places if p.message_class == rule.message_class.value]


def check_cap(case: Case) -> Verdict | None:
    """Refuse when a frequency cap leaves no room; decide may then wait for room (G2)."""
    full = full_cap(
        caps_of(case.plan, case.rule), taken_places(case.profile, case.rule), case.scheduled, case.reading.zone
    )
    if full is None:
        return None
    cap, used = full
    case.capped = True
    return refuse(Reason.FREQUENCY_CAP, str(cap), used, cap.place)


def account_limits(case: Case) -> Limits:
    """Return the caps on the customer's account: of all its people together, and of the rule on the others (G2)."""
    room, rule = case.room, case.rule
    if room is None:
        return ()
    together = case.plan.policy.account_caps.get(rule.message_class, ())
    own = taken_places(case.profile, rule)
    return (
        (together, [*own, *room.taken]),
        ((), ()) if rule.account_cap is None else ((rule.account_cap,), room.same_rule),
    )


def check_account_cap(case: Case) -> Verdict | None:
    """Refuse when the people of the account have had their share; decide may then wait for room (G2)."""
    for caps, taken in account_limits(case):
        full = full_cap(caps, taken, case.scheduled, case.reading.zone)
        if full is not None:
            case.capped = True
            return refuse(Reason.ACCOUNT_CAP, f"{full[0]} an account", full[1], full[0].place)
    return None


def drawn_as(policy: Policy, profile: Profile) -> str:
    """Return whom the holdout draws for a customer: themselves, or the account that they belong to now (G4)."""
    if policy.holdout_by_account and policy.account is not None:
        account = account_of(profile, policy.account.trait)
        if account is not None:
            return account_drawn(account)
    return profile.customer


def check_holdout(case: Case) -> Verdict | None:
    """Keep the held-out share without messages: the last gate, so that both arms are alike (G4)."""
    share, policy = case.rule.holdout, case.plan.policy
    if share > 0:
        who = drawn_as(policy, case.profile)
        drawn = policy.draw(policy.salt, case.rule.id, who)
        if drawn < share:
            leaf = f"holdout {share:.1%}" + ("" if who == case.profile.customer else " of accounts")
            return Verdict(state=RowState.HELD_OUT, reason=Reason.HOLDOUT, leaf=leaf, number=f"{drawn:.4f}")
    return None


#: G1, in its order. The names are what `explain` shows.
CHECKS: tuple[tuple[str, Check], ...] = (
    ("rule active", check_active),
    ("exit", check_exit),
    ("audience", check_audience),
    ("address", check_address),
    ("suppression", check_suppression),
    ("consent", check_consent),
    ("sunset", check_sunset),
    ("sensitive", check_sensitive),
    ("render", check_render),
    ("quiet hours", check_quiet_hours),
    ("expires", check_expires),
    ("frequency cap", check_cap),
    ("account cap", check_account_cap),
    ("holdout", check_holdout),
)
_MARKETING_ONLY = frozenset(
    {"consent", "sunset", "sensitive", "quiet hours", "expires", "frequency cap", "account cap", "holdout"}
)
#: What each class skips (G5).
SKIPS: dict[MessageClass, frozenset[str]] = {
    MessageClass.MARKETING: frozenset(),
    MessageClass.TRANSACTIONAL: _MARKETING_ONLY,
    MessageClass.INTERNAL: _MARKETING_ONLY | {"audience", "suppression"},
}


_CHECKS_OF = {one: tuple(check for name, check in CHECKS if name not in skipped) for one, skipped in SKIPS.items()}


def pass_gate(case: Case) -> Verdict:
    """Run the checks of the message's class in order and return the first refusal, or `pending`."""
    for check in _CHECKS_OF[case.message_class]:
        verdict = check(case)
        if verdict is not None:
            return verdict
    return Verdict(state=RowState.PENDING)
