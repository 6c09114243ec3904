"""Makes a merge record whole before it is decided on: what it carries, and who may not be merged (V4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from relight.decide import merge_detail
from relight.streams.envelope import Control, DeadLetter, Event

if TYPE_CHECKING:
    from relight.customers.profile import Profile
    from relight.streams.envelope import Record

#: The trait that mails go to; who has one is known.
ADDRESS_TRAIT = "email"
#: Stream of the dead letters of merges.
MERGE_STREAM = "merge"


def is_unfilled_merge(record: object) -> bool:
    """Return whether a record asks for a merge and does not carry the other customer's events yet."""
    return isinstance(record, Control) and record.kind == "merge" and "events" not in record.detail


def is_merged(record: Control, log: Iterable[Record]) -> bool:
    """Return whether a customer's own log has the same merge already: what is said again is folded once (V1)."""
    return any(isinstance(one, Control) and one.kind == "merge" and one.subject == record.subject for one in log)


def fill_merge(record: Control, *, log: Iterable[Record], anonymous: Callable[[], Profile]) -> DeadLetter | None:
    """Put the anonymous customer's events and done occurrences into a merge record, in place.

    Args:
        record: its subject is the anonymous id, its customer the known one.
        log: the anonymous customer's own records, in log order.
        anonymous: gives that customer's profile, with every deadline before the record judged (H2); asked once.

    Returns:
        A dead letter where the subject is no anonymous profile: two known profiles are never merged.
    """
    events: list[Event] = []
    for one in log:
        if isinstance(one, Control):
            if one.kind == "merge":
                return _refused(record, "a customer whom others were merged into")
        elif one.traits.get(ADDRESS_TRAIT):
            return _refused(record, "a known customer, with an address of its own")
        else:
            events.append(one)
    record.detail = {**record.detail, **merge_detail(events, anonymous().done)}
    return None


def _refused(record: Control, what: str) -> DeadLetter:
    return DeadLetter(
        stream=MERGE_STREAM,
        position=0,
        source=f"merge of {record.subject} into {record.customer}",
        code="known-profile",
        reason=f"'{record.subject}' is {what}; two known profiles are never merged",
        raw=msgspec.json.encode({"anonymous": record.subject, "customer": record.customer}),
        ingest_time=record.ingest_time,
    )
