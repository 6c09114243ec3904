"""Several rows of a finished file that are one event (V1 `group_by`): rows with equal fields, wherever they stand.

The event stands where its first row stands and keeps that row's values, except for what is summed or counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from relight.base.errors import RejectError
from relight.base.kinds import UNKNOWN, Kind
from relight.streams.fields import field_reader, flatten
from relight.streams.plan import FieldReader, GroupPlan, Row, StreamPlan
from relight.streams.refusals import Counts, RefusalError, show_value
from relight.streams.times import make_time_reader
from relight.streams.values import coercer_of

#: Groups that are held at once; each keeps its first row.
GROUP_ROWS_MAX = 2_000_000

_NUMBER = coercer_of(Kind.NUMBER, (), make_time_reader(None))
_FAULTS = (ArithmeticError, ValueError, TypeError, LookupError, AttributeError)


class GroupLimitError(RejectError):
    """The file has more groups than are held at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRefusal:
    """A row that could not be grouped."""

    position: int
    source: str
    row: Row
    refusal: RefusalError


@dataclass(slots=True, kw_only=True)
class _Group:
    position: int
    source: str
    row: Row
    sums: list[Decimal]
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedRow:
    """One event's row: the first of its group, with sums and count."""

    position: int
    #: Source of the first row, for people.
    source: str
    #: The values of the group's fields: the id where the stream declares none.
    key: str
    row: Row


def group_rows(
    plan: StreamPlan, rows: Iterable[tuple[int, str, Row]], counts: Counts | None = None
) -> Iterator[GroupedRow | RowRefusal]:
    """Yield the grouped rows of (position, source, row) by position of their first row; refused rows come at once.

    `rows` of the stream filters before grouping, so a grouped row is decoded without it. `counts` grows by every row
    but the first of each group, which decoding counts. Raises GroupLimitError beyond GROUP_ROWS_MAX groups.
    """
    group = plan.group
    assert group is not None
    readers = [field_reader((name,), flat=plan.source.format != "ndjson") for name in group.fields]
    held: dict[str, _Group] = {}
    for position, source, row in rows:
        try:
            flat = flatten(row) if plan.needs_flat else row
            if plan.rows is not None and _read(plan.rows, flat, "rows") is not True:
                if counts is not None:
                    counts.rows += 1
                    counts.filtered += 1
                continue
            key = _key(readers, group.fields, row)
            amounts = [_amount(read, flat, name) for name, read in group.sums]
        except RefusalError as refusal:
            if counts is not None:
                counts.rows += 1
                counts.dead[refusal.code] += 1
            yield RowRefusal(position=position, source=source, row=row, refusal=refusal)
            continue
        known = held.get(key)
        if known is not None:
            known.count += 1
            if counts is not None:
                counts.rows += 1
            known.sums = [total + amount for total, amount in zip(known.sums, amounts, strict=True)]
            continue
        if len(held) >= GROUP_ROWS_MAX:
            raise GroupLimitError(f"the file has more than {GROUP_ROWS_MAX:,} groups; split it")
        held[key] = _Group(position=position, source=source, row=row, sums=amounts)
    for key, found in held.items():
        yield GroupedRow(position=found.position, source=found.source, key=key, row=_folded(group, found))


def _folded(plan: GroupPlan, group: _Group) -> Row:
    row = dict(group.row)
    for (name, _), total in zip(plan.sums, group.sums, strict=True):
        row[name] = total
    if plan.count is not None:
        row[plan.count] = group.count
    return row


def _key(readers: list[FieldReader], names: tuple[str, ...], row: Row) -> str:
    """Return the values joined by `|`; one inside a value is doubled, so that no two groups share a key."""
    parts = []
    for reader, name in zip(readers, names, strict=True):
        value = reader(row)
        if value is None or value == "":
            raise RefusalError("missing-group", f"the row has no {name}, by which it is grouped")
        if isinstance(value, Mapping | list | bool):
            raise RefusalError("bad-group", f"{name} is {show_value(value)}, expected text or a number")
        parts.append(str(value).replace("|", "||"))
    return "|".join(parts)


def _amount(read: FieldReader, flat: Row, name: str) -> Decimal:
    value = _read(read, flat, name)
    if value is None or value == "":
        return Decimal(0)
    try:
        amount = _NUMBER(value)
    except ValueError as error:
        raise RefusalError("bad-value", f"{name} is {show_value(value)}, expected {error}") from None
    assert isinstance(amount, Decimal)
    return amount


def _read(read: FieldReader, flat: Row, what: str) -> object:
    try:
        value = read(flat)
    except _FAULTS as error:
        raise RefusalError("bad-expression", f"{what}: {error}") from None
    return None if value is UNKNOWN else value
