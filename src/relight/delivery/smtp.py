"""Sends by SMTP, one recipient a transaction, over one connection that is reused.

After anything but a clean end the connection is reset or dropped, so that no half-open transaction meets the next
message. What an ending means is decided in `smtp_session`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import aiosmtplib

from relight.base.errors import RejectError
from relight.delivery.addresses import normalise_address
from relight.delivery.mime import build_mime
from relight.delivery.outgoing import Delivery, Outcome, OutgoingMessage, outcome_of
from relight.delivery.smtp_session import SHUTTING_DOWN, RefusedError, Session, SmtpSettings, judge

#: Messages over one connection.
CONNECTION_MESSAGES_MAX = 500


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

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Delivery]:  # noqa: ARG002 - the protocol's signature
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
        session = Session(self.settings)
        try:
            client = await self._connected(session)
        except (aiosmtplib.SMTPException, OSError, RefusedError) as error:
            await self._drop()
            outcome, text = judge(session.phase, error)
            return outcome, text, (outcome, text)
        try:
            text = await session.transact(client, message, address, content)
        except (aiosmtplib.SMTPException, OSError, ValueError, RefusedError) as error:
            outcome, text = judge(session.phase, error)
            await self._recover(error)
            return outcome, text, (outcome, text) if outcome is Outcome.CONFIGURATION else None
        except asyncio.CancelledError:
            self._close_now()
            raise
        self._sent += 1
        if self._sent >= CONNECTION_MESSAGES_MAX:
            await self.close()
        return Outcome.ACCEPTED, text, None

    async def _connected(self, session: Session) -> aiosmtplib.SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        self._client, self._sent = session.make_client(), 0
        await session.open(self._client)
        return self._client

    async def _recover(self, error: Exception) -> None:
        """Reset the connection after a full refusal; drop it after anything else."""
        if isinstance(error, RefusedError) and error.code != SHUTTING_DOWN and self._client is not None:
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
