"""Events over HTTP (`POST /v1/…`), where a stream of the project takes them; what they become is `ingest`'s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

from relight.web.ingest.http import ingest_routes

if TYPE_CHECKING:
    from relight.web.site import Site


def routes(site: Site) -> Sequence[BaseRoute]:
    """Return the routes of events over HTTP, none where no stream takes them."""
    return [] if site.ingestion is None else ingest_routes(site.ingestion)
