"""How fast the desk's pages are at any size: `python -m bench.desk [CUSTOMERS] [ROWS] [FOLDER]`.

Makes two stores of the same project, rules and days: a small one (10,000 customers, 100,000 ledger rows) and the one
that was asked for (1 million and 10 million). Then serves each with the real `relight web` and asks for every page:
the server's CPU time for each and the median on the wall, once the figures are there. The log is appended as an engine
appends it; ledger, outbox and journal are inserted through the store's own tables, their indexes made afterwards.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.ours import load
from bench.workload import BEGIN, DAY, write_project

from relight.base.ids import digest
from relight.engine.engine import Engine
from relight.engine.plan_versions import keep_plan
from relight.messages.addresses import address_hash
from relight.messages.identity import occurrence_digest
from relight.messages.ledger import LedgerRow, OutboxMessage
from relight.messages.reasons import RowState
from relight.stores.interface import Batch, LetterEnd
from relight.stores.record_codec import encode_row, message_place, row_place, seal
from relight.stores.sqlite import SqliteStore
from relight.stores.sqlite_schema import MIGRATIONS
from relight.streams.envelope import Control, DeadLetter, Event

SMALL = (10_000, 100_000)
LARGE = (1_000_000, 10_000_000)
#: Answers that are measured, after as many as WARM.
ASKED, WARM = 40, 2
#: What the clock of a process's CPU can tell (ms); spread over the answers, less counts as that.
TICK_MS = 10
#: Days that the rows are spread over.
DAYS = 365
#: What each customer does, once.
EVENT_NAMES = ("identify", "signed_up", "session_started", "order_placed", "report_created")
EVENTS_EACH = len(EVENT_NAMES)
CHUNK = 50_000
#: A customer in this many was suppressed: a record that concerns everybody.
SUPPRESSED_ONE_IN = 100
#: Rows with a reason that few have: as many in every store, so that a page of them is as long.
RARE_ROWS = 100
PAUSES = 40
DEAD_LETTERS = 500
MEASURES = """
sources:
  order: order_placed
  revenue: order_placed.total
  signup: signed_up
  lapsed_after: 60 days
boards:
  shop: [orders, revenue, aov, repeat_purchase_rate, churn, {chart: revenue}, {cohorts: monthly}, {rule: rule_0000}]
"""
#: State and reason of a row, and of how many in a hundred; `step` tells rows of an entry from those of a message.
KINDS: tuple[tuple[str, str | None, str, int], ...] = (
    ("entered", None, "", 45), ("pending", None, "send:0", 30), ("suppressed", "no_consent", "send:0", 6),
    ("suppressed", "frequency_cap", "send:0", 6), ("suppressed", "audience_false", "", 6),
    ("held_out", "holdout", "send:0", 4), ("ended", "exit", "send:0", 3),
)  # fmt: skip
#: State of a message, and of how many in a hundred.
MESSAGES = (("delivered", 80), ("accepted", 14), ("bounced", 4), ("complained", 1), ("pending", 1))
_MOVES = {"delivered": ("accepted", "delivered"), "accepted": ("accepted",), "bounced": ("accepted", "bounced"),
          "complained": ("accepted", "delivered", "complained"), "pending": ()}  # fmt: skip
_CAUSES = {"accepted": "provider_accepted", "delivered": "provider_delivered", "bounced": "provider_bounced",
           "complained": "recipient_complained"}  # fmt: skip


# ---------------------------------------------------------------- the store
def make(folder: Path, customers: int, rows: int) -> None:
    """Write a project and its store."""
    write_project(folder)
    (folder / "config/measures.yaml").write_text(MEASURES, encoding="utf-8")
    config = folder / "config/default.yaml"
    web = f'web: {{base_url: "https://mail.bench.example", listen: "127.0.0.1:{_free_port()}"}}'
    config.write_text(config.read_text().replace('web: {base_url: "https://mail.bench.example"}', web))
    project = load(str(folder))
    assert project.plan is not None
    path = folder / "relight.db"
    store = SqliteStore.open(path)
    store._connection.sql.execute("PRAGMA synchronous = OFF")  # noqa: SLF001  # nothing here needs to outlive a crash
    keep_plan(store, project, project.plan)
    Engine(store).follow_plan(project.plan, BEGIN - DAY)
    for batch in _log(customers):
        store.append(Batch(log=[(record, None) for record in batch], reached=BEGIN + DAYS * DAY))
    letter = DeadLetter(
        stream="app",
        source="events.ndjson:7",
        code="bad-value",
        reason="total is no number",
        raw=b"{}",
        position=7,
        ingest_time=BEGIN,
    )
    store.append(Batch(dead=[letter] * DEAD_LETTERS))
    store.end_letters(range(1, DEAD_LETTERS - 10), BEGIN, LetterEnd.REPLAYED)
    store.save_checkpoints((), position=store.last_position())
    store.close()
    _fill(path, sorted(project.plan.rules), customers, rows, project.plan.version)


def _name(number: int) -> str:
    return f"c{number:07d}"


def _log(customers: int) -> Iterator[list[Event | Control]]:
    """Yield batches of the log: five events of each customer, and what concerns everybody."""
    step = DAYS * DAY // (customers * EVENTS_EACH)
    found: list[Event | Control] = []
    for number in range(customers * EVENTS_EACH):
        turn, customer = divmod(number, customers)
        at = BEGIN + number * step
        name = EVENT_NAMES[turn]
        traits: dict[str, object] = {}
        properties: dict[str, object] = {}
        if name == "identify":
            traits = {"email": f"c{customer}@people.example", "plan": "team", "first_name": "Ada"}
        if name == "order_placed":
            properties = {"order_id": f"o{number}", "total": f"{number % 9_000 / 100:.2f}"}
        found.append(
            Event(
                stream="app", id=f"e{number}", customer=_name(customer), name=name, event_time=at, ingest_time=at,
                properties=properties, traits=traits, position=number,
            )
        )  # fmt: skip
        if number % (EVENTS_EACH * SUPPRESSED_ONE_IN) == 0:
            hashed = address_hash(f"c{customer}@people.example")
            detail: dict[str, object] = {"scope": "marketing", "cause": "unsubscribed"}
            found.append(Control(kind="suppression", ingest_time=at, subject=hashed, detail=detail))
        if number % max(1, customers * EVENTS_EACH // PAUSES) == 0:
            kind = "pause" if number // max(1, customers * EVENTS_EACH // PAUSES) % 2 == 0 else "resume"
            found.append(Control(kind=kind, ingest_time=at, subject="rule_0003"))
        if len(found) >= CHUNK:
            yield found
            found = []
    yield found


def _fill(path: Path, rules: list[str], customers: int, rows: int, version: str) -> None:
    """Insert rows, messages and their journal; then the indexes and counts that were taken away for it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as sql:
        for setting in ("synchronous = OFF", "cache_size = -1000000", "journal_mode = WAL"):
            sql.execute(f"PRAGMA {setting}")
        sql.create_function("link_digest", 1, occurrence_digest, deterministic=True)
        kept = sql.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE tbl_name IN ('ledger', 'outbox', 'attempts')"
            " AND type IN ('index', 'trigger') AND sql IS NOT NULL"
        ).fetchall()
        for kind, name, _ in kept:
            sql.execute(f"DROP {kind} {name}")
        for start in range(0, rows, CHUNK):
            sql.execute("BEGIN")
            _insert(sql, _rows(range(start, min(rows, start + CHUNK)), rules, customers, rows, version))
            sql.execute("COMMIT")
        counts = [
            s for one in MIGRATIONS for s in one if s.startswith("INSERT INTO ledger_") or "INTO outbox_counts S" in s
        ]
        for statement in counts:
            sql.execute(statement)
        for _, _, statement in kept:
            sql.execute(statement)
        sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _rows(numbers: range, rules: list[str], customers: int, rows: int, version: str) -> Iterator[LedgerRow]:
    kinds = [kind for kind in KINDS for _ in range(kind[3])]
    step = DAYS * DAY // rows
    for number in numbers:
        state, reason, step_id, _ = kinds[number * 37 % 100]
        if number % (rows // RARE_ROWS) == 0:
            state, reason, step_id = "suppressed", "template_error", "send:0"
        at = BEGIN + number * step
        yield LedgerRow(
            occurrence_key=f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}{number:016x}",
            rule=rules[number * 7 // 3 % len(rules)], customer=_name(number * 7_919 % customers),
            occurrence=f"silence:{at}:help", step=step_id, state=RowState(state), reason=reason,
            leaf=None if reason is None else "topic service", judged=at,
            scheduled=at if state in ("pending", "held_out") else None, plan_version=version,
            place="rules/rule_0000.yaml:3:5",
        )  # fmt: skip


def _insert(sql: sqlite3.Connection, found: Iterator[LedgerRow]) -> None:
    states = [state for state, share in MESSAGES for _ in range(share)]
    ledger, outbox, links, attempts = [], [], [], []
    for number, row in enumerate(found):
        body, key = encode_row(row), row.occurrence_key
        ledger.append((key, row.rule, row.customer, row.step, row.state, row.reason, row.judged, body,
                       seal(row_place(key), body)))  # fmt: skip
        if row.state is not RowState.PENDING:
            continue
        state = states[number % 100]
        address = f"{row.customer}@people.example"
        message = OutboxMessage(
            occurrence_key=key, rule=row.rule, customer=row.customer, step=row.step, address=address,
            message_class="marketing", scheduled=row.judged, subject="", html="", text="", content_hash="",
            template="tip", locale="en",
        )  # fmt: skip
        sent = encode_row(message)
        outbox.append(
            (
                key,
                digest(row.customer),
                "marketing",
                state,
                row.judged,
                1,
                sent,
                seal(message_place(key), sent),
                row.rule,
            )
        )
        links.append((occurrence_digest(key), key))
        attempts += [
            (key, row.rule, row.customer, row.step, 1, move, _CAUSES[move], "", row.judged) for move in _MOVES[state]
        ]
    sql.executemany(
        "INSERT INTO ledger (key, rule, customer, step, state, reason, judged, body, crc)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ledger,
    )
    sql.executemany(
        "INSERT INTO outbox (key, address_hash, message_class, state, due, token, body, crc, rule)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        outbox,
    )
    sql.executemany("INSERT INTO links VALUES (?, ?)", links)
    sql.executemany(
        "INSERT INTO attempts (key, rule, customer, step, token, state, cause, text, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        attempts,
    )


def _free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


# ---------------------------------------------------------------- the pages
def pages_of(customers: int, rows: int) -> dict[str, str]:
    """Return what is asked for, by name."""
    far = rows // 2
    return {
        "overview": "/desk/overview",
        "rules": "/desk/rules",
        "rule": "/desk/rules/rule_0007",
        "messages": "/desk/messages",
        "messages, far back": f"/desk/messages?before={far}",
        "messages of a rule": "/desk/messages?rule=rule_0007",
        "messages of a state": "/desk/messages?state=held_out",
        "messages of a rare reason": "/desk/messages?reason=template_error",
        "messages of a rule and a reason": f"/desk/messages?rule=rule_0007&reason=no_consent&before={far}",
        "messages delivered": "/desk/messages?rule=rule_0007&delivery=delivered",
        "messages of a customer": f"/desk/messages?customer={_name(customers // 3)}",
        "customer": f"/desk/customers?id={_name(customers // 3)}",
        "metrics": "/desk/metrics",
        "board": "/desk/boards/shop",
        "simulation": "/desk/simulation",
        "system": "/desk/system",
    }


@contextmanager
def served(folder: Path) -> Iterator[tuple[int, int]]:
    """Serve a project's pages in a process of their own; yields its port and pid once its figures are there."""
    config = (folder / "config/default.yaml").read_text()
    port = int(config.partition('listen: "127.0.0.1:')[2].partition('"')[0])
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  # ours
            [sys.executable, "-m", "relight", "web", "--project", str(folder)], stdout=log, stderr=log
        )
    try:
        began = time.monotonic()
        while not _has_figures(port):
            assert process.poll() is None, (folder / "web.log").read_text()
            time.sleep(0.2)
        print(f"  {folder.name}: figures after {time.monotonic() - began:.1f} s", file=sys.stderr)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _has_figures(port: int) -> bool:
    try:
        found = json.loads(ask(port, "/desk/metrics.json")[1])
    except OSError:
        return False
    return not found["missing"]


def ask(port: int, path: str) -> tuple[int, bytes]:
    """Return the status and body of a page."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=600)) as client:
        client.request("GET", path)
        answer = client.getresponse()
        return answer.status, answer.read()


def _cpu_of(pid: int) -> float:
    """Return the CPU seconds that a process has spent."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one page takes, in milliseconds."""

    #: Median on the wall.
    wall: float
    #: The server's CPU time for one.
    cpu: float


def time_of(port: int, pid: int, path: str, asked: int) -> Taken:
    """Return what a page takes."""
    walls, spent = [], 0.0
    for number in range(WARM + asked):
        if number == WARM:
            spent = _cpu_of(pid)
        began = time.perf_counter()
        status, _ = ask(port, urllib.parse.quote(path, safe="/?=&"))
        if number >= WARM:
            walls.append(time.perf_counter() - began)
        assert status == http.client.OK, (path, status)
    return Taken(wall=statistics.median(walls) * 1e3, cpu=(_cpu_of(pid) - spent) / asked * 1e3)


def measure(
    folder: str, small: tuple[int, int], large: tuple[int, int], *, asked: int = ASKED
) -> dict[str, tuple[Taken, Taken]]:
    """Return what each page takes in the small store and in the large one; stores that are missing are made."""
    for name, (customers, rows) in (("small", small), ("large", large)):
        place = Path(folder) / name
        if not (place / "made").exists():
            began = time.monotonic()
            make(place, customers, rows)
            (place / "made").touch()
            size = (place / "relight.db").stat().st_size / 1e6
            print(f"  made {name} in {time.monotonic() - began:.0f} s: {size:,.0f} MB", file=sys.stderr)
    few, many = pages_of(*small), pages_of(*large)
    with served(Path(folder) / "large") as large_at, served(Path(folder) / "small") as small_at:
        # One after the other, page by page, so that both meet the same other work on the machine.
        return {name: (time_of(*small_at, few[name], asked), time_of(*large_at, many[name], asked)) for name in few}


def main() -> None:
    """Measure and print the table of docs/performance.md."""
    numbers = [int(one) for one in sys.argv[1:3]]
    large = (numbers[0], numbers[1]) if len(numbers) == len(LARGE) else LARGE
    with tempfile.TemporaryDirectory(prefix="relight-bench-") as scratch:
        found = measure(sys.argv[3] if len(sys.argv) > 3 else scratch, SMALL, large)  # noqa: PLR2004  # the folder
    print(f"| page | {SMALL[0]:,} customers, {SMALL[1]:,} rows | {large[0]:,} customers, {large[1]:,} rows | ratio |")
    print("| --- | --- | --- | --- |")
    for name, (few, many) in found.items():
        cells = [f"{one.cpu:.1f} ms of CPU, {one.wall:.1f} ms" for one in (few, many)]
        print(f"| {name} | {' | '.join(cells)} | {many.cpu / few.cpu:.2f} |")


if __name__ == "__main__":
    main()
