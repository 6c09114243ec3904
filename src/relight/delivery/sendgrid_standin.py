"""A stand-in for SendGrid's send call, for tests and for trying things without an account: strict, honest, on loopback.

It refuses what `sendgrid_rules` names, writes what it accepts to its log (one JSON line a message, flushed to disk)
before it answers, and fails on demand. Nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import struct
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

import h11

from relight.base.ids import digest
from relight.delivery.sendgrid_faults import KEEPS, Fault
from relight.delivery.sendgrid_rules import (
    REQUEST_BYTES_MAX,
    Refusal,
    SendRequest,
    is_sandboxed,
    read_request,
)

#: Connections that may wait to be accepted; with few, many threads at once see resets.
BACKLOG = 256
#: Bytes read from a connection at a time.
READ_BYTES = 262_144
#: Seconds of one window of the rate limit.
WINDOW_SECONDS = 60
#: Bytes of an answer after which `cut` ends it.
CUT_BYTES = 20
#: Beginning of an address that is refused, as the provider refuses some that look well: to try what a batch does then.
REFUSED_START = "refused"
#: Requests in a window where no limit was asked for; only the headers say so.
LIMIT_SHOWN = 10_000
_TEXTS = {400: "Bad Request", 401: "authorization required", 403: "access forbidden", 404: "not found",
          405: "method not allowed", 413: "content too large", 429: "too many requests",
          500: "internal server error", 503: "service unavailable"}  # fmt: skip
_GATEWAY_PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"

#: Called with each accepted message, once it is in the log: its payload and X-Message-Id.
OnAccepted = Callable[[Mapping[str, Any], str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply: status, further headers, body."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = "application/json"


@dataclass(slots=True)
class AcceptedLog:
    """The lines of what was accepted; one flush of the disk serves everybody who waits for one."""

    path: Path | None
    durable: bool = True
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)
    _lines: list[bytes] = field(default_factory=list)
    _task: asyncio.Task[None] | None = None

    async def write(self, *lines: Mapping[str, Any]) -> None:
        """Return when the lines are on disk, all of them by one write."""
        if self.path is None:
            return
        done = asyncio.get_running_loop().create_future()
        self._lines += (json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)
        self._waiting.append(done)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._flush())
        await done

    async def _flush(self) -> None:
        while self._waiting:
            lines, waiting = self._lines, self._waiting
            self._lines, self._waiting = [], []
            await asyncio.to_thread(self._append, b"".join(lines))
            for one in waiting:
                if not one.done():
                    one.set_result(None)

    def _append(self, text: bytes) -> None:
        assert self.path is not None
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, text)
            if self.durable:
                os.fsync(handle)
        finally:
            os.close(handle)


@dataclass(slots=True)
class StandIn:
    """One stand-in server."""

    log: AcceptedLog
    #: The only key it takes; None takes every key but an empty one.
    key: str | None = None
    #: Requests that a window of 60 s has room for; None for any number.
    limit: int | None = None
    #: How the next requests end; whatever comes after them is served.
    script: deque[Fault | None] = field(default_factory=deque)
    #: Fault of every request while it is set.
    always: Fault | None = None
    on_accepted: OnAccepted | None = None
    clock: Callable[[], float] = time.time
    #: Requests seen, accepted messages, and connections opened.
    requests: int = 0
    accepted: int = 0
    connections: int = 0
    _batches: set[str] = field(default_factory=set)
    _window: tuple[int, int] = (0, 0)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def listening(self, port: int = 0, host: str = "127.0.0.1") -> Any:
        """Serve while the block runs; gives the port."""
        server = await asyncio.start_server(self._start, host, port, backlog=BACKLOG, limit=READ_BYTES)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._connection(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        wire = h11.Connection(h11.SERVER)
        try:
            while await self._exchange(wire, reader, writer):
                wire.start_next_cycle()
        except (ConnectionError, h11.RemoteProtocolError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, TimeoutError):
                await writer.wait_closed()

    async def _exchange(
        self, wire: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:  # fmt: skip
        """Serve one request; return whether the connection goes on."""
        head = await self._next(wire, reader)
        if not isinstance(head, h11.Request):
            return False
        self.requests += 1
        fault = self.always or (self.script.popleft() if self.script else None)
        if fault in {Fault.CLOSE_FIRST, Fault.CLOSE_HEAD}:
            return False
        body = b""
        while isinstance(part := await self._next(wire, reader), h11.Data):
            if fault is Fault.CLOSE_BODY:
                return False
            if len(body) <= REQUEST_BYTES_MAX:
                body += part.data
        if not isinstance(part, h11.EndOfMessage):
            return False
        if fault in {Fault.CLOSE_UNSTORED, Fault.CLOSE_BODY}:
            return False
        answer = await self._answer(head, body, fault)
        return await self._reply(wire, writer, answer, fault)

    async def _next(self, wire: h11.Connection, reader: asyncio.StreamReader) -> object:
        while (event := wire.next_event()) is h11.NEED_DATA:
            wire.receive_data(await reader.read(READ_BYTES))
        return event

    async def _reply(
        self, wire: h11.Connection, writer: asyncio.StreamWriter, answer: Answer, fault: Fault | None
    ) -> bool:
        if fault is Fault.CLOSE:
            return False
        if fault is Fault.RESET:
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        if fault is Fault.HANG:
            await asyncio.Event().wait()
        promised = len(answer.body) + (50 if fault is Fault.CUT_BODY else 0)
        headers = [("content-length", str(promised)), ("content-type", answer.kind), *answer.headers]
        raw = wire.send(h11.Response(status_code=answer.status, reason=_TEXTS.get(answer.status, ""), headers=headers))
        raw += wire.send(h11.Data(data=answer.body)) or b""
        if fault in {Fault.CUT, Fault.CUT_BODY}:
            writer.write(raw[:CUT_BYTES] if fault is Fault.CUT else raw)
            await writer.drain()
            return False
        writer.write(raw + (wire.send(h11.EndOfMessage()) or b""))
        await writer.drain()
        return wire.our_state is h11.DONE and wire.their_state is h11.DONE

    async def _answer(self, head: h11.Request, body: bytes, fault: Fault | None) -> Answer:
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in head.headers}
        path, method = head.target.decode("latin-1").partition("?")[0], head.method.decode()
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or given in {"", "None"} or given != (self.key or given) or fault is Fault.UNAUTHORISED:
            return _error(401)
        if fault is Fault.FORBIDDEN:
            return _error(403)
        if path == "/v3/scopes" and method == "GET":
            return Answer(200, b'{"scopes": ["mail.send"]}')
        if path == "/v3/mail/batch" and method == "POST":
            batch = digest("standin-batch", str(len(self._batches)))
            self._batches.add(batch)
            return Answer(201, json.dumps({"batch_id": batch}).encode())
        if path != "/v3/mail/send":
            return _error(404)
        if method != "POST":
            return _error(405)
        return await self._send(body, fault)

    async def _send(self, body: bytes, fault: Fault | None) -> Answer:
        left, reset = self._take_place()
        limits = (
            ("X-RateLimit-Limit", str(self.limit or LIMIT_SHOWN)),
            ("X-RateLimit-Remaining", str(max(left, 0))),
            ("X-RateLimit-Reset", str(reset)),
        )
        if left < 0 or fault is Fault.RATE_LIMIT:
            return _error(429, headers=limits)
        if fault in {Fault.ERROR, Fault.UNAVAILABLE}:
            return _error(int(fault.value))
        if len(body) > REQUEST_BYTES_MAX:
            return _error(413)
        found = read_request(body, now_seconds=int(self.clock()), batch_ids=frozenset(self._batches))
        refusals = found if isinstance(found, list) else list(_unwanted(found))
        if refusals or isinstance(found, list):
            return _error(400, refusals)
        if is_sandboxed(found):
            return Answer(200, b"", limits)
        message_id = digest("standin", str(time.time_ns()), str(self.requests))[:22]
        if fault is None or fault in KEEPS:
            await self._keep(found, body, message_id)
        if fault in {Fault.GATEWAY, Fault.GATEWAY_UNSTORED}:
            return Answer(502 if fault is Fault.GATEWAY else 504, _GATEWAY_PAGE, kind="text/html")
        named = () if fault is Fault.NO_ID else (("X-Message-Id", message_id),)
        return Answer(202, b"", (*named, *limits))

    async def _keep(self, request: SendRequest, body: bytes, message_id: str) -> None:
        payload = json.loads(body)
        now = int(self.clock() * 1e6)
        lines = [
            {
                "at": now,
                "id": message_id,
                "to": [box.email for box in (*one.to, *one.cc, *one.bcc)],
                "custom_args": request.custom_args | one.custom_args,
                "payload": payload | {"personalizations": [payload["personalizations"][number]]},
            }
            for number, one in enumerate(request.personalizations)
        ]
        await self.log.write(*lines)
        self.accepted += len(lines)
        if self.on_accepted is not None:
            await self.on_accepted(payload, message_id)

    def _take_place(self) -> tuple[int, int]:
        """Return how many requests the window has room for after this one (negative: none), and when it ends."""
        window = int(self.clock()) // WINDOW_SECONDS
        used = self._window[1] if self._window[0] == window else 0
        self._window = (window, used + 1)
        return (self.limit or LIMIT_SHOWN) - used - 1 if self.limit else LIMIT_SHOWN, (window + 1) * WINDOW_SECONDS


def _unwanted(request: SendRequest) -> Iterator[Refusal]:
    for number, one in enumerate(request.personalizations):
        for place, box in enumerate(one.to):
            if box.email.startswith(REFUSED_START):
                where = f"personalizations.{number}.to.{place}.email"
                yield Refusal(where, "Does not contain a valid address.")


def _error(
    status: int, refusals: list[Refusal] | None = None, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:  # fmt: skip
    told = refusals or [Refusal(None, _TEXTS[status])]
    errors = [{"message": one.message, "field": one.field, "help": None} for one in told]
    return Answer(status, json.dumps({"errors": errors}).encode(), headers)
