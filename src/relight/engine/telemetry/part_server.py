"""One program of a cluster to those who operate it: its metrics, whether it lives, whether it is ready, at one address.

`/metrics` is for Prometheus. `/-/healthy` fails when the program's loop has not come round for long, so that whatever
runs it may start it again; `/-/ready` says whether it has begun its work. Both are for probes, and tell nothing else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from relight.base.errors import ServiceError
from relight.engine.telemetry.catalogue import Part
from relight.engine.telemetry.exposition import Exposition

#: Seconds after which a loop that has not come round counts as dead: longer than a worker waits for PostgreSQL (120) or
#: a router for a broker (120), after which they leave by themselves.
ROUND_SECONDS_MAX = 180.0


class PartServer:
    """What one program tells at an address; without an address nothing is served."""

    def __init__(
        self, part: Part, address: tuple[str, int] | None, *, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """Serve nothing before the first `beat`."""
        self.exposition = Exposition(part)
        self._address, self._seconds = address, seconds
        self._server: ThreadingHTTPServer | None = None
        self._beaten: float | None = None
        self._is_ready = False

    @property
    def port(self) -> int | None:
        """The port that is served; None while nothing is."""
        return None if self._server is None else self._server.server_port

    def __enter__(self) -> Self:
        """Serve while the block runs."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Serve no more."""
        self.close()

    def start(self) -> None:
        """Serve from now on; raises ServiceError where the address is not to be had."""
        if self._address is None or self._server is not None:
            return
        host, port = self._address
        try:
            self._server = ThreadingHTTPServer(self._address, self._handler())
        except OSError as error:
            raise ServiceError(
                f"metrics cannot be served at {host}:{port}: {error.strerror}",
                help_text="name a free address by `--metrics`, RELIGHT_METRICS or `engine: {metrics: …}`",
            ) from None
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Serve no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def beat(self) -> None:
        """Note that the loop came round."""
        self._beaten = self._seconds()

    def ready(self, *, is_ready: bool = True) -> None:
        """Note whether the program does its work."""
        self._is_ready = is_ready

    def is_healthy(self) -> bool:
        """Return whether the loop comes round; what has not begun yet is starting, not dead."""
        return self._beaten is None or self._seconds() - self._beaten < ROUND_SECONDS_MAX

    def is_ready(self) -> bool:
        """Return whether the program does its work."""
        return self._is_ready and self.is_healthy()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = CollectorRegistry()
        registry.register(self.exposition)
        part = self

        class Handler(BaseHTTPRequestHandler):
            """Answers probes and Prometheus."""

            def do_GET(self) -> None:
                """Answer one request."""
                match self.path.partition("?")[0]:
                    case "/metrics":
                        self._answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)
                    case "/-/healthy":
                        self._say(good=part.is_healthy())
                    case "/-/ready":
                        self._say(good=part.is_ready())
                    case _:
                        self._answer(404, b"nothing here\n", "text/plain")

            def _say(self, *, good: bool) -> None:
                self._answer(200 if good else 503, b"yes\n" if good else b"no\n", "text/plain")

            def _answer(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing: probes come every few seconds."""

        return Handler
