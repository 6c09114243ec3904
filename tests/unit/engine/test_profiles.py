"""Profiles in memory: closed ones are packed, come back as they were, and are stored unpacked."""

from __future__ import annotations

from relight.customers.codec import decode_profile, encode_profile
from relight.customers.layout import Layout
from relight.customers.profile import Place, Profile, Reach
from relight.engine.packing import PATTERN_BYTES, Packing
from relight.engine.profiles import ProfileCache
from relight.stores.memory import MemoryStore

#: More customers than the pattern that others are packed against is made of.
CUSTOMERS = 400


def layout_at(_: int) -> Layout:
    return Layout()


def fill(profile: Profile, number: int) -> None:
    profile.first_any = profile.first_on_time = 1_767_225_600_000_000 + number
    profile.consent = {"service": ((profile.first_any, "app", f"e{number}"), number % 3 > 0)}
    profile.done = {f"rule_{n}": {f"milestone:{number + n}"} for n in range(6)}
    profile.reach = {f"rule_{n}": Reach(count=number, last=profile.first_any) for n in range(6)}
    profile.places = [Place(profile.first_any, "rule_1", "milestone:5", "send:0", "marketing")]


def filled(customer: str, number: int) -> bytes:
    profile = Profile(customer=customer)
    fill(profile, number)
    return encode_profile(profile)


def test_closed_profiles_come_back_as_they_were() -> None:
    cache = ProfileCache(MemoryStore(), most=1, closed_bytes=2**30)
    for number in range(CUSTOMERS):
        fill(cache.get(layout_at, f"c{number}"), number)
        cache.trim()
    assert len(cache) == 1
    for number in range(CUSTOMERS):
        assert encode_profile(cache.get(layout_at, f"c{number}")) == filled(f"c{number}", number)


def test_what_leaves_memory_is_stored_unpacked() -> None:
    store = MemoryStore()
    cache = ProfileCache(store, most=1, closed_bytes=40_000)
    for number in range(CUSTOMERS):
        fill(cache.get(layout_at, f"c{number}"), number)
        cache.trim()
    assert cache.evictions > 0
    cache.checkpoint(1)
    found = {one.customer: decode_profile(layout_at, one.blob) for one in store.profiles()}
    assert found.keys() == {f"c{number}" for number in range(CUSTOMERS)}
    assert all(encode_profile(found[f"c{n}"]) == filled(f"c{n}", n) for n in range(CUSTOMERS))


def test_a_packed_profile_takes_less_than_half() -> None:
    packing = Packing()
    blobs = [filled(f"c{number}", number) for number in range(CUSTOMERS)]
    packed = [packing.pack(blob) for blob in blobs]
    assert [packing.open(one) for one in packed] == blobs
    first = PATTERN_BYTES // len(blobs[0]) + 1
    assert packed[0] == blobs[0]  # there is nothing yet that it could resemble
    assert sum(map(len, packed[first:])) * 2 < sum(map(len, blobs[first:]))


def test_who_is_dropped_is_written_no_more() -> None:
    """Of somebody who is decided on elsewhere nothing is kept, open or closed; who is put in is there as they were."""
    store = MemoryStore()
    cache = ProfileCache(store, most=1, closed_bytes=2**30)
    for number in range(3):
        fill(cache.get(layout_at, f"c{number}"), number)
        cache.trim()
    for name in ("c0", "c2"):
        cache.drop(name)
    profile = Profile(customer="c9")
    fill(profile, 9)
    cache.put(profile)
    assert cache.get(layout_at, "c9") is profile
    cache.checkpoint(0)
    assert sorted(one.customer for one in store.profiles()) == ["c1", "c9"]
    assert cache.get(layout_at, "c0").first_any is None
