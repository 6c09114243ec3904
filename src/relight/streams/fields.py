"""Reads fields of raw rows: plain keys, dotted paths, the first present of several, Segment's envelope."""

from __future__ import annotations

from collections.abc import Sequence

from relight.streams.plan import FieldReader, PropertyPlan, Row

#: Types of row that Segment's clients send (clients.md).
SEGMENT_TYPES = frozenset({"identify", "track", "page", "screen", "group", "alias"})
#: Fields of their envelope: a property of the same name is looked for inside `properties` only.
SEGMENT_FIELDS = frozenset(
    "type event name category userId anonymousId previousId groupId messageId timestamp originalTimestamp sentAt "
    "receivedAt context integrations version channel traits properties".split()
)


def field_reader(paths: Sequence[str], *, flat: bool) -> FieldReader:
    """Return a reader of the first present of some fields; None for absent, null, and an empty cell of CSV."""
    readers = [_path_reader(path, flat=flat) for path in paths]
    if len(readers) == 1:
        return readers[0]

    def read(row: Row) -> object:
        for reader in readers:
            value = reader(row)
            if value is not None and value != "":
                return value
        return None

    return read


def _path_reader(path: str, *, flat: bool) -> FieldReader:
    if flat:
        return lambda row: None if (value := row.get(path)) == "" else value
    first, *rest = path.split(".")
    if not rest:
        return lambda row: row.get(path)

    def read(row: Row) -> object:
        """Walk a dotted path; a key that is written with its dots counts where nothing is nested."""
        value: object = row.get(first)
        if value is None:
            return row.get(path)
        for part in rest:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    return read


def inner_object(row: Row, key: str) -> dict[str, object] | None:
    """Return a nested object of a row, or None where there is none."""
    value = row.get(key)
    return value if type(value) is dict else None


def read_property(row: Row, inner: dict[str, object] | None, plan: PropertyPlan) -> object:
    """Return the raw value of a property: inside `properties` first, then at top level."""
    if plan.read is not None:
        return plan.read(row)
    key = plan.key
    if inner is not None:
        if key in inner:
            return inner[key]
        if plan.reserved:
            return None
    return row.get(key)


#: No home has it; told apart from null, which takes a trait away.
ABSENT: object = object()


def read_trait(row: Row, plan: PropertyPlan, homes: Sequence[dict[str, object]]) -> object:
    """Return the raw value of a trait, `ABSENT` where no home has it: `traits`, `context.traits`, then top level."""
    if plan.read is not None:
        found = plan.read(row)
        return ABSENT if found is None else found
    for home in homes:
        value = home.get(plan.key, ABSENT)
        if value is not ABSENT:
            return value
    if plan.reserved:
        return ABSENT
    return row.get(plan.key, ABSENT)


def trait_homes(row: Row, *, with_properties: bool) -> tuple[dict[str, object], ...]:
    """Return the nested objects of a row that may hold traits, best first."""
    context = row.get("context")
    homes = (
        row.get("traits"),
        context.get("traits") if type(context) is dict else None,
        row.get("properties") if with_properties else None,
    )
    return tuple(home for home in homes if type(home) is dict)


def flatten(row: Row) -> Row:
    """Return the row with its `properties` at top level, as expressions see it."""
    inner = inner_object(row, "properties")
    return row if inner is None else {**row, **inner}
