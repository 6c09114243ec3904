"""Segment's calls, and those of its family, to raw rows: envelopes merged, a client's wrong clock put right.

Pure: the time of arrival is an argument. What stands inside `properties`, `traits` and `context` is passed on byte for
byte. Field meanings: segment.com/docs/connections/spec/common.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from relight.streams.fields import SEGMENT_TYPES
from relight.web.ingest.limits import CLOCK_SKEW_MIN, ITEMS_MAX, RequestRefusedError

#: A field that is not looked into.
Raw = msgspec.Raw
Item = dict[str, Raw]

_ITEM = msgspec.json.Decoder(Item)
_BATCH = msgspec.json.Decoder(list[Raw])
_ENCODE = msgspec.json.Encoder().encode
_NULL = b"null"
_QUOTE, _BRACE = ord('"'), ord("{")


class _Head(msgspec.Struct):
    """What must be there."""

    type: str = ""
    userId: str = ""  # noqa: N815 - Segment's names
    anonymousId: str = ""  # noqa: N815 - as above
    messageId: str = ""  # noqa: N815 - as above


_HEAD = msgspec.json.Decoder(_Head)
#: Types that ask for nothing but a row.
_PLAIN_TYPES = frozenset({"track", "page", "screen"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """An anonymous id that turns out to be a known customer (V4)."""

    anonymous: str
    customer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What a request becomes."""

    #: Raw rows as JSON objects, in the order they came.
    rows: Sequence[bytes] = ()
    #: Row number -> the merge that comes right after that row.
    merges: Mapping[int, Merge] = field(default_factory=dict)
    #: (item number from 0, why): they are among `rows`, and end as dead letters.
    parked: Sequence[tuple[int, str]] = ()


def parse_object(body: bytes) -> Item:
    """Return the top level of a JSON object; raises RequestRefusedError (400) for anything else."""
    try:
        return _ITEM.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RequestRefusedError(400, "not_json", f"the body is no JSON object: {error}") from None


def text_of(item: Mapping[str, Raw], *names: str) -> str | None:
    """Return the first of some fields that is a text and not empty; null and other types count as absent."""
    for name in names:
        raw = item.get(name)
        if raw is not None and memoryview(raw)[0] == _QUOTE:
            value = msgspec.json.decode(raw, type=str)
            if value:
                return value
    return None


def read_call(kind: str, body: bytes, received: int) -> Rows:
    """Return the rows of `POST /v1/{track,identify,page,screen,group,alias}`.

    Args:
        kind: the call's name in the path; it counts where the body says none.
        body: a JSON object.
        received: when it arrived (µs).
    """
    item = parse_object(body)
    item.setdefault("type", Raw(_ENCODE(kind)))
    return read_items([Raw(_ENCODE(item))], received=received, sent_at=text_of(item, "sentAt"))


def read_batch(body: bytes, received: int) -> Rows:
    """Return the rows of `POST /v1/batch`; raises RequestRefusedError where there is no list of items."""
    envelope = parse_object(body)
    shared = {name: envelope[name] for name in ("context", "integrations") if is_object(envelope.get(name))}
    return read_items(list_of(envelope, "batch"), received=received, sent_at=text_of(envelope, "sentAt"), shared=shared)


def list_of(envelope: Item, name: str) -> list[Raw]:
    """Return the items of a batch; raises RequestRefusedError (400) for none, or for more than ITEMS_MAX."""
    raw = envelope.get(name)
    try:
        items = _BATCH.decode(raw if raw is not None else _NULL)
    except (msgspec.MsgspecError, ValueError):
        raise RequestRefusedError(400, "no_batch", f"'{name}' is no list of events") from None
    if len(items) > ITEMS_MAX:
        raise RequestRefusedError(
            400, "too_many_items", f"{len(items)} events in one request", detail=f"send at most {ITEMS_MAX}"
        )
    return items


def is_object(raw: Raw | None) -> bool:
    """Return whether a field holds a JSON object."""
    return raw is not None and memoryview(raw)[0] == _BRACE


def read_items(
    items: Sequence[Raw], *, received: int, sent_at: str | None, shared: Mapping[str, Raw] | None = None
) -> Rows:
    """Return the rows of some items of Segment's shape. shared: fields of the batch that an item without them has."""
    skew = clock_skew(sent_at, received)
    rows: list[bytes] = []
    merges: dict[int, Merge] = {}
    parked: list[tuple[int, str]] = []
    for number, raw in enumerate(items):
        plain = None if skew or shared else _as_it_is(raw)
        if plain is not None:
            rows.append(plain)
            continue
        try:
            item = _ITEM.decode(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            parked.append((number, "the item is no JSON object"))
            rows.append(bytes(raw))
            continue
        why = _complete(item, shared or {}, skew)
        if why:
            parked.append((number, why))
        merge = merge_of(item)
        rows.append(_ENCODE(item))
        if merge is not None:
            merges[number] = merge
    return Rows(rows=rows, merges=merges, parked=parked)


def _as_it_is(raw: Raw) -> bytes | None:
    """Return the bytes of an item that needs no mending: a sound track, page or screen; None for any other."""
    text = bytes(raw)
    if b"null" in text or b'"sentAt"' in text or b'"writeKey"' in text:
        return None
    try:
        head = _HEAD.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    is_sound = head.type in _PLAIN_TYPES and head.messageId and (head.userId or head.anonymousId)
    return text if is_sound else None


def _complete(item: Item, shared: Mapping[str, Raw], skew: int) -> str:
    """Mend one item in place; return why it cannot become an event, or nothing."""
    for name in [name for name, raw in item.items() if bytes(raw) == _NULL and name not in ("properties", "traits")]:
        del item[name]  # clients write null for what they do not have
    for name, raw in shared.items():
        item.setdefault(name, raw)
    item.pop("writeKey", None)
    item.pop("sentAt", None)
    if skew and (said := text_of(item, "timestamp", "originalTimestamp")):
        right = _moved(said, skew)
        if right is not None:
            item["originalTimestamp"] = Raw(_ENCODE(said))
            item["timestamp"] = Raw(_ENCODE(right))
    kind = text_of(item, "type")
    if kind not in SEGMENT_TYPES:
        return f"'type' is {kind!r}, expected one of {', '.join(sorted(SEGMENT_TYPES))}"
    if text_of(item, "userId", "anonymousId") is None:
        return "it names neither 'userId' nor 'anonymousId'"
    return "" if text_of(item, "messageId") else "it has no 'messageId'"


def merge_of(item: Item) -> Merge | None:
    """Return the merge that an alias, or an identify with both ids, asks for (V4)."""
    kind, customer = text_of(item, "type"), text_of(item, "userId")
    before = text_of(item, "previousId") if kind == "alias" else text_of(item, "anonymousId")
    if kind not in ("alias", "identify") or customer is None or before is None or before == customer:
        return None
    return Merge(anonymous=before, customer=customer)


def clock_skew(sent_at: str | None, received: int) -> int:
    """Return how far a client's clock is behind ours (µs), 0 where it is right, unknown or says no zone.

    Corrected time = receivedAt − (sentAt − timestamp); a difference below CLOCK_SKEW_MIN is the way the request took.
    """
    sent = None if sent_at is None else _instant(sent_at)
    if sent is None:
        return 0
    skew = received - sent
    return skew if abs(skew) >= CLOCK_SKEW_MIN else 0


def _instant(text: str) -> int | None:
    """Return µs UTC of an ISO 8601 time with a zone; None for any other text."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is None:
        return None
    return (found - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def _moved(text: str, skew: int) -> str | None:
    found = _instant(text)
    if found is None:
        return None
    right = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=found + skew)
    return right.isoformat().replace("+00:00", "Z")
