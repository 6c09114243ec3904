"""Sends through SendGrid's Web API over connections that stay open: one request a message, or for several that agree.

Theory of operation. Exceptions of a client library cannot tell whether the provider has the message, so the phase is
kept here: until the request's head is about to be written nothing has left, and whatever breaks is `retry`; from there
until the answer is read in full it is `unknown`; a full answer is judged in `sendgrid_answers`. Nothing follows a
redirect, nothing is tried again here: when and whether is the dispatcher's. A refused batch is halved until what is
wrong with it stands alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from relight.base.errors import RejectError
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
from relight.delivery.sendgrid_answers import ANSWER_BYTES_MAX, Verdict, judge_answer
from relight.delivery.sendgrid_batches import BATCH_MESSAGES_MAX, build_batch, share
from relight.delivery.sendgrid_payload import build_payload

#: Where the API is, for accounts outside the EU.
URL_DEFAULT = "https://api.sendgrid.com"
#: Requests under way at once.
CONNECTIONS_DEFAULT = 16
#: Messages of one claim for each connection; a kill leaves at most so many unknown.
BATCH_PER_CONNECTION = 4
#: Seconds to connect, TLS included.
CONNECT_SECONDS_MAX = 10.0
#: Seconds after which an idle connection is not used again: a server that closes it meanwhile makes `unknown`.
KEEP_ALIVE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SendgridAccount:
    """Whose account, and how it is talked to."""

    key: str = field(repr=False)
    url: str = URL_DEFAULT
    #: Have shapes checked only; nothing is delivered and nothing charged.
    sandbox: bool = False
    connections: int = CONNECTIONS_DEFAULT
    #: Messages that may share one request where they say the same; as many become unknown with a lost answer.
    batch: int = 1
    #: Seconds that one request may take, its answer included.
    seconds: float = 30.0

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= BATCH_MESSAGES_MAX:
            raise ValueError(f"a request holds 1 to {BATCH_MESSAGES_MAX} messages")
        if not self.key.strip() or not self.key.isascii() or not self.key.isprintable():
            raise ValueError("the key is empty or holds what cannot stand in a header")


class _NotBegunError(Exception):
    """The lease would run out before an answer: the request is given up before its first byte."""


class _Body(aiohttp.BytesPayload):
    """A request's body that knows whether it has begun to leave; the head waits in a buffer and leaves with it."""

    def __init__(self, content: bytes, may_begin: MayBegin) -> None:
        super().__init__(content, content_type="application/json")
        self.may_begin = may_begin
        self.begun = False
        self.is_given_up = False

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write, unless the sender owns the message no longer: the last moment at which nothing has left."""
        if not self.may_begin():
            self.is_given_up = True
            raise _NotBegunError
        self.begun = True
        await super().write_with_length(writer, content_length)


@dataclass(slots=True)
class _Round:
    """One batch while it is on its way."""

    may_begin: MayBegin
    #: What every further message of the batch shares, once one was told so.
    closed: Verdict | None = None


class SendgridTransport:
    """The transport that `delivery: {sendgrid: {…}}` names."""

    #: The send call has no idempotency key.
    idempotent = False

    def __init__(self, account: SendgridAccount) -> None:
        """Keep the account; nothing is opened yet."""
        self.account = account
        self.batch_max = max(account.connections * BATCH_PER_CONNECTION, account.batch)
        self._url = URL(f"{account.url.rstrip('/')}/v3/mail/send")
        self._session: aiohttp.ClientSession | None = None

    async def deliver(self, batch: Sequence[OutgoingMessage], *, may_begin: MayBegin = always) -> list[Delivery]:
        """Return one delivery a message. What one is told about the account or the provider holds for the rest."""
        groups = share(batch, self.account.batch)
        found: dict[str, Delivery] = {}
        waiting = iter(groups)
        shared = _Round(may_begin)

        async def work() -> None:
            for group in waiting:
                found.update((one.key, one) for one in await self._send_group(group, shared))

        await asyncio.gather(*(work() for _ in range(min(self.account.connections, len(groups)))))
        return [found[message.occurrence_key] for message in batch]

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Delivery]:  # noqa: ARG002 - the protocol's signature
        """Return nothing: only the event webhook says what became of a message."""
        return {}

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _send_group(self, group: Sequence[OutgoingMessage], shared: _Round) -> list[Delivery]:
        """Send one request; where it is refused and holds several messages, its halves, so that one poison is alone."""
        if shared.closed is not None:
            return [_delivery(message, shared.closed) for message in group]
        try:
            body = _Body(self._build(group), shared.may_begin)
            verdict = await self._ask(body, shared)
        except RejectError as error:
            verdict = Verdict(outcome=Outcome.REJECTED, text=str(error))
        if verdict is None:
            return [not_begun(message) for message in group]
        if verdict.outcome is Outcome.REJECTED and len(group) > 1:
            half = len(group) // 2
            return [
                *await self._send_group(group[:half], shared),
                *await self._send_group(group[half:], shared),
            ]
        return [_delivery(message, verdict) for message in group]

    def _build(self, group: Sequence[OutgoingMessage]) -> bytes:
        if len(group) == 1:
            return build_payload(group[0], sandbox=self.account.sandbox)
        return build_batch(group, sandbox=self.account.sandbox)

    async def _ask(self, body: _Body, shared: _Round) -> Verdict | None:
        """Return what became of a request, None where it was not begun; note what concerns the rest of the round."""
        try:
            verdict = await self._post(body)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if body.is_given_up:
                return None
            text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            outcome = Outcome.UNKNOWN if body.begun else Outcome.RETRY
            verdict = Verdict(outcome=outcome, text=text, concern=Concern.PROVIDER)
        if verdict.outcome is Outcome.CONFIGURATION or (
            verdict.outcome is Outcome.RETRY and verdict.concern is Concern.PROVIDER
        ):
            shared.closed = verdict
        elif verdict.outcome is Outcome.ACCEPTED and verdict.retry_at is not None:
            text = "the provider's rate limit is used up"
            shared.closed = Verdict(
                outcome=Outcome.RETRY, text=text, retry_at=verdict.retry_at, concern=Concern.PROVIDER
            )
        return verdict

    async def _post(self, body: _Body) -> Verdict:
        session = self._open_session()
        async with session.post(self._url, data=body, allow_redirects=False) as answer:
            told = b""
            if not answer.content.at_eof():
                async for piece in answer.content.iter_any():  # to its end, which alone says that the answer is whole
                    told += piece[: ANSWER_BYTES_MAX - len(told)]
            now = time.time_ns() // 1_000
            return judge_answer(answer.status, answer.headers, told, now=now, sandbox=self.account.sandbox)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            seconds = self.account.seconds
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self.account.connections, keepalive_timeout=KEEP_ALIVE_SECONDS, ttl_dns_cache=60
                ),
                timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=min(CONNECT_SECONDS_MAX, seconds)),
                headers={
                    "Authorization": f"Bearer {self.account.key}",
                    "Content-Type": "application/json",
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                },
            )
        return self._session


def _delivery(message: OutgoingMessage, verdict: Verdict) -> Delivery:
    retry_at = None if verdict.outcome is Outcome.ACCEPTED else verdict.retry_at
    return outcome_of(
        message, verdict.outcome, verdict.text, verdict.provider_id, retry_at=retry_at, concern=verdict.concern
    )
