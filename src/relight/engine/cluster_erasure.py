"""People taken out of a cluster: its log is written anew without them, message by message at the same offsets.

Theory of operation. A topic gives up no record from its middle, so the log goes on in a topic of the next generation.
What is in it stands at the offsets it had, so that checkpoints, ledger and routers go on where they stood, and nothing
is decided again. Checkpoints are brought to where decisions are durable first, and written into the table of the next
generation without those people; the control topic and the dead letters are written anew in their place. Then the store
loses them, follows the next generation, and the topics of all before are taken away. Every step can be done twice:
stopped anywhere, the same command begins anew, and nothing follows the new topics before they are whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from relight.base.errors import UsageError
from relight.engine.account_keys import noted_keys
from relight.engine.cluster_generation import NextGeneration
from relight.engine.cluster_move import check_that_nothing_runs
from relight.engine.cluster_people import Found, find_on_cluster, with_messages
from relight.engine.cluster_proof import count_in_topics
from relight.engine.cluster_worker import MakeDays, needs_of_cluster
from relight.engine.erase_orders import (
    ANSWER_NOTE,
    ClusterOrder,
    forget_orders,
    forget_suppressing_words,
    keep_marked,
    read_erased,
    waiting_orders,
)
from relight.engine.erased_records import Forgetting
from relight.engine.inbox import RELAYED_POSITION
from relight.engine.log_generation import generation_of, note_generation
from relight.engine.topics_in_place import InPlace
from relight.stores.crash import crash_point
from relight.stores.erasure import Erased, is_letter_of, searched
from relight.stores.opening import SQLITE_DEFAULT, open_inbox
from relight.transports.kafka_clients import checkpoint_topic, log_topic, open_admin, router_group, worker_group
from relight.transports.kafka_topics import group_members, partition_counts
from relight.transports.topic_copy import remove_topics

if TYPE_CHECKING:
    from relight.config.loader import LoadedProject
    from relight.stores.inbox_interface import DurableInbox
    from relight.stores.postgres import PostgresStore

#: How long a sender that was stopped may have its turn (s), and between two looks.
TURN_SECONDS_MAX, LOOK_SECONDS = 10.0, 0.5
#: Between two looks whether a cluster whose log is written ahead was stopped (s).
AHEAD_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What became of one order."""

    order: ClusterOrder
    erased: Erased


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasures:
    """What an erasure did, and its proof."""

    done: Sequence[Erasure]
    #: Generation of the log topic from now on, its messages, and the topics that were taken away.
    generation: int
    messages: int
    removed: Sequence[str]
    #: How often a word of theirs is still found, and how many are too short to be searched for.
    left: int
    short: int


class ClusterErasing:
    """The people of a cluster who are to be erased, and how that is done."""

    def __init__(  # noqa: PLR0913  # what it works on, and whom it tells
        self,
        project: LoadedProject,
        store: PostgresStore,
        inbox: DurableInbox,
        admin: Any,
        *,
        make_days: MakeDays,
        on_step: Callable[[str], None],
    ) -> None:
        """Look at nothing yet."""
        _, self._settings, self._kafka = needs_of_cluster(project)
        self._project, self._store, self._inbox, self._admin = project, store, inbox, admin
        self._make_days, self._on_step = make_days, on_step
        self._name = self._settings.project
        self._before = replace(self._kafka, generation=generation_of(store))
        self._in_place = InPlace(store=store, kafka=self._kafka, admin=admin)
        self._next = NextGeneration(
            project=project, name=self._name, before=self._before, kafka=self._kafka, store=store, admin=admin,
            on_step=on_step,
        )  # fmt: skip

    def run(self, *, ahead: bool) -> Erasures:
        """Do it, or go on with it; see `erase_from_cluster`."""
        orders = waiting_orders(self._store)
        mine = [one for one in orders if one.generation == self._before.generation]
        if mine:  # stopped after the store followed
            return self._go_on(mine)
        if not orders:
            raise UsageError("nobody waits to be erased", help_text="`relight erase CUSTOMER --yes` orders it")
        self._in_place.resume()
        self._check()
        if ahead:
            self._write_ahead(orders)
        self._in_place.begin()
        try:
            return self._run(orders)
        except BaseException:
            self._in_place.give_up()
            raise

    def _run(self, orders: list[ClusterOrder]) -> Erasures:
        self._check_that_nothing_runs()
        found = self._find(orders)
        forgetting = self._forgetting(found)
        written = self._next.write_log(forgetting)
        records = dict(written.records)
        self._next.write_checkpoints(forgetting, self._make_days)
        self._next.follow_sources()
        orders = [self._marked(one, who, written) for one, who in zip(orders, found, strict=True)]
        keep_marked(self._store, orders)
        self._next.write_control(forgetting, self._in_place)
        done = [self._erase(one, who, records) for one, who in zip(orders, found, strict=True)]
        check_that_nothing_runs(self._admin, self._name, self._before)
        crash_point("before_log_followed")
        note_generation(self._store, self._kafka.generation)
        crash_point("after_log_followed")
        return self._finish(orders, done, forgetting.words)

    def _find(self, orders: Sequence[ClusterOrder]) -> list[Found]:
        self._on_step("looking for their records")
        return [find_on_cluster(self._store, self._before, self._name, one.customer) for one in orders]

    def _forgetting(self, found: Sequence[Found]) -> Forgetting:
        return Forgetting([one.person for one in found], self._store.make_keyed())

    def _write_ahead(self, orders: Sequence[ClusterOrder]) -> None:
        """Write what the log has by now while the cluster runs, and wait until nothing does."""
        from relight.stores.postgres_turns import Turn, is_taken

        url = self._settings.store.postgres
        assert url is not None
        self._next.write_log(self._forgetting(self._find(orders)))
        groups = [of(self._name, self._before.generation) for of in (router_group, worker_group)]
        while True:
            routers, workers = (group_members(self._admin, one) for one in groups)
            sender = is_taken(url.reveal(), Turn.RELAY)
            if not routers and not workers and not sender:
                return
            told = f"{routers} routers, {workers} workers" + (" and a sender" if sender else "")
            self._on_step(f"{self._next.messages:,} packs are written; stop {told} now")
            time.sleep(AHEAD_SECONDS)

    # ------------------------------------------------------------ whether it can be done
    def _check(self) -> None:
        if self._kafka.partitions > 1 and noted_keys(self._store):
            raise UsageError(
                "people of one account are decided on together over partitions, from the whole log: without one of them"
                " what was decided on the others would be decided otherwise",
                help_text="kafka: {partitions: 1}, or one machine (`relight run`), where people are to be erased",
            )
        wanted = self._before.generation + 1
        if self._kafka.generation != wanted:
            raise UsageError(
                f"the log goes on in generation {wanted} without them, and the config names {self._kafka.generation}",
                help_text=f"kafka: {{generation: {wanted}}}",
            )
        old = log_topic(self._name, self._before.generation)
        partitions = partition_counts(self._admin, [old])[old]
        if partitions != self._kafka.partitions:
            raise UsageError(
                f"topic {old} has {partitions} partitions, and the config names {self._kafka.partitions}",
                help_text=f"kafka: {{partitions: {partitions}}}; another number is another step",
            )

    def _check_that_nothing_runs(self) -> None:
        """Raise UsageError where somebody may still write to a topic; whoever starts from now on is refused."""
        check_that_nothing_runs(self._admin, self._name, self._before)
        self._take_turn()
        if self._inbox.last_position() > int(self._store.positions().get(RELAYED_POSITION, "0")):
            raise UsageError(
                "the inbox holds what no sender has passed on yet: it might be theirs",
                help_text="with the generation of before, `relight sender --once` passes it on",
            )

    def _take_turn(self) -> None:
        """Have the turn of the one sender that writes to the control topic, so that none does."""
        from relight.stores.postgres_turns import take_relay_turn

        ends = time.monotonic() + TURN_SECONDS_MAX
        while not take_relay_turn(self._store):
            if time.monotonic() > ends:
                raise UsageError("a sender runs", help_text="stop every sender first")
            time.sleep(LOOK_SECONDS)

    # ------------------------------------------------------------ the store
    def _erase(self, order: ClusterOrder, found: Found, records: Mapping[str, int]) -> Erasure:
        person, note = with_messages(self._store, found.person), self._answer_note(order)
        relayed = int(self._store.positions().get(RELAYED_POSITION, "0"))
        self._inbox.forget_events(relayed)
        words = self._inbox.forget_words(person.customers, person.tokens, before=relayed + 1)
        words += forget_suppressing_words(self._store, person)
        earlier = read_erased(self._store, note)  # of a run that was stopped after it
        base = Erased(name="") if earlier is None else earlier
        base = msgspec.structs.replace(
            base, words=base.words + words, records=sum(records.get(one, 0) for one in person.customers)
        )
        return Erasure(order=order, erased=self._store.erase(person, note, base=base))

    def _marked(self, order: ClusterOrder, found: Found, written: Forgetting) -> ClusterOrder:
        theirs = {source: set(offsets) for source, offsets in found.places.items()}
        for (source, offset), letter in written.letters.items():
            if is_letter_of(letter, found.person.words):
                theirs.setdefault(source, set()).add(offset)
        places = [(stream, number, sorted(offsets)) for (stream, number), offsets in sorted(theirs.items())]
        return msgspec.structs.replace(order, generation=self._kafka.generation, places=places)

    def _answer_note(self, order: ClusterOrder) -> str:
        return f"{ANSWER_NOTE}{self._kafka.generation} {order.ordered} {self._store.make_keyed()(order.customer)}"

    # ------------------------------------------------------------ afterwards
    def _finish(
        self, orders: list[ClusterOrder], done: list[Erasure], words: frozenset[str]
    ) -> Erasures:  # fmt: skip
        name, old = self._name, self._kafka.generation - 1
        self._on_step("taking away the topics of before")
        earlier = range(1, self._kafka.generation)  # a move to another number of partitions leaves its topic behind
        removed = remove_topics(self._admin, [of(name, one) for one in earlier for of in (log_topic, checkpoint_topic)])
        self._admin.delete_groups([router_group(name, old), worker_group(name, old)])
        self._in_place.end()
        self._on_step("searching every byte of what is left")
        left = count_in_topics(self._kafka, name, words)
        forget_orders(self._store, orders)
        left += self._store.count_words(words)
        return Erasures(
            done=done,
            generation=self._kafka.generation,
            messages=self._next.messages,
            removed=removed,
            left=left,
            short=len(words) - len(searched(words)),
        )

    def _go_on(self, orders: list[ClusterOrder]) -> Erasures:
        """Finish what was stopped after the store followed the log without these people."""
        self._kafka = self._before
        found = [(one, read_erased(self._store, self._answer_note(one))) for one in orders]
        done = [Erasure(order=one, erased=erased) for one, erased in found if erased is not None]
        return self._finish(orders, done, frozenset(one.customer for one in orders))


def erase_from_cluster(
    project: LoadedProject,
    *,
    make_days: MakeDays,
    ahead: bool = False,
    on_step: Callable[[str], None] = lambda _: None,
) -> Erasures:
    """Take everybody who waits for it out of a cluster, or go on where that was stopped.

    The config names the next generation. make_days: see ClusterWorker; ahead: write the log while routers and workers
    run, and wait until they are stopped; on_step: told what is done. Raises UsageError
    where routers, workers or a sender run, where nobody waits, or where it would change what is decided on others.
    """
    from relight.stores.postgres import PostgresStore

    _, settings, kafka = needs_of_cluster(project)
    assert settings.store.postgres is not None
    with (
        closing(PostgresStore.open(settings.store.postgres.reveal(), exclusive=False)) as store,
        closing(open_inbox(settings.store, project.folder)) as inbox,
        closing(open_admin(kafka)) as admin,
    ):
        store.stand_beside(project.folder / SQLITE_DEFAULT)
        return ClusterErasing(project, store, inbox, admin, make_days=make_days, on_step=on_step).run(ahead=ahead)
