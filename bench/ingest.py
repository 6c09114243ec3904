"""Events over HTTP beside an endpoint that only commits the same bytes: events a second, in one run.

    python bench/ingest.py [EVENTS] [EVENTS A REQUEST]

Both servers run as a process of their own with uvicorn, both share commits between requests and answer after the flush
to the disk; the client is the same. Rounds alternate, and the ratio is that of the medians.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from relight.stores.inbox import Inbox
from relight.stores.inbox_interface import NewEntry
from relight.stores.write_keys import WriteKeys
from relight.web.ingest.commit_queue import CommitQueue
from relight.web.ingest.http import Ingestion, ingest_routes
from relight.web.ingest.quota import Quota

KEY = "rlk_bench"
CONNECTIONS = 16
ROUNDS = 5


def ours(folder: Path) -> Starlette:
    """Return the application that `relight web` serves events with."""
    inbox, keys = Inbox.open(folder / "ours.inbox.db"), WriteKeys.open(folder / "ours.keys.db")
    keys.add(KEY, stream="shop", name="bench", now=0)
    ingestion = Ingestion(
        keys=keys,
        queue=CommitQueue[NewEntry](inbox.put),
        quota=Quota(rate=None, clock=time.monotonic),
        clock=lambda: time.time_ns() // 1000,
        seconds=time.monotonic,
        streams=frozenset({"shop"}),
    )
    return Starlette(routes=ingest_routes(ingestion))


def bare(folder: Path) -> Starlette:
    """Return an application that commits each body as it is, with the same sharing of commits, and knows nothing."""
    sql = sqlite3.connect(folder / "bare.db", isolation_level=None, check_same_thread=False)
    sql.execute("PRAGMA journal_mode = WAL")
    sql.execute("PRAGMA synchronous = FULL")
    sql.execute("CREATE TABLE bodies (position INTEGER PRIMARY KEY, body BLOB NOT NULL)")

    def put(bodies: Sequence[bytes]) -> None:
        sql.execute("BEGIN")
        sql.executemany("INSERT INTO bodies (body) VALUES (?)", [(body,) for body in bodies])
        sql.execute("COMMIT")

    queue = CommitQueue[bytes](put)

    async def endpoint(request: Request) -> JSONResponse:
        await queue.commit([await request.body()])
        return JSONResponse({"success": True})

    return Starlette(routes=[Route("/v1/batch", endpoint, methods=["POST"])])


def serve(kind: str, folder: str, listener: socket.socket) -> None:
    """Serve one of the two until the process is ended."""
    app = ours(Path(folder)) if kind == "ours" else bare(Path(folder))
    uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off")).run(sockets=[listener])


def bodies(events: int, each: int, round_: int) -> list[bytes]:
    """Return request bodies of `each` events; ids differ between rounds."""
    made = []
    for start in range(0, events, each):
        items = [
            {
                "type": "track", "event": "Order Completed", "userId": f"u{n % 5000}", "messageId": f"r{round_}-{n}",
                "timestamp": "2026-11-22T10:00:00.000Z", "properties": {"order_id": f"o{n}", "total": n % 900 + 0.5},
                "context": {"library": {"name": "bench", "version": "1"}},
            }
            for n in range(start, start + each)
        ]  # fmt: skip
        made.append(json.dumps({"batch": items, "writeKey": KEY}).encode())
    return made


async def send(port: int, requests: list[bytes]) -> float:
    """Send all requests over CONNECTIONS connections; return the seconds it took."""
    waiting = iter(requests)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:

        async def work() -> None:
            for body in waiting:
                async with session.post(f"http://127.0.0.1:{port}/v1/batch", data=body, headers=headers) as answer:
                    answer.raise_for_status()
                    await answer.read()

        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
        return time.perf_counter() - began


def main(events: int = 40_000, each: int = 100) -> None:
    """Print one line a server and the ratio."""
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    with tempfile.TemporaryDirectory() as folder:
        ports, processes = {}, []
        for kind in rates:
            listener = socket.socket()
            listener.bind(("127.0.0.1", 0))
            listener.listen(128)
            ports[kind] = listener.getsockname()[1]
            process = multiprocessing.get_context("fork").Process(
                target=serve, args=(kind, folder, listener), daemon=True
            )
            process.start()
            processes.append(process)
            listener.close()
        for round_ in range(ROUNDS):
            for kind, found in rates.items():
                found.append(events / asyncio.run(send(ports[kind], bodies(events, each, round_))))
        for process in processes:
            process.terminate()
            process.join()
    for kind, found in rates.items():
        print(f"{kind:6} {statistics.median(found):10,.0f} events/s   ({min(found):,.0f} to {max(found):,.0f})")
    ratio = statistics.median(rates["ours"]) / statistics.median(rates["bare"])
    print(f"ratio  {ratio:10.2f}   (target 0.6; {each} events a request, {CONNECTIONS} connections)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
