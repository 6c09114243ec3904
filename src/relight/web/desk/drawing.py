"""Pages of the desk as HTML, JSON or CSV; texts in the reader's language, all escaped, nothing from elsewhere."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import jinja2
from starlette.responses import HTMLResponse, JSONResponse, Response

from relight.base.ids import short_version
from relight.engine.explain import tell
from relight.engine.explain_ledger import ledger_number, ledger_word
from relight.engine.explain_lines import Line, say
from relight.engine.rewording import reword
from relight.messages.reasons import Reason
from relight.metrics.remarks import remark_text
from relight.simulate.pages.charts import Chart
from relight.web.desk.numbers import (
    figure_in,
    number_text,
    percent_text,
    period_text,
    points_text,
    signed_percent_text,
)
from relight.web.desk.texts import TEXTS
from relight.web.desk.times import day_text, in_language, moment_text
from relight.web.loading import load_templates
from relight.web.protect import CONTENT_SECURITY_POLICY

if TYPE_CHECKING:
    from jinja2.runtime import Context
    from starlette.requests import Request

    from relight.engine.explain_lines import Said
    from relight.web.desk.desk import Desk
    from relight.web.desk.facts import Page, Value

_PAGES: Final = Path(__file__).parent / "pages"
#: As on every page, and the frame of a rule's mail, which has a policy of its own.
_POLICY: Final = f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"
#: What spreadsheets take for a formula at a cell's start (OWASP, CSV injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
#: Pages in the navigation, in order.
NAVIGATION: Final = ("overview", "rules", "messages", "customers", "metrics", "boards", "simulation", "system")
#: Language -> reason not to send -> words for it.
_REASONS: Final = {
    language: {reason.value: texts[f"reason_{reason.value}"] for reason in Reason} for language, texts in TEXTS.items()
}
#: Remembers the language that was chosen last; a choice in an address goes before it.
LANGUAGE_COOKIE: Final = "relight_language"
LANGUAGE_KEPT_S: Final = 365 * 86_400
#: Classes of heat in a table of shares.
HEAT_CLASSES = 10


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """Return what draws the desk's pages, all of them compiled."""
    found = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.FileSystemLoader(_PAGES), jinja2.PackageLoader("relight.simulate.pages")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(
        count=_count,
        day=_day_text,
        decimal=_decimal,
        figure=_figure,
        heat=_heat_class,
        ledger_leaf=_ledger_leaf,
        ledger_number=_ledger_number,
        moment=moment_text,
        percent=_percent,
        period=_period,
        points=_points,
        remark=remark_text,
        reworded=reword,
        said=_said,
        short=_short_text,
        signed_percent=_signed_percent,
        version=short_version,
    )
    return load_templates(found, "charts.html.j2")


def language_of(desk: Desk, request: Request) -> str:
    """Return the language that `?lang=` says, else the one chosen last, what the browser asks for, the project's."""
    asked = [part.partition(";")[0].strip() for part in request.headers.get("accept-language", "").split(",")[:10]]
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    wishes = [request.query_params.get("lang", ""), chosen, *asked, desk.settings.locale]
    return next((wish[:2].lower() for wish in wishes if wish[:2].lower() in TEXTS), "en")


def words_of(desk: Desk, language: str) -> Mapping[str, str]:
    """Return the texts of the pages, with the titles that the project gave to what is its own."""
    plan = desk.loaded.measures
    if plan is None or not plan.titles:
        return TEXTS[language]
    # An effort is shown among the measures, whose names it cannot have.
    own = {
        f"measure_{name}" if kind == "effort" else f"{kind}:{name}": plan.title_of(kind, name, language)
        for kind, name in plan.titles
    }
    return {**TEXTS[language], **own}


def draw_page(desk: Desk, request: Request, page: Page, *, form: str, status: int = 200) -> Response:
    """Return a page in the form that its address ends with: html, json or csv."""
    if form == "json":
        return JSONResponse(dict(page.facts), status)
    if form == "csv":
        return _csv(page)
    return draw(desk, request, page.name, {**page.facts, **page.drawn, "subject": page.subject}, status=status)


def draw(desk: Desk, request: Request, name: str, names: Mapping[str, object], *, status: int = 200) -> HTMLResponse:
    """Return a page of `pages/`."""
    language = language_of(desk, request)
    path = request.url.path
    chart = names.get("chart")
    if isinstance(chart, Chart):
        names = {**names, "chart": in_language(chart, language, TEXTS[language])}
    words = words_of(desk, language)
    subject = words.get(str(names.get("titled")), names.get("subject", ""))
    text = environment().get_template(f"{name}.html").render(
        {
            "page": name,
            **names,
            "subject": subject,
            "lang": language,
            "t": words,
            "project": desk.settings.project,
            "navigation": NAVIGATION,
            "path": path,
            "here": _here(request),
            "query": f"?{request.url.query}" if request.url.query else "",
            "mark": getattr(request.state, "mark", ""),
            "signs_in": desk.token is not None,
            "zone": desk.zone,
        }
    )  # fmt: skip
    response = HTMLResponse(text, status, headers={"content-security-policy": _POLICY})
    if request.query_params.get("lang") == language:
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=LANGUAGE_KEPT_S, path="/desk", httponly=True, samesite="strict"
        )
    return response


def _here(request: Request) -> dict[str, str]:
    """Return this very page in each language: what it is narrowed to stays."""
    rest = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return {language: f"?{urlencode([*rest, ('lang', language)])}" for language in TEXTS}


def _csv(page: Page) -> Response:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(page.table.columns)
    writer.writerows([_cell(value) for value in row] for row in page.table.rows)
    headers = {"content-disposition": f'attachment; filename="{page.name}.csv"'}
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cell(value: Value) -> str:
    text = "" if value is None else str(value)
    is_number = isinstance(value, int | float)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and not is_number else text


def _day_text(ordinal: int | None, language: str) -> str:
    return "" if ordinal is None else day_text(dt.date.fromordinal(ordinal), language)


def _said(said: Said, language: str) -> str:
    """Return a sentence of explain, with words for reasons."""
    return tell(said, language, _REASONS[language])


@jinja2.pass_context
def _ledger_leaf(context: Context, leaf: str, reason: str | None) -> str:
    """Return what a row says decided, in words of ours where it is none of the project's."""
    return tell(say(Line.CODE, text=ledger_word(leaf, reason)), context["lang"])


@jinja2.pass_context
def _ledger_number(context: Context, number: str, leaf: str | None, reason: str | None) -> str:
    """Return the value of what decided."""
    return tell(say(Line.CODE, text=ledger_number(leaf or "", number, reason, context["zone"])), context["lang"])


def _short_text(place: str) -> str:
    """Return where something stands without the column."""
    return re.sub(r"^([^:]+:\d+):\d+$", r"\1", place)


@jinja2.pass_context
def _count(context: Context, number: float) -> str:
    return number_text(number, context["lang"])


@jinja2.pass_context
def _figure(context: Context, value: float | None, unit: str = "", currency: str = "") -> str:
    """Return a figure with its unit; a bare number without one."""
    return figure_in(value, unit, currency, context["lang"])


@jinja2.pass_context
def _points(context: Context, value: float | None, digits: int = 1) -> str:
    return points_text(value, context["lang"], digits)


@jinja2.pass_context
def _percent(context: Context, part: float, whole: float) -> str:
    return percent_text(part / whole * 100, context["lang"]) if whole else "–"


@jinja2.pass_context
def _signed_percent(context: Context, value: float) -> str:
    return signed_percent_text(value, context["lang"])


@jinja2.pass_context
def _decimal(context: Context, value: float) -> str:
    return number_text(value, context["lang"], 1)


@jinja2.pass_context
def _period(context: Context, label: str | None) -> str:
    return period_text(label, context["lang"])


def _heat_class(share: float) -> str:
    """Return `h0` … `h10` for a share of 0 to 100."""
    return f"h{min(HEAT_CLASSES, max(0, round(share / HEAT_CLASSES)))}"
