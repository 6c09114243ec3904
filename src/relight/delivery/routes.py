"""Several ways out as one: each message goes by its channel."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from relight.delivery.outgoing import (
    Delivery,
    MayBegin,
    Outcome,
    OutgoingMessage,
    Transport,
    always,
    outcome_of,
)


class RoutedTransport:
    """Mail by one transport, other channels by theirs."""

    def __init__(self, routes: Mapping[str, Transport]) -> None:
        """Keep channel -> transport; `email` is always there."""
        self.routes = routes
        self.idempotent = all(one.idempotent for one in routes.values())
        self.batch_max = routes["email"].batch_max

    async def deliver(self, batch: Sequence[OutgoingMessage], *, may_begin: MayBegin = always) -> list[Delivery]:
        """Return one delivery for each message, in order; a channel without a way is rejected."""
        found: dict[int, Delivery] = {}
        parts: dict[str, list[int]] = {}
        for place, message in enumerate(batch):
            if message.channel in self.routes:
                parts.setdefault(message.channel, []).append(place)
            else:
                found[place] = outcome_of(message, Outcome.REJECTED, f"nothing carries the channel '{message.channel}'")

        async def go(channel: str, places: list[int]) -> None:
            sent = await self.routes[channel].deliver([batch[place] for place in places], may_begin=may_begin)
            found.update(zip(places, sent, strict=True))

        await asyncio.gather(*(go(channel, places) for channel, places in parts.items()))
        return [found[place] for place in range(len(batch))]

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Delivery]:
        """Return what any way knows."""
        known: dict[str, Delivery] = {}
        for one in self.routes.values():
            known.update(await one.look_up(keys))
        return known

    async def close(self) -> None:
        """Close every way."""
        await asyncio.gather(*(one.close() for one in self.routes.values()))
