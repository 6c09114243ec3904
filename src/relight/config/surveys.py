"""The surveys of the config: their scales, and the events that their answers make."""

from __future__ import annotations

from relight.base.problems import Place, Problem
from relight.config.models import ConfigModel
from relight.rules.texts import PlaceOf
from relight.streams.surveys import SCALE_POINTS_MAX, Survey


def survey_scores(model: ConfigModel) -> dict[str, range]:
    """Return the scores of each survey, lowest first, as the config writes them."""
    scales = {name: [int(part) for part in written.scale.split("-")] for name, written in model.surveys.items()}
    return {name: range(low, high + 1) for name, (low, high) in scales.items()}


def read_surveys(model: ConfigModel, place_of: PlaceOf) -> tuple[dict[str, tuple[Survey, Place]], list[Problem]]:
    """Return the surveys by name with their places, and what is wrong with their scales."""
    surveys: dict[str, tuple[Survey, Place]] = {}
    problems: list[Problem] = []
    for name, written in model.surveys.items():
        low, high = (int(part) for part in written.scale.split("-"))
        if not 0 < high - low < SCALE_POINTS_MAX:
            place = place_of(("surveys", name, "scale"))
            message = f"the scale {written.scale} has no room for an answer"
            help_text = "write the lowest and the highest score: 0-10 or 1-5"
            problems.append(Problem(code="bad-scale", message=message, place=place, help=help_text))
        elif written.satisfied is not None and not low < written.satisfied <= high:
            place = place_of(("surveys", name, "satisfied"))
            message = f"{written.satisfied} divides nobody on a scale of {written.scale}"
            problems.append(Problem(code="bad-scale", message=message, place=place))
        survey = Survey(name=name, lowest=low, highest=high, satisfied=written.satisfied)
        surveys[name] = (survey, place_of(("surveys", name), key=True))
    return surveys, problems
