"""What the generated project should do, by looking at all rows of a customer for every question.

Slow and plain on purpose; shares no code with the engine. Instants are int µs UTC.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from tests.recorded.firings import Firing, milestone_key, silence_key
from tests.recorded.generated import HORIZON, ZONES, Row

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MINUTE = 60 * 1_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
#: How far a clock may run ahead (H5), µs.
AHEAD_MAX = 10 * MINUTE
#: Beyond it an event is late (H5), µs.
LATENESS = 72 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An event as the log holds it."""

    event_time: int
    ingest_time: int
    late: bool
    what: str
    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """An inactive rule, said again."""

    rule: str
    days: tuple[int, ...]
    activity: frozenset[str]
    settle: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """A milestone rule, said again: `total` of the matching rows crosses the marks."""

    rule: str
    what: str
    marks: tuple[int, ...]
    total: Callable[[Sequence[Row]], Decimal | int]


SILENCES = (
    Silence(rule="quiet", days=(1, 3, 7, 30), activity=frozenset({"task_done", "paid"})),
    Silence(rule="settled", days=(1, 7), activity=frozenset({"task_done", "page_seen"}), settle=48 * HOUR),
)


def added_amounts(rows: Sequence[Row]) -> Decimal:
    """Return the exact sum of what was paid; a refund takes nothing back (R3)."""
    return sum((max(Decimal(0), Decimal(str(row["amount"]))) for row in rows), Decimal(0))


def different_boards(rows: Sequence[Row]) -> int:
    """Return how many boards the rows name."""
    return len({row["board"] for row in rows})


MILESTONES = (
    Milestone(rule="milestones", what="task_done", marks=(1, 2, 5), total=len),
    Milestone(rule="spent", what="paid", marks=(100, 200, 500), total=added_amounts),
    Milestone(rule="boards", what="task_done", marks=(2, 3), total=different_boards),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Who enters what, and which occurrences a late event spends."""

    entered: list[Firing]
    late: list[Firing]


def microseconds(aware: dt.datetime) -> int:
    """Return µs since 1970 UTC."""
    return (aware - EPOCH) // dt.timedelta(microseconds=1)


def from_local(text: str, zone: str) -> int:
    """Return a naive local time as µs: the skipped moves on by the gap, the repeated means the first (V3)."""
    return microseconds(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(dt.UTC))


def logs_of(streams: Mapping[str, Iterable[Row]]) -> dict[str, list[Known]]:
    """Return each customer's log: what counts once, in the order of (ingest time, stream, row) (H1, H5, V1)."""
    arrived: list[tuple[int, str, int, str, Row]] = []
    for stream, rows in streams.items():
        for number, row in enumerate(rows):
            ingest_time = microseconds(dt.datetime.fromisoformat(str(row["arrives"])))
            arrived.append((ingest_time, stream, number, str(row["who"]), row))
    logs: dict[str, list[Known]] = defaultdict(list)
    seen: set[tuple[str, str, object]] = set()
    for ingest_time, stream, _, who, row in sorted(arrived, key=lambda one: one[:3]):
        event_time = from_local(str(row["at"]), ZONES[stream])
        identity = (stream, who, row["id"])
        if event_time - ingest_time > AHEAD_MAX or identity in seen:
            continue
        seen.add(identity)
        known = Known(
            event_time=min(event_time, ingest_time),
            ingest_time=ingest_time,
            late=ingest_time - event_time > LATENESS,
            what=str(row["what"]),
            row=row,
        )
        logs[who].append(known)
    return logs


def silences_of(who: str, log: Sequence[Known], rule: Silence, *, cancels_at_deadline: bool = True) -> Expected:
    """Return a customer's silences, as they could be known when each was judged (R1, H2, H3, H5)."""
    entered: list[Firing] = []
    late: list[Firing] = []
    acts = [known for known in log if known.what in rule.activity]
    for start in sorted({act.event_time for act in acts}):
        for position, days in enumerate(rule.days):
            deadline = start + days * DAY
            judged = deadline + rule.settle
            seen = [act for act in acts if act.ingest_time <= judged]
            makers = [act for act in seen if act.event_time == start]
            end = deadline if cancels_at_deadline else deadline - 1
            cancelled = any(start < act.event_time <= end for act in seen)
            if not makers or cancelled or judged > microseconds(HORIZON):
                continue
            firing = Firing(rule.rule, who, silence_key(start, position), deadline)
            (late if all(act.late for act in makers) else entered).append(firing)
    return Expected(entered=entered, late=late)


def milestones_of(who: str, log: Sequence[Known], rule: Milestone) -> Expected:
    """Return where a customer's total crosses each mark, in the order of arrival (R3, H5)."""
    entered: list[Firing] = []
    late: list[Firing] = []
    rows: list[Row] = []
    reached = 0
    for known in log:
        if known.what != rule.what:
            continue
        rows.append(known.row)
        total = rule.total(rows)
        while reached < len(rule.marks) and total >= rule.marks[reached]:
            key = milestone_key(rule.marks[reached])
            (late if known.late else entered).append(Firing(rule.rule, who, key, known.ingest_time))
            reached += 1
    return Expected(entered=entered, late=late)


def expected_of(streams: Mapping[str, Iterable[Row]], *, cancels_at_deadline: bool = True) -> Expected:
    """Return all firings of the generated project."""
    parts = []
    for who, log in logs_of(streams).items():
        parts += [silences_of(who, log, rule, cancels_at_deadline=cancels_at_deadline) for rule in SILENCES]
        parts += [milestones_of(who, log, rule) for rule in MILESTONES]
    return Expected(
        entered=[firing for part in parts for firing in part.entered],
        late=[firing for part in parts for firing in part.late],
    )
