"""Any sequence of edits, events, kills and restarts on the real engine, store and sender keeps the invariants."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from relight.base.instants import DAY, HOUR, MINUTE
from relight.customers.revive import revive_record
from relight.delivery.outgoing import Delivery, MayBegin, Outcome, OutgoingMessage, always, outcome_of
from relight.engine.dispatch import Dispatcher
from relight.engine.engine import Engine
from relight.engine.handing_over import SenderIdentity
from relight.engine.outcomes import OutcomeInput
from relight.messages.ledger import LedgerRow
from relight.messages.life import MessageState
from relight.messages.reasons import RowState
from relight.rules.plan import AccountKey, Cap, Plan
from relight.stores.interface import Appended, Batch, Claimed, LookAgain, Only, Settlement
from relight.stores.memory import MemoryStore
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Control, Event
from tests.support.story import caps, make_plan

T0 = 1_767_225_600_000_000
"""2026-01-01 00:00 UTC."""
CUSTOMERS = ("ann", "bo")
#: Where syncing costs nothing; what a power failure leaves is the fault suite's subject.
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a fresh folder is made in it
#: Examples; RELIGHT_FUZZ multiplies them.
EXAMPLES = 60 * int(os.environ.get("RELIGHT_FUZZ", "1"))

CART = (
    "{trigger: {event: cart}, reentry: {per: cart_id}, steps: [{wait_for: 'order where order_id == entry.cart_id', up_to: %s,"
    " then: stop, else: [{send: hello, id: s}], id: f}]}"
)
ONBOARD = (
    "{trigger: {event: asked}, reentry: every, exit: opened, goal: {event: order, attribution: 9 days}, steps: %s}"
)
WALKS = (
    "[{send: hello, id: a}, {wait: 1 day, id: w}, {send: again, id: b}]",
    "[{wait: 2 days, id: w}, {send: again, id: b}, {send: hello, id: a}]",
    "[{send: hello, id: a}, {wait_for: session, up_to: 2 days, then: [{send: again, id: b}], else: [{send: third, id: c}], id: w}]",
    "[{split: {x: 50%, y: 50%}, steps_x: [{send: hello, id: a}], id: p}, {set: {trait: plan, to: pro}, id: t}, {wait: 3 hours, id: w}, {send: third, id: c}]",
    "[{branch: [{when: 'plan == \"pro\"', steps: [{webhook: chat/new, id: h}]}, {else: [{alert: {to: support, template: hello}, id: l}]}], id: r}, {wait: 1 day, id: w}]",
)
SILENT = "{trigger: {inactive: %s}, group: g, %ssend: third}"


def edited(
    walk: int,
    *,
    patience: str = "4 hours",
    silence: str = "[2 days, 5 days]",
    backfill: str = "",
    together: bool = False,
) -> Plan:
    """Return one of the plans that the team may put in force."""
    rules = {
        "cart": CART % patience,
        "onboard": ONBOARD % WALKS[walk],
        "quiet": SILENT % (silence, backfill),
        "there": "{trigger: {enters: news}, priority: 60, steps: [{wait: 2 hours, id: w}, {send: again, id: s}]}",
        "pros": "{trigger: {enters: pros}, group: g, priority: 70, send: again}",
        "spent": "{trigger: {milestone: {sum: order.total, at: [20, 50]}}, class: transactional, send: hello}",
    }
    return make_plan(
        rules, definitions="{segments: {pros: 'plan == \"pro\" and count(order, 3 days) < 3', news: 'count(shipped, 1 day) > 0 and silent > 1 hour'}}", quiet=(21 * 60, 9 * 60), salt="7",
        caps=caps(marketing=(Cap(most=2, window=None, calendar="day"), Cap(most=5, window=7 * DAY))),
        account=AccountKey(trait=None), account_caps=caps(marketing=(Cap(most=3, window=5 * DAY),)) if together else {},
    )  # fmt: skip


PLANS = [
    edited(0), edited(1, together=True), edited(2, patience="30 minutes"), edited(3, silence="[1 day, 5 days]"),
    edited(4, together=True),
    edited(2, silence="[3 days]", backfill="backfill: {ramp: 12 hours}, "),
]  # fmt: skip


class KilledError(Exception):
    """The process is gone."""


class MortalStore(SqliteStore):
    """A store whose process can be killed around a commit."""

    #: `append`, `claim` or `settle`, and whether the commit still happens.
    dies: tuple[str, bool] | None = None

    def _may_die(self, where: str, *, committed: bool) -> None:
        if self.dies == (where, committed):
            raise KilledError

    def append(self, batch: Batch) -> Appended:
        self._may_die("append", committed=False)
        found = super().append(batch)
        self._may_die("append", committed=True)
        return found

    def claim(
        self, now: int, limit: int, *, owner: str, lease: int, look: LookAgain | None = None, only: Only = None
    ) -> Claimed:
        found = super().claim(now, limit, owner=owner, lease=lease, look=look, only=only)
        if found.ready:
            self._may_die("claim", committed=True)
        return found

    def settle(self, settlements: Sequence[Settlement]) -> list[MessageState | None]:
        self._may_die("settle", committed=False)
        return super().settle(settlements)


class Provider:
    """Takes mails, and counts what it took for good."""

    idempotent = False
    batch_max = 10

    def __init__(self, taken: Counter[str], outcomes: list[Outcome]) -> None:
        self.taken, self.outcomes = taken, outcomes

    async def deliver(self, batch: Sequence[OutgoingMessage], *, may_begin: MayBegin = always) -> list[Delivery]:
        del may_begin  # no lease runs out while time stands still
        made = []
        for message in batch:
            outcome = self.outcomes.pop() if self.outcomes else Outcome.ACCEPTED
            if outcome is Outcome.ACCEPTED:
                self.taken[message.occurrence_key] += 1
            made.append(outcome_of(message, outcome, "said the provider"))
        return made

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Delivery]:
        del keys
        return {}

    async def close(self) -> None:
        """Nothing is held."""


class Shop(RuleBasedStateMachine):
    """One project: its store on disk, and what the provider got."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="relight-machine-", dir=IN_MEMORY))
        self.file = self.folder / "0.db"
        self.now, self.number = T0, 0
        self.taken: Counter[str] = Counter()
        self.events: list[Event] = []
        self.rows: dict[tuple[str, str, str, str], LedgerRow] = {}
        self.stand()
        self.engine.follow_plan(PLANS[0], self.now)
        for customer in CUSTOMERS:
            self.take("identify", customer, traits={"email": f"{customer}@mail.example", "plan": "free"})

    # -------------------------------------------------------- the process
    def stand(self) -> None:
        self.store = MortalStore.open(self.file)
        self.engine = Engine(self.store, cached_profiles=1)
        self.engine.recover(PLANS)

    def die(self) -> None:
        """What a kill leaves is what is in the files at that instant."""
        following = self.folder / f"{int(self.file.stem) + 1}.db"
        for suffix in ("", "-wal"):
            found = Path(f"{self.file}{suffix}")
            if found.exists():
                shutil.copy(found, f"{following}{suffix}")
        self.store.dies = None
        self.store.close()
        self.file = following
        self.stand()

    def sender(self, outcomes: list[Outcome]) -> Dispatcher:
        identity = SenderIdentity(name="Shop", address="shop@shop.example")
        return Dispatcher(store=self.store, transport=Provider(self.taken, outcomes), sender=identity, owner="me")

    # -------------------------------------------------------- what happens
    def take(
        self,
        name: str,
        customer: str,
        properties: Mapping[str, object] | None = None,
        *,
        ago: int = 0,
        traits: Mapping[str, object] | None = None,
    ) -> None:
        self.number += 1
        declared = PLANS[0].schema.events.get(name)
        event = Event(
            stream=declared.streams[0] if declared else "app", id=f"e{self.number}", customer=customer, name=name,
            event_time=self.now - ago, ingest_time=self.now, properties=dict(properties or {}), traits=dict(traits or {}), account="acme", late=ago > 72 * HOUR,
        )  # fmt: skip
        self.events.append(event)
        self.engine.take([event])

    @rule(
        name=st.sampled_from(["cart", "cart", "order", "order", "session", "asked", "asked", "opened"]),
        customer=st.sampled_from(CUSTOMERS),
        ago=st.sampled_from([0, 0, 0, MINUTE, 20 * HOUR, 80 * HOUR]),
        thing=st.sampled_from(["c1", "c2", "c3"]),
        total=st.sampled_from([5, 20, -3]),
    )
    def happen(self, name: str, customer: str, ago: int, thing: str, total: int) -> None:
        """Something happens to somebody."""
        properties: dict[str, object] = {}
        if name == "cart":
            properties = {"cart_id": thing}
        elif name == "order":
            properties = {"order_id": thing, "total": Decimal(total)}
        self.take(name, customer, properties, ago=ago)

    @rule(which=st.integers(0, 5))
    def copies_come(self, which: int) -> None:
        """What was acknowledged comes once more (I2)."""
        for event in self.events[-1 - which :: -3][:2]:
            again = Event(**{name: getattr(event, name) for name in Event.__struct_fields__})
            again.ingest_time = self.now
            before = len(list(self.store.ledger()))
            self.engine.take([again], reached=0)
            assert len(list(self.store.ledger())) == before, "a copy is no record for any check"

    @rule(length=st.sampled_from([1, 30 * MINUTE, 5 * HOUR, DAY, 3 * DAY]))
    def time_passes(self, length: int) -> None:
        """Nothing happens for a while."""
        self.now += length
        self.engine.advance(self.now)

    @rule(which=st.integers(0, len(PLANS) - 1))
    def edit(self, which: int) -> None:
        """I11: an edit never looks back: nobody enters a rule at the plan record itself."""
        self.engine.advance(self.now)
        before = {row.occurrence_key for row in self.store.ledger()}
        self.engine.follow_plan(PLANS[which], self.now)
        new = [row for row in self.store.ledger() if row.occurrence_key not in before]
        # The record may have been given the next µs (H1): what fell due at this instant came before it, by the old plan.
        taken = [row for row in new if row.state is RowState.ENTERED and row.plan_version == PLANS[which].version]
        assert not taken, "an edit takes nobody in"

    @rule(kind=st.sampled_from(["pause", "resume"]), subject=st.sampled_from(["quiet", "onboard"]))
    def hold(self, kind: str, subject: str) -> None:
        """An operator pauses a rule, or lets it go on."""
        self.engine.take([Control(kind=kind, ingest_time=self.now, subject=subject)])

    @rule(
        outcomes=st.lists(
            st.sampled_from([Outcome.ACCEPTED, Outcome.RETRY, Outcome.REJECTED, Outcome.UNKNOWN]), max_size=3
        )
    )
    def send(self, outcomes: list[Outcome]) -> None:
        """What is due leaves, and what became of it comes back into the log."""
        self.sender(list(outcomes)).drain(self.now)
        OutcomeInput(engine=self.engine).take()

    @rule(given=st.booleans(), customer=st.sampled_from(CUSTOMERS))
    def choose(self, given: bool, customer: str) -> None:
        """Somebody withdraws consent, or gives it again."""
        self.engine.take(
            [Control(kind="consent", ingest_time=self.now, customer=customer, subject="news", detail={"given": given})]
        )

    @rule(feature=st.sampled_from(["a", "b"]))
    def ship(self, feature: str) -> None:
        """Something happens to everybody."""
        self.number += 1
        event = Event(
            stream="news", id=f"g{self.number}", customer=None, name="shipped", event_time=self.now, ingest_time=self.now,
            properties={"feature": feature},
        )  # fmt: skip
        self.engine.take([event])

    # -------------------------------------------------------- what goes wrong
    @rule(length=st.sampled_from([HOUR, 30 * HOUR]), passes=st.booleans())
    def down(self, length: int, passes: bool) -> None:
        """Nobody looked for a while (H9)."""
        self.store.close()
        self.stand()
        until = self.now + length
        self.engine.take([Control(kind="gap", ingest_time=self.now, detail={"until": until})])
        if passes:
            self.now = until

    @rule(saved=st.booleans())
    def restart(self, saved: bool) -> None:
        """The process is stopped, with or without a checkpoint."""
        if saved:
            self.engine.checkpoint()
        self.store.close()
        self.stand()

    @rule()
    def kill(self) -> None:
        """The process is killed between two batches."""
        self.die()

    @rule(
        committed=st.booleans(), customer=st.sampled_from(CUSTOMERS), name=st.sampled_from(["asked", "order", "cart"])
    )
    def kill_in_a_batch(self, committed: bool, customer: str, name: str) -> None:
        """The process is killed around the commit of a batch; whoever sent it sends it again (I1, I2)."""
        self.store.dies = ("append", committed)
        properties: dict[str, object] = {"cart_id": "c9"} if name == "cart" else {}
        try:
            self.take(name, customer, properties)
        except KilledError:
            self.die()
        self.store.dies = None
        self.engine.take([self.events[-1]])

    @rule(where=st.sampled_from([("claim", True), ("settle", False)]))
    def kill_while_sending(self, where: tuple[str, bool]) -> None:
        """The process is killed after it took messages, or after the provider did: those are unknown, and held (S3)."""
        self.store.dies = where
        try:
            self.sender([]).drain(self.now)
        except KilledError:
            self.die()
        self.store.dies = None
        self.sender([]).take_over(self.now)
        OutcomeInput(engine=self.engine).take()

    # -------------------------------------------------------- what must hold
    @invariant()
    def the_ledger_only_grows(self) -> None:
        """I4, I7: rows are never changed, none comes twice, and none is judged before its deadline."""
        for row in self.store.ledger():
            key = (row.rule, row.customer, row.occurrence, row.step)
            known = self.rows.setdefault(key, row)
            assert known == row, "a row was written once more"
            assert row.judged >= row.instant, "a deadline was judged early"
        assert len(self.rows) == sum(1 for _ in self.store.ledger())

    @invariant()
    def at_most_one_leaves(self) -> None:
        """I3: With `hold`, at most one accepted message an occurrence: for marketing, at most one more otherwise."""
        for key, times in self.taken.items():
            status = self.store.message(key)
            assert status is not None
            unknown = sum(
                1 for line in self.store.attempts() if line.occurrence_key == key and line.state is MessageState.UNKNOWN
            )
            most = 1 if status.message.message_class == "marketing" else 1 + unknown
            assert times <= most, f"{status.message.rule} left {times} times"

    def teardown(self) -> None:
        """I4, I9: in the end everything has left or says why not, and a replay of the log writes the same ledger."""
        try:
            self.time_passes(40 * DAY)
            for _ in range(30):
                self.sender([]).drain(self.now)
                self.now += DAY
            self.every_occurrence_has_one_state()
            self.a_replay_is_equal()
        finally:
            self.store.close()
            shutil.rmtree(self.folder)

    def every_occurrence_has_one_state(self) -> None:
        rows = list(self.store.ledger())
        first = Counter((row.rule, row.customer, row.occurrence) for row in rows if not row.step)
        assert set(first.values()) <= {1}
        assert {(row.rule, row.customer, row.occurrence) for row in rows if row.step} <= set(first)
        pending = {row.occurrence_key for row in rows if row.state is RowState.PENDING}
        messages = {status.message.occurrence_key: status for status in self.store.messages()}
        assert pending == set(messages)
        for status in messages.values():
            kept = {MessageState.PENDING} if status.message.channel == "webhook" else set[MessageState]()
            assert status.state not in {MessageState.PENDING, MessageState.SENDING} - kept, "a message does not drain"

    def a_replay_is_equal(self) -> None:
        reached = self.store.reached()
        assert reached is not None
        engine = Engine(MemoryStore())
        for plan in PLANS:
            engine.world.register(plan)
        for _, record in self.store.read_log():
            engine.take([revive_record(engine.layout if engine.plan else PLANS[0].layout, record)])
        engine.advance(reached)
        assert sorted(engine.store.ledger(), key=repr) == sorted(self.store.ledger(), key=repr)
        assert engine.store.tallies() == self.store.tallies()


TestShop = Shop.TestCase
TestShop.settings = settings(max_examples=EXAMPLES, stateful_step_count=30, deadline=None, phases=[Phase.generate])
