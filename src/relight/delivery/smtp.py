"""Sends by SMTP, one recipient a transaction, over a few connections that are reused.

After anything but a clean end a connection is reset or dropped, so that no half-open transaction meets the next
message. What an ending means is decided in `smtp_session`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import aiosmtplib

from relight.base.errors import RejectError
from relight.delivery.addresses import normalise_address
from relight.delivery.mime import build_mime
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
from relight.delivery.signing import sign_mail
from relight.delivery.smtp_session import (
    SHUTTING_DOWN,
    NotBegunError,
    RefusedError,
    Session,
    SmtpSettings,
    concern_of,
    judge,
)

#: Messages over one connection.
CONNECTION_MESSAGES_MAX = 500
#: Messages of one claim for each connection; a kill leaves at most so many unknown, or doubled where they are retried.
BATCH_PER_CONNECTION = 2


@dataclass(slots=True)
class _Line:
    """One connection, its client and how many messages went over it."""

    client: aiosmtplib.SMTP | None = None
    sent: int = 0


@dataclass(slots=True)
class _Round:
    """One batch while it is on its way."""

    may_begin: MayBegin
    #: What every further message of the batch shares, once one was told so.
    closed: tuple[Outcome, str, Concern] | None = None
    results: dict[int, Delivery] = field(default_factory=dict)


class SmtpTransport:
    """The transport that `delivery: {smtp: {…}}` names."""

    #: SMTP has no idempotency key; one Message-ID on every retry is all it offers.
    idempotent = False

    def __init__(self, settings: SmtpSettings, *, now: Callable[[], dt.datetime] | None = None) -> None:
        """Keep the settings; nothing is opened yet. `now` gives the Date of an attempt, for tests."""
        self.settings = settings
        self.batch_max = settings.connections * BATCH_PER_CONNECTION
        self._now = now or (lambda: dt.datetime.now(dt.UTC))
        self._lines = [_Line() for _ in range(settings.connections)]

    async def deliver(self, batch: Sequence[OutgoingMessage], *, may_begin: MayBegin = always) -> list[Delivery]:
        """Return one delivery a message. When no connection can be had, the rest of the batch shares that outcome."""
        waiting = iter(enumerate(batch))
        shared = _Round(may_begin)

        async def work(line: _Line) -> None:
            for place, message in waiting:
                shared.results[place] = await self._send(line, message, shared)

        await asyncio.gather(*(work(line) for line in self._lines[: len(batch)]))
        return [shared.results[place] for place in range(len(batch))]

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Delivery]:  # noqa: ARG002 - the protocol's signature
        """Return nothing: SMTP cannot be asked."""
        return {}

    async def close(self) -> None:
        """Say QUIT over each connection that is whole, and close it."""
        await asyncio.gather(*(self._quit(line) for line in self._lines))

    async def _quit(self, line: _Line) -> None:
        client, line.client = line.client, None
        if client is None:
            return
        try:
            await client.quit(timeout=self.settings.command_seconds)
        except (aiosmtplib.SMTPException, OSError):
            client.close()

    async def _send(self, line: _Line, message: OutgoingMessage, shared: _Round) -> Delivery:
        if shared.closed is not None:
            outcome, text, concern = shared.closed
            return outcome_of(message, outcome, text, concern=concern)
        address = normalise_address(message.to_address)
        if address is None:
            return outcome_of(message, Outcome.REJECTED, "the address is none that mail can go to")
        try:
            content = build_mime(message, date=self._now())
            if self.settings.dkim is not None:
                content = sign_mail(content, self.settings.dkim)
        except RejectError as error:
            return outcome_of(message, Outcome.REJECTED, str(error))
        session = Session(self.settings, shared.may_begin)
        try:
            client = await self._connected(line, session)
        except (aiosmtplib.SMTPException, OSError, RefusedError) as error:
            _close_now(line)
            outcome, text = judge(session.phase, error)
            shared.closed = (outcome, text, Concern.PROVIDER)
            return outcome_of(message, outcome, text, concern=Concern.PROVIDER)
        try:
            text = await session.transact(client, message, address, content)
        except NotBegunError:
            _close_now(line)
            return not_begun(message)
        except (aiosmtplib.SMTPException, OSError, ValueError, RefusedError) as error:
            outcome, text = judge(session.phase, error)
            await self._recover(line, error)
            concern = concern_of(session.phase, error)
            if outcome is Outcome.CONFIGURATION:
                shared.closed = (outcome, text, concern)
            return outcome_of(message, outcome, text, concern=concern)
        except asyncio.CancelledError:
            _close_now(line)
            raise
        line.sent += 1
        if line.sent >= CONNECTION_MESSAGES_MAX:
            await self._quit(line)
        return outcome_of(message, Outcome.ACCEPTED, text)

    async def _connected(self, line: _Line, session: Session) -> aiosmtplib.SMTP:
        if line.client is not None and line.client.is_connected:
            return line.client
        line.client, line.sent = session.make_client(), 0
        await session.open(line.client)
        return line.client

    async def _recover(self, line: _Line, error: Exception) -> None:
        """Reset the connection after a full refusal; drop it after anything else."""
        if isinstance(error, RefusedError) and error.code != SHUTTING_DOWN and line.client is not None:
            try:
                await line.client.rset(timeout=self.settings.command_seconds)
            except (aiosmtplib.SMTPException, OSError):
                pass
            else:
                return
        _close_now(line)


def _close_now(line: _Line) -> None:
    client, line.client = line.client, None
    if client is not None:
        client.close()
