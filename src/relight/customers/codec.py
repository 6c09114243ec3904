"""A profile as bytes for a checkpoint, and back (msgpack). The encoding has a version; older ones upgrade step by step.

Values come back in their memory form by the kinds of the layout (Decimal and date are written as text).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec

from relight.base.errors import StoreError
from relight.base.kinds import Kind, revive_value
from relight.customers.profile import Profile, Told
from relight.customers.series import Series

if TYPE_CHECKING:
    from relight.customers.layout import Layout
    from relight.customers.series import SeriesSpec

#: Version of the encoding below. 1 had no measures, 2 nothing of accounts but the name, 3 nothing of their people.
PROFILE_VERSION = 4
#: Profile of each older version -> the next one, on the plain list of fields.
UPGRADES: dict[int, Callable[[list[Any]], list[Any]]] = {
    1: lambda fields: [*fields, {}],
    2: lambda fields: [*fields, None, {}],
    3: lambda fields: [*fields, None],
}

_FIELDS = Profile.__struct_fields__
_SERIES, _TOTALS = _FIELDS.index("series"), _FIELDS.index("totals")
_ENCODER = msgspec.msgpack.Encoder()
#: How bytes of the present version begin: a list of two, the version first.
_PRESENT = _ENCODER.encode([PROFILE_VERSION, None])[:2]


class Standing(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The first fields of a stored profile, all that timers are rebuilt from (H6)."""

    customer: str
    #: As in the profile.
    now: int
    position: int
    world: int
    wake: int


@lru_cache(maxsize=1)
def _decoder() -> msgspec.msgpack.Decoder[Any]:
    """Return the reader of a stored profile: the profile's own fields, series and totals as plain lists."""
    hints = get_type_hints(Profile) | {"series": dict[str, list[Any]], "totals": dict[str, list[Any]]}
    stored = msgspec.defstruct(
        "StoredProfile", [(name, hints[name]) for name in _FIELDS], array_like=True, namespace={"__doc__": None}
    )
    return msgspec.msgpack.Decoder(tuple[int, stored], strict=False)  # type: ignore[valid-type]  # made just now


_STANDING = msgspec.msgpack.Decoder(tuple[int, Standing])


def encode_profile(profile: Profile) -> bytes:
    """Return the profile as bytes."""
    fields: list[Any] = list(msgspec.structs.astuple(profile))
    if fields[_SERIES]:
        fields[_SERIES] = {key: _plain_series(series) for key, series in fields[_SERIES].items()}
    if fields[_TOTALS]:
        fields[_TOTALS] = {key: _plain_total(total) for key, total in fields[_TOTALS].items()}
    return _ENCODER.encode((PROFILE_VERSION, fields))


def read_standing(blob: bytes) -> Standing:
    """Return the first fields of a stored profile without reading the others. Raises as `decode_profile`."""
    try:
        return _STANDING.decode(blob)[1] if blob.startswith(_PRESENT) else _STANDING.decode(_upgraded(blob))[1]
    except msgspec.MsgspecError as error:
        message = f"a stored profile cannot be read: {error}"
        raise StoreError(message) from error


def decode_profile(layout: Layout | Callable[[int], Layout], blob: bytes) -> Profile:
    """Return the profile of some bytes. Raises StoreError for bytes that are none, or of a newer version.

    layout: under which it was written, or how to find that by the number of global records the profile has seen.
    """
    try:
        _, stored = _decoder().decode(blob if blob.startswith(_PRESENT) else _upgraded(blob))
    except msgspec.MsgspecError as error:
        message = f"a stored profile cannot be read: {error}"
        raise StoreError(message) from error
    profile = Profile(*msgspec.structs.astuple(stored))
    layout = layout(profile.world) if callable(layout) else layout
    if profile.series:
        raw: Mapping[str, Any] = profile.series
        profile.series = {key: _revive_series(layout.series.get(key), plain) for key, plain in raw.items()}
    if profile.totals:
        totals: Mapping[str, Any] = profile.totals
        profile.totals = {key: _revive_total(plain) for key, plain in totals.items()}
    _revive(layout, profile)
    return profile


def _upgraded(blob: bytes) -> bytes:
    """Return the bytes of an older version in the present one. Raises StoreError for what is neither."""
    try:
        version, fields = msgspec.msgpack.decode(blob)
        while version < PROFILE_VERSION:
            fields = UPGRADES[version](fields)
            version += 1
    except (msgspec.MsgspecError, ValueError, TypeError, KeyError) as error:
        message = f"a stored profile cannot be read: {error}"
        raise StoreError(message) from error
    if version != PROFILE_VERSION:
        message = f"a profile of version {version} needs a newer relight; this one reads up to {PROFILE_VERSION}"
        raise StoreError(message)
    return _ENCODER.encode((version, fields))


def read_told(blob: bytes) -> Told | None:
    """Return what a profile's bytes say of the people of the customer's account, for who needs no more of it.

    Raises StoreError for bytes that are none, or of a newer version.
    """
    try:
        _, fields = msgspec.msgpack.decode(blob if blob.startswith(_PRESENT) else _upgraded(blob))
        return msgspec.convert(fields[_FIELDS.index("members")], Told | None)
    except (msgspec.MsgspecError, ValueError, TypeError, LookupError) as error:
        message = f"a stored profile cannot be read: {error}"
        raise StoreError(message) from error


def read_consent(blob: bytes) -> dict[str, tuple[bool, int]]:
    """Return topic -> (given, when it was said in µs) of a profile's bytes, for who needs no more of it.

    Raises StoreError for bytes that are none.
    """
    try:
        version, fields = msgspec.msgpack.decode(blob)
        raw = fields[_FIELDS.index("consent")] if version <= PROFILE_VERSION else {}
        return {topic: (given is True, int(order[0])) for topic, (order, given) in raw.items()}
    except (msgspec.MsgspecError, ValueError, TypeError, LookupError, AttributeError) as error:
        message = f"a stored profile cannot be read: {error}"
        raise StoreError(message) from error


# ---------------------------------------------------------------- series and totals
def _plain_series(series: Series) -> list[object]:
    return [
        series.recent,
        series.count,
        series.first,
        series.last,
        list(series.sums.items()),
        list(series.numbers.items()),
        list(series.lows.items()),
        list(series.highs.items()),
        [[i, list(seen.items())] for i, seen in series.values.items()],
        list(series.firsts.items()),
        list(series.lasts.items()),
        [[list(key), *counted] for key, counted in series.keyed.items()],
    ]


def _revive_series(spec: SeriesSpec | None, raw: list[Any]) -> Series:
    recent, count, first, last, sums, numbers, lows, highs, values, firsts, lasts, keyed = raw
    kinds = spec.kinds if spec is not None else ()

    def alive(index: int, value: object) -> object:
        return value if value is None or index >= len(kinds) else revive_value(value, kinds[index])

    keys = spec.keyed if spec is not None else ()
    return Series(
        recent=[(e[0], e[1], *[alive(i, v) for i, v in enumerate(e[2:])]) for e in recent],
        count=count,
        first=first,
        last=last,
        sums={i: Decimal(str(v)) for i, v in sums},
        numbers=dict(numbers),
        lows={i: alive(i, v) for i, v in lows},
        highs={i: alive(i, v) for i, v in highs},
        values={i: {alive(i, v): n for v, n in seen} for i, seen in values},
        firsts={i: (at, tie, alive(i, v)) for i, (at, tie, v) in firsts},
        lasts={i: (at, tie, alive(i, v)) for i, (at, tie, v) in lasts},
        keyed={tuple(alive(i, v) for i, v in zip(keys, key, strict=False)): (n, at) for key, n, at in keyed},
    )


def _plain_total(total: object) -> object:
    if isinstance(total, Decimal):
        return ["sum", str(total)]
    if isinstance(total, set):
        return ["seen", sorted(total)]
    return ["count", total]


def _revive_total(raw: list[Any]) -> object:
    kind, value = raw
    return Decimal(value) if kind == "sum" else set(value) if kind == "seen" else value


# ---------------------------------------------------------------- values by kind
def revive_properties(kinds: Mapping[str, Kind], properties: Mapping[str, object]) -> dict[str, object]:
    """Return properties in their memory form, by the kinds their event declares; undeclared ones as they are."""
    return {
        name: revive_value(value, kinds[name]) if name in kinds and value is not None else value
        for name, value in properties.items()
    }


def _revive(layout: Layout, profile: Profile) -> None:
    kinds = layout.kinds
    for name, writes in profile.traits.items():
        kind = layout.trait_kinds.get(name)
        for write in writes:
            if kind is not None and write.value is not None:
                write.value = revive_value(write.value, kind)
    nothing: dict[str, Kind] = {}
    for trace in profile.trail:
        trace.properties = revive_properties(kinds.get(trace.name, nothing), trace.properties)
    for asks in profile.asks.values():
        for ask in asks.values():
            ask.properties = revive_properties(kinds.get(ask.event, nothing), ask.properties)
    for entry in profile.entries:
        if entry.properties:
            entry.properties = revive_properties(kinds.get(entry.trigger_event, nothing), entry.properties)
        if entry.release:
            entry.release = revive_properties(kinds.get(entry.release_event, nothing), entry.release)
