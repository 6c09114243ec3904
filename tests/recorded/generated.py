"""A made-up log with everything that makes time hard: ties, clocks that jump, copies, late and early rows.

Two streams write naive local times, one in New York and one in Istanbul; `arrives` is UTC. The first file is nearly in
the order of arrival, the second in that of its own clock. Drawn by seed, equal on every machine. Knows nothing of what
should follow from it.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

SECOND = dt.timedelta(seconds=1)
MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)

#: The zone in which each stream writes.
ZONES = {"app": "America/New_York", "till": "Europe/Istanbul"}
#: Until when the simulation runs, inclusive.
HORIZON = dt.datetime(2016, 5, 1, tzinfo=dt.UTC)
CUSTOMERS = 150
#: How long a row is on its way: mostly not at all; at, just under and beyond the allowed 72 hours.
DELAYS = (
    *([dt.timedelta()] * 12),
    SECOND,
    10 * MINUTE,
    5 * HOUR,
    DAY,
    2 * DAY,
    3 * DAY - SECOND,
    3 * DAY,
    3 * DAY + SECOND,
    4 * DAY,
    9 * DAY,
)
#: How far a sender's clock runs ahead: up to ten minutes are forgiven, more are not.
AHEAD = (SECOND, 10 * MINUTE)
TOO_FAR_AHEAD = 10 * MINUTE + SECOND
#: Steps from one event to the next: ties, the thresholds themselves, and a second around them.
STEPS = (
    *([dt.timedelta()] * 2),
    SECOND,
    HOUR,
    9 * HOUR,
    *(DAY + shift for shift in (-SECOND, dt.timedelta(), SECOND)),
    *(3 * DAY + shift for shift in (-SECOND, dt.timedelta(), SECOND)),
    *(7 * DAY + shift for shift in (-SECOND, dt.timedelta(), SECOND)),
    30 * DAY,
)
#: Instants from which histories start: around the days on which a clock jumps (New York 2015-11-01 and 2016-03-13,
#: Istanbul 2015-11-08 and 2016-03-27), and exactly a threshold before the end of time.
STARTS = (
    dt.datetime(2015, 10, 31, 4, 30, tzinfo=dt.UTC),
    dt.datetime(2015, 11, 1, 5, 30, tzinfo=dt.UTC),
    dt.datetime(2015, 11, 8, 0, 30, tzinfo=dt.UTC),
    dt.datetime(2016, 3, 12, 7, 30, tzinfo=dt.UTC),
    dt.datetime(2016, 3, 13, 6, 30, tzinfo=dt.UTC),
    dt.datetime(2016, 3, 26, 23, 30, tzinfo=dt.UTC),
    HORIZON - 30 * DAY,
    HORIZON - 30 * DAY + SECOND,
    HORIZON - 7 * DAY,
)
#: Local times that no clock showed, one in each zone.
SKIPPED = {"app": dt.datetime(2016, 3, 13, 2, 30), "till": dt.datetime(2016, 3, 27, 3, 30)}  # noqa: DTZ001 - naive

Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One row on its way: when it arrives, and what it says."""

    arrives: dt.datetime
    row: Row
    #: The first way in which its id reaches us; copies and what comes too early are not.
    fresh: bool


def generate(seed: int) -> dict[str, list[Row]]:
    """Return the rows of each stream as their file holds them: {at: naive local, arrives: UTC, who, what, id, …}."""
    rng = random.Random(seed)
    sent: dict[str, list[Sent]] = {stream: [] for stream in ZONES}
    for number in range(CUSTOMERS):
        draw_history(rng, f"c{number:03d}", sent)
    sent["app"].sort(key=lambda one: one.arrives)
    sent["app"] = with_rows_out_of_order(rng, sent["app"])
    sent["till"].sort(key=lambda one: str(one.row["at"]))
    return {stream: [one.row for one in rows] for stream, rows in sent.items()}


def draw_history(rng: random.Random, who: str, sent: Mapping[str, list[Sent]]) -> None:
    """Append one customer's rows to the streams they come through."""
    at = rng.choice(STARTS)
    for number in range(rng.randint(1, 14)):
        stream = rng.choice(list(ZONES))
        local = at.astimezone(ZoneInfo(ZONES[stream])).replace(tzinfo=None)
        if rng.random() < 0.03:
            local = SKIPPED[stream]
        row: Row = {"id": f"e{number}", "who": who, "what": rng.choice(("task_done", "page_seen")), "at": str(local)}
        if stream == "till":
            row |= {"what": "paid", "amount": rng.choice(("0.10", "33.30", "99.90", "100.00", "-50.00", "250.05"))}
        elif row["what"] == "task_done":
            row["board"] = rng.choice(("red", "green", "blue", "white"))
        first_known = local.replace(tzinfo=ZoneInfo(ZONES[stream])).astimezone(dt.UTC)
        sent[stream].extend(draw_sendings(rng, row, first_known))
        at += rng.choice(STEPS)


def draw_sendings(rng: random.Random, row: Row, event_time: dt.datetime) -> list[Sent]:
    """Return how one row reaches us: once, or again as a copy, with another body, or too early to be true."""
    arrives = event_time + rng.choice(DELAYS)
    kind = rng.random()
    if kind < 0.04:
        arrives = event_time - rng.choice(AHEAD)
    sendings = [stamped(row, arrives, fresh=True)]
    if kind > 0.90:
        sendings.append(stamped(row, arrives + rng.choice((dt.timedelta(), HOUR, 5 * DAY))))
    elif kind > 0.86:
        other = row | {"at": str(dt.datetime.fromisoformat(str(row["at"])) - 6 * HOUR)}
        sendings.append(stamped(other, arrives + rng.choice((SECOND, DAY))))
    elif kind > 0.84:
        sendings.append(stamped(row, event_time - TOO_FAR_AHEAD))
    return [one for one in sendings if one.arrives <= HORIZON]


def stamped(row: Row, arrives: dt.datetime, *, fresh: bool = False) -> Sent:
    """Return the row with its time of arrival."""
    return Sent(arrives=arrives, row=row | {"arrives": arrives.strftime("%Y-%m-%dT%H:%M:%SZ")}, fresh=fresh)


def with_rows_out_of_order(rng: random.Random, rows: list[Sent]) -> list[Sent]:
    """Return the rows; where two of one customer arrive together, the second may have arrived before the first."""
    result = rows[:1]
    for before, one in itertools.pairwise(rows):
        together = before.row["who"] == one.row["who"] and before.arrives == one.arrives
        is_early = together and before.fresh and one.fresh and rng.random() < 0.5
        result.append(stamped(one.row, one.arrives - 5 * MINUTE) if is_early else one)
    return result


# ---------------------------------------------------------------- the project that reads it
PROJECT = {
    "streams/app.yaml": """
        source: {file: app.ndjson, horizon: "2016-05-01T00:00:00Z"}
        id: id
        time: {field: at, zone: America/New_York}
        arrives: arrives
        customer: who
        name: what
        events:
          task_done: {properties: {board: text}}
          page_seen: {activity: false}
        """,
    "streams/till.yaml": """
        source: {file: till.ndjson, horizon: "2016-05-01T00:00:00Z"}
        id: id
        time: {field: at, zone: Europe/Istanbul}
        arrives: arrives
        customer: who
        name: what
        events:
          paid: {properties: {amount: {type: money, unit: EUR}}}
        """,
    "rules/quiet.yaml": """
        trigger: {inactive: [1 day, 3 days, 7 days, 30 days]}
        send: note
        """,
    "rules/settled.yaml": """
        trigger: {inactive: [1 day, 7 days], activity: [task_done, page_seen]}
        settle: 48 hours
        send: note
        """,
    "rules/milestones.yaml": """
        trigger: {milestone: {count: task_done, at: [1, 2, 5]}}
        send: note
        """,
    "rules/spent.yaml": """
        trigger: {milestone: {sum: paid.amount, at: [100, 200, 500]}}
        send: note
        """,
    "rules/boards.yaml": """
        trigger: {milestone: {distinct: task_done.board, at: [2, 3]}}
        send: note
        """,
    "templates/note/subject.txt": "A note",
    "templates/note/body.txt": "A note. Unsubscribe: {{ unsubscribe_url }}\n{{ sender.postal_address }}\n",
    "templates/note/body.html": """
        <!doctype html>
        <html lang="en"><head><title>A note</title></head>
        <body>
        <p>A note.</p>
        <p><a href="{{ unsubscribe_url }}">Unsubscribe</a> · {{ sender.postal_address }}</p>
        </body></html>
        """,
    "config/default.yaml": """
        project: {name: generated, zone: UTC, locale: en, currency: EUR}
        sender:
          name: Notes
          address: notes@notes.example
          reply_to: notes@notes.example
          postal_address: 1 Example Street, Exampletown
        topics: {product_news: {default: opted_in}}
        classes: {marketing: {topic: product_news}}
        holdout: {share: 0%, salt: 2026}
        store: {sqlite: data/relight.db}
        delivery: {files: outbox/}
        web: {base_url: "https://mail.notes.example"}
        """,
}


def write_project(folder: Path, rows: Mapping[str, list[Row]]) -> Path:
    """Write the project and its logs into the folder and return it."""
    for name, text in PROJECT.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(without_margin(text), encoding="utf-8")
    for stream, lines in rows.items():
        text = "".join(json.dumps(row) + "\n" for row in lines)
        (folder / f"{stream}.ndjson").write_text(text, encoding="utf-8")
    return folder


def without_margin(text: str) -> str:
    """Return the text without its common indent and first blank line."""
    lines = text.strip("\n").splitlines()
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[margin:] for line in lines).rstrip() + "\n"
