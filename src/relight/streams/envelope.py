"""What stands in the log (H1): events, global events and control records, in one shape each.

Knows nothing of files, brokers or rules. Instants are int µs UTC.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from relight.base.instants import MINUTE

#: How far event time may run ahead of ingest time; up to here it is read as the ingest time, beyond it is refused (H5).
SKEW_MAX = 10 * MINUTE
#: Name of the event that sets traits.
IDENTIFY = "identify"


class Rank(IntEnum):
    """Order of records of one ingest time (H1): control records, then global events, then the customer's events."""

    CONTROL = 0
    GLOBAL = 1
    EVENT = 2


class Event(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """One thing that happened to a customer, or to everybody when `customer` is None (a global event).

    Identity is (stream, customer, id) (V1). `event_time` is already clamped to `ingest_time` (H5).
    """

    stream: str
    id: str
    #: None for a global event.
    customer: str | None
    #: Declared name, or `identify` for a row that only sets traits.
    name: str
    #: When it happened, µs UTC, never after `ingest_time`.
    event_time: int
    #: When it reached our log, µs UTC; set once (H1).
    ingest_time: int
    #: Typed values of the declared properties; absent ones are left out.
    properties: dict[str, object] = msgspec.field(default_factory=dict)
    #: Traits this row sets, by declared name; None takes a trait away.
    traits: dict[str, object] = msgspec.field(default_factory=dict)
    #: Topics granted (True) or withdrawn (False) by this row.
    consent: dict[str, bool] = msgspec.field(default_factory=dict)
    account: str | None = None
    #: ingest_time − the unclamped event time exceeds the stream's allowed lateness (H5).
    late: bool = False
    #: Position in the stream: row number of a file, offset of a partition. Breaks ties of ingest time.
    position: int = 0

    @property
    def order(self) -> tuple[int, str, str]:
        """The place of the event in event-time order, ties by (stream, id) (H4)."""
        return (self.event_time, self.stream, self.id)


class Control(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """A control record (H1). `customer` None concerns everybody.

    kind and subject/detail:
      plan        subject = plan version
      pause, resume   subject = rule id, or `*` for all
      consent     subject = topic, detail = {"given": bool, "source": text}; customer set
      suppression subject = hash of the normalised address, detail = {"scope": "all"|"marketing"|"none", "cause": text};
                  `none` lifts what the person's own unsubscribe (cause `unsubscribe`) laid down, nothing else
      trait       subject = trait name, detail = {"value": …}; customer set
      outcome     subject = occurrence key, detail = {"state": …, "reason": …}; customer set
      code        subject = occurrence key of a mail, detail = {"code": what was drawn for it} (S6); customer set
      gap         detail = {"until": instant}; ingest_time is its beginning (H9)
      erase       customer set (V5)
      erased      in the place of a record of somebody erased: customer = their keyed hash, subject = stream and
                  detail = {"id": …} where it was an event (V5)
      account     subject = occurrence key of a message that stands before the gate at this minute, detail =
                  {"account": …, "taken": [µs], "same_rule": [µs]}: places that the account's other people have (G2);
                  customer set
      members     subject = account, detail = {"total": {key: of how many of its people a counted condition holds},
                  "own": [keys of those that hold for the customer]}, with "ahead": true just before the customer's
                  record by which they join, counting the others alone; customer set
      merge       subject = anonymous id, detail = its encoded profile; customer set (V4)
      measures    measures_computed: detail = {name: value}; customer set
    """

    kind: str
    ingest_time: int
    customer: str | None = None
    subject: str = ""
    detail: dict[str, object] = msgspec.field(default_factory=dict)


#: Kind of the control record that stands where a record of an erased customer stood (V5).
ERASED = "erased"
#: What `decide` is given one at a time.
Record = Event | Control


class DeadLetter(msgspec.Struct, kw_only=True, frozen=True):
    """A record that could not be read (V2): it consumes no id and blocks nothing."""

    stream: str
    #: Row number of a file, offset of a partition.
    position: int
    #: Where it came from, for people: `data/app.ndjson:17`.
    source: str
    #: Kebab-case code of the reason.
    code: str
    #: What was found and what was expected, one sentence.
    reason: str
    #: The bytes as they came.
    raw: bytes
    ingest_time: int


_CONTROL, _GLOBAL, _EVENT = Rank.CONTROL, Rank.GLOBAL, Rank.EVENT


def rank_of(record: Record) -> Rank:
    """Return the order class of a record among those of the same ingest time."""
    if type(record) is Control:
        return _CONTROL
    return _GLOBAL if record.customer is None else _EVENT


def order_key(record: Record) -> tuple[int, int, str, int]:
    """Return the key by which the records of one log are ordered: (ingest time, rank, stream, position)."""
    if isinstance(record, Control):
        return (record.ingest_time, Rank.CONTROL, "", 0)
    return (record.ingest_time, rank_of(record), record.stream, record.position)
