"""Measures of customers reach rules and templates through the log, once a day, and decisions stay functions of it."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from relight.base.errors import BackpressureError, FaultError
from relight.base.instants import DAY, HOUR, iso_utc, to_instant, to_local
from relight.cli.project import day_maker_of
from relight.config.loader import LoadedProject, load_project
from relight.engine.daily import Days, days_of, first_midnight
from relight.engine.engine import Engine
from relight.engine.run import run_project
from relight.metrics.customer_values import CustomerMeasures, customer_values
from relight.simulate.from_log import replay_log, simulate_log
from relight.simulate.simulate import simulate
from relight.stores.interface import Appended, Batch, Store
from relight.stores.memory import MemoryStore
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Control, Event
from tests.unit.metrics.kit import CONFIG, STREAM, at, event, log_of, plan_of, project

ZONE = "Europe/Istanbul"
MEASURES = """
sources: {order: bought, revenue: bought.total, product: bought.product, signup: signed_up, left: left, nps: nps.score}
"""
RULES = {
    "rules/definitions.yaml": "segments: {fans: orders >= 3 and nps >= 9, slipping: still_active < 60%}",
    "rules/fans.yaml": "trigger: {enters: fans}\nsteps: [{send: hello}]",
    "rules/slipping.yaml": "trigger: {enters: slipping}\nsteps: [{send: hello}]",
    "rules/rich.yaml": "trigger: {event: bought}\naudience: clv > 100\nreentry: every\nsteps: [{send: hello}]",
    "rules/goes.yaml": "trigger: {event: bought}\naudience: recommended contains 'Pen'\nreentry: every\nsend: goes",
    "templates/hello/subject.txt": "Hello",
    "templates/hello/body.html": (
        "<!doctype html><html lang='en'><head><title>Hello</title></head><body><p>{{ customer.orders }} orders, worth {{ customer.clv | default('much') }}."
        ' {{ sender.postal_address }} <a href="{{ unsubscribe_url }}">No more</a></p></body></html>'
    ),
    "templates/hello/body.txt": "{{ customer.orders }} orders. {{ sender.postal_address }} {{ unsubscribe_url }}",
    "templates/hello/preheader.txt": "Hi",
    "templates/goes/subject.txt": "{{ customer.recommended | join(', ') }}",
    "templates/goes/body.html": (
        "<!doctype html><html lang='en'><head><title>Goes</title></head><body>"
        "{% for product in customer.recommended %}<p>{{ product }}</p>{% endfor %}"
        '{{ sender.postal_address }} <a href="{{ unsubscribe_url }}">No more</a></body></html>'
    ),
}

PRODUCTS = ("Ink", "Pen", "Pad", "Clip", "Nib")


def made_up() -> list[dict[str, object]]:
    rng = random.Random(7)
    rows: list[dict[str, object]] = []
    for n in range(60):
        who, when = f"c{n:02d}", at("2026-01-02", ZONE) + rng.randrange(20 * 24) * HOUR
        rows.append({"event": "signed_up", "customer": who, "when": when, "email": f"{who}@mail.example"})
        for order in range(rng.randrange(1, 9)):
            when += int(rng.expovariate(1 / (9 * DAY)))
            rows.append(
                {
                    "event": "bought",
                    "customer": who,
                    "when": when,
                    "total": f"{rng.randrange(100, 9000) / 100}",
                    "product": PRODUCTS[(n + order * order) % 5],
                }
            )
            if rng.random() < 0.3:
                rows.append({"event": "nps", "customer": who, "when": when + HOUR, "score": rng.randrange(11)})
        if rng.random() < 0.2:
            rows.append({"event": "left", "customer": who, "when": when + DAY})
    rows = [row for row in rows if int(str(row["when"])) < at("2026-04-10", ZONE)]
    rows.sort(key=lambda row: int(str(row["when"])))
    return [{"id": str(n), "at": iso_utc(int(str(row.pop("when")))), **row} for n, row in enumerate(rows)]


def make(folder: Path, rows: Iterable[dict[str, object]]) -> LoadedProject:
    texts = {
        "config/default.yaml": CONFIG.replace("ZONE", ZONE).replace("opted_out", "opted_in"),
        "config/measures.yaml": MEASURES,
        "streams/shop.yaml": STREAM,
        **RULES,
    }
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    (folder / "events.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    project = load_project(folder, env={"RELIGHT_LINK_SECRET": "s"})
    assert [one for one in project.problems if one.severity == "error"] == []
    return project


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> LoadedProject:
    return make(tmp_path_factory.mktemp("shop"), made_up())


def served(log: Iterable[object]) -> list[Control]:
    return [one for one in log if isinstance(one, Control) and one.kind == "measures"]


def log_in(project: LoadedProject) -> list[Event | Control]:
    store = SqliteStore.open(project.folder / "data/relight.db", read_only=True)
    try:
        return [record for _, record in store.read_log()]
    finally:
        store.close()


def run(project: LoadedProject, **wishes: object) -> None:
    run_project(project, clock=lambda: 0, day_maker=day_maker_of(project), **wishes)  # type: ignore[arg-type]


def rows_in(project: LoadedProject) -> list[object]:
    store = SqliteStore.open(project.folder / "data/relight.db", read_only=True)
    try:
        return sorted(store.ledger(), key=str)
    finally:
        store.close()


def test_rules_read_measures(shop: LoadedProject) -> None:
    """Segments, audiences and letters read the measures of the last midnight; each kind of rule fires."""
    result = simulate(shop, day_maker=day_maker_of(shop))
    fired = {row.rule for row in result.rows if not row.step}
    assert fired == {"fans", "goes", "slipping", "rich"}
    entered = [row for row in result.rows if row.rule in ("fans", "slipping") and not row.step]
    assert {to_local(row.judged, ZONE).strftime("%H:%M") for row in entered} == {"00:00"}


def test_live_equals_simulation_and_replay(tmp_path: Path) -> None:
    """A run, a run that was stopped and started again, a simulation and a replay of the log decide the same."""
    whole = make(tmp_path / "whole", made_up())
    run(whole)
    rows = rows_in(whole)
    assert len(rows) > 100
    parts = make(tmp_path / "parts", made_up())
    for day in ("2026-01-20T10:00", "2026-02-14", "2026-03-05T23:59"):
        run(parts, until=at(day, ZONE))
    run(parts)
    assert rows_in(parts) == rows
    assert served(log_in(parts)) == served(log_in(whole))
    simulated = simulate(whole, day_maker=day_maker_of(whole))
    assert sorted(simulated.rows, key=str) == rows
    assert whole.plan is not None
    log = log_in(whole)
    reached = max(one.ingest_time for one in log) + 1
    replayed = replay_log([whole.plan], log, reached=reached)
    assert sorted(replayed.store.ledger(), key=str) == rows
    again = simulate_log(whole.plan, log, reached=reached, day_maker=day_maker_of(whole))
    assert sorted(again.store.ledger(), key=str) == rows


def test_every_beginning_is_a_function_of_the_log(shop: LoadedProject) -> None:
    """What is served at a midnight is what the log before it gives, computed anew; only changes are written."""
    assert shop.measures is not None
    result = Engine(MemoryStore())
    plan = shop.plan
    assert plan is not None
    result.days = days_of(plan, day_maker_of(shop))
    result.follow_plan(plan, at("2026-01-02", ZONE))
    events = [_event(row) for row in made_up()]
    for start in range(0, len(events), 37):
        result.take(events[start : start + 37])
    controls = served(record for _, record in result.store.read_log())
    known: dict[str, dict[str, object]] = {}
    for now in sorted({one.ingest_time for one in controls}):
        assert to_local(now, ZONE).strftime("%H:%M:%S") == "00:00:00"
        for one in controls:
            if one.ingest_time == now and one.customer is not None:
                before = known.setdefault(one.customer, {})
                assert all(before.get(name) != value for name, value in one.detail.items())
                before.update(one.detail)
        names = sorted(plan.layout.measures)
        log = log_of(shop.measures, [one for one in events if one.ingest_time < now])
        anew = customer_values(log, names, now=now)
        told = {who: {n: v for n, v in values.items() if v is not None} for who, values in known.items()}
        assert {who: values for who, values in told.items() if values} == {w: v for w, v in anew.items() if v}


def _event(row: dict[str, object]) -> Event:
    when = to_instant(dt.datetime.fromisoformat(str(row["at"])))
    properties: dict[str, object] = {name: row[name] for name in ("total", "score") if name in row}
    traits = {"email": row["email"]} if "email" in row else {}
    return Event(
        stream="shop", id=str(row["id"]), customer=str(row["customer"]), name=str(row["event"]), event_time=when,
        ingest_time=when, properties=properties, traits=traits,
    )  # fmt: skip


def test_a_beginning_that_was_cut_off_is_made_again(shop: LoadedProject) -> None:
    """A crash among the records of a midnight leaves some of them; the next start brings the rest, each once."""
    plan, measures = shop.plan, shop.measures
    assert plan is not None
    assert measures is not None
    events = [_event(row) for row in made_up()]
    stopped: list[int] = []

    class Crashing(CustomerMeasures):
        def __call__(self, store: Store, names: Collection[str], now: int) -> Iterator[Control]:
            found = list(super().__call__(store, names, now))
            if len(found) > 5 and not stopped:
                stopped.append(now)
                yield from found[:3]
                raise RuntimeError
            yield from found

    store = MemoryStore()
    engine = Engine(store)
    engine.days = Days(maker=Crashing(measures))
    engine.follow_plan(plan, events[0].ingest_time)
    taken = 0
    while taken < len(events):
        batch = events[taken : taken + 50]
        try:
            engine.take(batch)
        except RuntimeError:
            engine = Engine(store)
            engine.days = Days(maker=CustomerMeasures(measures))
            engine.recover([plan])
            continue
        taken += len(batch)
    assert stopped
    smooth = Engine(MemoryStore())
    smooth.days = Days(maker=CustomerMeasures(measures))
    smooth.follow_plan(plan, events[0].ingest_time)
    for start in range(0, len(events), 50):
        smooth.take(events[start : start + 50])
    smooth_log = [record for _, record in smooth.store.read_log()]
    assert sorted(served(record for _, record in store.read_log()), key=str) == sorted(served(smooth_log), key=str)
    assert sorted(store.ledger(), key=str) == sorted(smooth.store.ledger(), key=str)


class FullDisk(SqliteStore):
    """A store that has no room for one batch."""

    #: Batches until there is none; None where there is room.
    room: int | None = None

    def append(self, batch: Batch) -> Appended:
        found = super().append(batch)
        if self.room is not None:
            self.room -= 1
            if self.room == 0:
                self.room = None
                raise BackpressureError("no room")
        return found


@pytest.mark.parametrize("room", [1, 8])
def test_days_and_their_batch_are_durable_at_once(shop: LoadedProject, tmp_path: Path, room: int) -> None:
    """A batch over many midnights is one transaction: what fails anywhere in it leaves nothing, and goes in again."""
    plan, measures = shop.plan, shop.measures
    assert plan is not None
    assert measures is not None
    events = [_event(row) for row in made_up()]
    stores = [FullDisk.open(tmp_path / name) for name in ("smooth.db", "full.db")]
    for store in stores:
        engine = Engine(store)
        engine.days = Days(maker=CustomerMeasures(measures))
        engine.follow_plan(plan, events[0].ingest_time)
        engine.take(events[:60])
        stood = (store.last_position(), store.reached(), list(store.ledger()), engine.progress.events)
        if store is stores[1]:
            store.room = room
            with pytest.raises(BackpressureError):
                engine.take(events[60:140])
            assert (store.last_position(), store.reached(), list(store.ledger()), engine.progress.events) == stood
            with closing(SqliteStore.open(tmp_path / "full.db", read_only=True)) as other:
                assert other.last_position() == stood[0]
        for start in range(60, 300, 80):
            engine.take(events[start : start + 80])
        assert engine.progress.events == 300
        engine.checkpoint()
    smooth, full = ([list(one.read_log()), list(one.ledger()), list(one.profiles())] for one in stores)
    assert full == smooth
    for store in stores:
        store.close()


def test_a_gap_begins_no_day() -> None:
    """Midnights inside a gap are passed by; the first one after it brings what changed."""
    asked: list[int] = []

    class Maker:
        def __call__(self, store: object, names: object, now: int) -> list[Control]:  # noqa: ARG002 - the protocol's
            asked.append(now)
            return []

        def forget(self) -> None:
            pytest.fail("nothing failed")

    loaded = project(MEASURES, rules={k: v for k, v in RULES.items() if "slipping" not in k and "fans" not in k} | {
        "rules/definitions.yaml": "segments: {x: orders > 1}",
    })  # fmt: skip
    assert loaded.plan is not None
    engine = Engine(MemoryStore())
    engine.days = Days(maker=Maker())
    engine.follow_plan(loaded.plan, at("2026-01-02T10:00"))
    engine.take([event("used", "a", "2026-01-03T10:00")])
    engine.take([Control(kind="gap", ingest_time=at("2026-01-03T10:00"), detail={"until": at("2026-01-08T09:00")})])
    engine.take([], reached=at("2026-01-08T10:00"))
    engine.advance(at("2026-01-10T10:00"))
    assert asked == [at("2026-01-03"), at("2026-01-09"), at("2026-01-10")]


def test_midnights_of_zones() -> None:
    """The beginning of a day is found on the wall clock, also where the day has none at 00:00 or 23 hours."""
    assert first_midnight(at("2026-03-29T12:00", "Europe/Berlin"), "Europe/Berlin") == at("2026-03-30", "Europe/Berlin")
    assert first_midnight(at("2026-03-29", "Europe/Berlin"), "Europe/Berlin") == at("2026-03-29", "Europe/Berlin")
    missing = first_midnight(at("2026-09-05T12:00", "America/Santiago"), "America/Santiago")
    assert to_local(missing, "America/Santiago").strftime("%d %H:%M") == "06 01:00"


def test_nobody_makes_them() -> None:
    """A project whose rules read measures is not run without somebody to make them."""
    loaded = project(MEASURES, rules=RULES)
    with pytest.raises(FaultError, match="clv, nps, orders, recommended, still_active"):
        simulate(loaded)


def values_of(measures: str, records: list[Event], name: str, now: str) -> dict[str, object]:
    found = customer_values(log_of(plan_of(measures), records), [name], now=at(now))
    return {who: values[name] for who, values in found.items()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("orders", {"a": 2, "b": 0, "c": 1}),
        ("nps", {"a": 3}),
        # $60 in 2 begun months × 100 customers / 10 lost = 10 months; $30 in one.
        ("clv", {"a": "300.00", "c": "300.00"}),
    ],
)
def test_values_of_customers(name: str, expected: dict[str, object]) -> None:
    """Orders, the last answer, and own value a period times the average lifetime, by examples told in full."""
    records = [
        *(event("signed_up", f"x{n}", "2025-12-05") for n in range(100)),
        *(event("left", f"x{n}", "2026-01-15") for n in range(10)),
        event("signed_up", "b", "2026-01-02"),
        event("bought", "a", "2026-01-10", {"total": "20"}),
        event("bought", "a", "2026-02-05", {"total": "40"}),
        event("bought", "c", "2026-02-05", {"total": "30"}),
        event("bought", "c", "2026-02-20", {"total": "30"}),
        event("nps", "a", "2026-01-05", {"score": 9}),
        event("nps", "a", "2026-02-04", {"score": 3}),
        event("nps", "a", "2026-02-05", {"score": 77}),
    ]
    found = values_of(MEASURES, records, name, "2026-02-15")
    assert {who: value for who, value in found.items() if not who.startswith("x")} == expected


def test_a_calibrated_score() -> None:
    """`still_active` falls while somebody stays away, and `churn_score` is what is missing to one."""
    rng = random.Random(3)
    records = []
    for n in range(80):
        when = at("2026-01-01") + rng.randrange(10) * DAY
        for _ in range(rng.randrange(1, 8)):
            records.append(event("bought", f"c{n}", when, {"total": 1}))
            when += int(rng.expovariate(1 / (6 * DAY))) + DAY
    records = [one for one in records if one.event_time < at("2026-02-10")]
    early, late = (values_of(MEASURES, records, "still_active", now) for now in ("2026-02-11", "2026-02-28"))
    assert set(early) == {f"c{n}" for n in range(80)}
    assert all(float(str(late[who])) <= float(str(early[who])) for who in early)
    assert any(float(str(late[who])) < 0.5 for who in late)
    gone = values_of(MEASURES, records, "churn_score", "2026-02-28")
    assert all(float(str(gone[who])) + float(str(late[who])) == pytest.approx(1) for who in late)
