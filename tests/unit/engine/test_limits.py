"""How fast, how much and when: the rate, the warm-up, the volume guard and the wait for a provider that is down."""

from __future__ import annotations

from itertools import pairwise

import pytest

from relight.base.instants import DAY, HOUR, MINUTE, SECOND
from relight.engine.circuit import CIRCUIT_WAIT_FIRST, CIRCUIT_WAIT_MAX, SPREAD_MAX, Circuit
from relight.engine.pace import DOMAINS_MAX, EVERY_DOMAIN, Pace, PaceSettings, warm_up_most
from relight.engine.volume_guard import GUARD_SPAN, VolumeGuard, read_stop, release, told
from relight.stores.memory import MemoryStore

T0 = 20_000 * DAY


# ---------------------------------------------------------------- the circuit
def test_a_circuit_probes_with_one_message_at_growing_gaps() -> None:
    """While it is open nothing leaves; then one message does; the gaps double to ten minutes, half of each is certain."""
    circuit = Circuit()
    assert circuit.room(T0, 50) == 50
    now = T0
    for failures in range(1, 15):
        circuit.fail(now, "down", 0.0)
        wait = circuit.open_until - now
        assert wait == min(CIRCUIT_WAIT_MAX, CIRCUIT_WAIT_FIRST * 2 ** (failures - 1)) // 2
        assert circuit.room(circuit.open_until - 1, 50) == 0
        assert circuit.room(circuit.open_until, 50) == 1
        now = circuit.open_until
    assert circuit.trouble == "down"
    circuit.succeed()
    assert (circuit.room(now, 50), circuit.trouble) == (50, "")


def test_a_circuit_obeys_the_provider_and_spreads() -> None:
    """A named instant is waited for in any case, and up to two seconds more, so that senders do not meet there."""
    for uniform in (0.0, 0.5, 0.999):
        circuit = Circuit()
        circuit.fail(T0, "429", uniform, retry_at=T0 + MINUTE)
        assert T0 + MINUTE <= circuit.open_until <= T0 + MINUTE + SPREAD_MAX
    far = Circuit()
    far.fail(T0, "x", 0.999)
    assert far.open_until < T0 + CIRCUIT_WAIT_FIRST
    far.hold(T0, "wrong key", MINUTE)
    assert (far.open_until, far.trouble) == (T0 + MINUTE, "wrong key")


# ---------------------------------------------------------------- the pace
def leaves(pace: Pace, begin: int, seconds: int, *, most: int = 1_000) -> int:
    """Return how many messages leave when somebody tries ten times a second."""
    total = 0
    for tenth in range(seconds * 10):
        now = begin + tenth * SECOND // 10
        room = pace.room(now, most)
        pace.take(room, room, now)
        total += room
    return total


@pytest.mark.parametrize("rate", [0.5, 7.0, 250.0])
def test_a_rate_is_kept(rate: float) -> None:
    """In a minute no more leave than the rate allows and one burst; and hardly fewer; a pause saves up no more."""
    pace = Pace(settings=PaceSettings(rate=rate))
    burst = max(1.0, rate)
    assert rate * 60 - 1 <= leaves(pace, T0, 60) <= rate * 60 + burst
    assert leaves(pace, T0 + DAY, 60) <= rate * 60 + burst
    now = T0 + 2 * DAY
    room = pace.room(now, 1_000)
    pace.take(room, room, now)
    later = pace.next_room(now)
    assert pace.room(later - SECOND // 100, 1_000) <= (1 if rate > 50 else 0)
    assert pace.room(later, 1_000) >= 1


def test_a_warm_up_grows_by_the_same_factor_to_what_the_rate_allows() -> None:
    """The first day has `start`, each day the same factor more, and after the last day there is no limit."""
    settings = PaceSettings(rate=10.0, warm_up=(50, 14))
    days = [warm_up_most(settings, day) for day in range(16)]
    assert days[0] == 50
    assert days[14:] == [None, None]
    limits = [one for one in days if one is not None]
    factor = (864_000 / 50) ** (1 / 14)
    for before, after in pairwise(limits):
        assert after == pytest.approx(before * factor, rel=0.03)
    assert warm_up_most(PaceSettings(rate=10.0), 0) is None
    assert warm_up_most(PaceSettings(rate=0.0001, warm_up=(50, 14)), 13) == 50


def test_a_warm_up_counts_days_of_sending() -> None:
    """The ramp begins on the day of the first message, not of the first start, and the day's share is used up once."""
    pace = Pace(settings=PaceSettings(rate=100.0, warm_up=(20, 5)))
    assert pace.room(T0 + HOUR, 1_000) == 20
    pace.take(20, 20, T0 + 3 * DAY + HOUR)
    assert pace.room(T0 + 3 * DAY + 2 * HOUR, 1_000) == 0
    assert pace.is_day_used_up(T0 + 3 * DAY + 2 * HOUR)
    assert pace.next_room(T0 + 3 * DAY + 2 * HOUR) == T0 + 4 * DAY
    second = warm_up_most(pace.settings, 1)
    assert second is not None
    assert pace.room(T0 + 4 * DAY, 1_000) == min(second, 100)
    pace.take(3, 0, T0 + 4 * DAY)  # calls that handed nothing over are not volume
    assert pace.sent_today == 0
    again = Pace(settings=pace.settings, began=pace.began, today=T0 + 4 * DAY, sent_today=second)
    assert again.room(T0 + 4 * DAY + HOUR, 1_000) == 0


def test_a_domain_has_its_own_rate() -> None:
    """Each message to a domain gets the domain's next free instant, once; other domains do not wait for it."""
    pace = Pace(settings=PaceSettings(domains={"slow.example": 0.5, EVERY_DOMAIN: 10.0}))
    slots = [pace.slot(f"k{n}", "ada@Slow.Example", T0) for n in range(4)]
    assert slots == [None, T0 + 2 * SECOND, T0 + 4 * SECOND, T0 + 6 * SECOND]
    assert pace.slot("k2", "ada@slow.example", T0 + SECOND) == T0 + 4 * SECOND
    assert pace.slot("k2", "ada@slow.example", T0 + 4 * SECOND) is None
    assert [pace.slot(f"o{n}", "bo@other.example", T0) for n in range(2)] == [None, T0 + SECOND // 10]
    assert Pace(settings=PaceSettings(domains={"slow.example": 1.0})).slot("k", "a@other.example", T0) is None
    many = Pace(settings=PaceSettings(domains={EVERY_DOMAIN: 1.0}))
    for n in range(DOMAINS_MAX + 5):
        many.slot(f"k{n}", f"a@d{n}.example", T0)
    assert len(many._free) == DOMAINS_MAX


# ---------------------------------------------------------------- the volume guard
def test_the_guard_counts_an_hour_and_stops_until_released() -> None:
    """S5: the message beyond the hour's number stops everything, also after a restart, until an operator releases it."""
    store = MemoryStore()
    guard = VolumeGuard.open(store, 100, T0)
    guard.add(60, T0)
    guard.add(40, T0 + 30 * MINUTE)
    assert guard.room(T0 + 59 * MINUTE, 10) == 0
    later = VolumeGuard(per_hour=100)
    later.add(60, T0)
    later.add(40, T0 + 30 * MINUTE)
    assert later.room(T0 + GUARD_SPAN + 2 * MINUTE, 500) == 60
    guard.trip(store, T0 + 40 * MINUTE)
    assert guard.room(T0 + 9 * DAY, 10) == 0
    stop = read_stop(store)
    assert stop is not None
    assert (stop.at, stop.count, stop.per_hour) == (T0 + 40 * MINUTE, 100, 100)
    assert "100 messages in an hour" in told(stop)
    assert VolumeGuard.open(store, 100, T0 + DAY).stop == stop
    guard.look_again(store)
    assert guard.stop is not None
    assert release(store, T0 + 41 * MINUTE)
    assert not release(store, T0 + 41 * MINUTE)
    guard.look_again(store)
    assert guard.room(T0 + 41 * MINUTE, 500) == 100
