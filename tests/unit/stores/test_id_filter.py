"""The filter never denies a key it holds, and rarely claims one it does not."""

from __future__ import annotations

import numpy as np
import pytest

from relight.stores.id_filter import empty_filter, fill_filter, filter_hashes, may_hold


def make_keys(count: int, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint64]]:
    return np.random.default_rng(seed).integers(0, 2**64, size=(count, 2), dtype=np.uint64)


@pytest.mark.parametrize("count", [0, 1, 7, 5_000])
def test_a_key_that_was_added_is_found(count: int) -> None:
    """Every key that was added may be held, whatever the filter's size."""
    keys = make_keys(count, seed=1)
    bits = empty_filter(count)
    fill_filter(bits, keys)
    assert may_hold(bits, *filter_hashes(keys)).tolist() == list(range(count))


def test_few_other_keys_are_claimed() -> None:
    """At 10 bits a key, fewer than 1.5 % of other keys are looked up in vain, also where half of each key agrees."""
    bits = empty_filter(5_000)
    held, others = make_keys(5_000, seed=2), make_keys(20_000, seed=3)
    fill_filter(bits, held)
    same_customers = np.column_stack([np.resize(held[:, 0], 20_000), others[:, 1]])
    for keys in (others, same_customers):
        claimed = len(may_hold(bits, *filter_hashes(keys)))
        assert 0 < claimed < 300


def test_byte_order_does_not_matter() -> None:
    """Keys read from the file, big-endian, hash as the same numbers do in the machine's order."""
    keys = make_keys(100, seed=4)
    for ours, read in zip(filter_hashes(keys), filter_hashes(keys.astype(">u8")), strict=True):
        assert ours.tolist() == read.tolist()
