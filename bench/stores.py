"""How fast the SQLite store appends and de-duplicates: `python bench/stores.py [EVENTS] [BATCH]`.

Prints the append rate with and without asking for known events first, what asking costs, and what the file weighs.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from relight.stores.interface import Batch
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Event

T0 = 1_750_000_000_000_000


def make_batch(start: int, size: int, customers: int) -> list[Event]:
    """Return `size` events of as many customers as are given."""
    return [
        Event(
            stream="app",
            id=f"e{number:09d}",
            customer=f"customer-{number * 7919 % customers}",
            name="page_opened",
            event_time=T0 + number * 1_000,
            ingest_time=T0 + number * 1_000,
            properties={"page": "pricing", "seconds": number % 90},
            position=number,
        )
        for number in range(start, start + size)
    ]


def main() -> None:
    """Measure and print."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000  # noqa: PLR2004  # the second argument
    with tempfile.TemporaryDirectory(prefix="relight-bench-") as folder:
        path = Path(folder) / "store.db"
        store = SqliteStore.open(path)
        asking = appending = slowest = 0.0
        for start in range(0, events, size):
            batch = make_batch(start, size, 50_000)
            began = time.perf_counter()
            known = store.find_known([(event.stream, event.customer, event.id) for event in batch])
            middle = time.perf_counter()
            assert not any(known)
            store.append(Batch(log=[(event, None) for event in batch], positions={"app": str(start + size)}))
            ended = time.perf_counter()
            asking, appending, slowest = (
                asking + middle - began,
                appending + ended - middle,
                max(slowest, ended - began),
            )
        print(f"{events:,} events in batches of {size:,}: append {events / appending:,.0f}/s, ", end="")
        print(f"ask {asking / events * 1e6:.2f} µs an event, both {events / (appending + asking):,.0f}/s, ", end="")
        print(f"slowest batch {slowest * 1e3:.0f} ms")
        began = time.perf_counter()
        again = make_batch(0, size, 50_000)
        known = store.find_known([(event.stream, event.customer, event.id) for event in again])
        assert all(known)
        print(f"an old duplicate is confirmed in {(time.perf_counter() - began) / size * 1e6:.1f} µs")
        began = time.perf_counter()
        found = len(list(store.customer_log("customer-7")))
        print(f"one customer's log ({found} records) in {(time.perf_counter() - began) * 1e3:.1f} ms")
        store.close()
        print(f"file {path.stat().st_size / events:.0f} B an event")
        began = time.perf_counter()
        SqliteStore.open(path).close()
        print(f"open in {(time.perf_counter() - began) * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
