"""One raw record to events, or to a dead letter that says why not (V2). Pure; a bad record never raises.

What it does not know: files, brokers, whether an id was seen before. A row whose name several declared events are
`called` makes one event for each, the first under the row's id, the others under `id#name`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from relight.streams.envelope import DeadLetter, Event
from relight.streams.plan import Row, StreamPlan
from relight.streams.refusals import Counts, RefusalError, show_value

#: Largest record in bytes; a longer one is a dead letter.
RECORD_BYTES_MAX = 2**20
#: Deepest nesting of objects and lists in one record.
DEPTH_MAX = 100

_PARSER = msgspec.json.Decoder(float_hook=Decimal)
_FAULTS = (ArithmeticError, ValueError, TypeError, LookupError, AttributeError)


def decode_record(  # noqa: PLR0913 -- the record and what its reader knows of it
    plan: StreamPlan,
    raw: bytes | Mapping[str, object],
    *,
    position: int,
    source: str,
    ingest_time: int | None,
    counts: Counts | None = None,
) -> list[Event] | DeadLetter | None:
    """Return the events of one record, a dead letter, or None where `rows` filters it out.

    Args:
        plan: The compiled stream.
        raw: Bytes of one JSON object, or the fields by name (a CSV row, a mapped row).
        position: Row number of a file, offset of a partition.
        source: `data/app.ndjson:17`; it is the id where the stream declares none.
        ingest_time: When it arrived, µs; None for a finished file: its `arrives` field, else the event time (H1).
        counts: Grows by this record; an undeclared event is counted there and gives an empty list.
    """
    if counts is not None:
        counts.rows += 1
    try:
        row = parse_json(raw) if isinstance(raw, bytes) else raw
        events = plan.decode(row, position, source, ingest_time, counts)  # type: ignore[misc]  # never None in a whole plan
    except RefusalError as refusal:
        letter = make_dead_letter(plan.name, raw, refusal, position=position, source=source, ingest_time=ingest_time)
        if counts is not None:
            counts.dead[letter.code] += 1
        return letter
    if counts is not None:
        if events is None:
            counts.filtered += 1
        else:
            counts.events += len(events)
    return events


def parse_json(raw: bytes) -> Row:
    """Return one JSON object, numbers with a fraction as Decimal; raises RefusalError."""
    if len(raw) > RECORD_BYTES_MAX:
        raise RefusalError("too-large", f"the record has more than {RECORD_BYTES_MAX} bytes")
    try:
        row = _PARSER.decode(raw)
    except UnicodeDecodeError as error:
        raise RefusalError("not-utf8", f"byte {error.start} of a text is not UTF-8") from None
    except RecursionError:
        raise RefusalError("too-deep", f"objects and lists are nested deeper than {DEPTH_MAX}") from None
    except (msgspec.MsgspecError, ValueError, ArithmeticError) as error:
        raise RefusalError(
            "not-json", str(error) if isinstance(error, ValueError) else "a number is too large"
        ) from None
    if len(raw) > 2 * DEPTH_MAX and raw.count(b"[") + raw.count(b"{") > DEPTH_MAX and _is_deeper(row):
        raise RefusalError("too-deep", f"objects and lists are nested deeper than {DEPTH_MAX}")
    if type(row) is not dict:
        raise RefusalError("not-an-object", f"the record is {show_value(row)}, expected a JSON object")
    return row


def _is_deeper(value: object) -> bool:
    level = [value]
    for _ in range(DEPTH_MAX):
        inner: list[object] = []
        for outer in level:
            if isinstance(outer, dict):
                inner.extend(outer.values())
            elif isinstance(outer, list):
                inner.extend(outer)
        level = inner
        if not level:
            return False
    return True


def make_dead_letter(  # noqa: PLR0913 -- as decode_record
    stream: str,
    raw: bytes | Mapping[str, object],
    refusal: RefusalError,
    *,
    position: int,
    source: str,
    ingest_time: int | None,
) -> DeadLetter:
    """Return the dead letter of a refused record; fields by name are kept as a JSON object for a replay."""
    if isinstance(raw, bytes):
        body = raw[:RECORD_BYTES_MAX]
    else:
        try:
            body = msgspec.json.encode(raw, enc_hook=str)
        except (RecursionError, *_FAULTS):
            body = repr(raw).encode("utf-8", "backslashreplace")[:RECORD_BYTES_MAX]
    return DeadLetter(
        stream=stream,
        position=position,
        source=source,
        code=refusal.code,
        reason=str(refusal),
        raw=body,
        ingest_time=0 if ingest_time is None else ingest_time,
    )
