"""What is known of one customer's log: the customer's records and everybody's, up to the instant that was decided.

One question for every store: where the log is in the store, it is read there; a cluster's store asks the log topic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relight.stores.interface import Store
    from relight.streams.envelope import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One customer's log."""

    #: The customer's own records, in log order, values as the encoding keeps them; empty for somebody unknown.
    own: Sequence[Record]
    #: What concerns everybody, in log order.
    everybody: Sequence[Record]
    #: Instant up to which this customer was decided on (µs, exclusive); None before anything was.
    reached: int | None

    @property
    def last(self) -> int:
        """The last instant (µs) that can be asked about: time judged up to it, and no record left out.

        Orders of an operator may stand at the very instant that time has come to.
        """
        return max(
            [(self.reached or 1) - 1, *(log[-1].ingest_time for log in (self.own, self.everybody) if log)]
        )  # fmt: skip


@runtime_checkable
class AsksElsewhere(Protocol):
    """A store whose log is elsewhere, which asks there."""

    def past_of(self, customer: str) -> Past:
        """Return a customer's log; raises ServiceError where it cannot be had."""

    def owners(self) -> list[tuple[int, int, str]]:
        """Return (partition, instant it has come to in µs, process that decides on it) of each part of the log."""


def past_of(store: Store, customer: str) -> Past:
    """Return a customer's log, wherever it is."""
    if isinstance(store, AsksElsewhere):
        return store.past_of(customer)
    return Past(
        own=[record for _, record in store.customer_log(customer)],
        everybody=[record for _, record in store.global_log()],
        reached=store.reached(),
    )
