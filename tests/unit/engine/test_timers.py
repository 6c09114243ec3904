"""The hour buckets: an index of wakes, equal to a dictionary, that an activity costs nothing."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from relight.base.instants import DAY, HOUR, INSTANT_MAX
from relight.engine.timers import HourBuckets

NAMES = st.sampled_from(["ann", "bo", "cem", "dil"])
MOMENTS = st.integers(0, 40 * HOUR // 3) | st.sampled_from([INSTANT_MAX, HOUR, HOUR - 1, HOUR + 1, INSTANT_MAX - 1])
MOVES = st.lists(st.tuples(st.just("arm"), NAMES, MOMENTS) | st.tuples(st.just("due"), NAMES, st.integers(0, 3 * HOUR)))


@given(MOVES)
def test_buckets_find_what_a_dictionary_finds(moves: list[tuple[str, str, int]]) -> None:
    """H6: timers are an index: everybody whose wake is before an instant is found then, by wake, and nobody else."""
    buckets, wakes, now = HourBuckets(), dict[str, int](), 0
    for what, name, number in moves:
        if what == "arm":
            buckets.arm(name, number)
            wakes[name] = number
            continue
        now += number
        found = buckets.due(now)
        expected = {n for n, wake in wakes.items() if wake < now}
        assert set(found) == expected
        assert len(found) == len(expected)
        assert [wakes[n] for n in found] == sorted(wakes[n] for n in found)
        for found_name in found:
            # Each found one must be armed again: here it sleeps for ever, or comes again a little later.
            wakes[found_name] = now + number if number % 2 else INSTANT_MAX
            buckets.arm(found_name, wakes[found_name])


def test_a_later_wake_is_found_out_only_when_the_earlier_hour_comes() -> None:
    """H6: an activity only writes last-seen; a timer that comes due and finds newer activity re-arms itself."""
    buckets = HourBuckets()
    buckets.arm("ann", 5 * HOUR)
    for hour in range(6, 1000):
        buckets.arm("ann", hour * HOUR)
    assert sum(len(bucket) for bucket in buckets._buckets.values()) == 1, "re-arming later costs nothing"
    assert buckets.due(6 * HOUR) == []
    assert buckets.due(999 * HOUR + 1) == ["ann"]


def test_an_earlier_wake_arms_at_once() -> None:
    """H6: whatever moves a deadline earlier arms at once."""
    buckets = HourBuckets()
    buckets.arm("ann", 500 * HOUR)
    buckets.arm("ann", 2 * HOUR)
    assert buckets.due(2 * HOUR) == []
    assert buckets.due(2 * HOUR + 1) == ["ann"]


def test_a_hundred_thousand_customers_are_armed_and_found_in_seconds() -> None:
    """Timers of 100,000 customers cost microseconds each."""
    buckets = HourBuckets()
    begun = time.perf_counter()
    for number in range(100_000):
        buckets.arm(f"c{number}", number % 1000 * HOUR + number)
        buckets.arm(f"c{number}", number % 1000 * HOUR + number + DAY)
    found = sum(len(buckets.due(hour * HOUR)) for hour in range(1, 1100))
    assert found == 100_000
    assert time.perf_counter() - begun < 10


def test_who_is_forgotten_is_found_no_more() -> None:
    """Somebody who is looked at elsewhere comes due here no more, unless they are armed again."""
    buckets = HourBuckets()
    for name in ("ann", "bo"):
        buckets.arm(name, HOUR)
    buckets.forget("ann")
    assert (buckets.names(), "ann" in buckets, buckets.wake_of("ann")) == (["bo"], False, INSTANT_MAX)
    assert buckets.due(2 * HOUR) == ["bo"]
    buckets.arm("ann", 3 * HOUR)
    assert buckets.names() == ["bo", "ann"]
    assert buckets.due(4 * HOUR) == ["ann"]
