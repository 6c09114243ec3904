"""Rows of the demonstration as the collectors received them: ids, arrival, bytes.

Decides how late a row arrives and how each of the three files spells it. Knows nothing of why something happened.
"""

import csv
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from random import Random
from zoneinfo import ZoneInfo

import msgspec

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

#: First and last instant of the demonstrated year, milliseconds since 1970 UTC.
START = int(datetime(2025, 11, 1, tzinfo=UTC).timestamp()) * SECOND
END = int(datetime(2026, 10, 31, 20, 59, tzinfo=UTC).timestamp()) * SECOND

#: Share of rows that arrive within the allowed lateness of 72 hours but not at once, and beyond it.
LATE_SHARE = 0.015
VERY_LATE_SHARE = 0.0006

DESK_ZONE = ZoneInfo("Europe/Berlin")
TILL_ZONE = ZoneInfo("Europe/Istanbul")

Property = str | int | float | bool

_ENCODER = msgspec.json.Encoder()


@dataclass(slots=True)
class Tape:
    """Everything recorded so far; a row is (arrival in ms, running number, line without its end)."""

    rng: Random
    app: list[tuple[int, int, str]] = field(default_factory=list)
    desk: list[tuple[int, int, str]] = field(default_factory=list)
    till: list[tuple[int, int, str]] = field(default_factory=list)
    #: Orders of what spare parts are sold for: (instant in ms, customer, product).
    owned: list[tuple[int, str, str]] = field(default_factory=list)
    #: Rows so far over all three files; makes ids unique and ties stable.
    number: int = 0
    #: Rows whose arrival is more than 20 minutes after the event.
    late: int = 0
    #: Rows that set traits and are no events.
    identified: int = 0


def utc_text(at: int) -> str:
    """An instant in ms as ISO 8601 in UTC with milliseconds."""
    hour, rest = divmod(at, HOUR)
    return f"{_hour_text(hour)}:{rest // MINUTE:02d}:{rest // SECOND % 60:02d}.{rest % SECOND:03d}Z"


@cache
def _hour_text(hour: int) -> str:
    """Date and hour of the `hour`-th hour after 1970; a year has few enough of them to keep."""
    return datetime.fromtimestamp(hour * HOUR // SECOND, UTC).strftime("%Y-%m-%dT%H")


def wall_text(at: int, zone: ZoneInfo, separator: str) -> str:
    """An instant in ms as the naive clock on a wall in `zone`, whole seconds."""
    return datetime.fromtimestamp(at // SECOND, zone).replace(tzinfo=None).isoformat(separator)


def record_app(tape: Tape, at: int, customer: str | None, event: str, **properties: Property) -> None:
    """Append one line of `app.ndjson`; `customer` is None for what concerns everybody."""
    if not START <= at <= END:
        return
    tape.number += 1
    row: dict[str, Property] = {"id": f"a{tape.number:07d}", "event": event}
    if customer is not None:
        row["customer"] = customer
    prompt = customer is None or event in {"identify", "signed_up", "preferences_saved"}
    arrives = at + 40 if prompt else _arrival(tape, at)
    row |= {"at": utc_text(at), "arrives": utc_text(arrives), **properties}
    tape.identified += event == "identify"
    tape.app.append((arrives, tape.number, _json(row)))


def record_desk(tape: Tape, at: int, customer: str, event: str, **properties: Property) -> None:
    """Append one line of the help desk, which writes Berlin's wall clock."""
    if START <= at <= END:
        record_desk_clock(tape, wall_text(at, DESK_ZONE, "T"), _arrival(tape, at), customer, event, **properties)


def record_desk_clock(tape: Tape, clock: str, arrives: int, customer: str, event: str, **properties: Property) -> None:
    """Append one line of the help desk with the wall clock as given, also one that summer time skips or repeats."""
    tape.number += 1
    row: dict[str, Property] = {"id": f"d{tape.number:07d}", "type": event, "requester": customer}
    row |= {"at": clock, "arrives": utc_text(arrives), **properties}
    tape.desk.append((arrives, tape.number, _json(row)))


def record_till(tape: Tape, at: int, customer: str, kind: str, cells: tuple[str, str, str, str, str]) -> None:
    """Append one row of `orders.csv`; `cells` are order and cart id, product, quantity, amount, empty where unknown."""
    if not START <= at <= END:
        return
    tape.number += 1
    order_id, cart_id, product, quantity, amount = cells
    arrives = _arrival(tape, at)
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(
        (f"t{tape.number:07d}", kind, order_id, cart_id, customer, product, quantity, amount, *_till_times(at, arrives))
    )
    tape.till.append((arrives, tape.number, line.getvalue()))


def _till_times(at: int, arrives: int) -> tuple[str, str]:
    return wall_text(at, TILL_ZONE, " "), utc_text(arrives)


#: Header of `orders.csv`, in the order in which `record_till` writes.
TILL_HEADER = "row_id,kind,order_id,cart_id,buyer,product,quantity,amount,ordered_at,arrives"


def _arrival(tape: Tape, at: int) -> int:
    """Mostly seconds; some rows wait on a phone without reception for hours, a few for days."""
    luck = tape.rng.random()
    delay = 150 + int(tape.rng.random() * 5 * SECOND)
    if luck < VERY_LATE_SHARE:
        delay = tape.rng.randint(74 * HOUR, 9 * DAY)
    elif luck < LATE_SHARE:
        delay = tape.rng.randint(20 * MINUTE, 70 * HOUR)
    if at + delay > END:
        delay = 150
    tape.late += delay >= 20 * MINUTE
    return at + delay


def _json(row: dict[str, Property]) -> str:
    return _ENCODER.encode(row).decode()
