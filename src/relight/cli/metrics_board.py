"""A board in a terminal and as JSON: its parts one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from relight.cli.metrics_text import (
    cohort_json,
    cohort_text,
    effect_json,
    effects_text,
    funnel_json,
    funnel_text,
    measure_json,
    measures_text,
    one_measure_text,
    target_json,
    targets_text,
)

if TYPE_CHECKING:
    from relight.metrics import BoardPart


def board_text(name: str, parts: Sequence[BoardPart], currency: str) -> str:
    """Return a board for people; neighbouring values stand in one table."""
    blocks = [click.style(name.replace("_", " ").capitalize(), bold=True)]
    values = []
    for part in parts:
        if part.kind == "measure" and part.measure is not None:
            values.append(part.measure)
            continue
        if values:
            blocks.append(measures_text(values))
            values = []
        blocks.append(_block(part, currency))
    if values:
        blocks.append(measures_text(values))
    return "\n\n".join(blocks)


def _block(part: BoardPart, currency: str) -> str:
    if part.measure is not None:
        return one_measure_text(part.measure)
    if part.cohorts is not None:
        return cohort_text(part.cohorts)
    if part.target is not None:
        return targets_text([part.target])
    if part.funnel is not None:
        return f"{part.name}\n{funnel_text(part.funnel)}"
    if part.effect is not None:
        return effects_text([part.effect], currency)
    return f"{part.name}: nothing was decided yet"


def board_json(parts: Sequence[BoardPart]) -> list[dict[str, object]]:
    """Return the parts with what each shows."""
    found = []
    for part in parts:
        item: dict[str, object] = {"kind": part.kind, "name": part.name}
        if part.measure is not None:
            item["measure"] = measure_json(part.measure)
        elif part.cohorts is not None:
            item["cohorts"] = cohort_json(part.cohorts)
        elif part.target is not None:
            item["target"] = target_json(part.target)
        elif part.funnel is not None:
            item["funnel"] = funnel_json(part.funnel)
        elif part.effect is not None:
            item["effect"] = effect_json(part.effect)
        found.append(item)
    return found
