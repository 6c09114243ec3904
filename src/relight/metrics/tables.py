"""The columns that measures are computed from: one table an event name, who and when in numpy arrays.

A table grows by lists and is frozen into arrays when it is asked for. Amounts are whole millionths, so that sums are
exact; texts and customers are small numbers. Knows no store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

#: Parts of one that an amount is counted in.
MILLION = 1_000_000
#: Largest amount that is counted, in whole units; a larger one counts as missing.
AMOUNT_MAX = 10**12
#: Up to here a float of an amount, in millionths, rounds to the exact amount.
FLOAT_EXACT_MAX = 10**9
#: Below this a sum of int64 cannot overflow.
_SUM_MAX = 2.0**62
#: An amount that is not known.
NO_AMOUNT = np.iinfo(np.int64).min
#: A text or customer that is not known.
NO_CODE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The events of one name, in the order of the log."""

    #: Code of the customer; NO_CODE for a global event.
    who: Codes
    #: Event time (µs).
    when: Ints
    #: Ingest time (µs).
    known: Ints
    #: Amounts (millionths) by property.
    amounts: Mapping[str, Ints] = field(default_factory=dict)
    #: Codes of texts by property.
    texts: Mapping[str, Codes] = field(default_factory=dict)
    #: Truth of each filter by its text.
    filters: Mapping[str, Flags] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.who)

    def where(self, keep: Flags) -> Table:
        """Return the events for which `keep` is true."""
        return Table(
            who=self.who[keep],
            when=self.when[keep],
            known=self.known[keep],
            amounts={name: column[keep] for name, column in self.amounts.items()},
            texts={name: column[keep] for name, column in self.texts.items()},
            filters={name: column[keep] for name, column in self.filters.items()},
        )


EMPTY = Table(
    who=np.empty(0, np.int32),
    when=np.empty(0, np.int64),
    known=np.empty(0, np.int64),
)


def amount_of(value: object) -> int:
    """Return a number in millionths, NO_AMOUNT for what is none or too large."""
    if value is None or isinstance(value, bool):
        return NO_AMOUNT
    try:
        number = Decimal(str(value))
        if not number.is_finite() or abs(number) > AMOUNT_MAX:
            return NO_AMOUNT
        return int((number * MILLION).to_integral_value())
    except InvalidOperation:
        return NO_AMOUNT


def amounts_of(values: list[object]) -> Ints:
    """Return many numbers in millionths, quickly where all are plain."""
    try:
        floats = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        return np.fromiter(map(amount_of, values), np.int64, len(values))
    if floats.size and not bool(np.all(np.abs(floats) <= FLOAT_EXACT_MAX)):
        return np.fromiter(map(amount_of, values), np.int64, len(values))
    return np.rint(floats * MILLION).astype(np.int64)


def total(amounts: Ints) -> int:
    """Return the exact sum of known amounts."""
    known = amounts[amounts != NO_AMOUNT]
    if float(np.abs(known).sum(dtype=np.float64)) < _SUM_MAX:
        return int(known.sum())
    return sum(map(int, known))


def units(amount: int) -> float:
    """Return an amount of millionths in whole units."""
    return int(amount) / MILLION


class Dictionary:
    """Small numbers for texts, in the order in which they came."""

    __slots__ = ("codes",)

    def __init__(self) -> None:
        """Start empty."""
        self.codes: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many texts there are."""
        return len(self.codes)

    def code(self, text: str) -> int:
        """Return the number of a text, a new one where it has none."""
        return self.codes.setdefault(text, len(self.codes))

    def names(self) -> list[str]:
        """Return the texts by their numbers."""
        return list(self.codes)


def concatenate(parts: list[Table]) -> Table:
    """Return one table of several, in order."""
    if not parts:
        return EMPTY
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    return Table(
        who=np.concatenate([one.who for one in parts]),
        when=np.concatenate([one.when for one in parts]),
        known=np.concatenate([one.known for one in parts]),
        amounts={name: np.concatenate([one.amounts[name] for one in parts]) for name in first.amounts},
        texts={name: np.concatenate([one.texts[name] for one in parts]) for name in first.texts},
        filters={name: np.concatenate([one.filters[name] for one in parts]) for name in first.filters},
    )
