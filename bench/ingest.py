"""Events over HTTP beside an endpoint that only commits the same bytes, in one run: `python -m bench.ingest`.

    python -m bench.ingest [EVENTS] [EVENTS A REQUEST]

Both are processes of their own behind the server that `relight web` runs, with its settings: ours is the whole
application of a project, the other commits each body as it came. Both share commits between requests and answer after
the flush to the disk; the client is the same. Rounds alternate, and the ratios are those of the medians.
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from bench.ours import load
from bench.workload import write_project
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from relight.web.app import make_app
from relight.web.ingest.commit_queue import CommitQueue
from relight.web.ingest.quota import Quota
from relight.web.serve import open_site, web_server

KEY = "rlk_bench"
CONNECTIONS = 16
#: Events of one request, unless told otherwise.
EACH = 100
ROUNDS = 5
#: A quota that counts and never refuses (events a second of a key).
NO_QUOTA = 1e12
#: The stream that takes them.
STREAM = """\
source: {http: site}
id: messageId
customer: userId
name: event
events:
  Order Completed: {properties: {order_id: text, total: number}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What one of the two servers did: the medians of its rounds."""

    #: Events a second on the wall.
    events_per_s: float
    #: CPU of the server, seconds an event.
    cpu_s: float
    slowest: float
    fastest: float


def ours(folder: Path) -> Starlette:
    """Return the application that `relight web` serves."""
    project = write_project(folder / "project")
    (project / "streams" / "site.yaml").write_text(STREAM, encoding="utf-8")
    site = open_site(load(str(project)), project)
    assert site.ingestion is not None
    site.ingestion.keys.add(KEY, stream="site", name="bench", now=0)
    site.ingestion.quota = Quota(rate=NO_QUOTA, clock=time.monotonic)
    return make_app(site)


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


def serve(make: Callable[[Path], Starlette], folder: str, listener: socket.socket) -> None:
    """Serve an application as `relight web` serves its own, until the process is ended."""
    web_server(make(Path(folder)), *listener.getsockname()).run(sockets=[listener])


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


def cpu_of(process: int) -> float:
    """Return the CPU seconds of a process, all its threads: the clock that clock_getcpuclockid(3) names on Linux."""
    return time.clock_gettime(~process << 3 | 2)


def compare(folder: Path, *, events: int, each: int = EACH, rounds: int = ROUNDS) -> dict[str, Rate]:
    """Return what `ours` and `bare` do with the same requests, by turns."""
    makers = {"ours": ours, "bare": bare}
    folder.mkdir(exist_ok=True)
    fork = multiprocessing.get_context("fork")
    ports: dict[str, int] = {}
    processes: dict[str, multiprocessing.process.BaseProcess] = {}
    for name, make in makers.items():
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(128)
            ports[name] = listener.getsockname()[1]
            processes[name] = fork.Process(target=serve, args=(make, str(folder), listener), daemon=True)
            processes[name].start()
    walls: dict[str, list[float]] = {name: [] for name in makers}
    cpus: dict[str, list[float]] = {name: [] for name in makers}
    try:
        for name in makers:
            asyncio.run(send(ports[name], bodies(each * CONNECTIONS, each, rounds)))  # the first is not measured
        for round_ in range(rounds):
            for name in makers:
                requests = bodies(events, each, round_)
                process = processes[name].pid
                assert process is not None
                before = cpu_of(process)
                walls[name].append(asyncio.run(send(ports[name], requests)))
                cpus[name].append(cpu_of(process) - before)
    finally:
        for server in processes.values():
            server.terminate()
            server.join()
    return {
        name: Rate(
            events_per_s=events / statistics.median(walls[name]), cpu_s=statistics.median(cpus[name]) / events,
            slowest=events / max(walls[name]), fastest=events / min(walls[name]),
        )
        for name in makers
    }  # fmt: skip


def main(events: int = 40_000, each: int = EACH) -> None:
    """Print one line a server and the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        found = compare(Path(folder), events=events, each=each)
    for name, one in found.items():
        spread = f"({one.slowest:,.0f} to {one.fastest:,.0f})"
        print(f"{name:6} {one.events_per_s:10,.0f} events/s   {one.cpu_s * 1e6:6.2f} µs CPU an event   {spread}")
    wall, cpu = found["ours"].events_per_s / found["bare"].events_per_s, found["bare"].cpu_s / found["ours"].cpu_s
    print(f"ratio  {wall:.2f} on the wall, {cpu:.2f} of CPU   (target 0.6; {each} events a request)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
