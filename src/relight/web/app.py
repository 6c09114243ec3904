"""The one application: groups of routes, each a module with `routes(site)`, behind one set of protections.

To serve something more, write a module with `routes(site)` and add it to GROUPS.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Router

from relight.web import answers, clicks, confirm, events, health, preferences, providers, style, unsubscribe
from relight.web.protect import Protection, error_handlers

if TYPE_CHECKING:
    from relight.web.site import Site

#: What people reach by the links in their mails: below the path of `base_url`.
LINK_GROUPS: Final[Sequence[Callable[[Site], Sequence[BaseRoute]]]] = (
    unsubscribe.routes,
    preferences.routes,
    confirm.routes,
    answers.routes,
    clicks.routes,
    style.routes,
)
#: What machines reach, at the root; events first, as routes are asked one after the other.
GROUPS: Final[Sequence[Callable[[Site], Sequence[BaseRoute]]]] = (events.routes, health.routes, providers.routes)


def make_app(site: Site) -> Starlette:
    """Return the application of a site; it closes the inbox and the store when its server ends."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        site.inbox.close()
        site.store.close()
        site.close_desk()

    links = [route for group in LINK_GROUPS for route in group(site)]
    routes: list[BaseRoute] = [route for group in GROUPS for route in group(site)]
    # A redirect to the path with a slash would go to whatever host the request names.
    routes += [Mount(site.base_path, app=Router(links, redirect_slashes=False))] if site.base_path else links
    routes += site.desk
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=error_handlers(site))
    app.router.redirect_slashes = False
    app.add_middleware(Protection)
    return app
