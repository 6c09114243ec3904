"""The hashes by which stores find customers and events."""

from __future__ import annotations

import struct

from relight.stores.identity_hash import NAMES_KEPT_MAX, customer_hash, event_hash, identity_hashes, identity_key
from relight.streams.envelope import Control, Event


def test_hashes_are_the_same_on_every_machine_and_for_ever() -> None:
    """They stand in stores: what a customer, an event and what concerns everybody are found by never changes."""
    assert customer_hash("ada") == 1562989052550317351
    assert event_hash("app", "e1") == -917366654123242112
    assert customer_hash(None) == 0
    event = Event(stream="app", id="e1", customer="ada", name="x", event_time=1, ingest_time=1)
    assert identity_hashes(event) == (customer_hash("ada"), event_hash("app", "e1"))
    assert identity_key("app", "ada", "e1") == struct.pack(">qq", customer_hash("ada"), event_hash("app", "e1"))
    assert identity_key("app", None, "e1") == struct.pack(">qq", 0, event_hash("app", "e1"))
    assert identity_hashes(Control(kind="plan", ingest_time=1)) == (0, -1)


def test_only_so_many_customers_are_kept() -> None:
    """However many customers pass, the hashes of fifty thousand at most are kept, and all of them come out the same."""
    first = [customer_hash(f"c{number}") for number in range(NAMES_KEPT_MAX + 1_000)]
    assert customer_hash.cache_info().currsize == NAMES_KEPT_MAX == 50_000
    assert [customer_hash(f"c{number}") for number in range(100)] == first[:100]
