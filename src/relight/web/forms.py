"""Small forms, in both encodings that browsers and mail programs use; within limits, no files."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Final

from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

from relight.web.limits import FORM_BYTES_MAX, read_body
from relight.web.protect import RefusedError

if TYPE_CHECKING:
    from starlette.requests import Request

#: Fields of one form.
FIELDS_MAX: Final = 200


async def read_form(request: Request, most: int = FORM_BYTES_MAX) -> Mapping[str, str]:
    """Return the text fields of a form, the last of each name; raises RefusedError for what is no such form."""
    body = await read_body(request, most)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def parts() -> AsyncGenerator[bytes, None]:
        yield body
        yield b""

    try:
        if kind == "multipart/form-data":
            parser = MultiPartParser(request.headers, parts(), max_files=0, max_fields=FIELDS_MAX)
            form = await parser.parse()
        elif kind == "application/x-www-form-urlencoded" or not body:
            form = await FormParser(request.headers, parts()).parse()
        else:
            raise RefusedError(415)
    except (MultiPartException, ValueError, KeyError) as error:
        raise RefusedError(400) from error
    fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    if len(fields) > FIELDS_MAX:
        raise RefusedError(400)
    return fields
