"""The body of a request: read with a limit on its size and its time, gzip taken off with a limit on what comes out."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING

from relight.web.ingest.limits import (
    BODY_SECONDS_MAX,
    INFLATED_BYTES_MAX,
    REQUEST_BYTES_MAX,
    RequestRefusedError,
)

if TYPE_CHECKING:
    from starlette.requests import Request

#: zlib's word for gzip with the largest window.
_GZIP = 31


async def read_body(request: Request) -> bytes:
    """Return the body; raises RequestRefusedError where it is too large, too slow, or no gzip although it says so."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > REQUEST_BYTES_MAX:
        raise _too_large(REQUEST_BYTES_MAX)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for chunk in request.stream():
                parts.append(chunk)
                size += len(chunk)
                if size > REQUEST_BYTES_MAX:
                    raise _too_large(REQUEST_BYTES_MAX)
    except TimeoutError:
        raise RequestRefusedError(400, "too_slow", f"the body took more than {BODY_SECONDS_MAX:.0f} s") from None
    body = b"".join(parts)
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding in ("identity", ""):
        return body
    if encoding != "gzip":
        raise RequestRefusedError(400, "bad_encoding", f"Content-Encoding is '{encoding}', expected gzip or none")
    return inflate(body)


def inflate(body: bytes) -> bytes:
    """Return what gzip holds; raises RequestRefusedError beyond INFLATED_BYTES_MAX, or where it is damaged."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(body, INFLATED_BYTES_MAX + 1)
    except zlib.error as error:
        raise RequestRefusedError(400, "bad_gzip", f"the body is no gzip: {error}") from None
    if len(plain) > INFLATED_BYTES_MAX:
        raise _too_large(INFLATED_BYTES_MAX)
    if not unpacker.eof:
        raise RequestRefusedError(400, "bad_gzip", "the gzip body is cut short")
    return plain


def _too_large(most: int) -> RequestRefusedError:
    return RequestRefusedError(
        400, "too_large", f"the request has more than {most} bytes", detail="send fewer events in one request"
    )
