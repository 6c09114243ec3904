"""The set step (E2): a decision of ours that becomes what we know of the customer, at the instant it was taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.customers.fold import write_trait
from relight.decide.effects import TraitSet
from relight.decide.minutes import follow_zone

if TYPE_CHECKING:
    from relight.customers.profile import Entry
    from relight.decide.turn import Turn
    from relight.rules.plan import Step


def set_trait(turn: Turn, entry: Entry, step: Step) -> None:
    """Write the trait as of now; what watches it looks one µs later, so that no rule sets off itself."""
    name, layout = step.trait or "", turn.plan.layout
    turn.rearm = True
    customer = turn.profile.customer
    turn.effects.sets.append(
        TraitSet(customer=customer, rule=entry.rule, step=step.id, trait=name, value=step.value, at=turn.now)
    )
    if name not in layout.traits:
        return  # nothing reads it
    order = (turn.now, "", f"{entry.rule}/{entry.occurrence}/{step.id}")
    write_trait(turn.profile, name, step.value, order=order, ingest_time=turn.now, keep=layout.slack)
    follow_zone(turn)
    for rule_id in turn.index.watched_traits.get(name, ()):
        flag = turn.profile.flags.get(rule_id)
        if flag is not None:
            flag.check_at = min(flag.check_at, turn.now + 1)
