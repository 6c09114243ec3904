"""The pace of sending as the store remembers it: when sending began, and how much left today. Can send nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.instants import DAY
from relight.engine.pace import Pace, PaceSettings

if TYPE_CHECKING:
    from relight.config.settings import DeliverySettings
    from relight.stores.interface import Store

#: Name under which the store keeps the day on which sending began, for the warm-up.
WARM_UP_NOTE = "warm_up_began"


def open_pace(store: Store, delivery: DeliverySettings, now: int) -> Pace | None:
    """Return the pace as the store remembers it at `now` (µs), None where the config sets no limit."""
    settings = PaceSettings(rate=delivery.rate, warm_up=delivery.warm_up, domains=delivery.domains)
    if settings.rate is None and not settings.domains:
        return None
    began = store.note(WARM_UP_NOTE)
    pace = Pace(settings=settings, began=None if began is None else int(began), today=now - now % DAY)
    if settings.warm_up is not None:
        pace.sent_today = sum(count for _, count in store.handed_over(pace.today))
    return pace
