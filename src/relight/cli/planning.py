"""What `plan` finds and `apply` shows before it asks: tests, the difference, who is touched, a forecast.

Reads a store, also beside a running engine; changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.base.errors import UsageError
from relight.cli.output import count_of

if TYPE_CHECKING:
    from relight.cli.project import Project
    from relight.engine.engine import Engine
    from relight.rules.plan import Plan
    from relight.simulate.forecast.difference import Difference
    from relight.simulate.forecast.forecast import Forecast
    from relight.simulate.forecast.touched import TouchedPeople
    from relight.simulate.rule_tests.suite import SuiteResult
    from relight.stores.interface import Store


@dataclass(slots=True, kw_only=True)
class Planned:
    """What would happen."""

    project: Project
    #: None where the project has no rule tests.
    tests: SuiteResult | None
    test_seconds: float
    difference: Difference
    #: Version in force in the store; empty where there is none.
    base: str = ""
    #: How far time has come in the store (µs); None without a store.
    reached: int | None = None
    #: None where nothing stands yet, or nothing differs.
    touched: TouchedPeople | None = None
    #: How long it took to move everybody to the new version, here and in memory (s).
    apply_seconds: float = 0.0
    #: Ingest time of the log's first record (µs), as far as counts reach back; None where there is none.
    log_begins: int | None = None
    now: Forecast | None = None
    new: Forecast | None = None
    #: Limits of the budget that the forecast exceeds, in words.
    over: list[str] = field(default_factory=list)

    @property
    def is_pending(self) -> bool:
        """Whether applying would change anything."""
        return self.project.plan.version != self.base

    @property
    def is_refused(self) -> bool:
        """Whether it may not be applied: a test fails, or the forecast exceeds the budget."""
        return bool(self.over) or (self.tests is not None and self.tests.failed > 0)


def make_plan(found: Project, environment: str | None, days: int, *, listed: int = 0) -> Planned:
    """Return what applying a folder would do.

    days: how many recorded days the forecast takes. listed: most people that are named for each rule and touch.
    """
    tests, seconds = _run_tests(found, environment)
    if not has_store(found):
        return Planned(
            project=found, tests=tests, test_seconds=seconds, difference=_difference({}, found), base="", reached=None
        )
    from relight.engine.plan_versions import kept_sources

    with _frozen_store(found) as store:
        base = version_in_force(store)
        planned = Planned(
            project=found, tests=tests, test_seconds=seconds, base=base, reached=store.reached(),
            difference=_difference(kept_sources(store, base) or {}, found),
        )  # fmt: skip
        if planned.is_pending and not planned.is_refused and base and planned.reached is not None:
            planned.log_begins = next((record.ingest_time for _, record in store.read_log(limit=1)), None)
            _look_at_people(planned, store, listed)
            _look_ahead(planned, store, days)
    return planned


def has_store(found: Project) -> bool:
    """Return whether a project has a store that can be read."""
    return found.settings.store.sqlite is None or found.store_path.is_file()


@contextmanager
def _frozen_store(found: Project) -> Iterator[Store]:
    """Give the store in one state, where it can be had; one that cannot is read once, from its beginning."""
    from relight.cli.history import asking
    from relight.stores.interface import Freezes

    with asking(found) as store, store.frozen() if isinstance(store, Freezes) else nullcontext():
        yield store


def version_in_force(store: Store) -> str:
    """Return the version that a store's log follows; empty for none."""
    from relight.engine.plan_versions import versions_in_log

    found = versions_in_log(store)
    return found[-1][1] if found else ""


def base_of(found: Project) -> str:
    """Return the version that a project's store follows; empty for none."""
    if not has_store(found):
        return ""
    from relight.cli.history import reading

    with reading(found) as store:
        return version_in_force(store)


def _difference(old: Mapping[str, str], found: Project) -> Difference:
    from relight.simulate.forecast.difference import compare_sources

    return compare_sources(old, found.loaded.sources)


def _run_tests(found: Project, environment: str | None) -> tuple[SuiteResult | None, float]:
    from relight.cli.rule_tests import read_tests
    from relight.simulate.rule_tests.goldens import Goldens
    from relight.simulate.rule_tests.suite import run_suite

    began = time.monotonic()
    tests = read_tests(found, environment)
    if not tests.cases:
        return None, 0.0
    suite = run_suite(found.plan, tests.cases, clock=time.perf_counter, goldens=Goldens(folder=found.folder))
    return suite, time.monotonic() - began


# ---------------------------------------------------------------- people and days
def _plans(planned: Planned, store: Store) -> list[Plan]:
    from relight.engine.plan_versions import known_plans

    return known_plans(store, planned.project.plan)


def _look_at_people(planned: Planned, store: Store, listed: int) -> None:
    from relight.cli.progress import Progress
    from relight.simulate.forecast.difference import rules_changed
    from relight.simulate.forecast.touched import engine_beside, touched_people
    from relight.simulate.from_log import replay_log
    from relight.stores.sqlite import SqliteStore

    plans = _plans(planned, store)
    old = next((plan for plan in plans if plan.version == planned.base), None)
    rules = rules_changed(old, planned.project.plan, planned.difference)
    assert planned.reached is not None
    with Progress("Looking at everybody", unit="records"):
        if isinstance(store, SqliteStore):
            engine = engine_beside(store, plans)
        else:
            keyed = getattr(store, "keyed", None)
            engine = replay_log(plans, (r for _, r in store.read_log()), reached=planned.reached, keyed=keyed)
        began = time.monotonic()
        planned.touched = touched_people(engine, planned.project.plan, rules, reached=planned.reached, listed=listed)
        planned.apply_seconds = time.monotonic() - began


def _look_ahead(planned: Planned, store: Store, days: int) -> None:
    from relight.base.instants import DAY
    from relight.cli.progress import Progress
    from relight.cli.project import day_maker_of
    from relight.simulate.forecast.forecast import (
        CUSTOMER_WINDOW_DEFAULT,
        forecast_of,
        over_budget,
        run_again,
    )

    plans, reached = _plans(planned, store), planned.reached
    assert reached is not None
    since = max(reached if planned.log_begins is None else planned.log_begins, reached - days * DAY)
    budget = planned.project.settings.budget
    window = budget.per_customer[1] if budget.per_customer is not None else CUSTOMER_WINDOW_DEFAULT
    old = next((plan for plan in plans if plan.version == planned.base), None)
    if old is None:
        raise UsageError(f"the store follows version {planned.base}, which it does not keep")
    with Progress("Forecasting", total=2 * store.last_position() or None, unit="records") as progress:
        done = 0

        def show(engine: Engine) -> None:
            progress.update(done + engine.store.last_position(), count_of(engine.progress.rows, "row"))

        for plan in (old, planned.project.plan):
            engine = run_again(
                plans=plans, log=(r for _, r in store.read_log()), plan=plan, since=since, reached=reached,
                on_progress=show, day_maker=None if plan is old else day_maker_of(planned.project.loaded),
            )  # fmt: skip
            done += engine.store.last_position()
            found = forecast_of(engine, since=since, window=window)
            if plan is old:
                planned.now = found
            else:
                planned.new = found
    assert planned.new is not None
    planned.over = over_budget(planned.new, budget)
