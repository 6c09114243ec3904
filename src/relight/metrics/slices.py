"""The same measures of a part: of one cohort, one segment, one product."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from relight.base.errors import UsageError
from relight.base.instants import HOUR
from relight.customers.fold import fold_event
from relight.customers.layout import LayoutBuilder
from relight.customers.profile import Profile
from relight.customers.reading import Reading
from relight.customers.revive import revive_record
from relight.decide.members import note_members
from relight.metrics.cohorts import starts_of
from relight.metrics.compute import Asked, compute_measures
from relight.metrics.periods import periods_of
from relight.metrics.tables import NO_CODE, Flags
from relight.rules.conditions import compile_condition
from relight.streams.envelope import Control

if TYPE_CHECKING:
    from collections.abc import Collection

    from relight.config.measure_plan import MeasurePlan
    from relight.metrics.extract import MeasureLog
    from relight.metrics.measure import Measure
    from relight.streams.envelope import Record

#: Slices that are computed at most: the largest products, the newest cohorts.
SLICES_MAX = 100
SliceName = Literal["segment", "cohort", "product"]


def measures_by_cohort(log: MeasureLog, asked: Asked, names: Collection[str] | None) -> list[Measure]:
    """Return the measures of each sign-up cohort of the plan's period, the oldest cohort first."""
    who, first = starts_of(log)
    keep = first < asked.until
    who, first = who[keep], first[keep]
    if not who.size:
        return []
    periods = periods_of(int(first.min()), asked.until, asked.width or log.plan.period, log.plan.zone)
    found: list[Measure] = []
    for period in periods[-SLICES_MAX:]:
        inside = who[(first >= period.start) & (first < period.end)]
        if inside.size:
            people = _flags(log, inside)
            found += compute_measures(log.only(people), replace(asked, slice=period.label), names)
    return found


def measures_by_product(log: MeasureLog, asked: Asked, names: Collection[str] | None) -> list[Measure]:
    """Return the measures of orders of each product, the one with most orders first."""
    source = log.plan.sources.get("product")
    if source is None or source.prop is None:
        raise UsageError(
            "--by product needs to know what was bought",
            help_text="write `product: order_placed.product` into `sources` of config/measures.yaml",
        )
    texts = log.table(source).texts[source.prop]
    codes, counts = np.unique(texts[texts != NO_CODE], return_counts=True)
    words = log.words.names()
    found: list[Measure] = []
    for code in codes[np.argsort(-counts, kind="stable")][:SLICES_MAX]:
        part = replace(asked, product=int(code), slice=words[int(code)])
        found += [one for one in compute_measures(log, part, names) if names is not None or one.missing is None]
    return found


def measures_by_segment(
    log: MeasureLog, asked: Asked, names: Collection[str] | None, members: Mapping[str, Collection[str]]
) -> list[Measure]:
    """Return the measures of each segment; members: customers by segment, as of the end."""
    found: list[Measure] = []
    for segment, people in list(members.items())[:SLICES_MAX]:
        codes = [code for one in people if (code := log.people.codes.get(one)) is not None]
        part = log.only(_flags(log, np.array(codes, np.int64)))
        found += compute_measures(part, replace(asked, slice=segment), names)
    return found


def segment_members(plan: MeasurePlan, records: Iterable[Record], *, until: int) -> dict[str, set[str]]:
    """Return who is in each segment of rules/definitions.yaml just before an instant (µs), from a log's records."""
    definitions, schema = plan.definitions, plan.schema
    builder = LayoutBuilder(schema, lateness=plan.lateness, slack=HOUR)
    segments = {
        name: compile_condition(definitions.checked[name], builder)
        for name in definitions.segments
        if name in definitions.checked
    }
    layout = builder.build()
    profiles: dict[str, Profile] = {}
    everybody: list[Record] = []
    for record in records:
        if record.ingest_time >= until:
            continue
        if record.customer is None:
            everybody.append(record)
            continue
        profile = profiles.get(record.customer)
        if profile is None:
            profile = profiles[record.customer] = Profile(customer=record.customer)
        if isinstance(record, Control):
            if record.kind == "measures":
                profile.measures.update(record.detail)
            elif record.kind == "members":
                note_members(profile, record)
            continue
        revived = revive_record(layout, record)
        assert not isinstance(revived, Control)
        fold_event(layout, profile, revived, _unmoved)
    global_events = [one for one in everybody if not isinstance(one, Control)]
    members: dict[str, set[str]] = {name: set() for name in segments}
    for customer, profile in profiles.items():
        reading = Reading(
            profile=profile, global_events=global_events, at=until - 1, now=until - 1, default_zone=plan.zone
        )
        for name, condition in segments.items():
            if condition.evaluate(reading) is True:
                members[name].add(customer)
    return members


def _unmoved(instant: int) -> int:
    return instant


def _flags(log: MeasureLog, codes: np.typing.NDArray[np.integer]) -> Flags:
    people = np.zeros(len(log.people), np.bool_)
    people[codes] = True
    return people
