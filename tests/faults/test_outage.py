"""A provider that is gone for a day of virtual time: everything stays bounded, and then all leaves (I17)."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

from relight.base.instants import DAY, HOUR, MINUTE
from relight.config.loader import load_project
from relight.engine.run import run_project
from tests.faults import checker
from tests.faults.canary_project import canary, write_canaries
from tests.faults.checker import Sample
from tests.faults.evidence import read_tables
from tests.faults.small_project import SECRET, T0, add, line
from tests.faults.tally import count
from tests.faults.test_smtp_endings import HEALTHY, Server, delivery, serving

#: People who order each hour of the outage, and what may grow meanwhile.
PEOPLE = 5
STEP = 10 * MINUTE
GROWTH = Sample(memory_bytes=48 * 2**20, descriptors=4, queued=24 * PEOPLE + PEOPLE, disk_bytes=24 * 2**20)


@dataclass(slots=True)
class Outage:
    """Time that passes when the engine waits: a day without a provider, then a provider, until all is done."""

    folder: Path
    server: Server
    stop: threading.Event
    now: int = T0
    samples: list[Sample] = field(default_factory=list)

    def wait(self, timeout: float | None = None) -> bool:
        """Stand in for the waiting of the engine's loop."""
        del timeout
        if (self.now - T0) % HOUR == 0 and self.now < T0 + DAY:
            hour = (self.now - T0) // HOUR
            rows = (line(1000 + hour * 10 + n, f"c{n}", "ordered", self.now, order=f"o{hour}") for n in range(PEOPLE))
            add(self.folder, *rows)
        self.samples.append(sample(self.folder))
        self.now += STEP
        if self.now >= T0 + DAY:
            self.server.script.ending = HEALTHY
        drained = checker.check_drained(read_tables(self.folder / "data/relight.db")) == []
        if (drained and self.now > T0 + DAY + HOUR) or self.now > T0 + 3 * DAY:
            self.stop.set()
        return self.stop.is_set()


def sample(folder: Path) -> Sample:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    tables = read_tables(folder / "data/relight.db")
    return Sample(
        memory_bytes=pages * os.sysconf("SC_PAGE_SIZE"),
        descriptors=len(os.listdir("/proc/self/fd")),  # noqa: PTH208  # counted, not walked
        queued=sum(state in checker.UNDONE for state in tables.messages.values()),
        disk_bytes=sum(path.stat().st_size for path in (folder / "data").iterdir()),
    )


def test_a_day_without_the_provider_costs_nothing_but_time(tmp_path: Path) -> None:
    """I17: the server turns everybody away for a day of virtual time while mails keep coming: memory, descriptors, queue
    and disk stay bounded; when it is back every mail leaves, once, and none was given up.
    """
    stop = threading.Event()
    with serving("drop EHLO") as server:
        folder = write_canaries(tmp_path / "p", follow=True, delivery=delivery(server.port))
        outage = Outage(folder, server, stop)
        stop.wait = outage.wait  # type: ignore[method-assign]
        known = {f"c{n}@mail.example": canary(n) for n in range(PEOPLE)}
        add(folder, *(line(n, f"c{n}", "identify", T0, email=a, canary=w) for n, (a, w) in enumerate(known.items())))
        project = load_project(folder, env={"LINK_SECRET": SECRET})
        run_project(project, clock=lambda: outage.now, stop=stop)
        calls = server.calls()
    tables = read_tables(folder / "data/relight.db")
    first = outage.samples[0]
    limits = Sample(
        memory_bytes=first.memory_bytes + GROWTH.memory_bytes, descriptors=first.descriptors + GROWTH.descriptors,
        queued=GROWTH.queued, disk_bytes=GROWTH.disk_bytes,
    )  # fmt: skip
    assert checker.check_bounded(outage.samples, limits) == []
    assert max(one.queued for one in outage.samples) > 23 * PEOPLE
    assert checker.check_drained(tables) == []
    assert set(tables.messages.values()) == {"accepted"}
    assert len(calls) == len(tables.messages) == 24 * PEOPLE
    assert checker.check_calls(tables, calls) == []
    assert checker.check_recipients(calls, known) == []
    assert outage.now < T0 + DAY + 6 * HOUR, "it drains within hours"
    count("a day without the provider, in virtual time", tried=1, faults=1)
