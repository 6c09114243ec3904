"""PostHog's batches to rows of Segment's shape: `$identify` and `$set` set traits, `$create_alias` merges.

Pure. Shapes: captured from posthog-python 7 against a local server.
"""

from __future__ import annotations

import msgspec

from relight.web.ingest.segment import (
    Item,
    Raw,
    Rows,
    is_object,
    list_of,
    parse_object,
    read_items,
    text_of,
)

_ITEM = msgspec.json.Decoder(Item)
_ENCODE = msgspec.json.Encoder().encode
#: PostHog's own events that are something else in Segment's words.
_CALLS = {
    "$identify": "identify",
    "$set": "identify",
    "$pageview": "page",
    "$screen": "screen",
    "$create_alias": "alias",
}
_GROUP = "$groupidentify"


def read_posthog(body: bytes, received: int) -> Rows:
    """Return the rows of `POST /batch/` or of one event; raises RequestRefusedError where there is no list."""
    envelope = parse_object(body)
    items = list_of(envelope, "batch") if "batch" in envelope else [Raw(body)]
    sent_at = text_of(envelope, "sent_at", "sentAt")
    return read_items([_as_segment(raw) for raw in items], received=received, sent_at=sent_at)


def _as_segment(raw: Raw) -> Raw:
    try:
        item = _ITEM.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return raw  # parked as it is
    name = text_of(item, "event") or ""
    inner = _ITEM.decode(item["properties"]) if is_object(item.get("properties")) else {}
    row: Item = {"type": Raw(_ENCODE(_CALLS.get(name, "group" if name == _GROUP else "track")))}
    _copy(item, row, {"distinct_id": "userId", "uuid": "messageId", "timestamp": "timestamp", "context": "context"})
    if "messageId" not in row:
        _copy(item, row, {"messageId": "messageId"})
    if name and name not in _CALLS and name != _GROUP:
        row["event"] = item["event"]
    if name == "$create_alias":
        _copy(inner, row, {"distinct_id": "previousId", "alias": "userId"})
    elif name == _GROUP:
        _copy(inner, row, {"$group_key": "groupId", "$group_set": "traits"})
    elif is_object(item.get("$set")) or is_object(inner.get("$set")):
        row["traits"] = item["$set"] if is_object(item.get("$set")) else inner["$set"]
    row["properties"] = Raw(_ENCODE({key: value for key, value in inner.items() if key != "$set"}))
    return Raw(_ENCODE(row))


def _copy(source: Item, target: Item, names: dict[str, str]) -> None:
    for theirs, ours in names.items():
        if theirs in source:
            target[ours] = source[theirs]
