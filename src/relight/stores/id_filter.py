"""A Bloom filter over 128-bit keys, tested for a whole batch at once: it may say yes wrongly, never no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Bits a key; with the hashes below about 0.8 % of new keys are looked up in vain.
FILTER_BITS = 10
FILTER_HASHES = 7
#: A filter's least size, bits.
FILTER_BITS_MIN = 64
_MIX_FIRST, _MIX_SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_HALF = np.uint64(32)


def filter_hashes(keys: NDArray[Any]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return two hashes of each key; `keys` has a row a key of two (or more) 64-bit numbers."""
    customer, event = keys[:, 0].astype(np.uint64), keys[:, 1].astype(np.uint64)
    first = (customer ^ (event >> _HALF)) * _MIX_FIRST + event
    second = (event ^ (customer >> _HALF)) * _MIX_SECOND + customer
    return first ^ (first >> _HALF), (second ^ (second >> _HALF)) | np.uint64(1)


def empty_filter(count: int) -> NDArray[np.uint8]:
    """Return the bits of a filter for `count` keys, eight a byte."""
    return np.zeros(max(FILTER_BITS_MIN, count * FILTER_BITS) // 8 + 1, dtype=np.uint8)


def fill_filter(bits: NDArray[np.uint8], keys: NDArray[Any]) -> None:
    """Add keys to a filter."""
    first, second = filter_hashes(keys)
    size = np.uint64(bits.size * 8)
    for turn in range(FILTER_HASHES):
        index = (first + np.uint64(turn) * second) % size
        np.bitwise_or.at(
            bits, (index >> np.uint64(3)).astype(np.intp), np.uint8(1) << (index & np.uint64(7)).astype(np.uint8)
        )


def may_hold(bits: NDArray[np.uint8], first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Return the indices of the keys (by their `filter_hashes`) that the filter may hold."""
    size = np.uint64(bits.size * 8)
    alive = np.arange(first.size, dtype=np.intp)
    for turn in range(FILTER_HASHES):
        index = (first[alive] + np.uint64(turn) * second[alive]) % size
        found = bits[(index >> np.uint64(3)).astype(np.intp)] >> (index & np.uint64(7)).astype(np.uint8) & 1
        alive = alive[found.astype(bool)]
        if not alive.size:
            break
    return alive
