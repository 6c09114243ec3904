"""`make bench`: each figure of docs/performance.md beside its baseline, in one run.

    python -m bench [--quick] [--row NAME …] [--json FILE]

Each measurement is a process of its own. Ratios are of CPU time: other work on the machine blurs them least.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import measure
from bench.desk import TICK_MS
from bench.desk import measure as measure_pages
from bench.ingest import CONNECTIONS, EACH
from bench.ingest import compare as compare_ingestion
from bench.measure import Measured, measured
from bench.table import Row, show
from bench.workload import PLACES_MAX, Size, write_events, write_project

#: Memory for profiles in the row that bounds it.
CACHE = "200 MB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much each row measures."""

    events: int
    customers: int
    days: int
    #: Events of the rows that are measured twice.
    few_events: int
    rules: int
    known: tuple[int, int]
    timers: int
    mails: int
    starts: int
    checked_rules: int
    lag: int
    #: Commits after which the two killed runs ended.
    killed: tuple[int, int]
    #: Events sent over HTTP, each round, and rounds.
    sent: tuple[int, int]
    #: (customers, ledger rows) of the two stores that pages are served from.
    desk: tuple[tuple[int, int], tuple[int, int]]
    #: How often each page is asked for.
    asked: int


FULL = Sizes(
    events=500_000, customers=100_000, days=30, few_events=100_000, rules=1_000, known=(100_000, 1_000_000),
    timers=10_000_000, mails=5_000, starts=15, checked_rules=400, lag=50_000, killed=(130, 480), sent=(40_000, 7),
    desk=((10_000, 100_000), (100_000, 1_000_000)), asked=40,
)  # fmt: skip
QUICK = Sizes(
    events=6_000, customers=1_500, days=8, few_events=3_000, rules=100, known=(500, 3_000),
    timers=20_000, mails=100, starts=2, checked_rules=20, lag=5_000, killed=(2, 4), sent=(1_000, 1),
    desk=((100, 1_000), (400, 4_000)), asked=2,
)  # fmt: skip


class Bench:
    """One run: a scratch folder, its worlds, and the rows."""

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        """Work in `folder`."""
        self.folder, self.sizes = folder, sizes
        self._worlds: dict[str, str] = {}

    def world(self, name: str, size: Size, **how: object) -> str:
        """Return a project folder with its events, made once."""
        if name not in self._worlds:
            folder = self.folder / name
            write_project(folder, **how)  # type: ignore[arg-type]  # as write_project names them
            if size.events:
                write_events(folder / "events.ndjson", size)
            self._worlds[name] = str(folder)
        return self._worlds[name]

    @property
    def size(self) -> Size:
        """The world of the main rows."""
        return Size(events=self.sizes.events, customers=self.sizes.customers, days=self.sizes.days)

    def shown(self, size: Size, rules: int = 20) -> str:
        """Return a size for people."""
        return f"{size.events:,} events of {size.customers:,} customers (Zipf), {rules} rules"

    # ------------------------------------------------------------ rows
    def live(self) -> Row:
        """`relight run`, beside an append-only journal of the same lines."""
        folder = self.world("live", self.size, follow=True)
        ours = measured("bench.ours:live", trace=True, folder=folder, events=self.sizes.events, days=self.sizes.days)
        base = measured("bench.baselines:journal", folder=folder)
        what = f"relight run: {self.shown(self.size)}; durable before each 1,000 are acknowledged"
        more = f"{ours.told['mails']:,.0f} mails to files; on the wall {base.wall / ours.wall:.3f}"
        return _row("live", what, ours, base, name="journal", target="≥ 0.6", more=more)

    def simulate(self) -> Row:
        """`relight simulate`, beside the least loop."""
        folder = self.world("simulate", self.size)
        ours = measured("bench.ours:simulation", folder=folder)
        base = measured("bench.baselines:least_loop", folder=folder)
        return _row(
            "simulate", f"relight simulate: {self.shown(self.size)}", ours, base, name="least loop", target="≥ 0.4"
        )

    def jobs(self) -> Row:
        """`relight simulate --jobs 2`, beside one process."""
        folder = self.world("simulate", self.size)
        ours = measured("bench.ours:simulation", folder=folder, jobs=2)
        base = measured("bench.ours:simulation", folder=folder)
        path = ours.told["longest"]
        what = "relight simulate --jobs 2: the same; CPU of one process over that of the parent and of one of its two"
        more = f"on the wall {base.wall / ours.wall:.2f}"
        return _row("jobs", what, ours, base, name="one process", target="≥ 1.7", ratio=base.cpu / path, more=more)

    def rules(self) -> Row:
        """Many rules, each event read by one in a hundred of them, beside as many rules as read an event there."""
        events, read = self.sizes.few_events, self.sizes.rules // 100
        size = Size(events=events, customers=events // 5, days=self.sizes.days, places=PLACES_MAX)
        one_place = replace(size, places=1)
        many = self.world("many_rules", size, rules=self.sizes.rules, kind="spread")
        few = self.world("few_rules", one_place, rules=read, kind="spread", places=1)
        seldom = self.world("seldom_read", size, rules=read, kind="spread")
        ours, base, least = (measured("bench.ours:simulation", folder=one) for one in (many, few, seldom))
        what = f"{self.sizes.rules} rules, each event read by 1 % of them: {events:,} events, simulated"
        more = (
            f"{read} rules that read each event wrote {base.told['rows']:,.0f} rows; beside {read} that read one in a"
            f" hundred {least.cpu / ours.cpu:.3f}"
        )
        return _row("rules", what, ours, base, name=f"{read} rules", target="≥ 0.7", more=more)

    def customers(self) -> Row:
        """Many known customers with a bounded cache, beside few."""
        found = []
        for number in self.sizes.known:
            size = Size(events=self.sizes.few_events, customers=number, days=self.sizes.days, known=True)
            folder = self.world(f"known_{number}", size, follow=True, cache=CACHE)
            measured("bench.worlds:known", folder=folder, customers=number)
            found.append(measured("bench.worlds:among_known", folder=folder, events=size.events, days=size.days))
            shutil.rmtree(folder)
        base, ours = found
        few, many = self.sizes.known
        events = f"{self.sizes.few_events:,} events, cache {CACHE}"
        what = f"relight run among {many:,} known customers instead of {few:,}: {events}"
        more = f"{base.told['rows']:,.0f} rows and {base.memory / 1e6:,.0f} MB with {few:,}"
        return _row("customers", what, ours, base, name=f"{few:,} known", target="≥ 0.5", more=more)

    def timers(self) -> Row:
        """Hour buckets beside an SQL index."""
        arguments: dict[str, Any] = {
            "folder": str(self.folder),
            "timers": self.sizes.timers,
            "rearms": self.sizes.timers // 10,
        }
        ours = measured("bench.parts:timers", **arguments)
        base = measured("bench.baselines:sql_timers", **arguments)
        what = f"{self.sizes.timers:,} armed timers, {self.sizes.timers // 10:,} re-armed"
        more = f"{ours.told['bytes']:.1f} bytes a timer (≤ 24), the SQL index {base.told['bytes']:.0f}"
        return _row("timers", what, ours, base, name="SQL index", target="≥ 5", more=more)

    def lag(self) -> Row:
        """How late silences are decided when 1,000 fall due in each second."""
        folder = self.world("lag", Size(events=0, customers=0))
        ours = measured("bench.parts:lag", folder=folder, customers=self.sizes.lag, rate=1_000)
        median, p99 = ours.told["median"] * 1e3, ours.told["p99"] * 1e3
        what = f"{self.sizes.lag:,} silences, 1,000 due a second"
        more = f"each second's 1,000 are decided within {median:.0f} ms of CPU, p99 {p99:.0f} ms"
        return _row("lag", what, ours, None, name="", target="reported", more=more)

    def recovery(self) -> Row:
        """A start after kill -9, with a long log beside a short one."""
        world: dict[str, Any] = {"events": self.sizes.events, "days": self.sizes.days}
        found = []
        for commits in self.sizes.killed:
            folder = self.world(f"killed_{commits}", self.size, follow=True)
            measured("bench.worlds:kill", folder=folder, **world, commits=commits)
            found.append(measured("bench.worlds:recover", folder=folder))
        base, ours = found
        what = f"recovery after kill -9, a long log beside a short one: {_recovered(ours)}"
        more = f"the short one: {_recovered(base)}"
        ratio = base.cpu / ours.cpu
        return _row("recovery", what, ours, base, name="short log", target="bounded", more=more, ratio=ratio)

    def mail(self) -> Row:
        """MIME to files, beside EmailMessage."""
        folder = self.world("lag", Size(events=0, customers=0))
        ours = measured("bench.parts:files", folder=folder, mails=self.sizes.mails)
        base = measured("bench.baselines:email_messages", folder=folder, mails=self.sizes.mails)
        rendered = measured("bench.parts:rendering", folder=folder, mails=self.sizes.mails)
        what = f"{self.sizes.mails:,} mails to files"
        more = f"rendering costs {rendered.cpu / self.sizes.mails * 1e6:,.0f} µs a mail before it"
        return _row("mail", what, ours, base, name="EmailMessage", target="≥ 5", more=more)

    def version(self) -> Row:
        """A start, beside a bare click program."""
        arguments: dict[str, Any] = {"folder": str(self.folder), "times": self.sizes.starts}
        ours = measured("bench.parts:version", **arguments)
        base = measured("bench.baselines:bare_click", **arguments)
        what = f"relight version, {self.sizes.starts} starts; its CPU over the bare program's"
        return _row("version", what, ours, base, name="bare click", target="≤ 1.5", ratio=ours.cpu / base.cpu)

    def check(self) -> Row:
        """`relight check`, beside PyYAML's C composer on the same files."""
        folder = self.world("check", Size(events=0, customers=0), rules=self.sizes.checked_rules)
        ours = measured("bench.parts:check", folder=folder, how="cold")
        base = measured("bench.baselines:compose", folder=folder)
        again, edited = (measured("bench.parts:check", folder=folder, how=how) for how in ("again", "edited"))
        what = f"relight check --no-cache of {self.sizes.checked_rules} rules; its CPU over the composer's"
        more = (
            f"{ours.cpu:.2f} s against {base.cpu:.3f} s for {base.told['events']:.0f} files; again with nothing changed"
            f" {again.cpu:.2f} s, {again.cpu / base.cpu:.1f} times; with one rule edited {edited.cpu:.2f} s,"
            f" {edited.cpu / base.cpu:.1f} times"
        )
        ours = replace(ours, told=base.told)
        ratio = ours.cpu / base.cpu
        return _row("check", what, ours, base, name="PyYAML compose", target="≤ 8", ratio=ratio, more=more)

    def rest(self) -> Row:
        """Memory: the program at rest, and one customer."""
        folder = self.world("live", self.size, follow=True)
        if not (Path(folder) / "relight.db").exists():
            measured("bench.ours:live", folder=folder, events=self.sizes.events, days=self.sizes.days)
        weighed = measured("bench.worlds:weigh", folder=folder, most=100_000).told
        resting = measured("bench.worlds:at_rest", folder=self.world("rest", Size(events=0, customers=0), follow=True))
        alone = measured("bench.baselines:python_alone").told["memory"]
        more = (
            f"a customer takes {weighed['bytes']:,.0f} bytes in memory (≤ 600), "
            f"{weighed['opened']:,.0f} while it is at work, {weighed['stored']:,.0f} as a checkpoint"
        )
        return Row(
            name="rest", what="a run that waits for its first event", events=0, wall=0, cpu=0, more=more,
            memory=resting.told["memory"], baseline=f"Python alone {alone / 1e6:.0f} MB", target="≤ 150 MB",
        )  # fmt: skip

    def ingest(self) -> Row:
        """Events over HTTP, beside an endpoint that only commits the same bytes."""
        events, rounds = self.sizes.sent
        found = compare_ingestion(self.folder / "ingest", events=events, rounds=rounds)
        ours, base = found["ours"], found["bare"]
        what = f"{events:,} events over HTTP, {EACH} a request, {CONNECTIONS} connections; CPU of the server"
        more = f"on the wall {ours.events_per_s:,.0f} and {base.events_per_s:,.0f} events/s"
        return Row(
            name="ingest", what=what, events=events, wall=events / ours.events_per_s, cpu=ours.cpu_s * events,
            baseline=f"only commits {base.cpu_s * 1e6:,.2f} µs", ratio=base.cpu_s / ours.cpu_s, target="≥ 0.6",
            more=f"{more}, {ours.events_per_s / base.events_per_s:.2f}",
        )  # fmt: skip

    def desk(self) -> Row:
        """Every page of the desk, from a large store beside a small one."""
        few, many = self.sizes.desk
        found = measure_pages(str(self.folder / "desk"), few, many, asked=self.sizes.asked)
        tick = TICK_MS / self.sizes.asked
        cpu = {name: (ours.cpu, base.cpu) for name, (base, ours) in found.items()}
        name, (ours, base) = max(cpu.items(), key=lambda page: page[1][0] / max(page[1][1], tick))
        size = "{:,} customers and {:,} ledger rows"
        return Row(
            name="desk", what=f"{len(found)} pages at {size.format(*many)} beside {size.format(*few)}",
            events=len(found) * 1_000, wall=0, cpu=sum(ours for ours, _ in cpu.values()),
            baseline=f"small store, worst page: {name}", ratio=ours / max(base, tick), target="≤ 2",
            more=f"CPU µs is of a page in the mean; {name}: {base:.1f} and {ours:.1f} ms",
        )  # fmt: skip

    def peer(self) -> Row:
        """The naive baseline: a last-seen column, polled each minute."""
        folder = self.world("simulate", self.size)
        ours = measured("bench.ours:simulation", folder=folder)
        base = measured("bench.baselines:polling", folder=folder, days=self.sizes.days)
        what = "relight simulate, 20 rules and mails, beside one silence found by SQL each minute"
        more = f"the poll asked {base.told['polls']:,.0f} times, found {base.told['rows']:,.0f} silences, made no mail"
        return _row("peer", what, ours, base, name="SQL poll", target="shown", more=more)


def _recovered(one: Measured) -> str:
    told = one.told
    size = f"{told['log']:,.0f} records, {told['customers']:,.0f} customers"
    return f"{size}, {told['events']:,.0f} folded again in {one.wall:.1f} s"


def _row(  # noqa: PLR0913 - one row, all of it by keyword
    row: str,
    what: str,
    ours: Measured,
    base: Measured | None,
    *,
    name: str,
    target: str,
    ratio: float | None = None,
    more: str = "",
) -> Row:
    told, baseline = ours.told, name
    if base is not None and base.told.get("events"):
        each = base.cpu / base.told["events"]
        baseline = f"{name} {each * 1e6:,.2f} µs"
        ratio = each / (ours.cpu / told["events"]) if ratio is None else ratio
    return Row(
        name=row, what=what, events=told["events"], wall=ours.wall, cpu=ours.cpu, memory=ours.memory,
        rows=told.get("rows"), ids=told.get("ids"), syncs=ours.syncs, evictions=told.get("evictions"),
        baseline=baseline, ratio=ratio, target=target, more=more,
    )  # fmt: skip


ROWS: tuple[str, ...] = (
    "live", "simulate", "jobs", "rules", "customers", "timers", "lag", "recovery", "mail", "version", "check", "rest",
    "ingest", "desk", "peer",
)  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Each figure beside its baseline.")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that every row works, not how fast")
    parser.add_argument("--row", action="append", choices=ROWS, help="only this row; may be given again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows for machines")
    wish = parser.parse_args()
    measure.INSIDE = wish.quick
    done: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="relight-bench-") as scratch:
        bench = Bench(Path(scratch), QUICK if wish.quick else FULL)
        for name in wish.row or ROWS:
            row: Callable[[], Row] = getattr(bench, name)
            print(f"{name} …", file=sys.stderr, flush=True)
            done.append(row())
            if not wish.quick:
                print(show(done[-1:]), flush=True)
    print(show(done))
    print(
        f"\nPython {platform.python_version()}, {_processor()}, {os.cpu_count()} cores"
        + (", quick sizes" if wish.quick else "")
    )
    if wish.json:
        wish.json.write_text(json.dumps([row.plain() for row in done], indent=1), encoding="utf-8")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
