"""CloudEvents 1.0 and plain NDJSON to raw rows. Pure.

Source: the CloudEvents specification 1.0.2, HTTP protocol binding and JSON format.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from relight.web.ingest.limits import ITEMS_MAX, RequestRefusedError
from relight.web.ingest.segment import Item, Raw, Rows, is_object, parse_object, text_of

_ITEM = msgspec.json.Decoder(Item)
_ITEMS = msgspec.json.Decoder(list[Raw])
_ENCODE = msgspec.json.Encoder().encode
#: Attributes without which there is no event.
_REQUIRED = ("id", "source", "specversion", "type")
_VERSION = "1.0"


def read_structured(body: bytes) -> Rows:
    """Return the row of `application/cloudevents+json`."""
    return _rows([Raw(_ENCODE(parse_object(body)))])


def read_event_batch(body: bytes) -> Rows:
    """Return the rows of `application/cloudevents-batch+json`; raises RequestRefusedError (400) where it is no list."""
    try:
        items = _ITEMS.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RequestRefusedError(400, "not_json", f"the body is no JSON list: {error}") from None
    _check_count(len(items))
    return _rows(items)


def read_binary(headers: Mapping[str, str], body: bytes) -> Rows:
    """Return the row of binary mode: attributes in `ce-…` headers, the data as body."""
    item: Item = {
        name[3:]: Raw(_ENCODE(value))
        for name, value in headers.items()
        if name.startswith("ce-") and len(name) > len("ce-")
    }
    if body:
        try:
            msgspec.json.decode(body)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise RequestRefusedError(400, "not_json", f"the data is no JSON: {error}") from None
        item["data"] = Raw(body)
    return _rows([Raw(_ENCODE(item))])


def read_ndjson(body: bytes) -> Rows:
    """Return one row a line, as they are; empty lines count for nothing."""
    lines = [line for line in (part.strip() for part in body.split(b"\n")) if line]
    _check_count(len(lines))
    return Rows(rows=lines)


def _check_count(count: int) -> None:
    if count > ITEMS_MAX:
        raise RequestRefusedError(
            400, "too_many_items", f"{count} events in one request", detail=f"send at most {ITEMS_MAX}"
        )


def _rows(items: list[Raw]) -> Rows:
    rows, parked = [], []
    for number, raw in enumerate(items):
        try:
            item = _ITEM.decode(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            parked.append((number, "the item is no JSON object"))
            rows.append(bytes(raw))
            continue
        missing = [name for name in _REQUIRED if text_of(item, name) is None]
        version = text_of(item, "specversion")
        if missing:
            parked.append((number, f"it has no {', '.join(missing)}"))
        elif version != _VERSION:
            parked.append((number, f"specversion is {version!r}, expected {_VERSION!r}"))
        rows.append(_ENCODE(_row(item)))
    return Rows(rows=rows, parked=parked)


def _row(item: Item) -> Item:
    """Return the row: `source` + `id` is the identity, `subject` the customer, `data` the properties."""
    row: Item = {}
    for theirs, ours in {"type": "event", "subject": "userId", "time": "timestamp"}.items():
        if theirs in item:
            row[ours] = item[theirs]
    identity, source = text_of(item, "id"), text_of(item, "source")
    if identity is not None and source is not None:
        row["messageId"] = Raw(_ENCODE(f"{source}#{identity}"))
    data = item.get("data")
    if data is not None:
        row["properties"] = data if is_object(data) else Raw(_ENCODE({"data": data}))
    context = {
        name: raw for name, raw in item.items() if name not in {"data", "data_base64", "type", "subject", "time"}
    }
    row["context"] = Raw(_ENCODE(context))
    return row
