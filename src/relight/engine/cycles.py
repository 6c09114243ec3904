"""How often Python looks for cycles while batches are decided: nothing that decides makes any, so seldom.

Its usual pace walks over every profile in memory again and again; here what outlives a batch is looked at once.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: Objects made between two looks for cycles.
COLLECT_AFTER = 50_000


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let Python look for cycles less often inside; what `keep_batch` set aside is looked at again afterwards."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def collect_rarely() -> None:
    """Let Python look for cycles less often until the process ends, and no more among what is there now.

    For a program that decides all its life and hands its main loop to another (a Faust worker).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])


def keep_batch() -> None:
    """Look for cycles among what is new, and set aside what stays.

    For a run that ends: a cycle that is made of older objects later is found when `rare_collections` is left.
    """
    gc.collect(0)
    gc.freeze()
