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
from relight.customers.profile import Profile
from relight.customers.series import Series

if TYPE_CHECKING:
    from relight.customers.layout import Layout
    from relight.customers.series import SeriesSpec

#: Version of the encoding below. 1 had no measures.
PROFILE_VERSION = 2
#: Profile of each older version -> the next one, on the plain list of fields.
UPGRADES: dict[int, Callable[[list[Any]], list[Any]]] = {1: lambda fields: [*fields, {}]}

_FIELDS = Profile.__struct_fields__
_ENCODER = msgspec.msgpack.Encoder()
_PLAIN = frozenset({"series", "totals"})


@lru_cache(maxsize=1)
def _types() -> dict[str, Any]:
    return get_type_hints(Profile)


def encode_profile(profile: Profile) -> bytes:
    """Return the profile as bytes."""
    fields: list[object] = []
    for name in _FIELDS:
        value = getattr(profile, name)
        if name == "series":
            value = {key: _plain_series(series) for key, series in value.items()}
        elif name == "totals":
            value = {key: _plain_total(total) for key, total in value.items()}
        fields.append(value)
    return _ENCODER.encode([PROFILE_VERSION, fields])


def decode_profile(layout: Layout | Callable[[int], Layout], blob: bytes) -> Profile:
    """Return the profile of some bytes. Raises StoreError for bytes that are none, or of a newer version.

    layout: under which it was written, or how to find that by the number of global records the profile has seen.
    """
    try:
        version, fields = msgspec.msgpack.decode(blob)
        while version < PROFILE_VERSION:
            fields = UPGRADES[version](fields)
            version += 1
        if version != PROFILE_VERSION:
            message = f"a profile of version {version} needs a newer relight; this one reads up to {PROFILE_VERSION}"
            raise StoreError(message)
        values = {
            name: raw if name in _PLAIN else msgspec.convert(raw, _types()[name], strict=False)
            for name, raw in zip(_FIELDS, fields, strict=True)
        }
    except (msgspec.MsgspecError, ValueError, TypeError, KeyError) as error:
        message = f"a stored profile cannot be read: {error}"
        raise StoreError(message) from error
    layout = layout(values["world"]) if callable(layout) else layout
    values["series"] = {key: _revive_series(layout.series.get(key), raw) for key, raw in values["series"].items()}
    values["totals"] = {key: _revive_total(raw) for key, raw in values["totals"].items()}
    profile = Profile(**values)
    _revive(layout, profile)
    return profile


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
    for name, writes in profile.traits.items():
        kind = layout.trait_kinds.get(name)
        for write in writes:
            if kind is not None and write.value is not None:
                write.value = revive_value(write.value, kind)
    nothing: dict[str, Kind] = {}
    for trace in profile.trail:
        trace.properties = revive_properties(layout.kinds.get(trace.name, nothing), trace.properties)
    for asks in profile.asks.values():
        for ask in asks.values():
            ask.properties = revive_properties(layout.kinds.get(ask.event, nothing), ask.properties)
    for entry in profile.entries:
        entry.properties = revive_properties(layout.kinds.get(entry.trigger_event, nothing), entry.properties)
        entry.release = revive_properties(layout.kinds.get(entry.release_event, nothing), entry.release)
