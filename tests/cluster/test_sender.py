"""A sender on a cluster: what readers said by their links reaches the log, and no mail leaves against it (S4, I5)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

import msgspec
from kafka import KafkaConsumer, TopicPartition

from relight.base.instants import DAY
from relight.config.loader import LoadedProject, load_project
from relight.engine.cluster_sender import run_sender
from relight.engine.guard_commands import release_entry
from relight.engine.guard_telling import TOLD_NOTE
from relight.engine.operator_commands import ReplayOrder, SettleOrder, replay_entry, settle_entry
from relight.engine.sending_brake import BRAKE_MAILS_MIN, HARD_BOUNCES_MIN
from relight.messages.addresses import address_hash
from relight.messages.bounces import SOFT_BOUNCE_DAYS_MAX
from relight.messages.identity import occurrence_digest
from relight.messages.ledger import OutboxMessage
from relight.messages.life import MessageCause, MessageState
from relight.stores.inbox_interface import InboxKind, NewEntry
from relight.stores.inbox_words import Reply, Word, reply_entry, word_entry
from relight.stores.interface import Batch, Settlement
from relight.stores.postgres import PostgresStore
from relight.stores.postgres_inbox import PostgresInbox
from relight.stores.postgres_turns import take_relay_turn
from relight.streams.envelope import Control, DeadLetter, Event
from relight.transports.kafka_clients import control_topic, open_admin
from relight.transports.kafka_publish import EVENT_HEADER
from relight.transports.kafka_topics import create_topics, needed_topics
from tests.adapters.stores.conformance import settlement
from tests.adapters.stores.examples import T0, make_message
from tests.cluster.cluster_kit import to_kafka
from tests.faults.small_project import QUIET, SECRET, line, write_project
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer


def test_words_of_readers_are_relayed_and_respected(
    tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer
) -> None:
    """A mail to somebody who used the link in another mail stays; the word is relayed once; others leave."""
    name, url, project = _project(tmp_path, broker, postgres)
    told, next_one = make_message(1, address="ann@mail.example"), make_message(2, address="ann@mail.example")
    link = {"List-Unsubscribe": "https://mail.small.example/u/x"}
    other = msgspec.structs.replace(make_message(3, address="bo@mail.example"), headers=link)
    with closing(PostgresStore.open(url)) as store, closing(PostgresInbox.open(url)) as inbox:
        store.append(Batch(outbox=[told, next_one, other]))
        token = occurrence_digest(told.occurrence_key)
        inbox.put([word_entry(Word(kind="suppression"), received=T0, token=token)])
        inbox.put([word_entry(Word(kind="erase", customer="c"), received=T0)])
        inbox.put([word_entry(Word(kind="merge", customer="c", subject="a"), received=T0)])
        send = _sender(project)
        assert send() == 1
        assert send() == 0
        states = {status.message.occurrence_key: status.state for status in store.messages()}
        assert states == {
            told.occurrence_key: MessageState.SUPPRESSED,
            next_one.occurrence_key: MessageState.SUPPRESSED,
            other.occurrence_key: MessageState.ACCEPTED,
        }
        (letter,) = store.dead_letters()
        assert "'erase' is not carried out on a cluster" in letter.letter.reason
    found = _read(broker, control_topic(name))
    controls = [one for one in found if isinstance(one, Control)]
    assert (controls[0].kind, controls[0].subject) == ("suppression", address_hash("ann@mail.example"))
    assert (controls[1].kind, controls[1].customer, controls[1].subject) == ("merge", "c", "a")
    outcomes = [one.subject for one in controls[2:]]
    assert sorted(outcomes) == sorted([told.occurrence_key, next_one.occurrence_key])


def test_commands_are_carried_out(tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer) -> None:
    """An unknown message is settled; a dead letter that can be read now and a click become events of the log; what cannot
    be done on a cluster is a dead letter that says why; each once, by whichever of two senders has the turn.
    """
    clicks = "  link_clicked: {properties: {url: text}}\n"
    name, url, project = _project(tmp_path, broker, postgres, stream=clicks)
    unknown, clicked = make_message(1, address="ann@mail.example"), make_message(2, address="bo@mail.example")
    now_good = DeadLetter(
        stream="app", position=7, source="app:0:7", code="unknown-event", reason="", ingest_time=T0,
        raw=line(7, "cy", "used", T0).encode(),
    )  # fmt: skip
    with closing(PostgresStore.open(url, exclusive=False)) as store, closing(PostgresInbox.open(url)) as inbox:
        store.append(Batch(outbox=[unknown, clicked], dead=[now_good]))
        claims = store.claim(T0, 2, owner="earlier", lease=DAY).ready
        for claim in claims:
            is_unknown = claim.message.occurrence_key == unknown.occurrence_key
            store.settle([settlement(claim, _CAUSES[is_unknown])])
        (letter,) = store.dead_letters()
        link = occurrence_digest(clicked.occurrence_key)
        reply = Reply(event="link_clicked", properties={"url": "https://shop.example/x"})
        inbox.put(
            [
                settle_entry(SettleOrder(message=unknown.occurrence_key, word="accepted"), T0),
                replay_entry(ReplayOrder(numbers=[letter.number]), T0),
                reply_entry(reply, received=T0 + DAY // 2, token=link, key="click"),
                NewEntry(kind=InboxKind.EVENT, name="app", body=b"{}", received=T0),
                NewEntry(kind=InboxKind.COMMAND, name="dance", body=b"{}", received=T0),
            ]
        )
        assert take_relay_turn(store)
        _sender(project)()
        assert _read(broker, control_topic(name)) == []  # another has the turn
        store.reconnect()
        _sender(project)()
        _sender(project)()
        found = [one for one in _read(broker, control_topic(name)) if isinstance(one, Event)]
        assert [(one.stream, one.customer, one.name) for one in found] == [
            ("app", "cy", "used"),
            ("clicks", clicked.customer, "link_clicked"),
        ]
        assert found[1].properties["url"] == "https://shop.example/x"
        settled = store.message(unknown.occurrence_key)
        assert settled is not None
        assert settled.state is MessageState.ACCEPTED
        reasons = [one.letter.reason for one in store.dead_letters() if one.number != letter.number]
        assert reasons == [
            "on a cluster, events come by topics, not over HTTP",
            "the command 'dance' is not carried out on a cluster",
        ]
        again = store.dead_letter(letter.number)
        assert again is not None
        assert again.ended_at is not None


def test_the_volume_guard_pauses_the_workers(tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer) -> None:
    """S5: the guard stops both arms by a record in the log, they go on once an operator releases it, and stop again where
    as many leave at once.
    """
    name, url, project = _project(tmp_path, broker, postgres, config="volume: {per_hour: 1}\n")
    link = {"List-Unsubscribe": "https://mail.small.example/u/x"}
    mails = [msgspec.structs.replace(make_message(n, address=f"c{n}@mail.example"), headers=link) for n in range(3)]
    with closing(PostgresStore.open(url, exclusive=False)) as store, closing(PostgresInbox.open(url)) as inbox:
        store.append(Batch(outbox=mails))
        assert _sender(project)() == 1
        assert _sender(project)() == 0
        inbox.put([release_entry(T0 + DAY)])
        _sender(project)()
    told = [one for one in _read(broker, control_topic(name)) if isinstance(one, Control)]
    assert [(one.kind, one.subject) for one in told] == [("pause", "*"), ("resume", "*"), ("pause", "*")]


def test_a_stop_that_was_not_told_before_its_release_is_told_all_the_same(
    tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer
) -> None:
    """S5: a sender that dies between the topic's answer and its note, and a release before the next one starts: the workers
    hear of the release, and a copy of the event has the id of the first.
    """
    name, url, project = _project(tmp_path, broker, postgres, config=GUARD, rules={"told": TOLD})
    mails = [_mail(n, f"c{n}@mail.example") for n in range(3)]
    with closing(PostgresStore.open(url, exclusive=False)) as store, closing(PostgresInbox.open(url)) as inbox:
        store.append(Batch(outbox=mails))
        assert _sender(project)() == 2
        store.set_note(TOLD_NOTE, "")
        inbox.put([release_entry(T0 + DAY + 1)])  # after what left, which is counted no more
        assert _sender(project)() == 1
        assert _sender(project)() == 0
    told = [one for one in _read(broker, control_topic(name)) if not isinstance(one, Control) or one.subject == "*"]
    kinds = [one.kind if isinstance(one, Control) else one.name for one in told]
    assert kinds == ["pause", "volume_guard", "pause", "volume_guard", "resume"]
    assert len({one.id for one in told if isinstance(one, Event)}) == 1


def test_the_sending_brake_stops_a_class_on_a_cluster(
    tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer
) -> None:
    """Too many dead addresses among a class's mails stop it in every sender, the workers hear of it by one record in the
    log, the other class goes on; `relight release` lets both go on, counted anew.
    """
    name, url, project = _project(tmp_path, broker, postgres, config="brakes: {hard_bounces: {warn: 2%, stop: 5%}}\n")
    send = _sender(project)
    mails = [_mail(n, f"c{n}@mail.example") for n in range(BRAKE_MAILS_MIN)]
    with closing(PostgresStore.open(url, exclusive=False)) as store, closing(PostgresInbox.open(url)) as inbox:
        store.append(Batch(outbox=mails))
        assert send() == BRAKE_MAILS_MIN
        dead = [one.occurrence_key for one in mails[:HARD_BOUNCES_MIN]]
        store.settle([_bounced(key, "550 5.1.1 no such user") for key in dead])
        assert send() == 0
        later = [_mail(200, "n@mail.example"), _mail(201, "n@mail.example", "transactional")]
        store.append(Batch(outbox=later))
        assert send() == 1
        assert _state(store, later[0].occurrence_key) is MessageState.SUPPRESSED
        inbox.put([release_entry(T0 + DAY)])
        store.append(Batch(outbox=[_mail(202, "o@mail.example")]))
        assert send() == 1
        assert send() == 0
    told = [one for one in _read(broker, control_topic(name)) if isinstance(one, Control)]
    orders = [one for one in told if one.kind in {"pause", "resume"}]
    assert [(one.kind, one.subject) for one in orders] == [("pause", "class:marketing"), ("resume", "class:marketing")]
    assert orders[0].detail == {"cause": "sending_brake", "leaf": "hard bounces of marketing", "number": "5.00 %"}


def test_what_a_mail_server_says_of_an_address_holds_at_once_and_reaches_the_log(
    tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer
) -> None:
    """S4, I5: an address that does not exist, or that bounced softly on three days, gets nothing more from any sender, also
    before a worker has folded it, and the log learns it once.
    """
    name, url, project = _project(tmp_path, broker, postgres)
    send = _sender(project)
    gone, full = "gone@mail.example", "full@mail.example"
    first = [*(_mail(n, full) for n in range(SOFT_BOUNCE_DAYS_MAX)), _mail(9, gone)]
    with closing(PostgresStore.open(url, exclusive=False)) as store:
        store.append(Batch(outbox=first))
        assert send() == len(first)
        keys = [one.occurrence_key for one in first]
        store.settle([
            *(_bounced(key, "552 5.2.2 mailbox full", T0 + day * DAY) for day, key in enumerate(keys[:-1], start=1)),
            _bounced(keys[-1], "550 5.1.1 no such user"),
        ])  # fmt: skip
        assert send() == 0
        again = [_mail(21, gone, "transactional"), _mail(22, full)]
        store.append(Batch(outbox=again))
        assert send() == 0
        assert {_state(store, one.occurrence_key) for one in again} == {MessageState.SUPPRESSED}
    told = [one for one in _read(broker, control_topic(name)) if isinstance(one, Control) and one.kind == "suppression"]
    assert {(one.subject, one.detail["scope"], one.detail["cause"]) for one in told} == {
        (address_hash(gone), "all", "bounce"), (address_hash(full), "marketing", "soft_bounces"),
    }  # fmt: skip
    assert len(told) == 2


def _mail(number: int, address: str, message_class: str = "marketing") -> OutboxMessage:
    link = {"List-Unsubscribe": "https://mail.small.example/u/x"}
    message = make_message(number, address=address, message_class=message_class)
    return msgspec.structs.replace(message, headers=link)


def _bounced(key: str, text: str, at: int = T0 + DAY) -> Settlement:
    return Settlement(occurrence_key=key, token=None, cause=MessageCause.PROVIDER_BOUNCED, text=text, at=at)


def _state(store: PostgresStore, key: str) -> MessageState:
    status = store.message(key)
    assert status is not None
    return status.state


#: A guard that two mails an hour do not stop, and a rule that tells of its stop.
GUARD = "volume: {per_hour: 2}\nalerts: {team: team@small.example}\n"
TOLD = (
    "trigger: {event: volume_guard}\nclass: internal\nreentry: every\nsteps: [{alert: {to: team, template: hello}}]\n"
)
#: What became of the two messages.
_CAUSES = {True: MessageCause.NO_ANSWER, False: MessageCause.PROVIDER_ACCEPTED}


def _project(
    tmp_path: Path,
    broker: KafkaBroker,
    postgres: PostgresServer,
    *,
    config: str = "",
    stream: str = "",
    rules: Mapping[str, str] = MappingProxyType({"quiet": QUIET}),
) -> tuple[str, str, LoadedProject]:
    folder = write_project(tmp_path / "project", rules, follow=True)
    name, url = broker.new_name("sent"), postgres.new_schema()
    to_kafka(folder, name, broker.address, 2)
    for file, more in (("config/default.yaml", config), ("streams/app.yaml", stream)):
        with (folder / file).open("a") as text:
            text.write(more)
    project = load_project(folder, env={"LINK_SECRET": SECRET, "DATABASE_URL": url})
    assert project.settings is not None
    assert project.settings.kafka is not None
    with closing(open_admin(project.settings.kafka)) as admin:
        needs = needed_topics(name, project.settings.kafka, project.streams)
        create_topics(admin, project.settings.kafka, needs, source_partitions=1)
    return name, url, project


def _sender(project: LoadedProject) -> Callable[[], int]:
    return lambda: run_sender(project, clock=lambda: T0 + DAY, stop=threading.Event(), once=True)


def _read(broker: KafkaBroker, topic: str) -> list[Control | Event]:
    with closing(KafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest")) as consumer:
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        end = consumer.end_offsets([place])[place]
        found: list[Control | Event] = []
        while len(found) < end:
            for records in consumer.poll(timeout_ms=500).values():
                for one in records:
                    kind: type[Event | Control] = Event if EVENT_HEADER in dict(one.headers) else Control
                    found.append(msgspec.msgpack.decode(one.value, type=kind))
        return found
