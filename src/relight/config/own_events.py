"""Which events of the engine's own a project has, so that its rules can alert by them: what its config asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from relight.streams.brake_events import declare_brake_event
from relight.streams.code_events import declare_codes_low
from relight.streams.guard_events import declare_guard_event
from relight.streams.target_events import declare_missed_targets

if TYPE_CHECKING:
    from relight.base.problems import Place, Problem
    from relight.config.config_file import ConfigFile
    from relight.config.measure_plan import MeasurePlan
    from relight.streams.schema import Schema

_Declare = Callable[["Schema", "Place"], "tuple[Schema, list[Problem]]"]


def declare_own_events(schema: Schema, config: ConfigFile, measures: MeasurePlan) -> tuple[Schema, list[Problem]]:
    """Return the schema with them, each where the config asks for it; a stream that declares one is told so."""
    wanted: list[tuple[_Declare, Place]] = []
    targets = [one.place for one in measures.targets.values() if one.done is None]
    if targets:
        wanted.append((declare_missed_targets, targets[0]))
    model, node = config.model, config.node
    if model is not None and node is not None:
        settings = (
            ("codes", bool(model.codes), declare_codes_low),
            ("brakes", model.brakes is not None, declare_brake_event),
            ("volume", model.volume is not None, declare_guard_event),
        )
        wanted += [(declare, node.place_of((name,), key=True)) for name, is_set, declare in settings if is_set]
    problems: list[Problem] = []
    for declare, place in wanted:
        schema, found = declare(schema, place)
        problems += found
    return schema, problems
