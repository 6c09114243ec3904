"""Calls a web address with a message's text: Slack, SMS gateways, in-app inboxes. Signed, never redirected.

A receiver tells a repeat by `Idempotency-Key`, which is derived from the occurrence key and equal on every try, and
proves the sender by `Relight-Signature`: `t=<unix seconds>,v1=<hex of HMAC-SHA256(secret, "<t>.<body>")>`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import h11

from relight.base.errors import RejectError
from relight.base.ids import digest
from relight.base.instants import SECOND
from relight.delivery.outgoing import (
    Concern,
    Delivery,
    MayBegin,
    Outcome,
    OutgoingMessage,
    always,
    not_begun,
    outcome_of,
)
from relight.delivery.webhook_addresses import WebAddress, read_address, resolve

#: Bytes of a body that are sent.
BODY_BYTES_MAX = 262_144
#: Bytes of an answer that are read; beyond it the call counts as unknown.
ANSWER_BYTES_MAX = 65_536
#: Messages of one claim; called at once.
BATCH_MESSAGES_MAX = 16
#: Furthest `Retry-After` that is believed (s).
RETRY_AFTER_SECONDS_MAX = 3_600
_READ_BYTES = 16_384
_OK, _REDIRECTS, _SERVER_ERRORS = range(200, 300), range(300, 400), range(500, 600)
#: Answers after which the same call may succeed later.
_LATER = frozenset({408, 425, 429})
#: A gateway on the way cannot say whether the receiver has it.
_GATEWAY_ERRORS = frozenset({502, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Whom to call and how."""

    #: Name -> address.
    addresses: Mapping[str, str] = field(repr=False)
    secret: bytes | None = field(default=None, repr=False)
    #: Hosts that may lie inside the network.
    private: tuple[str, ...] = ()
    #: Seconds that one call may take.
    seconds: float = 30.0
    #: PEM file of the authority that signed the receivers' certificates; None takes the system's.
    ca_file: str | None = None


def sign(secret: bytes, body: bytes, seconds: int) -> str:
    """Return the value of `Relight-Signature` for a body sent at `seconds` (unix)."""
    mac = hmac.new(secret, f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={mac}"


class _NotBegunError(Exception):
    """The lease would run out before an answer."""


@dataclass(slots=True)
class _Call:
    """One call while it is made."""

    may_begin: MayBegin
    #: The first byte may have left.
    begun: bool = False


class WebhookTransport:
    """The way out of messages of channel `webhook`."""

    #: A receiver may tell a repeat by its key, but none has to.
    idempotent = False
    batch_max = BATCH_MESSAGES_MAX

    def __init__(self, settings: WebhookSettings, *, now: Callable[[], float] = time.time) -> None:
        """Keep the settings; nothing is opened yet. `now` is the clock of signatures, for tests."""
        self.settings = settings
        self._now = now

    async def deliver(self, batch: Sequence[OutgoingMessage], *, may_begin: MayBegin = always) -> list[Delivery]:
        """Return one delivery a message; one address that fails says nothing about the others."""
        return list(await asyncio.gather(*(self._send(one, may_begin) for one in batch)))

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Delivery]:  # noqa: ARG002 - the protocol's signature
        """Return nothing: a receiver cannot be asked."""
        return {}

    async def close(self) -> None:
        """Nothing is held: each call has a connection of its own."""

    async def _send(self, message: OutgoingMessage, may_begin: MayBegin) -> Delivery:
        call = _Call(may_begin)
        url = self.settings.addresses.get(message.to_address)
        if url is None:
            return outcome_of(message, Outcome.REJECTED, f"config's `webhooks` has no '{message.to_address}'")
        body = message.text.encode("utf-8", "replace")
        if len(body) > BODY_BYTES_MAX:
            text = f"the body has {len(body):,} bytes; {BODY_BYTES_MAX:,} are sent"
            return outcome_of(message, Outcome.REJECTED, text)
        try:
            address = read_address(url, self.settings.private)
            async with asyncio.timeout(self.settings.seconds):
                answer = await self._post(address, self._request(address, message, body), call)
        except RejectError as error:
            return outcome_of(message, Outcome.REJECTED, str(error))
        except _NotBegunError:
            return not_begun(message)
        except (OSError, TimeoutError, EOFError, h11.ProtocolError) as error:
            text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            return outcome_of(message, Outcome.UNKNOWN if call.begun else Outcome.RETRY, text)
        return self._judge(message, *answer)

    def _request(self, address: WebAddress, message: OutgoingMessage, body: bytes) -> bytes:
        headers = [
            ("Host", address.authority),
            ("User-Agent", "relight"),
            ("Content-Type", "application/json" if _is_json(body) else "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Idempotency-Key", digest("webhook", message.occurrence_key)),
            ("Connection", "close"),
        ]
        if self.settings.secret is not None:
            headers.append(("Relight-Signature", sign(self.settings.secret, body, int(self._now()))))
        wire = h11.Connection(h11.CLIENT)
        raw = wire.send(h11.Request(method="POST", target=address.target, headers=headers))
        return (raw or b"") + body

    async def _post(self, address: WebAddress, raw: bytes, call: _Call) -> tuple[int, Mapping[str, str], bytes]:
        reader, writer = await self._connect(address)
        try:
            if not call.may_begin():
                raise _NotBegunError
            call.begun = True
            writer.write(raw)
            await writer.drain()
            return await _read_answer(reader)
        finally:
            writer.close()

    async def _connect(self, address: WebAddress) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first address that answers, of those that were checked."""
        tls = ssl.create_default_context(cafile=self.settings.ca_file) if address.is_tls else None
        failed: OSError | None = None
        for one in await resolve(address):
            try:
                return await asyncio.open_connection(
                    one, address.port, ssl=tls, server_hostname=address.host if tls else None
                )
            except OSError as error:
                failed = error
        raise failed or OSError("no address")

    def _judge(self, message: OutgoingMessage, status: int, headers: Mapping[str, str], body: bytes) -> Delivery:
        text = f"{status} {body[:200].decode('utf-8', 'replace')}".strip()
        if status in _OK:
            return outcome_of(message, Outcome.ACCEPTED, text)
        if status in _GATEWAY_ERRORS:
            return outcome_of(message, Outcome.UNKNOWN, text)
        if status in _LATER or status in _SERVER_ERRORS:
            wait = headers.get("retry-after", "")
            seconds = min(int(wait), RETRY_AFTER_SECONDS_MAX) if wait.isdigit() else None
            at = None if seconds is None else int(self._now()) * SECOND + seconds * SECOND
            return outcome_of(message, Outcome.RETRY, text, retry_at=at, concern=Concern.MESSAGE)
        if status in _REDIRECTS:
            text = f"{status}: it redirects; write the address that it leads to"
        return outcome_of(message, Outcome.REJECTED, text)


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, Mapping[str, str], bytes]:
    """Return a whole answer; raises EOFError for a cut or over-long one."""
    wire = h11.Connection(h11.CLIENT)
    wire.send(h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
    wire.send(h11.EndOfMessage())
    status, headers, body = 0, {}, b""
    while True:
        event = wire.next_event()
        if event is h11.NEED_DATA:
            wire.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Response):
            status = event.status_code
            headers = {name.decode().lower(): value.decode("latin-1") for name, value in event.headers}
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > ANSWER_BYTES_MAX:
                raise EOFError(f"the answer is longer than {ANSWER_BYTES_MAX:,} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return status, headers, body
        elif not isinstance(event, h11.InformationalResponse):
            raise EOFError("the answer was cut")


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
