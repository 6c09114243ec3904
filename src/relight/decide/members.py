"""What the log said of the people of a customer's account: what `members(…)` counts of the others (H).

A customer's decision reads nothing of other people: for how many of them a condition holds comes as a control record in
the customer's own log, one µs after it changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relight.customers.profile import Told
from relight.customers.reading import account_of
from relight.rules.index import COUNTED

if TYPE_CHECKING:
    from relight.customers.profile import Profile
    from relight.decide.turn import Turn
    from relight.streams.envelope import Control


def told_detail(total: dict[str, int], own: list[str], *, ahead: bool = False) -> dict[str, object]:
    """Return the detail of a members record.

    total: key of a condition -> of how many people it holds; own: keys of those among them that hold for the customer;
    ahead: it comes just before the record by which the customer joins, and counts the others alone.
    """
    return {"total": total, "own": own} | ({"ahead": True} if ahead else {})


def is_ahead(control: Control) -> bool:
    """Return whether a members record is of an account that the customer joins by their next record."""
    return control.detail.get("ahead") is True


def note_members(profile: Profile, control: Control) -> None:
    """Keep what a members record says."""
    detail: dict[str, Any] = control.detail
    profile.members = Told(control.subject, dict(detail["total"]), list(detail["own"]), control.ingest_time)


def leave_account(turn: Turn) -> None:
    """Let what was said of an account be no longer the customer's where they do not belong to it."""
    told, key = turn.profile.members, turn.plan.policy.account
    if told is None:
        return
    account = None if key is None else account_of(turn.profile, key.trait)
    if account != told.account:
        told.left = turn.now if told.left is None else told.left
    else:
        told.left = None


def keep_what_is_counted(turn: Turn) -> None:
    """Forget what a plan does not count any more: where a later one counts it again, it begins anew (E5)."""
    profile, counted = turn.profile, turn.index.counted
    for name in [one for one in profile.flags if one.startswith(COUNTED) and one not in counted]:
        del profile.flags[name]
    told = profile.members
    if told is not None:
        told.total = {key: number for key, number in told.total.items() if key in turn.plan.members}
        told.own = [key for key in told.own if key in turn.plan.members]
        leave_account(turn)
