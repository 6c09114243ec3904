"""What a log holds, in numbers: events, customers, from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from relight.streams.envelope import Event
from relight.streams.own_events import OWN_CUSTOMERS

if TYPE_CHECKING:
    from relight.stores.interface import Store


class LogFigures(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One pass over the events of a log. Instants are µs, None where there is no event."""

    events: int = 0
    customers: int = 0
    began: int | None = None
    ended: int | None = None
    late: int = 0


def figures_of_log(store: Store, *, with_global: bool = True) -> LogFigures:
    """Return the figures of a store's log. with_global: False leaves out the events that concern everybody."""
    customers: set[str] = set()
    events = late = 0
    began: int | None = None
    ended: int | None = None
    for _, record in store.read_log():
        if type(record) is not Event or (record.customer is None and not with_global):
            continue
        events += 1
        late += record.late
        if record.customer is not None:
            customers.add(record.customer)
        at = record.event_time
        if ended is None or at > ended:
            ended = at
        if began is None or at < began:
            began = at
    customers -= OWN_CUSTOMERS
    return LogFigures(events=events, customers=len(customers), began=began, ended=ended, late=late)


def add_figures(parts: Sequence[LogFigures]) -> LogFigures:
    """Return the figures of logs that share no customer together."""
    return LogFigures(
        events=sum(one.events for one in parts),
        customers=sum(one.customers for one in parts),
        began=min((one.began for one in parts if one.began is not None), default=None),
        ended=max((one.ended for one in parts if one.ended is not None), default=None),
        late=sum(one.late for one in parts),
    )
