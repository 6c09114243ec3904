"""One SMTP transaction, command by command, and what an error in each phase means.

Theory of operation. Exceptions of a client library cannot tell whether the server has the message, so each command is
given by itself and the phase is kept here. Up to the answer to DATA nothing has left: whatever breaks is `retry`. From
the first byte of the body until the last reply is read in full: `unknown`. A full reply decides by its code: 250
accepted, 4xx retry, 5xx rejected.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

import aiosmtplib

from relight.delivery.addresses import needs_smtputf8
from relight.delivery.outgoing import Concern, MayBegin, Outcome, OutgoingMessage
from relight.delivery.signing import DkimKey

#: Seconds to connect, TLS included.
CONNECT_SECONDS_MAX = 20.0
#: Seconds for the answer to one command.
COMMAND_SECONDS_MAX = 60.0
#: Seconds for the answer to the whole body; RFC 5321 4.5.3.2.6 asks for 10 minutes, our lease is shorter.
BODY_SECONDS_MAX = 120.0
_OK, _START_INPUT, SHUTTING_DOWN = 250, 354, 421
#: Replies to MAIL or AUTH that say our settings are wrong (RFC 4954 6).
_CONFIGURATION_CODES = frozenset({530, 534, 535, 538})
#: Not 4.3.3 and 4.3.4, which are about what one message asks for.
_SYSTEM_STATUS = re.compile(r"4\d\d 4\.3\.[0125]\b")


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
    #: Occurrence key -> envelope sender of that message (VERP); None uses `envelope_from`.
    envelope_of: Callable[[str], str] | None = None
    #: Signs each mail; None leaves that to the server.
    dkim: DkimKey | None = None
    #: Connections open at once.
    connections: int = 1
    connect_seconds: float = CONNECT_SECONDS_MAX
    command_seconds: float = COMMAND_SECONDS_MAX
    body_seconds: float = BODY_SECONDS_MAX

    def __post_init__(self) -> None:
        if self.user is not None and not (self.starttls or self.tls):
            raise ValueError("a password never goes over a plain connection: set starttls or tls")


class RefusedError(Exception):
    """A full answer that says no."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code


class NotBegunError(Exception):
    """The lease would run out before an answer: the transaction is given up before the first byte of the body."""


class MisconfiguredError(RefusedError):
    """Our settings and the server do not fit."""

    def __init__(self, text: str) -> None:
        super().__init__(0, text)

    def __str__(self) -> str:
        return str(self.args[0]).removeprefix("0 ")


class Session:
    """One transaction: knows how far it has come."""

    def __init__(self, settings: SmtpSettings, may_begin: MayBegin) -> None:
        self.settings = settings
        self.may_begin = may_begin
        self.phase = Phase.CONNECT

    def make_client(self) -> aiosmtplib.SMTP:
        """Return a client of these settings, not connected."""
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
                raise MisconfiguredError("the server offers no STARTTLS; nothing is sent over a plain connection")
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
        sender = envelope_sender(self.settings, message)
        self.phase = Phase.MAIL
        options, encoding = [f"size={len(content)}"] if client.supports_extension("size") else [], "ascii"
        if needs_smtputf8(address) or needs_smtputf8(sender):
            if not client.supports_extension("smtputf8"):
                raise RefusedError(553, "the server takes no address with letters beyond ASCII (SMTPUTF8)")
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
        if not self.may_begin():
            raise NotBegunError
        self.phase = Phase.BODY
        protocol.write(_dot_stuffed(content))
        reply = await protocol.read_response(timeout=max(seconds, self.settings.body_seconds))
        if reply.code != _OK:
            raise RefusedError(reply.code, reply.message)
        return f"{reply.code} {reply.message}"

    async def _command(self, client: aiosmtplib.SMTP, *words: bytes, accepted: tuple[int, ...] = (_OK,)) -> None:
        reply = await client.execute_command(*words, timeout=self.settings.command_seconds)
        if reply.code not in accepted:
            raise RefusedError(reply.code, reply.message)


def envelope_sender(settings: SmtpSettings, message: OutgoingMessage) -> str:
    """Return where bounces of a message go."""
    if settings.envelope_of is not None:
        return settings.envelope_of(message.occurrence_key)
    return settings.envelope_from or message.from_address


def _dot_stuffed(content: bytes) -> bytes:
    """Return the body as DATA takes it (RFC 5321 4.5.2); `build_mime` wrote CR LF throughout."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return (b"." if stuffed.startswith(b".") else b"") + stuffed + b".\r\n"


def concern_of(phase: Phase, error: Exception) -> Concern:
    """Return whom an error in a phase is about: nobody gets in, one recipient is refused, or it cannot be told.

    A server whose own system is in trouble may say so to each recipient: enhanced code 4.3.x, "mail system status"
    (RFC 3463 3.4).
    """
    if phase < Phase.MAIL:
        return Concern.PROVIDER
    is_answer = isinstance(error, RefusedError) and error.code != SHUTTING_DOWN
    if not is_answer or phase is Phase.MAIL or _SYSTEM_STATUS.match(str(error)):
        return Concern.EITHER
    return Concern.MESSAGE


def judge(phase: Phase, error: Exception) -> tuple[Outcome, str]:
    """Return what an error in a phase means for the message."""
    text = f"{phase.name.lower()}: {error}" if str(error) else f"{phase.name.lower()}: {type(error).__name__}"
    if isinstance(error, MisconfiguredError) or isinstance(error.__cause__ or error, ssl.SSLCertVerificationError):
        return Outcome.CONFIGURATION, text
    code = getattr(error, "code", 0) if isinstance(error, (RefusedError, aiosmtplib.SMTPResponseException)) else 0
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
