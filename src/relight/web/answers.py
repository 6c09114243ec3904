"""Survey answers: the link chooses a score, a button gives it, with a comment if one likes; a scanner answers nothing.

The answer becomes the event `<survey>_answered` of the customer whose mail it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from relight.base.ids import digest as digest_of
from relight.messages.identity import TokenPurpose
from relight.stores.inbox_interface import NewEntry
from relight.stores.inbox_words import Reply, reply_entry
from relight.streams.surveys import COMMENT_CHARACTERS_MAX
from relight.web.drawing import draw, language_of
from relight.web.forms import read_form
from relight.web.links import open_link
from relight.web.preferences import find_reader
from relight.web.protect import not_found

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from relight.streams.surveys import Survey
    from relight.web.site import Site

_DIGITS_MAX = 3
#: HTTP statuses: the page as asked for, and a score that the scale does not have.
OK, REFUSED = 200, 400


def routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of survey links."""

    async def page(request: Request, score: int | None, *, is_done: bool = False, status: int = OK) -> Response:
        survey = request.query_params.get("t", "")
        digest = open_link(site, request, TokenPurpose.ANSWER, survey)
        found = site.surveys.get(survey)
        if found is None:
            raise not_found()
        reader = await find_reader(site, digest)
        names = {
            "scores": found.scores,
            "chosen": score,
            "is_done": is_done,
            "is_refused": status != OK,
            "comment_max": COMMENT_CHARACTERS_MAX,
        }
        return draw(site, "answer", language_of(site, request, reader), names, status=status)

    async def ask(request: Request) -> Response:
        found = site.surveys.get(request.query_params.get("t", ""))
        score = None if found is None else read_score(request.query_params.get("v", ""), found)
        return await page(request, score)

    async def take(request: Request) -> Response:
        survey = request.query_params.get("t", "")
        digest = open_link(site, request, TokenPurpose.ANSWER, survey)
        found = site.surveys.get(survey)
        form = await read_form(request)
        score = None if found is None else read_score(form.get("score", ""), found)
        if score is None:
            return await page(request, None, status=REFUSED)
        await site.inbox.put([answer_entry(survey, digest, score, form, site.clock())])
        return await page(request, score, is_done=True)

    return (
        Route("/s/{token}", ask, methods=["GET"]),
        Route("/s/{token}", take, methods=["POST"]),
    )


def read_score(text: str, survey: Survey) -> int | None:
    """Return a score of the survey's scale, None for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        return None
    return int(text) if int(text) in survey.scores else None


def answer_entry(survey: str, digest: str, score: int, form: Mapping[str, str], now: int) -> NewEntry:
    """Return the inbox entry of an answer; the same answer by the same link is the same one (a double click)."""
    comment = "".join(c for c in form.get("comment", "").strip() if c.isprintable() or c == "\n")
    properties: dict[str, object] = {"score": score}
    if comment:
        properties["comment"] = comment[:COMMENT_CHARACTERS_MAX]
    reply = Reply(event=f"{survey}_answered", survey=survey, properties=properties)
    return reply_entry(reply, received=now, token=digest, key=digest_of("answer", digest, survey, str(score), comment))
