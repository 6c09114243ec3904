"""The endpoints: who sends, what it becomes, durable, and only then exactly 200.

Three SDKs take 202 for a failure and send again; two read `code` of an error and fail without it (clients.md).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from relight.base.errors import BackpressureError, StoreError
from relight.stores.inbox_interface import ROWS_MAX, WHOLE_MARK, InboxKind, NewEntry
from relight.stores.inbox_words import Word, word_entry
from relight.streams.decode import RECORD_BYTES_MAX
from relight.streams.fields import SEGMENT_TYPES
from relight.web.ingest.bodies import read_body
from relight.web.ingest.cloudevents import read_binary, read_event_batch, read_ndjson, read_structured
from relight.web.ingest.limits import (
    IDEMPOTENCY_KEY_CHARACTERS_MAX,
    PARKED_SHOWN_MAX,
    RequestRefusedError,
)
from relight.web.ingest.posthog import read_posthog
from relight.web.ingest.segment import Rows, parse_object, read_batch, read_call, text_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from starlette.requests import Request

    from relight.stores.write_keys import WriteKey, WriteKeys
    from relight.web.ingest.commit_queue import CommitQueue
    from relight.web.ingest.quota import Quota

#: Seconds for which a key that was found works without being looked up again; so long a revoked one lives on.
KEY_CACHE_SECONDS = 5.0
#: Keys that are remembered.
KEY_CACHE_MAX = 10_000
#: Bytes of rows that one inbox entry aims at; a single row may be longer.
ENTRY_BYTES_AIM = 2**18
#: Seconds after which a sender may try again where we cannot write.
UNWRITABLE_RETRY_SECONDS = 10
_SERVICE_UNAVAILABLE = 503
_TOO_MANY = 429
#: What a client reads whose events were all taken.
_KEPT = b'{"success":true,"status":1}'

_Reader = Callable[["Request", bytes, int], Rows]


@dataclass(slots=True, kw_only=True)
class Ingestion:
    """What the endpoints need."""

    keys: WriteKeys
    queue: CommitQueue[NewEntry]
    quota: Quota
    #: Now, µs UTC.
    clock: Callable[[], int]
    #: Seconds that only grow.
    seconds: Callable[[], float]
    #: Names of the streams that take HTTP.
    streams: frozenset[str]
    _found: dict[str, tuple[WriteKey | None, float]] = field(default_factory=dict)

    def find_key(self, text: str) -> WriteKey | None:
        """Return the write key, or None; what was found is believed for KEY_CACHE_SECONDS."""
        known = self._found.get(text)
        now = self.seconds()
        if known is not None and known[1] > now:
            return known[0]
        if len(self._found) >= KEY_CACHE_MAX:
            self._found.clear()
        key = self.keys.find(text)
        self._found[text] = (key, now + KEY_CACHE_SECONDS)
        return key


def ingest_routes(ingestion: Ingestion) -> list[Route]:
    """Return the routes of events over HTTP."""

    def route(path: str, read: _Reader) -> Route:
        async def endpoint(request: Request) -> Response:
            return await _answer(ingestion, request, read)

        return Route(path, endpoint, methods=["POST"])

    calls = [
        route(f"/v1/{kind}", lambda _request, body, now, kind=kind: read_call(kind, body, now))  # type: ignore[misc]  # bound at once
        for kind in sorted(SEGMENT_TYPES)
    ]
    return [
        # Routes are asked one after the other: what comes most often stands first.
        route("/v1/batch", lambda _request, body, now: read_batch(body, now)),
        route("/v1/import", lambda _request, body, now: read_batch(body, now)),
        route("/batch/", lambda _request, body, now: read_posthog(body, now)),
        route("/batch", lambda _request, body, now: read_posthog(body, now)),
        route("/v1/events", _read_by_type),
        *calls,
    ]


def _read_by_type(request: Request, body: bytes, _now: int) -> Rows:
    """CloudEvents in its three forms, or NDJSON, by the content type."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/cloudevents+json":
        return read_structured(body)
    if kind == "application/cloudevents-batch+json":
        return read_event_batch(body)
    if "ce-specversion" in request.headers:
        return read_binary(request.headers, body)
    if kind in ("application/x-ndjson", "application/ndjson"):
        return read_ndjson(body)
    expected = "application/x-ndjson, application/cloudevents+json, application/cloudevents-batch+json or ce-* headers"
    raise RequestRefusedError(400, "bad_content_type", f"Content-Type is '{kind}'", detail=f"expected {expected}")


async def _answer(ingestion: Ingestion, request: Request, read: _Reader) -> Response:
    try:
        body = await read_body(request)
        now = ingestion.clock()
        key = _authorized(ingestion, request.headers, body)
        rows = read(request, body, now)
        _take_quota(ingestion, key, len(rows))
        _check_repeated(ingestion, key, request.headers, body, now)
        await ingestion.queue.commit(entries_of(rows, key.stream, now))
    except RequestRefusedError as refused:
        return refusal_response(refused, ingestion.clock())
    except (BackpressureError, StoreError) as error:
        message = f"nothing of this was kept: {error}"
        unwritable = RequestRefusedError(
            _SERVICE_UNAVAILABLE, "not_durable", message, retry_after=UNWRITABLE_RETRY_SECONDS
        )
        return refusal_response(unwritable, ingestion.clock())
    return _kept(rows)


def _kept(rows: Rows) -> Response:
    if not rows.parked:
        return Response(_KEPT, media_type="application/json")
    shown = [{"item": number, "reason": why} for number, why in rows.parked[:PARKED_SHOWN_MAX]]
    return JSONResponse({"success": True, "status": 1, "parked": shown, "parked_count": len(rows.parked)})


def entries_of(rows: Rows, stream: str, now: int) -> list[NewEntry]:
    """Return the inbox entries of a request's rows; a merge comes right after its row, once for ever."""

    def events(body: bytes) -> NewEntry:
        return NewEntry(kind=InboxKind.EVENT, name=stream, body=body, received=now)

    if 0 < rows.whole_count <= ROWS_MAX and len(rows.whole) <= ENTRY_BYTES_AIM:
        return [events(WHOLE_MARK + rows.whole)]
    each = rows.each()
    entries: list[NewEntry] = []
    for begin, end in _parts(each, rows.merges):
        # A longer one is a dead letter all the same. A line end can only stand between two tokens of JSON.
        lines = [row[: RECORD_BYTES_MAX + 1].replace(b"\n", b" ") for row in each[begin:end]]
        entries.append(events(b"\n".join(lines)))
        merge = rows.merges.get(end - 1)
        if merge is not None:
            word = Word(kind="merge", customer=merge.customer, subject=merge.anonymous)
            key = msgspec.json.encode(["merge", merge.anonymous, merge.customer]).decode()
            entries.append(word_entry(word, received=now, key=key))
    return entries


def _parts(rows: Sequence[bytes], merges: Container[int]) -> Iterator[tuple[int, int]]:
    """Yield from where to where the rows of one entry stand; one with a merge is the last of its entry."""
    begin = 0
    for end in sorted({*(number + 1 for number in range(len(rows)) if number in merges), len(rows)}):
        while begin < end:
            sizes = list(accumulate(map(len, rows[begin : min(end, begin + ROWS_MAX)])))
            stop = begin + max(1, bisect_right(sizes, ENTRY_BYTES_AIM))
            yield begin, stop
            begin = stop


# ---------------------------------------------------------------- who sends
def _authorized(ingestion: Ingestion, headers: Mapping[str, str], body: bytes) -> WriteKey:
    for text in _keys_in(headers, body):
        key = ingestion.find_key(text)
        if key is not None and key.stream in ingestion.streams:
            return key
    raise RequestRefusedError(
        401, "unknown_key", "no write key, or one that does not work", detail="`relight keys create` makes one"
    )


def _keys_in(headers: Mapping[str, str], body: bytes) -> list[str]:
    """Return the keys that a request names: Basic user, Bearer, then `writeKey` or `api_key` in the body."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    found = []
    if kind.lower() == "bearer" and value:
        found.append(value.strip())
    elif kind.lower() == "basic" and value:
        with contextlib.suppress(binascii.Error, ValueError):
            found.append(base64.b64decode(value, validate=True).decode().partition(":")[0])
    if not found and (b'"writeKey"' in body or b'"api_key"' in body):
        text = text_of(parse_object(body), "writeKey", "api_key")
        found += [] if text is None else [text]
    return found


def _take_quota(ingestion: Ingestion, key: WriteKey, events: int) -> None:
    wait = ingestion.quota.take(key.id, events)
    if wait:
        message = "this key sends more than its quota"
        raise RequestRefusedError(_TOO_MANY, "over_quota", message, retry_after=math.ceil(wait))


def _check_repeated(ingestion: Ingestion, key: WriteKey, headers: Mapping[str, str], body: bytes, now: int) -> None:
    """Refuse an `Idempotency-Key` that came with another body before, as Stripe does."""
    text = headers.get("idempotency-key")
    if text is None:
        return
    if len(text) > IDEMPOTENCY_KEY_CHARACTERS_MAX:
        raise RequestRefusedError(
            400, "bad_idempotency_key", f"an Idempotency-Key has at most {IDEMPOTENCY_KEY_CHARACTERS_MAX} characters"
        )
    if not ingestion.keys.remember_request(key.id, text, body, now):
        raise RequestRefusedError(409, "idempotency_key_reused", "this Idempotency-Key came with another body before")


# ---------------------------------------------------------------- answers
def refusal_response(refused: RequestRefusedError, now: int) -> Response:
    """Return an error as clients read it: `code`, `message`, `detail`, and when to try again. now: µs UTC."""
    headers = {}
    if refused.retry_after is not None:
        headers["Retry-After"] = str(refused.retry_after)
        headers["X-RateLimit-Reset"] = str(now // 1_000_000 + refused.retry_after)
    answer = {"success": False, "code": refused.code, "message": str(refused), "detail": refused.detail}
    return JSONResponse(answer, status_code=refused.status, headers=headers)
