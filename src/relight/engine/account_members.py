"""For how many people of an account a condition holds (`members(…)`), and what each of them was told of it last.

An index of the profiles, rebuilt from them, never truth. What changes at an instant is told one µs later, when all
records of that instant are taken: so the order of one instant's records does not matter (I8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.instants import INSTANT_MIN
from relight.customers.facts import MEMBERS_TOLD_MAX
from relight.decide import told_detail
from relight.rules.index import COUNTED
from relight.streams.envelope import Control

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from relight.customers.profile import Profile, Told


class AccountMembers:
    """The people of every account, by the conditions that a plan counts them by."""

    def __init__(self) -> None:
        """Count nothing."""
        #: What the plan in force counts by; nothing is kept while it is empty.
        self.keys: tuple[str, ...] = ()
        #: account -> instant of the last change that its people were not told of (µs).
        self.changed: dict[str, int] = {}
        #: customer -> keys of the conditions that hold for them, and what they were told.
        self._own: dict[str, tuple[str, ...]] = {}
        self._told: dict[str, Told | None] = {}
        #: account -> (when its last leaver left in µs, what they had been told).
        self._left: dict[str, tuple[int, dict[str, int]]] = {}

    def begin(self, keys: Iterable[str]) -> None:
        """Start anew under a plan that counts by these keys."""
        self.keys = tuple(sorted(keys))
        for kept in (self.changed, self._own, self._told, self._left):
            kept.clear()

    def stand(self, profile: Profile, account: str | None, at: int) -> None:
        """Take note of a customer as they stand at an instant (µs), in their account."""
        customer, told = profile.customer, profile.members
        flags = profile.flags
        own = tuple(key for key in self.keys if (flag := flags.get(COUNTED + key)) is not None and flag.state is True)
        if account is not None and (own != self._own.get(customer) or told is None or told.account != account):
            self._change(account, at)
        if told is not None and told.left is not None:
            self._change(told.account, told.left)
            self._left[told.account] = max(self._left.get(told.account, (INSTANT_MIN, {})), (told.left, told.total))
        self._own[customer], self._told[customer] = own, told

    def forget(self, customer: str, account: str, at: int) -> None:
        """Take note of a customer who left an account at an instant (µs)."""
        self._change(account, at)
        self._own.pop(customer, None)
        self._told.pop(customer, None)

    def _change(self, account: str, at: int) -> None:
        if self.keys:
            self.changed[account] = max(at, self.changed.get(account, at))

    def tell(self, account: str, people: Collection[str], at: int) -> Iterable[Control]:
        """Yield a record for each of an account's people who was told otherwise last. at: its ingest time (µs)."""
        self.changed.pop(account, None)
        self._left.pop(account, None)
        total: dict[str, int] = {}
        if len(people) <= MEMBERS_TOLD_MAX:
            total = {key: sum(key in self._own.get(one, ()) for one in people) for key in self.keys}
        for one in sorted(people):
            own, told = list(self._own.get(one, ())) if total else [], self._told.get(one)
            is_known = told is not None and told.account == account and told.left is None
            if told is None or not is_known or (told.total, told.own) != (total, own):
                detail = told_detail(total, own)
                yield Control(kind="members", ingest_time=at, customer=one, subject=account, detail=detail)

    def ahead(self, account: str, people: Collection[str], customer: str, at: int) -> Control:
        """Return the record that tells somebody who is about to join an account of those who are there."""
        total = self._settled(account, people, at)
        detail = told_detail(total, [], ahead=True)
        return Control(kind="members", ingest_time=at, customer=customer, subject=account, detail=detail)

    def _settled(self, account: str, people: Collection[str], at: int) -> dict[str, int]:
        """Return what an account's people were told last, changes of this very instant left out."""
        told = [found for one in people if (found := self._told.get(one)) is not None]
        known = [one for one in told if one.account == account and one.left is None]
        if known:
            return dict(max(known, key=lambda one: one.at).total)
        left, total = self._left.get(account, (INSTANT_MIN, {}))
        return dict(total) if left == at else dict.fromkeys(self.keys, 0)
