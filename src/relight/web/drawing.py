"""Pages as HTML: one layout, texts in the reader's language, everything escaped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import jinja2
from starlette.responses import HTMLResponse

from relight.web.loading import load_templates
from relight.web.texts import LANGUAGES, TEXTS

if TYPE_CHECKING:
    from starlette.requests import Request

    from relight.web.look_up import Reader
    from relight.web.site import Site

PAGES: Final = Path(__file__).parent / "pages"


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """Return what draws the pages for links of mails, all of them compiled."""
    return load_templates(
        jinja2.Environment(
            loader=jinja2.FileSystemLoader(PAGES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
        )
    )


def language_of(site: Site, request: Request, reader: Reader | None = None) -> str:
    """Return the language of a page: the mail's, else what the browser asks for, else the project's."""
    asked = [part.partition(";")[0].strip() for part in request.headers.get("accept-language", "").split(",")[:10]]
    wishes = [*asked, site.locale] if reader is None else [reader.locale]
    found = (wish[:2].lower() for wish in wishes)
    return next((language for language in found if language in LANGUAGES), LANGUAGES[0])


def draw(  # noqa: PLR0913 - one page, all of it by keyword
    site: Site,
    page: str,
    language: str,
    names: Mapping[str, object],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Return a page of `pages/` in a language."""
    text = environment().get_template(f"{page}.html").render(
        site=site, lang=language, t=TEXTS[language], style=f"{site.base_path}/-/style.css", **names
    )  # fmt: skip
    return HTMLResponse(text, status, headers=dict(headers or {}))


def draw_error(site: Site, request: Request, status: int, headers: Mapping[str, str]) -> HTMLResponse:
    """Return the page of an error, which says what to do and nothing about the reason."""
    language = language_of(site, request)
    known = f"error_{status}" if f"error_{status}" in TEXTS[language] else "error_500"
    names = {"title": TEXTS[language][f"{known}_title"], "message": TEXTS[language][known]}
    return draw(site, "message", language, names, status=status, headers=headers)
