"""What bounds a request: its size on the line and unpacked, the rate of a key, the events that wait for a commit."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Sequence

import pytest

from relight.base.errors import BackpressureError, StoreError
from relight.web.ingest import commit_queue
from relight.web.ingest.bodies import inflate
from relight.web.ingest.commit_queue import CommitQueue
from relight.web.ingest.limits import INFLATED_BYTES_MAX, RequestRefusedError
from relight.web.ingest.quota import BUCKETS_MAX, BURST_SECONDS, Quota


def test_gzip_is_unpacked_up_to_its_limit() -> None:
    """INFLATED_BYTES_MAX bytes come out; a bomb of one more is refused before it is unpacked whole."""
    assert inflate(gzip.compress(b"a" * INFLATED_BYTES_MAX)) == b"a" * INFLATED_BYTES_MAX
    with pytest.raises(RequestRefusedError) as refused:
        inflate(gzip.compress(b"a" * (INFLATED_BYTES_MAX + 1)))
    assert refused.value.code == "too_large"


@pytest.mark.parametrize("raw", [b"not gzip", gzip.compress(b"abc", mtime=0)[:-4], b""])
def test_damaged_gzip_is_refused(raw: bytes) -> None:
    """A cut or foreign body is the client's fault, with a code."""
    with pytest.raises(RequestRefusedError) as refused:
        inflate(raw)
    assert refused.value.code == "bad_gzip"


def test_a_key_has_a_rate_and_a_burst() -> None:
    """A full bucket holds BURST_SECONDS of the rate; then a request waits as long as the answer says, no longer."""
    now = 0.0
    quota = Quota(rate=10.0, clock=lambda: now)
    burst = int(10 * BURST_SECONDS)
    assert quota.take(1, burst) == 0
    assert quota.take(1, 5) == 0.5
    assert quota.take(2, 5) == 0
    now = 0.5
    assert quota.take(1, 5) == 0
    assert quota.take(1, 1) == pytest.approx(0.1)
    assert Quota(rate=None, clock=lambda: now).take(1, 10**9) == 0


def test_a_batch_beyond_the_burst_passes_from_a_full_bucket_and_is_paid_back() -> None:
    """A batch that no bucket could ever hold is not refused for ever."""
    now = 0.0
    quota = Quota(rate=1.0, clock=lambda: now)
    assert quota.take(1, 100) == 0
    assert quota.take(1, 1) == 91.0


def test_buckets_are_bounded() -> None:
    """BUCKETS_MAX keys have a bucket; the oldest is forgotten, which means full."""
    quota = Quota(rate=1.0, clock=lambda: 0.0)
    for key in range(BUCKETS_MAX + 1):
        quota.take(key, 10)
    assert quota.take(0, 10) == 0
    assert quota.take(BUCKETS_MAX, 10) > 0


class Disk:
    """What commits are made to; the first call waits until it may go on."""

    def __init__(self, error: Exception | None = None) -> None:
        self.groups: list[list[int]] = []
        self.go = threading.Event()
        self.error = error

    def put(self, entries: Sequence[int]) -> None:
        self.go.wait(10)
        if self.error is not None and not self.groups:
            self.groups.append([])
            raise self.error
        self.groups.append(list(entries))


def test_what_comes_while_a_commit_runs_shares_the_next() -> None:
    """Many requests, two commits, in order of arrival; each waits until its own entries are durable."""
    disk = Disk()

    async def send() -> None:
        queue = CommitQueue(disk.put)
        first = asyncio.create_task(queue.commit([0]))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(queue.commit([n])) for n in range(1, 6)]
        await asyncio.sleep(0)
        assert not first.done()
        disk.go.set()
        await asyncio.gather(first, *others)

    asyncio.run(send())
    assert disk.groups == [[0], [1, 2, 3, 4, 5]]


def test_a_failed_commit_is_told_to_those_in_it_and_to_nobody_else() -> None:
    """Who waited for the group that failed gets its error; the next group is written."""
    disk = Disk(StoreError("no"))

    async def send() -> None:
        queue = CommitQueue(disk.put)
        disk.go.set()
        with pytest.raises(StoreError):
            await queue.commit([1])
        await queue.commit([2])

    asyncio.run(send())
    assert disk.groups == [[], [2]]


def test_too_many_waiting_events_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """WAITING_ENTRIES_MAX events wait; a request beyond is refused and may try again, nothing grows without end."""
    monkeypatch.setattr(commit_queue, "WAITING_ENTRIES_MAX", 3)
    disk = Disk()

    async def send() -> None:
        queue = CommitQueue(disk.put)
        tasks = [asyncio.create_task(queue.commit([1]))]
        await asyncio.sleep(0.05)
        tasks.append(asyncio.create_task(queue.commit([2, 3])))
        await asyncio.sleep(0)
        with pytest.raises(BackpressureError):
            await queue.commit([4, 5])
        disk.go.set()
        await asyncio.gather(*tasks)

    asyncio.run(send())
    assert disk.groups == [[1], [2, 3]]
