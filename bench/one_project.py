"""How fast a project's recorded events are decided: `python bench/one_project.py [FOLDER] [HOT_EVENTS]`.

Prints CPU µs an event, events and ledger rows a second for the whole simulation, beside the least that any program
would do with the same lines: decode them, leave out duplicates, keep when each customer was last seen. Then the same
number of events once for one customer and once spread over many. CPU time, so that a busy machine blurs it less.
"""

from __future__ import annotations

import gzip
import os
import sys
import time
from pathlib import Path

import msgspec

from relight.config.loader import LoadedProject, load_project
from relight.engine.engine import Engine
from relight.simulate.simulate import simulate
from relight.stores.memory import MemoryStore
from relight.streams.envelope import Event
from relight.transports.files import find_files

#: Events of the customer who has very many.
HOT_EVENTS = 50_000
#: Events a customer where the same number is spread.
SPREAD_EVENTS = 20
#: Time between two events of one customer (µs).
STEP = 60_000_000
T0 = 1_767_225_600_000_000
BATCH = 1_000


def hand_written(project: LoadedProject) -> tuple[int, float]:
    """Return the lines of the project's NDJSON files and the CPU seconds of the least loop over them."""
    decoder = msgspec.json.Decoder()
    files = [
        (name, path)
        for name, stream in project.streams.items()
        if stream.source.is_finished and stream.source.format == "ndjson"
        for path in find_files(stream, project.folder)
    ]
    seen: set[tuple[str, object, object]] = set()
    last: dict[object, object] = {}
    lines = 0
    began = time.process_time()
    for name, path in files:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for line in file:
                lines += 1
                try:
                    row = decoder.decode(line)
                except msgspec.DecodeError:
                    continue
                if type(row) is not dict:
                    continue
                customer = row.get("customer")
                identity = (name, str(customer), str(row.get("id")))
                if identity in seen:
                    continue
                seen.add(identity)
                last[str(customer)] = row.get("at")
    return lines, time.process_time() - began


def crowd(project: LoadedProject, events: int, each: int) -> float:
    """Return the CPU µs an event of so many events, `each` of them for every customer, interleaved."""
    plan = project.plan
    assert plan is not None
    names = sorted(max(plan.layout.activities.values(), key=lambda a: len(a.names)).names)
    customers = max(1, events // each)
    engine = Engine(MemoryStore(), cached_profiles=2**31)
    engine.follow_plan(plan, T0)
    began = time.process_time()
    for start in range(0, events, BATCH):
        batch = [
            Event(
                stream="bench",
                id=str(number),
                customer=f"customer-{number % customers}",
                name=names[number // customers % len(names)],
                event_time=T0 + number // customers * STEP,
                ingest_time=T0 + number // customers * STEP,
            )
            for number in range(start, min(events, start + BATCH))
        ]
        engine.take(batch)
    return (time.process_time() - began) / events * 1e6


def main() -> None:
    """Measure and print."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    hot_events = int(sys.argv[2]) if len(sys.argv) > 2 else HOT_EVENTS  # noqa: PLR2004  # the second argument
    began = time.process_time()
    project = load_project(folder, env=dict(os.environ), lint=False)
    print(f"loaded in {time.process_time() - began:.2f} s of CPU")
    if project.plan is None:
        sys.exit("the project has problems: `relight check` says which")
    lines, least = hand_written(project)
    began = time.process_time()
    result = simulate(project)
    taken = time.process_time() - began
    events, rows = result.progress.events, len(result.rows)
    print(f"{events:,} events, {rows:,} ledger rows, {result.progress.mails:,} mails rendered in {taken:.1f} s of CPU:")
    print(f"  {taken / events * 1e6:.0f} µs an event, {events / taken:,.0f} events/s, {rows / taken:,.0f} rows/s")
    print(f"  the least loop over {lines:,} lines: {least / max(1, lines) * 1e6:.1f} µs a line")
    hot, spread = crowd(project, hot_events, hot_events), crowd(project, hot_events, SPREAD_EVENTS)
    print(f"{hot_events:,} events of one customer: {hot:.0f} µs each; {SPREAD_EVENTS} a customer: {spread:.0f} µs each")


if __name__ == "__main__":
    main()
