"""Pools of codes in memory: each code is given to one occurrence, for ever (S6)."""

# ruff: noqa: D102  # what a method promises stands once, at interface.Store
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

from relight.messages.ledger import OutboxMessage
from relight.stores.interface import PoolCount


class MemoryCodes:
    """The store's methods about codes."""

    def __init__(self) -> None:
        #: code -> its pool, of those that are left, in order.
        self._codes_left: dict[str, str] = {}
        #: occurrence key -> (pool, code).
        self._codes_given: dict[str, tuple[str, str]] = {}

    def add_codes(self, pool: str, codes: Iterable[str]) -> int:
        given = {code for _, code in self._codes_given.values()}
        added = [code for code in dict.fromkeys(codes) if code not in given and self._codes_left.get(code) != pool]
        self._codes_left.update(dict.fromkeys(added, pool))
        return len(added)

    def code_counts(self) -> list[PoolCount]:
        left = Counter(self._codes_left.values())
        given = Counter(pool for pool, _ in self._codes_given.values())
        return [PoolCount(pool=pool, left=left[pool], given=given[pool]) for pool in sorted({*left, *given})]

    def codes_left(self, pool: str, most: int) -> int:
        return sum(1 for _ in islice((one for one in self._codes_left.values() if one == pool), most))

    def code_of(self, occurrence_key: str) -> str | None:
        found = self._codes_given.get(occurrence_key)
        return None if found is None else found[1]

    def _draw(self, messages: Sequence[OutboxMessage]) -> dict[str, str]:
        found: dict[str, str] = {}
        for message in messages:
            key = message.occurrence_key
            if key not in self._codes_given:
                code = next((code for code, pool in self._codes_left.items() if pool == message.pool), None)
                if code is None:
                    continue
                self._codes_given[key] = (self._codes_left.pop(code), code)
            found[key] = self._codes_given[key][1]
        return found
