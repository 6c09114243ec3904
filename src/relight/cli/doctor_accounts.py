"""Accounts with too many people for `members(…)`, as `relight doctor` counts them in a store.

Reads what each checkpoint was told of its account last; decides nothing and knows no rule.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from relight.customers.codec import read_told
from relight.customers.facts import MEMBERS_TOLD_MAX

if TYPE_CHECKING:
    from relight.rules.plan import Plan
    from relight.stores.interface import Store

#: Accounts that are named.
ACCOUNTS_NAMED_MAX = 3


def look_at_accounts(store: Store, plan: Plan | None) -> list[tuple[str, str, str]]:
    """Return (mark, text, fix): where `members(…)` is unknown; nothing where no rule counts people."""
    if plan is None or not plan.members:
        return []
    people = Counter(
        told.account
        for profile in store.profiles()
        if (told := read_told(profile.blob)) is not None and told.left is None and not told.total
    )
    if not people:
        return [("ok", f"accounts: none of more than {MEMBERS_TOLD_MAX:,} people, members(…) is known in each", "")]
    named = ", ".join(f"'{name}' ({n:,})" for name, n in people.most_common(ACCOUNTS_NAMED_MAX))
    more = f", {len(people) - ACCOUNTS_NAMED_MAX:,} more" if len(people) > ACCOUNTS_NAMED_MAX else ""
    text = f"accounts of more than {MEMBERS_TOLD_MAX:,} people, in which members(…) is unknown: {named}{more}"
    return [("warn", text, "let a trait that another system sets say what the rule asks of so large an account")]
