"""`relight web` as a server: a project's site, bound to its address, until it is told to stop."""

from __future__ import annotations

import hashlib
import logging
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import uvicorn

from relight.base.errors import ProjectError, ServiceError
from relight.delivery.sendgrid_events import load_keys
from relight.engine.asking import open_to_ask
from relight.stores.audit import audit_path
from relight.stores.opening import SQLITE_DEFAULT, inbox_name, open_inbox, open_store
from relight.stores.write_keys import WriteKeys, keys_path
from relight.web import drawing
from relight.web.app import make_app
from relight.web.desk import drawing as desk_drawing
from relight.web.desk.desk import Desk
from relight.web.desk.everybody import Everybody
from relight.web.desk.figures import Figures
from relight.web.desk.routes import desk_routes
from relight.web.desk.tested import RuleTests
from relight.web.inbox_writer import InboxWriter
from relight.web.ingest.http import Ingestion
from relight.web.ingest.quota import Quota
from relight.web.loading import load_program
from relight.web.look_up import StoreLook
from relight.web.site import Site

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from relight.config.loader import LoadedProject
    from relight.config.settings import Settings
    from relight.delivery.sendgrid_events import EventKeys
    from relight.stores.interface import Store

#: Connections at once; beyond it a client gets 503.
CONNECTIONS_MAX = 1_000
#: Seconds that an idle connection is kept.
KEEP_ALIVE_SECONDS = 5
#: Bytes of a request's head.
HEAD_BYTES_MAX = 16_384
#: Events a second that one write key may send; ten seconds of them at once.
EVENTS_PER_SECOND_MAX = 10_000.0
#: Records of a cluster's log that pages compute figures from; a longer one is for `relight metrics`.
FIGURE_RECORDS_MAX = 20_000_000
#: Seconds that requests at hand may take after a stop.
STOP_SECONDS = 10


def wall_clock() -> int:
    """Return now in µs UTC."""
    return time.time_ns() // 1_000


def open_site(project: LoadedProject, folder: Path) -> Site:
    """Return a project's site, its inbox open; raises ProjectError where the config has no `web`."""
    settings, plan = project.settings, project.plan
    if settings is None or plan is None or settings.web.base_url is None:
        raise ProjectError([], "there are no pages without `web: {base_url: …}` in config/default.yaml")
    web = settings.web
    store_file = folder / (settings.store.sqlite or SQLITE_DEFAULT)
    store_file.parent.mkdir(parents=True, exist_ok=True)

    def read_store() -> Store:
        return open_store(settings.store, folder, read_only=True)

    inbox = InboxWriter(open_inbox(settings.store, folder), inbox_name(settings.store, folder))
    desk = _desk(project, folder, lambda: open_to_ask(settings, folder), inbox)
    return Site(
        project=settings.project,
        sender=settings.sender.name,
        identity=settings.sender.identity,
        locale=settings.locale,
        base_path=urlsplit(web.base_url or "").path.rstrip("/"),
        keys=web.keys,
        topics=web.topics,
        defaults=plan.policy.topics,
        surveys=plan.policy.surveys,
        inbox=inbox,
        ingestion=_ingestion(project, inbox, keys_path(store_file)),
        sendgrid_keys=_sendgrid_keys(settings),
        store=StoreLook(open_store=read_store),
        clock=wall_clock,
        token=None if web.token is None else web.token.reveal(),
        desk=desk_routes(desk),
        close_desk=desk.close,
    )


def _desk(project: LoadedProject, folder: Path, ask_store: Callable[[], Store], inbox: InboxWriter) -> Desk:
    settings, plan = project.settings, project.plan
    assert settings is not None
    assert plan is not None
    token = None if settings.web.token is None else settings.web.token.reveal()
    return Desk(
        loaded=project,
        plan=plan,
        settings=settings,
        folder=folder,
        audit=audit_path(settings.store, folder),
        open_store=ask_store,
        inbox=inbox,
        clock=wall_clock,
        token=token,
        # A restart ends the sessions where there is no token to derive the secret from.
        secret=secrets.token_bytes(32) if token is None else hashlib.sha256(f"desk\x1f{token}".encode()).digest(),
        figures=Figures(
            measure_plan=project.measures,
            plan=plan,
            open_store=lambda: open_to_ask(settings, folder, records_max=FIGURE_RECORDS_MAX),
            seconds=time.monotonic,
            stays_open=settings.kafka is not None,
        ),
        rule_tests=RuleTests(project, folder, seconds=time.monotonic),
        everybody=Everybody(plan=plan),
    )


def _sendgrid_keys(settings: Settings) -> EventKeys | None:
    """Return the keys of the event webhook; raises ProjectError for one that is none."""
    grid = settings.delivery.sendgrid
    if grid is None or grid.webhook_key is None:
        return None
    try:
        return load_keys([grid.webhook_key.reveal()])
    except (ImportError, ValueError) as error:
        raise ProjectError([], f"delivery.sendgrid.webhook_key: {error}") from error


def _ingestion(project: LoadedProject, inbox: InboxWriter, keys: Path) -> Ingestion | None:
    streams = frozenset(name for name, stream in project.streams.items() if stream.source.kind == "http")
    if not streams:
        return None
    return Ingestion(
        keys=WriteKeys.open(keys),
        queue=inbox.queue,
        quota=Quota(rate=EVENTS_PER_SECOND_MAX, clock=time.monotonic),
        clock=wall_clock,
        seconds=time.monotonic,
        streams=streams,
    )


def serve(project: LoadedProject, folder: Path, on_bound: Callable[[], None] = lambda: None) -> None:
    """Serve a project's pages until SIGINT or SIGTERM; on_bound: called once the address is ours.

    Raises ServiceError where the address is not to be had.
    """
    assert project.settings is not None
    load_program(project.settings)
    site = open_site(project, folder)
    drawing.environment()
    desk_drawing.environment()
    web = project.settings.web
    listener = _bind(web.host, web.port)
    on_bound()
    # Paths hold tokens, so there is no access log; our own lines name routes.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    web_server(make_app(site), web.host, web.port).run(sockets=[listener])


def web_server(app: ASGIApp, host: str, port: int) -> uvicorn.Server:
    """Return the server of `relight web`, its limits set, for an application."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        http="h11",
        ws="none",
        proxy_headers=False,
    )
    return uvicorn.Server(config)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(CONNECTIONS_MAX)  # who comes between what we say and the first turn of the loop waits for it
    except OSError as error:
        listener.close()
        message = f"the pages cannot be served on {host}:{port}: {error.strerror}"
        help_text = "another `relight web` may run; else name another address: `web: {listen: …}`"
        raise ServiceError(message, help_text=help_text) from None
    return listener
