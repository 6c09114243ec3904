"""What every store does about codes when it takes messages (S6): who needs one, and who is refused for want of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from relight.messages.ledger import OutboxMessage
from relight.messages.life import MessageCause
from relight.stores.delivery_moves import Due, refusal_of
from relight.stores.interface import Refusal

#: Gives out codes in the caller's transaction: messages -> occurrence key -> code; one whose pool is empty is left out.
Draw = Callable[[Sequence[OutboxMessage]], Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The codes of one claim."""

    #: The second look's refusals, and those for want of a code.
    refused: Mapping[str, Refusal]
    #: occurrence key -> code.
    codes: Mapping[str, str]
    #: Pools that had none left, sorted.
    empty_pools: tuple[str, ...]


def draw_codes(due: Iterable[Due], refused: Mapping[str, Refusal], now: int, draw: Draw) -> Drawn:
    """Return the codes of the due messages that need one and are refused for nothing else at `now` (µs)."""
    needy = [one.message for one in due if one.message.pool and refusal_of(one, refused, now) is None]
    codes = draw(needy) if needy else {}
    without = [message for message in needy if message.occurrence_key not in codes]
    empty = {
        message.occurrence_key: Refusal(cause=MessageCause.POOL_EMPTY, text=f"no code is left in pool {message.pool}")
        for message in without
    }
    pools = tuple(sorted({message.pool for message in without}))
    return Drawn(refused={**refused, **empty}, codes=codes, empty_pools=pools)
