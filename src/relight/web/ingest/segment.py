"""Segment's calls, and those of its family, to raw rows: envelopes merged, a client's wrong clock put right.

Pure: the time of arrival is an argument. What stands inside `properties`, `traits` and `context` is passed on byte for
byte. Field meanings: segment.com/docs/connections/spec/common.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Annotated, Literal

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


#: A text that no text is: a field of this type must not be there.
_Forbidden = Annotated[str, msgspec.Meta(min_length=1, max_length=0)]


class _Sound(msgspec.Struct, gc=False):
    """A track, page or screen that may pass as it is, where it names somebody: nothing is to be taken off it."""

    type: Literal["track", "page", "screen"]
    messageId: Annotated[str, msgspec.Meta(min_length=1)]  # noqa: N815 - Segment's names
    userId: str = ""  # noqa: N815 - as above
    anonymousId: str = ""  # noqa: N815 - as above
    sentAt: _Forbidden = ""  # noqa: N815 - as above
    writeKey: _Forbidden = ""  # noqa: N815 - as above


class _Batch(msgspec.Struct, gc=False):
    """What a batch says of all its items, and the items, not looked into."""

    batch: Raw
    sentAt: Raw = Raw(b"")  # noqa: N815 - Segment's names
    context: Raw = Raw(b"")
    integrations: Raw = Raw(b"")


_SOUND = msgspec.json.Decoder(_Sound)
_SOUNDS = msgspec.json.Decoder(list[_Sound])
_BATCH_OF = msgspec.json.Decoder(_Batch)
_USER = attrgetter("userId")


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
    #: Instead of `rows`, where nothing had to be mended: all of them as the one JSON list they came in, and how many.
    whole: bytes = b""
    whole_count: int = 0
    #: Row number -> the merge that comes right after that row.
    merges: Mapping[int, Merge] = field(default_factory=dict)
    #: (item number from 0, why): they are among `rows`, and end as dead letters.
    parked: Sequence[tuple[int, str]] = ()

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self.whole_count or len(self.rows)

    def each(self) -> Sequence[bytes]:
        """Return the rows one by one."""
        return [bytes(raw) for raw in _BATCH.decode(self.whole)] if self.whole else self.rows


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
    sound = _read_sound_batch(body, received)
    if sound is not None:
        return sound
    envelope = parse_object(body)
    shared = {name: envelope[name] for name in ("context", "integrations") if is_object(envelope.get(name))}
    return read_items(list_of(envelope, "batch"), received=received, sent_at=text_of(envelope, "sentAt"), shared=shared)


def _read_sound_batch(body: bytes, received: int) -> Rows | None:
    """Return the rows of a batch in which nothing is to be mended, as nearly all are; None where each is looked at.

    Two passes in C, no object an event but the few texts that make it sound, and the items stay the bytes they are.
    """
    if b"null" in body:  # perhaps of a field that is to be taken off
        return None
    try:
        batch = _BATCH_OF.decode(body)
        heads = _SOUNDS.decode(batch.batch)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    to_share = (raw for raw in (batch.context, batch.integrations) if raw)
    sent_at = text_of({"sentAt": batch.sentAt}, "sentAt") if batch.sentAt else None
    if any(map(is_object, to_share)) or clock_skew(sent_at, received) or len(heads) > ITEMS_MAX:
        return None
    named = all(map(_USER, heads)) or all(head.userId or head.anonymousId for head in heads)
    return Rows(whole=bytes(batch.batch), whole_count=len(heads)) if named else None


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
        if not skew and not shared and _may_pass(raw):
            rows.append(bytes(raw))
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


def _may_pass(raw: Raw) -> bool:
    """Return whether an item is a sound track, page or screen from which nothing is to be taken off."""
    if b"null" in bytes(raw):
        return False
    try:
        head = _SOUND.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return bool(head.userId or head.anonymousId)


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
