"""The queue of one partition of the log topic: what is due, in which order, however messages are cut."""

from __future__ import annotations

import random

from relight.streams.envelope import Control, DeadLetter, Event, order_key
from relight.transports.log_pack import PACK_VERSION, Pack, Reading, Routed, encode_pack, make_packs
from relight.transports.pack_queue import LogPlace, PackQueue, Taken

SOURCES = [("app", 0), ("app", 1), ("news", 0), ("control records", 0)]


def record(draw: random.Random, stream: str, offset: int, at: int) -> Event | Control | DeadLetter:
    kind = draw.random()
    if stream == "control records":
        return Control(kind="pause", ingest_time=at, customer=None if kind < 0.5 else "ada", subject=f"r{offset}")
    if kind < 0.1:
        return DeadLetter(
            stream=stream, position=offset, source="s", code="not-json", reason="no", raw=b"x", ingest_time=at
        )
    customer = None if kind < 0.2 else draw.choice(["ada", "ben"])
    return Event(
        stream=stream, id=f"{offset}", customer=customer, name="x", event_time=at, ingest_time=at, position=offset
    )


def story(draw: random.Random) -> list[bytes]:
    """Messages of one partition: sources that speak by turns, one of them late."""
    offsets, times = dict.fromkeys(SOURCES, 0), dict.fromkeys(SOURCES, 1_000)
    packs = [Pack(PACK_VERSION, [], [], SOURCES)]
    for _ in range(40):
        readings = []
        for source in draw.sample(SOURCES, 2):
            first, found = offsets[source], list[Routed]()
            for _ in range(draw.randint(0, 6)):
                times[source] += draw.randint(0, 3)
                found.append((offsets[source], record(draw, source[0], offsets[source], times[source])))
                offsets[source] += 1
            readings.append(Reading(source, first, offsets[source], times[source], found))
        packs += make_packs(readings)
    packs += make_packs([Reading(one, offsets[one], offsets[one], 10_000) for one in SOURCES])
    return [encode_pack(pack) for pack in packs]


def play(messages: list[bytes], looks: set[int]) -> list[tuple[LogPlace, Taken]]:
    """Return what comes out when it is asked for after some of the messages; a checkpoint is loaded each time."""
    queue, found = PackQueue(), list[tuple[LogPlace, Taken]]()
    for offset, value in enumerate(messages):
        queue.add(offset, value)
        if offset in looks:
            found += queue.take_due()
            assert queue.take_due() == []
            again = PackQueue(next=queue.next, reached=queue.reached)
            again.load(queue.save())
            assert (len(again), again.take_due()) == (len(queue), [])
            queue = again
    return found + queue.take_due()


def test_what_is_due_comes_in_log_order_however_messages_are_cut() -> None:
    """Asked after each message, after some or after all, the same records come: earlier instants first, then what
    concerns everybody before customers' own, then by stream and position, each exactly once.
    """
    for seed in range(20):
        messages = story(random.Random(seed))
        last = len(messages) - 1
        whole = play(messages, {last})
        assert len(whole) > 100
        places = [place for place, _ in whole]
        assert [place[:6] for place in places] == sorted(place[:6] for place in places)
        for place, one in whole:
            if isinstance(one, DeadLetter):
                assert place[:4] == (one.ingest_time, 0, one.stream, one.position)
            else:
                at, rank, stream, position = order_key(one)
                assert place[:4] == (at, 2 * rank + (one.customer is not None), stream, position)
        draw = random.Random(seed)
        for looks in (set(range(last + 1)), {n for n in range(last + 1) if draw.random() < 0.2}):
            cut = play(messages, looks)
            assert [(p[:6], one) for p, one in cut] == [(p[:6], one) for p, one in whole]
