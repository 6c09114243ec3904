"""Sends by SMTP, one recipient a transaction, over one connection that is reused.

Theory of operation. Exceptions of a client library cannot tell whether the server has the message, so each command is
given by itself and the phase is kept here. Up to the answer to DATA nothing has left: whatever breaks is `retry`. From
the first byte of the body until the last reply is read in full: `unknown`. A full reply decides by its code: 250 accepted,
4xx retry, 5xx rejected. After anything but a clean end the connection is dropped, so that no half-open transaction meets
the next message.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import aiosmtplib

from relight.base.errors import RejectError
from relight.delivery.addresses import needs_smtputf8, normalise_address
from relight.delivery.mime import build_mime
from relight.delivery.outgoing import Delivery, Outcome, OutgoingMessage, outcome_of

#: Seconds to connect, TLS included.
CONNECT_SECONDS_MAX = 20.0
#: Seconds for the answer to one command.
COMMAND_SECONDS_MAX = 60.0
#: Seconds for the answer to the whole body; RFC 5321 4.5.3.2.6 asks for 10 minutes, our lease is shorter.
BODY_SECONDS_MAX = 120.0
#: Messages over one connection.
CONNECTION_MESSAGES_MAX = 500

_OK, _START_INPUT, _SHUTTING_DOWN = 250, 354, 421
#: Replies to MAIL or AUTH that say our settings are wrong (RFC 4954 6).
_CONFIGURATION_CODES = frozenset({530, 534, 535, 538})


class Phase(IntEnum):
    """How far a transaction has come."""

    CONNECT = 0
    EHLO = 1
    STARTTLS = 2
    LOGIN = 3
    MAIL = 4
    RCPT = 5
    DATA = 6
    #: The first byte of the body may have left.
    BODY = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """Where and how to send."""

    host: str
    port: int = 587
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    #: Demanded before anything else is said; may be off only without credentials.
    starttls: bool = True
    #: TLS from the first byte (port 465).
    tls: bool = False
    #: PEM file of the authority that signed the server's certificate; None takes the system's.
    ca_file: str | None = None
    #: What we call ourselves in EHLO.
    local_name: str | None = None
    #: Envelope sender for bounces; None uses the From address.
    envelope_from: str | None = None
    connect_seconds: float = CONNECT_SECONDS_MAX
    command_seconds: float = COMMAND_SECONDS_MAX
    body_seconds: float = BODY_SECONDS_MAX

    def __post_init__(self) -> None:
        if self.user is not None and not (self.starttls or self.tls):
            raise ValueError("a password never goes over a plain connection: set starttls or tls")


class SmtpTransport:
    """The transport that `delivery: {smtp: {…}}` names."""

    #: SMTP has no idempotency key; one Message-ID on every retry is all it offers.
    idempotent = False

    def __init__(self, settings: SmtpSettings, *, now: Callable[[], dt.datetime] | None = None) -> None:
        """Keep the settings; nothing is opened yet. `now` gives the Date of an attempt, for tests."""
        self.settings = settings
        self._now = now or (lambda: dt.datetime.now(dt.UTC))
        self._client: aiosmtplib.SMTP | None = None
        self._sent = 0

    async def deliver(self, batch: Sequence[OutgoingMessage]) -> list[Delivery]:
        """Return one delivery a message. When no connection can be had, the rest of the batch shares that outcome."""
        results: list[Delivery] = []
        closed: tuple[Outcome, str] | None = None
        for message in batch:
            if closed is None:
                outcome, text, closed = await self._send(message)
            else:
                outcome, text = closed
            results.append(outcome_of(message, outcome, text))
        return results

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Delivery]:
        """Return nothing: SMTP cannot be asked."""
        return {}

    async def close(self) -> None:
        """Say QUIT if the connection is whole, and close it."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            await client.quit(timeout=self.settings.command_seconds)
        except (aiosmtplib.SMTPException, OSError):
            client.close()

    async def _send(self, message: OutgoingMessage) -> tuple[Outcome, str, tuple[Outcome, str] | None]:
        """Return outcome and text, and the same again when it concerns everybody: no connection, wrong settings."""
        address = normalise_address(message.to_address)
        if address is None:
            return Outcome.REJECTED, "the address is none that mail can go to", None
        try:
            content = build_mime(message, date=self._now())
        except RejectError as error:
            return Outcome.REJECTED, str(error), None
        session = _Session(self.settings)
        try:
            client = await self._connected(session)
        except (aiosmtplib.SMTPException, OSError, _Refused) as error:
            await self._drop()
            outcome, text = _judge(session.phase, error)
            return outcome, text, (outcome, text)
        try:
            text = await session.transact(client, message, address, content)
        except (aiosmtplib.SMTPException, OSError, ValueError, _Refused) as error:
            outcome, text = _judge(session.phase, error)
            await self._recover(error)
            return outcome, text, (outcome, text) if outcome is Outcome.CONFIGURATION else None
        except asyncio.CancelledError:
            self._close_now()
            raise
        self._sent += 1
        if self._sent >= CONNECTION_MESSAGES_MAX:
            await self.close()
        return Outcome.ACCEPTED, text, None

    async def _connected(self, session: _Session) -> aiosmtplib.SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        self._client, self._sent = session.make_client(), 0
        await session.open(self._client)
        return self._client

    async def _recover(self, error: Exception) -> None:
        """Reset the connection after a full refusal; drop it after anything else."""
        if isinstance(error, _Refused) and error.code != _SHUTTING_DOWN and self._client is not None:
            try:
                await self._client.rset(timeout=self.settings.command_seconds)
            except (aiosmtplib.SMTPException, OSError):
                pass
            else:
                return
        await self._drop()

    async def _drop(self) -> None:
        self._close_now()

    def _close_now(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


class _Refused(Exception):  # noqa: N818 - not an error: a full answer that says no
    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code


class _Misconfigured(_Refused):
    def __init__(self, text: str) -> None:
        super().__init__(0, text)

    def __str__(self) -> str:
        return str(self.args[0]).removeprefix("0 ")


class _Session:
    """One transaction: knows how far it has come."""

    def __init__(self, settings: SmtpSettings) -> None:
        self.settings = settings
        self.phase = Phase.CONNECT

    def make_client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self.settings.host, port=self.settings.port, timeout=self.settings.connect_seconds,
            use_tls=self.settings.tls, start_tls=False, local_hostname=self.settings.local_name,
            tls_context=self._context() if self.settings.tls else None,
        )  # fmt: skip

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.settings.ca_file)

    async def open(self, client: aiosmtplib.SMTP) -> None:
        """Connect, greet, encrypt and log in."""
        await client.connect(timeout=self.settings.connect_seconds)
        self.phase = Phase.EHLO
        await client.ehlo(timeout=self.settings.command_seconds)
        if self.settings.starttls and not self.settings.tls:
            self.phase = Phase.STARTTLS
            if not client.supports_extension("starttls"):
                raise _Misconfigured("the server offers no STARTTLS; nothing is sent over a plain connection")
            await client.starttls(tls_context=self._context(), timeout=self.settings.connect_seconds)
            await client.ehlo(timeout=self.settings.command_seconds)
        if self.settings.user is not None:
            self.phase = Phase.LOGIN
            await client.login(self.settings.user, self.settings.password or "", timeout=self.settings.command_seconds)

    async def transact(
        self, client: aiosmtplib.SMTP, message: OutgoingMessage, address: str, content: bytes
    ) -> str:  # fmt: skip
        """Return the server's last word when it has the message; raises for everything else."""
        seconds = self.settings.command_seconds
        sender = self.settings.envelope_from or message.from_address
        self.phase = Phase.MAIL
        options, encoding = [f"size={len(content)}"] if client.supports_extension("size") else [], "ascii"
        if needs_smtputf8(address) or needs_smtputf8(sender):
            if not client.supports_extension("smtputf8"):
                raise _Refused(553, "the server takes no address with letters beyond ASCII (SMTPUTF8)")
            options, encoding = [*options, "SMTPUTF8"], "utf-8"
        arguments = [f"FROM:<{sender}>", *options]
        await self._command(client, b"MAIL", *(a.encode(encoding) for a in arguments))
        self.phase = Phase.RCPT
        await self._command(client, b"RCPT", f"TO:<{address}>".encode(encoding), accepted=(_OK, 251))
        self.phase = Phase.DATA
        await self._command(client, b"DATA", accepted=(_START_INPUT,))
        protocol = client.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("the connection is gone")
        self.phase = Phase.BODY
        protocol.write(_dot_stuffed(content))
        reply = await protocol.read_response(timeout=max(seconds, self.settings.body_seconds))
        if reply.code != _OK:
            raise _Refused(reply.code, reply.message)
        return f"{reply.code} {reply.message}"

    async def _command(self, client: aiosmtplib.SMTP, *words: bytes, accepted: tuple[int, ...] = (_OK,)) -> None:
        reply = await client.execute_command(*words, timeout=self.settings.command_seconds)
        if reply.code not in accepted:
            raise _Refused(reply.code, reply.message)


def _dot_stuffed(content: bytes) -> bytes:
    """Return the body as DATA takes it (RFC 5321 4.5.2); `build_mime` wrote CR LF throughout."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return (b"." if stuffed.startswith(b".") else b"") + stuffed + b".\r\n"


def _judge(phase: Phase, error: Exception) -> tuple[Outcome, str]:
    """Return what an error in a phase means for the message."""
    text = f"{phase.name.lower()}: {error}" if str(error) else f"{phase.name.lower()}: {type(error).__name__}"
    if isinstance(error, _Misconfigured) or isinstance(error.__cause__ or error, ssl.SSLCertVerificationError):
        return Outcome.CONFIGURATION, text
    code = getattr(error, "code", 0) if isinstance(error, (_Refused, aiosmtplib.SMTPResponseException)) else 0
    if isinstance(error, aiosmtplib.SMTPNotSupported) or (phase is Phase.LOGIN and 500 <= code < 600):  # noqa: PLR2004
        return Outcome.CONFIGURATION, text
    if code in _CONFIGURATION_CODES:
        return Outcome.CONFIGURATION, text
    if 400 <= code < 500:  # noqa: PLR2004
        return Outcome.RETRY, text
    if 500 <= code < 600 and phase >= Phase.MAIL:  # noqa: PLR2004
        return Outcome.REJECTED, text
    if isinstance(error, ValueError) and phase < Phase.DATA:
        return Outcome.REJECTED, text
    return (Outcome.UNKNOWN if phase is Phase.BODY else Outcome.RETRY), text
