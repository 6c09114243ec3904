"""The addresses of the desk. Reading is GET, each page also as `.json` and `.csv`. Every word is POST, asked twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from relight.base.errors import RelightError, StoreError
from relight.engine.export import export_customer
from relight.web.desk import (
    customer_page,
    figure_pages,
    message_pages,
    overview_page,
    rule_page,
    rule_pages,
    system_pages,
)
from relight.web.desk.drawing import draw, draw_page, language_of
from relight.web.desk.facts import Page, Table
from relight.web.desk.message_pages import Asked
from relight.web.desk.orders import ORDERS, Said, is_sound, note_order
from relight.web.desk.preview import preview_response
from relight.web.desk.session import (
    SIGN_INS_PER_MINUTE_MAX,
    end_session,
    form_mark,
    is_own_form,
    is_own_host,
    is_token,
    new_session,
    session_of,
    set_session,
)
from relight.web.forms import read_form
from relight.web.limits import RateLimit
from relight.web.protect import RefusedError, not_found

if TYPE_CHECKING:
    from starlette.requests import Request

    from relight.web.desk.desk import Desk

_STYLE: Final = Path(__file__).parent / "pages" / "desk.css"
#: A client that sends its events to `/` is told where they go, not that its method is wrong.
_ANY_METHOD: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
#: Page for an address: may ask the store, so it runs in a thread.
_Build = Callable[["Desk", "Request"], Page | None]


def desk_routes(desk: Desk) -> Sequence[BaseRoute]:
    """Return the routes of the desk."""
    style = _STYLE.read_text(encoding="utf-8")
    signing_in = RateLimit(per_minute=SIGN_INS_PER_MINUTE_MAX)
    routes: list[BaseRoute] = [
        Route("/desk/-/desk.css", lambda _request: Response(style, media_type="text/css"), methods=["GET"]),
        Route("/desk/sign-in", partial(_sign_in, desk, signing_in), methods=["GET", "POST"]),
        Route("/desk/sign-out", partial(_sign_out, desk), methods=["POST"]),
        Route("/desk/order/{name}", _guarded(desk, partial(_order, desk)), methods=["POST"]),
        Route("/desk/rules/{rule}/preview/{template:path}", _guarded(desk, partial(_preview, desk)), methods=["GET"]),
        Route("/desk/export", _guarded(desk, partial(_export, desk)), methods=["GET"]),
    ]
    pages: dict[str, _Build] = {
        "/desk/overview": lambda one, _request: overview_page.overview(one),
        "/desk/rules": lambda one, request: rule_pages.rules(one, request.query_params.get("sort", "")),
        "/desk/rules/{rule}": lambda one, request: rule_page.rule(one, request.path_params["rule"]),
        "/desk/rules/{rule}/people/{step}": _people,
        "/desk/messages": lambda one, request: message_pages.messages(one, Asked.of(request.query_params)),
        "/desk/customers": _find_customer,
        "/desk/customers/{customer:path}": lambda one, request: customer_page.customer(
            one, request.path_params["customer"]
        ),
        "/desk/metrics": lambda one, _request: figure_pages.metrics(one),
        "/desk/boards": lambda one, _request: figure_pages.boards(one),
        "/desk/boards/{board}": lambda one, request: figure_pages.board(one, request.path_params["board"]),
        "/desk/simulation": lambda one, _request: figure_pages.simulation(one),
    }
    for path, build in pages.items():
        # The longer endings first: a path parameter would take them in.
        for form in ("json", "csv", "html"):
            ending = "" if form == "html" else f".{form}"
            endpoint = _guarded(desk, partial(_page, desk, build, form))
            routes.append(Route(path + ending, endpoint, methods=["GET"]))
    for form in ("json", "csv", "html"):
        ending = "" if form == "html" else f".{form}"
        routes.append(Route(f"/desk/system{ending}", _guarded(desk, partial(_system, desk, form)), methods=["GET"]))
    routes.append(Route("/desk", _guarded(desk, _home), methods=["GET"]))
    routes.append(Route("/desk/{rest:path}", _guarded(desk, partial(_nowhere, desk)), methods=["GET"]))
    routes.append(Route("/", partial(_root, desk), methods=_ANY_METHOD))
    return routes


# ---------------------------------------------------------------- who may
def _guarded(
    desk: Desk, endpoint: Callable[[Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint for those who may see the desk; others are led to the sign-in, or refused."""

    async def guarded(request: Request) -> Response:
        session = session_of(desk, request)
        if desk.token is None and not is_own_host(request):
            raise RefusedError(403)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if desk.token is not None and session is None and not (bearer and is_token(desk, bearer)):
            if _is_browser(request):
                return RedirectResponse("/desk/sign-in", 303)
            raise RefusedError(401)
        fresh = session is None
        session = session or new_session(desk)
        request.state.session, request.state.mark = session, form_mark(desk, session)
        response = await endpoint(request)
        if fresh and desk.token is None:
            set_session(desk, request, response, session)
        return response

    return guarded


def _is_browser(request: Request) -> bool:
    """Return whether a person's browser asks for a page."""
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


async def _sign_in(desk: Desk, limit: RateLimit, request: Request) -> Response:
    if desk.token is None:
        return RedirectResponse("/desk/overview", 303)
    if request.method == "GET":
        return draw(desk, request, "sign_in", {"is_wrong": False})
    if not limit.may_pass("desk", desk.clock()):
        raise RefusedError(429, headers={"retry-after": "60"})
    form = await read_form(request)
    if not is_token(desk, form.get("token", "")):
        return draw(desk, request, "sign_in", {"is_wrong": True}, status=403)
    response = RedirectResponse("/desk/overview", 303)
    set_session(desk, request, response, new_session(desk))
    return response


async def _sign_out(_desk: Desk, _request: Request) -> Response:
    response = RedirectResponse("/desk/sign-in", 303)
    end_session(response)
    return response


async def _home(_request: Request) -> Response:
    return RedirectResponse("/desk/overview", 303)


async def _root(desk: Desk, request: Request) -> Response:
    """Lead a browser to the desk where the desk could be open to it: readers of mails learn nothing of one."""
    if _is_browser(request) and (desk.token is not None or is_own_host(request)):
        return RedirectResponse("/desk", 303)
    raise not_found()


async def _nowhere(desk: Desk, request: Request) -> Response:
    """Answer to an address of the desk that is none: people by a page of the desk, programs as everywhere."""
    if _is_browser(request):
        return _missing(desk, request, "html")
    raise not_found()


# ---------------------------------------------------------------- pages
async def _page(desk: Desk, build: _Build, form: str, request: Request) -> Response:
    page = await asyncio.to_thread(build, desk, request)
    if page is None:
        return _missing(desk, request, form)
    return draw_page(desk, request, page, form=form)


def _missing(desk: Desk, request: Request, form: str) -> Response:
    page = Page(name="missing", facts={"missing": True}, table=Table(columns=("missing",)))
    return draw_page(desk, request, page, form="html" if form == "html" else "json", status=404)


def _people(desk: Desk, request: Request) -> Page | None:
    start = request.query_params.get("from", "")
    place = int(start) if start.isascii() and start.isdigit() else 0
    return rule_page.people(desk, request.path_params["rule"], request.path_params["step"], place)


def _find_customer(desk: Desk, request: Request) -> Page:
    wanted = request.query_params.get("id", "").strip()
    found = customer_page.customer(desk, wanted) if wanted else None
    if found is not None:
        return found
    return customer_page.finding(desk, wanted)


async def _system(desk: Desk, form: str, request: Request) -> Response:
    try:
        newest: int | None = await desk.inbox.check()
    except RelightError:
        newest = None
    page = await asyncio.to_thread(system_pages.system, desk, newest)
    return draw_page(desk, request, page, form=form)


async def _preview(desk: Desk, request: Request) -> Response:
    found = await asyncio.to_thread(
        preview_response, desk, request.path_params["rule"], request.path_params["template"],
        request.query_params.get("lang", ""),
    )  # fmt: skip
    return found if found is not None else _missing(desk, request, "html")


async def _export(desk: Desk, request: Request) -> Response:
    """Answer with everything that the store knows of a customer, as a file to give to them."""
    name = request.query_params.get("id", "")
    found = await asyncio.to_thread(desk.ask, lambda store: export_customer(store, name))
    if found is None:
        return _missing(desk, request, "json")
    headers = {"content-disposition": 'attachment; filename="export.json"'}
    return JSONResponse({"schema": "export/1", **found}, headers=headers)


# ---------------------------------------------------------------- words
async def _order(desk: Desk, request: Request) -> Response:
    order = ORDERS.get(request.path_params["name"])
    form = await read_form(request)
    said = Said(
        subject=form.get("subject", ""), to=form.get("to", "").strip(), language=language_of(desk, request)
    )  # fmt: skip
    if order is None or not is_own_form(desk, request.state.session, form.get("mark", "")):
        raise RefusedError(403)
    if not await asyncio.to_thread(is_sound, desk, order, said):
        raise RefusedError(400)
    names = {"order": order, "said": said, "back": order.back(said), "done": None}
    if form.get("sure") == "yes":
        try:
            note_order(desk, order, said)
        except OSError as error:
            raise StoreError(f"the audit log cannot be written: {error}") from error
        names["done"] = await order.give(desk, said)
    return draw(desk, request, "ask", names)
