"""What keeps a decided mail from leaving now, as explain says it."""

from __future__ import annotations

import msgspec

from relight.base.instants import DAY, HOUR, SECOND
from relight.config.settings import DeliverySettings
from relight.engine.explain_holds import holds_of
from relight.engine.explain_lines import Said
from relight.engine.explain_telling import tell
from relight.engine.open_pace import WARM_UP_NOTE
from relight.engine.volume_guard import VolumeGuard, release
from relight.messages.life import MessageCause
from relight.stores.interface import Batch, Settlement
from relight.stores.memory import MemoryStore
from tests.adapters.stores.examples import make_message

T0 = 20_000 * DAY
WARMS_UP = DeliverySettings(rate=10.0, warm_up=(2, 14))


def store_with(taken: int) -> MemoryStore:
    """Three mails due at T0 of which some were taken."""
    store = MemoryStore()
    store.append(Batch(outbox=[make_message(n, scheduled=T0) for n in range(3)]))
    store.set_note(WARM_UP_NOTE, str(T0))
    for claim in store.claim(T0, taken, owner="me", lease=60 * SECOND).ready:
        one = Settlement(
            occurrence_key=claim.message.occurrence_key, token=claim.token, cause=MessageCause.PROVIDER_ACCEPTED, at=T0
        )
        store.settle([one])
    return store


def held(store: MemoryStore, delivery: DeliverySettings, now: int) -> list[str]:
    found = holds_of(store, None, delivery, list(store.messages()), now)
    assert all(isinstance(one, Said) for one in found.values())
    return [tell(one, "en") for one in found.values() if isinstance(one, Said)]


def test_the_warm_up_is_named_where_it_holds_a_mail() -> None:
    """Once the share of the day has left, a mail that waits is told to leave after midnight UTC; before, after, without a
    warm-up or to files nothing holds it.
    """
    said = "The warm-up has let today's 2 mails leave: it leaves 5 Oct 2024 00:00 UTC at the earliest."
    assert held(store_with(2), WARMS_UP, T0 + HOUR) == [said]
    assert held(store_with(1), WARMS_UP, T0 + HOUR) == []
    assert held(store_with(2), WARMS_UP, T0 + DAY) == []
    assert held(store_with(2), DeliverySettings(rate=10.0), T0 + HOUR) == []
    assert held(store_with(2), DeliverySettings(files="outbox/", rate=10.0, warm_up=(2, 14)), T0 + HOUR) == []


def test_the_volume_guard_is_named_while_it_stands() -> None:
    """S5: a mail that waits behind the guard is told to leave after a release; the guard's own alert is not held."""
    store = store_with(1)
    VolumeGuard(per_hour=1).trip(store, T0 + HOUR)
    alert = msgspec.structs.replace(make_message(9, scheduled=T0), customer="_sending")
    store.append(Batch(outbox=[alert]))
    said = "The volume guard stopped all sending 4 Oct 2024 01:00 UTC: it leaves after `relight release`."
    assert held(store, DeliverySettings(), T0 + HOUR) == [said] * 2
    release(store, T0 + HOUR)
    assert held(store, DeliverySettings(), T0 + HOUR) == []
