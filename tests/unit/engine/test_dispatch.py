"""The sender on a clock of its own: outages, limits, leases, two of them on one store, and what a backup forgot."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from relight.base.instants import DAY, HOUR, MINUTE, SECOND
from relight.delivery import ATTEMPTS_MAX, Delivery, Outcome, OutgoingMessage
from relight.delivery.outgoing import Concern, MayBegin, always, not_begun
from relight.engine.circuit import CIRCUIT_WAIT_MAX
from relight.engine.dispatch import BODY_KEPT, DOUBT_NOTE, Dispatcher
from relight.engine.handing_over import SenderIdentity
from relight.engine.pace import Pace, PaceSettings
from relight.engine.send_mark import open_mark
from relight.engine.volume_guard import VolumeGuard, release
from relight.messages.life import MessageState
from relight.stores.interface import Batch
from relight.stores.memory import MemoryStore
from relight.stores.sqlite import SqliteStore
from tests.adapters.stores.examples import make_message

T0 = 20_000 * DAY
SENDER = SenderIdentity(name="Defne", address="defne@shop.example")

Answer = Callable[[OutgoingMessage, int], Delivery]


def told(outcome: Outcome, concern: Concern = Concern.MESSAGE, text: str = "said", **more: Any) -> Answer:
    return lambda one, _now: Delivery(
        key=one.occurrence_key, outcome=outcome, concern=concern, provider_text=text, **more
    )


ACCEPTS = told(Outcome.ACCEPTED)
DOWN = told(Outcome.RETRY, Concern.PROVIDER, "no connection")


@dataclass
class Provider:
    """A provider at the other end, on the test's clock."""

    answer: Answer = ACCEPTS
    now: int = T0
    batch_max: int = 20
    idempotent: bool = False
    #: (instant, key) of each call, and of each message that it took.
    calls: list[tuple[int, str]] = field(default_factory=list)
    taken: list[tuple[int, str]] = field(default_factory=list)
    #: Done while a batch is being delivered, before its first call.
    meanwhile: Callable[[], None] = lambda: None

    async def deliver(self, batch: Sequence[OutgoingMessage], *, may_begin: MayBegin = always) -> list[Delivery]:
        self.meanwhile()
        found = []
        for one in batch:
            await asyncio.sleep(0)
            if not may_begin():
                found.append(not_begun(one))
                continue
            self.calls.append((self.now, one.occurrence_key))
            found.append(self.answer(one, self.now))
            if found[-1].outcome is Outcome.ACCEPTED:
                self.taken.append((self.now, one.occurrence_key))
        return found

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Delivery]:
        del keys
        return {}

    async def close(self) -> None:
        pass


def sender(store: Any, provider: Provider, **settings: Any) -> Dispatcher:
    given: dict[str, Any] = {"owner": "one", "clock": lambda: provider.now} | settings
    return Dispatcher(store=store, transport=provider, sender=SENDER, **given)


def fill(store: Any, count: int, *, at: int = T0, first: int = 0, **changes: Any) -> None:
    store.append(Batch(outbox=[make_message(n, scheduled=at, **changes) for n in range(first, first + count)]))


def states(store: Any) -> dict[str, int]:
    return {state.value: count for state, count in store.message_counts().items()}


# ---------------------------------------------------------------- outages
def test_a_day_of_outage_drains_without_storm_or_loss() -> None:
    """I17: through a day without provider one message probes now and then, nobody's attempts are spent; then everything
    leaves at the rate, once.
    """
    store, provider = MemoryStore(), Provider()
    one = sender(store, provider, pace=Pace(settings=PaceSettings(rate=20.0)))
    hours, each = 24, 100
    ends = T0 + hours * HOUR
    provider.answer = lambda m, now: (ACCEPTS if now >= ends else DOWN)(m, now)
    for hour in range(hours):
        fill(store, each, at=T0 + hour * HOUR, first=hour * each)
    last = ends + HOUR
    while provider.now < last:
        one.drain(provider.now)
        provider.now = min(last, max(provider.now + 10 * SECOND, one.wait_until or 0))
        if not store.pending_count():
            break
    probes = [at for at, _ in provider.calls if at < ends]
    assert len(probes) <= 20 + 24 * HOUR // (CIRCUIT_WAIT_MAX // 2)
    assert states(store) == {"accepted": hours * each}
    assert Counter(key for _, key in provider.taken).most_common(1)[0][1] == 1
    assert provider.taken[0][0] < ends + CIRCUIT_WAIT_MAX + 10 * SECOND
    per_second = Counter(at // SECOND for at, _ in provider.taken)
    assert max(per_second.values()) <= 21
    assert one.trouble == ""


def test_a_message_that_breaks_the_server_delays_nobody_for_long() -> None:
    """I13: where a server fails on one message each time, the others leave, and that one runs out of attempts."""
    store, provider = MemoryStore(), Provider(batch_max=5)
    fill(store, 12)
    poison = make_message(0).occurrence_key
    fails = told(Outcome.RETRY, Concern.EITHER, "500")
    provider.answer = lambda m, now: (fails if m.occurrence_key == poison else ACCEPTS)(m, now)
    one = sender(store, provider)
    one.drain(T0)
    assert states(store) == {"accepted": 11, "pending": 1}
    for turn in range(4 * 24 * 6):  # mails of others come in between; a provider that takes nobody's spends nothing
        provider.now += 10 * MINUTE
        fill(store, 1, at=provider.now, first=100 + turn)
        one.drain(provider.now)
        if states(store).get("rejected"):
            break
    assert states(store)["rejected"] == 1
    assert store.pending_count() <= 1
    assert sum(key == poison for _, key in provider.calls) >= ATTEMPTS_MAX
    assert provider.now < T0 + 4 * DAY


def test_an_outage_of_errors_spends_one_attempt() -> None:
    """While the provider answers everything with an error, only the first round counts against its messages."""
    store, provider = MemoryStore(), Provider(batch_max=5)
    fill(store, 10)
    provider.answer = told(Outcome.RETRY, Concern.EITHER, "503")
    one = sender(store, provider)
    for _ in range(500):
        one.drain(provider.now)
        provider.now += MINUTE
    assert one.trouble == "503"
    provider.answer = ACCEPTS
    while store.pending_count():
        provider.now += MINUTE
        one.drain(provider.now)
    assert states(store) == {"accepted": 10}


def test_a_full_mailbox_spends_its_own_attempts_alone() -> None:
    """What concerns one message is tried again with growing waits and at last rejected; the circuit stays closed."""
    store, provider = MemoryStore(), Provider()
    fill(store, 1)
    provider.answer = told(Outcome.RETRY, text="452 full")
    one = sender(store, provider)
    while store.pending_count():
        one.drain(provider.now)
        assert one.trouble == ""
        provider.now += MINUTE
    assert len(provider.calls) == ATTEMPTS_MAX
    assert [a.cause for a in store.attempts()][-1] == "retries_exhausted"


def test_wrong_settings_spend_no_attempt() -> None:
    """401 holds everything and asks for an operator; with the key mended the same messages leave."""
    store, provider = MemoryStore(), Provider()
    fill(store, 3)
    provider.answer = told(Outcome.CONFIGURATION, text="401 authorization required")
    one = sender(store, provider)
    for _ in range(3 * ATTEMPTS_MAX):
        one.drain(provider.now)
        provider.now += 2 * MINUTE
    assert one.trouble == "401 authorization required"
    assert states(store) == {"pending": 3}
    provider.answer = ACCEPTS
    one.drain(provider.now)
    provider.now += 2 * MINUTE
    one.drain(provider.now)
    assert (states(store), one.trouble) == ({"accepted": 3}, "")


def test_a_rate_limit_is_waited_for_to_its_end() -> None:
    """429 names an instant: before it nothing is asked, after it everything leaves."""
    store, provider = MemoryStore(), Provider()
    fill(store, 3)
    provider.answer = told(Outcome.RETRY, Concern.PROVIDER, "429", retry_at=T0 + 40 * SECOND)
    one = sender(store, provider)
    one.drain(T0)
    assert one.wait_until is not None
    assert T0 + 40 * SECOND <= one.wait_until <= T0 + 42 * SECOND
    provider.now = T0 + 39 * SECOND
    assert one.drain(provider.now) == 0
    provider.answer, provider.now = ACCEPTS, one.wait_until
    assert one.drain(provider.now) == 3
    assert len(provider.calls) == 6


# ---------------------------------------------------------------- limits
def test_the_volume_guard_stops_at_its_number() -> None:
    """S5: exactly the hour's number leaves, the rest waits, durably, until an operator releases it."""
    store, provider = MemoryStore(), Provider(batch_max=7)
    fill(store, 25)
    one = sender(store, provider, guard=VolumeGuard.open(store, 10, T0))
    one.drain(T0)
    assert (len(provider.taken), states(store)) == (10, {"accepted": 10, "pending": 15})
    assert "volume guard" in one.trouble
    provider.now = T0 + 5 * HOUR
    again = sender(store, provider, owner="two", guard=VolumeGuard.open(store, 10, provider.now))
    assert again.drain(provider.now) == 0
    release(store, provider.now)
    assert again.drain(provider.now) == 10
    assert again.trouble != ""
    release(store, provider.now)
    assert again.drain(provider.now) == 5
    assert again.trouble == ""
    assert max(a.token for a in store.attempts()) <= 4


def test_the_guard_is_quiet_where_nothing_more_waits() -> None:
    """Exactly as many as allowed is not too many."""
    store, provider = MemoryStore(), Provider()
    fill(store, 10)
    one = sender(store, provider, guard=VolumeGuard.open(store, 10, T0))
    assert one.drain(T0) == 10
    assert one.drain(T0) == 0
    assert one.trouble == ""


def test_a_domain_waits_without_holding_the_others() -> None:
    """Messages to a slow domain leave at its rate; the rest leaves at once, and no attempt is spent on waiting."""
    store, provider = MemoryStore(), Provider()
    fill(store, 20, address="ada@slow.example")
    fill(store, 20, first=20)
    one = sender(store, provider, pace=Pace(settings=PaceSettings(domains={"slow.example": 0.1})))
    one.drain(T0)
    assert len(provider.taken) == 21
    while store.pending_count():
        provider.now += SECOND
        one.drain(provider.now)
    assert provider.now == T0 + 190 * SECOND
    times = [at for at, key in provider.taken if key in {make_message(n).occurrence_key for n in range(20)}]
    assert [b - a for a, b in pairwise(times)] == [10 * SECOND] * 19
    assert one.trouble == ""


def test_the_limit_that_holds_mails_is_named_while_it_does() -> None:
    """The rate, or the warm-up with the number of its day, is named while it lets nothing leave, and no longer; nothing is
    wrong meanwhile.
    """
    store, provider = MemoryStore(), Provider()
    fill(store, 5)
    one = sender(store, provider, pace=Pace(settings=PaceSettings(rate=2.0, warm_up=(4, 14))))
    one.drain(T0)
    assert (len(provider.taken), one.limit, one.trouble) == (2, "the rate lets 2 a second leave", "")
    provider.now += 2 * SECOND
    one.drain(provider.now)
    assert len(provider.taken) == 4
    assert one.limit == "the warm-up has let today's 4 mails leave, the next leave after midnight UTC"
    provider.now = T0 + DAY
    one.drain(provider.now)
    assert (len(provider.taken), store.pending_count(), one.limit) == (5, 0, "")


def test_a_limit_is_not_named_where_something_else_holds_the_mails(tmp_path: Path) -> None:
    """Once the provider is down or the volume guard has stopped, the rate that held mails a moment before is named no
    longer.
    """
    with closing(SqliteStore.open(tmp_path / "relight.db")) as store:
        provider = Provider()
        fill(store, 5)
        one = sender(store, provider, pace=Pace(settings=PaceSettings(rate=2.0)))
        one.drain(T0)
        assert one.limit == "the rate lets 2 a second leave"
        one.circuit.hold(T0, "no connection", MINUTE)
        one.drain(T0)
        assert (one.limit, one.trouble) == ("", "no connection")
        one.circuit.succeed()
        one.drain(T0)
        assert one.limit == "the rate lets 2 a second leave"
        one.guard = VolumeGuard.open(store, 2, T0)
        one.guard.trip(store, T0)
        one.drain(T0)
        assert one.limit == ""
        assert "volume guard" in one.trouble


def test_settled_messages_are_shed_after_a_month() -> None:
    """I17: what a settled message said is kept for a month and no longer."""
    store, provider = MemoryStore(), Provider()
    fill(store, 3)
    one = sender(store, provider)
    one.drain(T0)
    assert one.shed(T0 + BODY_KEPT) == 0
    assert one.shed(T0 + BODY_KEPT + 1) == 3
    assert {status.message.html for status in store.messages()} == {""}


# ---------------------------------------------------------------- leases
def test_a_zombie_sends_nothing_and_writes_nothing() -> None:
    """I14: a sender that was frozen past its lease begins no call, and what it says later is fenced off."""
    store, provider = MemoryStore(), Provider()
    fill(store, 3)
    other = Provider()
    zombie = sender(store, provider, lease=2 * MINUTE, answer=30 * SECOND)
    second = sender(store, other, owner="two", lease=2 * MINUTE, answer=30 * SECOND)

    def frozen() -> None:
        provider.now = other.now = T0 + 3 * MINUTE
        for claim in store.expired_leases(other.now):
            assert claim.owner == "one"
        asyncio.get_running_loop().create_task(second.drain_async(other.now))

    provider.meanwhile = frozen
    zombie.drain(T0)
    assert provider.calls == other.calls == []
    assert states(store) == {"unknown": 3}


def test_no_call_begins_that_could_outlive_its_lease() -> None:
    """S5: a slow batch stops beginning calls while there is still time for the last answer; the rest is claimed anew."""
    store, provider = MemoryStore(), Provider(batch_max=10)
    fill(store, 10)

    def slowly(one: OutgoingMessage, now: int) -> Delivery:
        provider.now = now + 20 * SECOND
        return ACCEPTS(one, now)

    provider.answer = slowly
    one = sender(store, provider, lease=MINUTE, answer=25 * SECOND)
    one.drain(T0)
    assert states(store) == {"accepted": 10}
    assert Counter(key for _, key in provider.taken) == dict.fromkeys((m[1] for m in provider.calls), 1)
    claims: dict[int, int] = {}
    for attempt in store.attempts():
        claims[attempt.token] = claims.get(attempt.token, 0) + 1
    assert max(claims) > 1  # some came back unbegun and were claimed again


@pytest.mark.parametrize("seed", range(3))
def test_two_senders_on_one_store_send_once(seed: int) -> None:
    """I3, I14: two senders that take turns message by message hand each message over once."""
    store = MemoryStore()
    fill(store, 60)
    first, second = Provider(batch_max=3 + seed), Provider(batch_max=5)

    async def both() -> None:
        await asyncio.gather(sender(store, first).drain_async(T0), sender(store, second, owner="two").drain_async(T0))

    asyncio.run(both())
    taken = Counter(key for _, key in (*first.taken, *second.taken))
    assert (len(taken), set(taken.values())) == (60, {1})
    assert first.taken
    assert second.taken


# ---------------------------------------------------------------- a restored backup
def test_a_restored_backup_sends_nothing_twice(tmp_path: Path) -> None:
    """I14: a store that is older than its mark holds what may have left since; what is scheduled later goes out."""
    path, provider = tmp_path / "relight.db", Provider()
    store = SqliteStore.open(path)
    fill(store, 4)
    mark, doubtful = open_mark(store.path, store.claims_made())
    assert doubtful is None
    store.close()
    backup = path.read_bytes()

    store = SqliteStore.open(path)
    sender(store, provider, on_claim=mark.write).drain(T0)
    assert states(store) == {"accepted": 4}
    store.close()
    path.write_bytes(backup)
    for name in ("-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)

    store = SqliteStore.open(path)
    provider.now = T0 + HOUR
    fill(store, 2, at=T0 + MINUTE, first=4)
    fill(store, 1, first=6, message_class="transactional")
    mark, doubtful = open_mark(store.path, store.claims_made())
    assert doubtful == T0
    store.set_note(DOUBT_NOTE, str(doubtful))
    sender(store, provider, on_claim=mark.write).drain(provider.now)
    # Transactional mail prefers a second one to none (S3); of the rest nothing left twice.
    assert states(store) == {"unknown": 4, "accepted": 3}
    assert len(provider.taken) == 4 + 3
    assert Counter(key for _, key in provider.taken).most_common(1)[0][1] == 1
    store.close()
    store = SqliteStore.open(path)
    assert open_mark(store.path, store.claims_made())[1] is None
    store.close()


def test_a_broken_mark_is_no_mark(tmp_path: Path) -> None:
    """A mark that cannot be read stops nothing and is written anew."""
    path = tmp_path / "relight.db"
    (tmp_path / "relight.db.sent").write_bytes(b"\x00\x00")
    mark, doubtful = open_mark(path, 7)
    assert doubtful is None
    mark.write(2, T0)
    assert open_mark(path, 9)[1] is None
    assert open_mark(path, 8)[1] == T0


def test_every_state_is_reached_through_the_table() -> None:
    """A dispatcher never leaves a message in sending."""
    store, provider = MemoryStore(), Provider()
    fill(store, 4)
    answers = iter([ACCEPTS, told(Outcome.REJECTED), told(Outcome.UNKNOWN), told(Outcome.RETRY)])
    provider.answer = lambda m, now: (next(answers))(m, now)  # noqa: PLW0108 - each call takes the next
    sender(store, provider).drain(T0)
    assert store.message_counts() == dict.fromkeys(
        sorted([MessageState.ACCEPTED, MessageState.REJECTED, MessageState.UNKNOWN, MessageState.PENDING]), 1
    )
    assert replace(SENDER, name="").domain == "shop.example"
