"""One turn of decide: the profile being changed, what stands, and what follows from it.

Lives for one record or deadline only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.instants import local_day
from relight.customers.reading import Reading, zone_of
from relight.messages.ledger import LedgerRow, occurrence_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relight.customers.profile import Entry, Profile
    from relight.decide.effects import Effects
    from relight.messages.gate import Verdict
    from relight.messages.reasons import Reason, RowState
    from relight.rules.index import PlanIndex
    from relight.rules.plan import Plan, Rule
    from relight.rules.world import World, WorldState


def entry_values(entry: Entry) -> Mapping[str, object]:
    """Return what `entry.<property>` reads: the trigger's properties, and the code of its mail unless one is `code`."""
    if entry.code is None or "code" in entry.properties:
        return entry.properties
    return {**entry.properties, "code": entry.code}


class Turn:
    """What every part of decide works on."""

    __slots__ = ("closing", "effects", "index", "moved", "plan", "profile", "rearm", "state", "world")

    def __init__(self, *, world: World, state: WorldState, profile: Profile, effects: Effects) -> None:
        """Begin a turn under the plan of `state`. Raises ValueError before the first plan record."""
        if state.plan is None or state.index is None:
            message = "nothing can be decided before the first plan record"
            raise ValueError(message)
        self.world = world
        self.state = state
        self.plan: Plan = state.plan
        self.index: PlanIndex = state.index
        self.profile = profile
        self.effects = effects
        #: 1 while a minute's competition runs: a second send cannot use the same minute (G2).
        self.closing = 0
        #: Something may have made an earlier deadline: the next one is searched anew.
        self.rearm = False
        #: An entry may have an earlier one; those of all else are no earlier than they were.
        self.moved = False

    @property
    def now(self) -> int:
        """The instant decisions are made at."""
        return self.profile.now

    @property
    def zone(self) -> str:
        """The customer's zone as known now."""
        return zone_of(self.profile, self.profile.now, self.plan.policy.zone)

    def reading(
        self,
        at: int | None = None,
        *,
        entry: Entry | None = None,
        event: Mapping[str, object] | None = None,
        own: Mapping[str, object] | None = None,
    ) -> Reading:
        """Return a view as of `at` (default now).

        Entry: whose trigger `entry.` names; own: that mapping itself; event: `event.`.
        """
        policy, now = self.plan.policy, self.profile.now
        if entry is None and event is None and own is None:
            return Reading(
                profile=self.profile,
                global_events=self.world.view(self.state),
                at=now if at is None else at,
                now=now,
                default_zone=policy.zone,
                default_locale=policy.locale,
            )
        return Reading(
            profile=self.profile,
            global_events=self.world.view(self.state),
            at=now if at is None else at,
            now=now,
            default_zone=policy.zone,
            default_locale=policy.locale,
            event=event if event is not None or entry is None else (entry.release or None),
            entry=own if own is not None else None if entry is None else entry_values(entry),
            threshold=entry.threshold if entry is not None else None,
            arm=entry.arm if entry is not None else None,
            milestone=entry.milestone if entry is not None else None,
        )

    def key_of(self, rule: str, occurrence: str, step: str) -> str:
        """Return the key of one message, or with step "" of the occurrence: it exists at most once (S1)."""
        return occurrence_key(self.plan.policy.project, rule, self.profile.customer, occurrence=occurrence, step=step)

    def write_row(  # noqa: PLR0913 - a ledger row is written whole
        self,
        rule: Rule | str,
        occurrence: str,
        step: str,
        state: RowState,
        *,
        reason: Reason | None = None,
        instant: int,
        scheduled: int | None = None,
        verdict: Verdict | None = None,
        content_hash: str | None = None,
        leaf: str | None = None,
        number: object = None,
    ) -> LedgerRow:
        """Write one row of the decision ledger (H7) and return it."""
        rule_id = rule if isinstance(rule, str) else rule.id
        place = verdict.place if verdict and verdict.place else None if isinstance(rule, str) else str(rule.place)
        row = LedgerRow(
            occurrence_key=self.key_of(rule_id, occurrence, step),
            rule=rule_id,
            customer=self.profile.customer,
            occurrence=occurrence,
            step=step,
            state=state,
            reason=None if reason is None else str(reason),
            leaf=verdict.leaf if verdict else leaf,
            number=verdict.number if verdict else None if number is None else str(number),
            deadline=instant,
            judged=self.profile.now,
            scheduled=scheduled,
            plan_version=self.plan.version,
            content_hash=content_hash,
            place=place,
        )
        self.effects.rows.append(row)
        return row

    def count(self, rule: Rule, reason: Reason) -> None:
        """Count what gets no row (R6), per rule and local day."""
        if self.profile.customer in self.effects.elsewhere:
            return
        day = local_day(self.profile.now, self.plan.policy.zone)
        tally = self.effects.counted
        tally[rule.id, str(reason), day] = tally.get((rule.id, str(reason), day), 0) + 1
