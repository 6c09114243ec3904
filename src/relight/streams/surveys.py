"""The answers to surveys as events (A17): `<name>_answered {score, comment}`, declared by the config.

Where a stream declares the event too, its answers from elsewhere count alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from relight.base.kinds import Kind
from relight.base.problems import Place, Problem
from relight.streams.envelope import Event
from relight.streams.schema import EventType, PropertyType, Schema

#: Stream of the answers that come by our own links.
SURVEY_STREAM = "surveys"
#: Characters of a comment that are kept.
COMMENT_CHARACTERS_MAX = 2_000
#: Scores that one scale may have.
SCALE_POINTS_MAX = 101
_SCORE, _COMMENT = PropertyType(kind=Kind.INTEGER), PropertyType(kind=Kind.TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A survey of one question."""

    name: str
    #: Lowest and highest score.
    lowest: int
    highest: int
    #: The lowest score that counts as satisfied; None where the config says none.
    satisfied: int | None = None

    @property
    def event(self) -> str:
        """The name of its answers."""
        return f"{self.name}_answered"

    @property
    def scores(self) -> range:
        """Every score, lowest first."""
        return range(self.lowest, self.highest + 1)


def declare_answers(schema: Schema, surveys: Mapping[str, tuple[Survey, Place]]) -> tuple[Schema, list[Problem]]:
    """Return the schema with the answers of all surveys, and what streams say of them that does not fit."""
    events, problems = dict(schema.events), list[Problem]()
    for survey, place in surveys.values():
        known = events.get(survey.event)
        if known is None:
            properties = {"score": _SCORE, "comment": _COMMENT}
            events[survey.event] = EventType(
                name=survey.event, streams=(SURVEY_STREAM,), properties=properties, activity=False, place=place
            )
            continue
        score = known.properties.get("score")
        if known.is_global or score is None or score.kind is not Kind.INTEGER:
            message = (
                f"the answers to '{survey.name}' are '{survey.event}' with `score: integer`, and a stream says else"
            )
            problems.append(Problem(code="survey-differs", message=message, place=place, other=known.place))
            continue
        properties = {"comment": _COMMENT, **known.properties}
        events[survey.event] = replace(known, streams=(*known.streams, SURVEY_STREAM), properties=properties)
    return replace(schema, events=events), problems


def answer_event(  # noqa: PLR0913 - the parts of one answer
    survey: Survey,
    *,
    customer: str,
    id: str,  # noqa: A002 - the word of the log
    score: int,
    comment: str = "",
    at: int,
) -> Event:
    """Return the event of an answer that arrived at `at` (µs). Raises ValueError for a score beside the scale.

    id: names the answer for ever; the same again is the same answer (V1).
    """
    if score not in survey.scores:
        message = f"'{survey.name}' takes {survey.lowest} to {survey.highest}, not {score}"
        raise ValueError(message)
    said = comment.strip()[:COMMENT_CHARACTERS_MAX]
    return Event(
        stream=SURVEY_STREAM,
        id=id,
        customer=customer,
        name=survey.event,
        event_time=at,
        ingest_time=at,
        properties={"score": score, **({"comment": said} if said else {})},
    )
