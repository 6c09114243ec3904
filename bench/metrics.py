"""How fast all measures are computed: `python bench/metrics.py [EVENTS] [CUSTOMERS] [FOLDER]`.

Makes a log of so many events (5 million of 1 million customers) as a store, and the same events as NDJSON. Then, in the
same run: relight reads the store's log cold and computes every measure and the monthly cohorts; DuckDB reads the NDJSON
and does the same in SQL, on all cores; the figures of both are compared. Last, one day more: what the log grew by is
read on, and everything computed again.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import msgspec
import numpy as np

from relight.base.instants import DAY
from relight.config.folder import FolderFiles
from relight.config.loader import load_files
from relight.config.measure_plan import MeasurePlan
from relight.metrics import Asked, MeasureLog, cohort_table, compute_measures
from relight.stores.record_codec import encode_record, seal_record
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Event

EVENTS, CUSTOMERS = 5_000_000, 1_000_000
#: 2024-01-01 UTC (µs), and how long the log runs.
T0, DAYS = 1_704_067_200_000_000, 730
CHUNK = 100_000
CONFIG = """
project: {name: bench, zone: UTC, locale: en, currency: EUR}
sender: {name: Bench, address: a@bench.example, reply_to: a@bench.example, postal_address: "1 Example Street"}
topics: {news: {default: opted_out}}
classes: {marketing: {topic: news, caps: [1 per day]}}
store: {sqlite: data/relight.db}
delivery: {files: outbox/}
"""
STREAM = """
source: {file: events.ndjson}
id: id
time: {field: at}
customer: customer
name: event
events:
  signed_up: {}
  used: {}
  bought: {properties: {total: {type: money, unit: EUR}, product: text}}
  subscribed: {properties: {price: {type: money, unit: EUR}}}
  left: {activity: false}
  nps: {properties: {score: integer}, activity: false}
"""
MEASURES = """
sources:
  order: bought
  revenue: bought.total
  signup: signed_up
  left: left
  lapsed_after: 90 days
  subscription: subscribed.price
  nps: nps.score
lifetime: churn
efforts: {first_order: {from: signed_up, to: bought}}
"""
NAMES = ("used", "bought", "subscribed", "nps", "left")
SHARES = (0.62, 0.26, 0.04, 0.05, 0.03)


def events_of(events: int, customers: int, *, first: int = 0, days: tuple[int, int] = (0, DAYS)) -> Iterator[Event]:
    """Yield made-up events in log order; everybody signs up once, where the log begins."""
    rng = np.random.default_rng(2026 + first)
    when = np.sort(rng.integers(days[0] * DAY, days[1] * DAY, events)) + T0
    # Everybody's sign-up is their first event; few people do most, as people are.
    who = (customers * rng.random(events) ** 2).astype(np.int64)
    name = rng.choice(len(NAMES), events, p=SHARES)
    cents, score = rng.integers(100, 20_000, events), rng.integers(0, 11, events)
    seen = np.zeros(customers, np.bool_)
    if first:
        seen[:] = True
    for n in range(events):
        code = int(who[n])
        customer = f"customer-{code:07d}"
        kind, properties = NAMES[name[n]], {}
        if not seen[code]:
            seen[code] = True
            kind = "signed_up"
        elif kind == "bought":
            properties = {"total": f"{cents[n] / 100:.2f}", "product": f"p{cents[n] % 40}"}
        elif kind == "subscribed":
            properties = {"price": f"{cents[n] / 100:.2f}"}
        elif kind == "nps":
            properties = {"score": int(score[n])}
        at = int(when[n])
        yield Event(
            stream="bench", id=f"e{first + n}", customer=customer, name=kind, event_time=at, ingest_time=at,
            properties=properties, position=first + n,
        )  # fmt: skip


def write(folder: Path, found: Iterator[Event], *, after: int = 0) -> int:
    """Append events to the store's log and to the NDJSON file; return the last position."""
    path = folder / "relight.db"
    if not path.exists():
        SqliteStore.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    encoder = msgspec.json.Encoder()
    position = after
    with (folder / "events.ndjson").open("ab") as file:
        rows, lines = [], []
        for event in found:
            position += 1
            rows.append(seal_record(event, position, encode_record(event)))
            lines.append(encoder.encode({
                "id": event.id, "t": event.event_time, "event": event.name, "customer": event.customer,
                **event.properties,
            }))  # fmt: skip
            if len(rows) == CHUNK:
                _flush(connection, rows)
                file.write(b"\n".join(lines) + b"\n")
                rows, lines = [], []
        _flush(connection, rows)
        if lines:
            file.write(b"\n".join(lines) + b"\n")
    connection.close()
    return position


def _flush(connection: sqlite3.Connection, rows: list[tuple[int, int, int, bytes, int]]) -> None:
    with connection:
        connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?)", rows)


def by_relight(log: MeasureLog, store: SqliteStore, until: int) -> dict[str, object]:
    """Return the figures that both sides make."""
    began, spent = time.perf_counter(), time.process_time()
    log.read_store(store)
    read = time.perf_counter()
    found = {one.name: one for one in compute_measures(log, Asked(until=until))}
    table = cohort_table(log, width="month", until=until)
    done = time.perf_counter()
    spent = time.process_time() - spent
    print(
        f"  relight: reading {read - began:.1f} s, measures {done - read:.1f} s, together {done - began:.1f} s,"
        f" {spent:.1f} s of CPU"
    )
    return {
        "seconds": done - began,
        "cpu": spent,
        **{name: [point.value for point in one.series] for name, one in found.items() if one.missing is None},
        "cohorts": [list(row.active) for row in table.rows],
    }


def by_duckdb(file: Path, until: int, threads: int) -> dict[str, object]:
    """Return the same figures by SQL, from the NDJSON file."""
    began, spent = time.perf_counter(), time.process_time()
    db = duckdb.connect(config={"threads": threads})
    db.execute(
        "CREATE TABLE e AS SELECT customer AS who, t, event, total, price, score FROM read_json(?,"
        " format='newline_delimited', columns={id: 'VARCHAR', t: 'BIGINT', event: 'VARCHAR', customer: 'VARCHAR',"
        " total: 'DECIMAL(18,6)', product: 'VARCHAR', price: 'DECIMAL(18,6)', score: 'INTEGER'})",
        [str(file)],
    )
    loaded = time.perf_counter()
    db.execute(f"SET VARIABLE until = {until}")
    db.execute(PERIODS)
    found: dict[str, object] = {}
    for name, query in QUERIES.items():
        rows = db.execute(query).fetchall()
        found[name] = [row[-1] for row in rows] if name != "cohorts" else rows
    done = time.perf_counter()
    print(
        f"  DuckDB {duckdb.__version__}, {threads} threads: reading {loaded - began:.1f} s, queries"
        f" {done - loaded:.1f} s, together {done - began:.1f} s, {time.process_time() - spent:.1f} s of CPU"
    )
    found["cpu"] = time.process_time() - spent
    found["seconds"] = done - began
    return found


PERIODS = """
CREATE TABLE periods AS
  SELECT row_number() OVER (ORDER BY m) - 1 AS p, epoch_us(m) AS begins, epoch_us(m + INTERVAL 1 MONTH) AS ends
  FROM range(date_trunc('month', make_timestamp((SELECT min(t) FROM e))),
             make_timestamp(getvariable('until')), INTERVAL 1 MONTH) r(m);
CREATE TABLE marks AS
  SELECT who, t, event = 'left' AS leaves,
         least(lead(t) OVER w, t + 7776000000000) AS upto
  FROM e WHERE event IN ('signed_up', 'used', 'bought', 'subscribed', 'left')
  WINDOW w AS (PARTITION BY who ORDER BY t, event = 'left');
CREATE TABLE present AS
  SELECT DISTINCT p.p, m.who FROM marks m JOIN periods p
    ON NOT m.leaves AND m.t <= least(p.ends, getvariable('until')) - 1
   AND m.upto > least(p.ends, getvariable('until')) - 1;
CREATE TABLE turn AS
  SELECT p.p, coalesce(b.n, 0) AS s, coalesce(k.n, 0) AS kept FROM periods p
  LEFT JOIN (SELECT p + 1 AS p, count(*) AS n FROM present GROUP BY p) b USING (p)
  LEFT JOIN (SELECT a.p, count(*) AS n FROM present a JOIN present b ON a.who = b.who AND a.p = b.p + 1 GROUP BY a.p) k
    USING (p);
CREATE TABLE orders AS SELECT who, t, total, epoch_us(date_trunc('month', make_timestamp(t))) AS month
  FROM e WHERE event = 'bought';
"""
QUERIES = {
    "customers": "SELECT p.p, count(x.who) FROM periods p LEFT JOIN present x USING (p) GROUP BY p.p ORDER BY p.p",
    "retention_rate": "SELECT p, CASE WHEN s > 0 THEN kept * 100.0 / s END FROM turn ORDER BY p",
    "churn": "SELECT p, CASE WHEN s > 0 THEN (s - kept) * 100.0 / s END FROM turn ORDER BY p",
    "acl": "SELECT p, CASE WHEN s > kept THEN s * 1.0 / (s - kept) END FROM turn ORDER BY p",
    "orders": (
        "SELECT p.p, count(o.who) FROM periods p LEFT JOIN orders o ON o.month = p.begins GROUP BY p.p ORDER BY p.p"
    ),
    "revenue": (
        "SELECT p.p, coalesce(sum(o.total), 0)::DOUBLE FROM periods p LEFT JOIN orders o ON o.month = p.begins"
        " GROUP BY p.p ORDER BY p.p"
    ),
    "aov": (
        "SELECT p.p, sum(o.total)::DOUBLE / count(o.who) FROM periods p LEFT JOIN orders o ON o.month = p.begins"
        " GROUP BY p.p ORDER BY p.p"
    ),
    "apf": (
        "SELECT p.p, count(o.who) / count(DISTINCT o.who) FROM periods p LEFT JOIN orders o ON o.month = p.begins"
        " GROUP BY p.p ORDER BY p.p"
    ),
    "repeat_purchase_rate": """
      WITH n AS (SELECT t, row_number() OVER (PARTITION BY who ORDER BY t) AS k FROM orders)
      SELECT p.p, count(*) FILTER (k = 2) * 100.0 / nullif(count(*) FILTER (k = 1), 0)
      FROM periods p LEFT JOIN n ON n.k <= 2 AND n.t < p.ends GROUP BY p.p ORDER BY p.p""",
    "mrr": """
      WITH m AS (SELECT who, t, event, CASE WHEN event = 'left' THEN 0 ELSE price END AS price,
                        lead(t) OVER (PARTITION BY who ORDER BY t, event = 'left') AS upto
                 FROM e WHERE event IN ('subscribed', 'left'))
      SELECT p.p, coalesce(sum(m.price), 0)::DOUBLE
      FROM periods p LEFT JOIN m ON m.t < p.ends AND (m.upto IS NULL OR m.upto >= p.ends) GROUP BY p.p ORDER BY p.p""",
    "nps": """
      SELECT p.p, (count(*) FILTER (score >= 9) - count(*) FILTER (score <= 6)) * 100.0 / nullif(count(score), 0)
      FROM periods p LEFT JOIN e ON event = 'nps' AND t >= begins AND t < ends GROUP BY p.p ORDER BY p.p""",
    "first_order": """
      WITH s AS (SELECT e.who, e.t AS begun, min(o.t) AS ended FROM e JOIN orders o ON o.who = e.who AND o.t >= e.t
                 WHERE event = 'signed_up' GROUP BY e.who, e.t)
      SELECT p.p, median((ended - begun) / 86400000000.0) FROM periods p
      LEFT JOIN s ON ended >= begins AND ended < ends GROUP BY p.p ORDER BY p.p""",
    "cohorts": """
      WITH c AS (SELECT who, min(t) AS first FROM e WHERE event = 'signed_up' GROUP BY who),
           a AS (SELECT DISTINCT who, date_trunc('month', make_timestamp(t)) AS m FROM e
                 WHERE event IN ('signed_up', 'used', 'bought', 'subscribed'))
      SELECT date_trunc('month', make_timestamp(first)) AS c, m, count(*) FROM c JOIN a USING (who)
      WHERE m >= date_trunc('month', make_timestamp(first)) GROUP BY ALL ORDER BY ALL""",
}


def compare(ours: dict[str, object], theirs: dict[str, object]) -> None:
    """Print every figure on which the two disagree; leaves with 1 where there is one."""
    wrong = 0
    for name in QUERIES:
        mine, other = ours[name], theirs[name]
        assert isinstance(mine, list)
        assert isinstance(other, list)
        if name == "cohorts":
            mine = [count for row in mine for count in row if count]
            other = [row[-1] for row in other]
        same = len(mine) == len(other) and all(
            (a is None) == (b is None) and (a is None or abs(float(a) - float(b)) <= 1e-6 * max(1.0, abs(float(b))))
            for a, b in zip(mine, other, strict=True)
        )
        if not same:
            wrong += 1
            print(f"  {name} differs:\n    {mine[:6]}\n    {other[:6]}")
    print(f"  {len(QUERIES) - wrong} of {len(QUERIES)} series agree")
    if wrong:
        sys.exit(1)


def plan_of() -> MeasurePlan:
    """Return the measures that are computed."""
    texts = {"config/default.yaml": CONFIG, "config/measures.yaml": MEASURES, "streams/bench.yaml": STREAM}
    project = load_files(FolderFiles.of_texts(texts), env={}, lint=False)
    assert project.measures is not None, project.problems
    return project.measures


def main() -> None:
    """Make the log, measure, compare."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    customers = int(sys.argv[2]) if len(sys.argv) > 2 else CUSTOMERS  # noqa: PLR2004 - its place on the line
    folder = Path(sys.argv[3] if len(sys.argv) > 3 else tempfile.mkdtemp(prefix="relight-bench-"))  # noqa: PLR2004
    if not (folder / "events.ndjson").exists():
        folder.mkdir(parents=True, exist_ok=True)
        last = write(folder, events_of(events, customers))
        print(f"made {last:,} events in {folder}")
    sizes = {name: (folder / name).stat().st_size / 2**20 for name in ("relight.db", "events.ndjson")}
    print(f"the log has {sizes['relight.db']:,.0f} MB, the NDJSON {sizes['events.ndjson']:,.0f} MB")
    until = T0 + DAYS * DAY
    log = MeasureLog(plan_of())
    for path in (folder / "relight.db", folder / "events.ndjson"):
        warm(path)
    store = SqliteStore.open(folder / "relight.db", read_only=True)
    ours = by_relight(log, store, until)
    theirs = by_duckdb(folder / "events.ndjson", until, threads=2)
    compare(ours, theirs)
    wall, cpu = (float(str(ours[one])) / float(str(theirs[one])) for one in ("seconds", "cpu"))
    print(f"  cold: {wall:.2f} times DuckDB's time, {cpu:.2f} times its CPU")
    grown = write(folder, events_of(events // DAYS, customers, first=events, days=(DAYS, DAYS + 1)), after=events)
    print(f"one day more, {grown - events:,} events:")
    by_relight(log, store, until + DAY)
    store.close()


def warm(path: Path) -> None:
    """Read a file once, so that neither side waits for the disk."""
    with path.open("rb") as file:
        checksum = 0
        while block := file.read(2**24):
            checksum = zlib.crc32(block, checksum)


if __name__ == "__main__":
    main()
