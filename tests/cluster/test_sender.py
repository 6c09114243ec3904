"""A sender on a cluster: what readers said by their links reaches the log, and no mail leaves against it (S4, I5)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
from kafka import KafkaConsumer, TopicPartition

from relight.base.instants import DAY
from relight.config.loader import LoadedProject, load_project
from relight.engine.cluster_sender import run_sender
from relight.messages.addresses import address_hash
from relight.messages.identity import occurrence_digest
from relight.messages.life import MessageState
from relight.stores.inbox_words import Word, word_entry
from relight.stores.interface import Batch
from relight.stores.postgres import PostgresStore
from relight.stores.postgres_inbox import PostgresInbox
from relight.streams.envelope import Control
from relight.transports.kafka_clients import control_topic, open_admin
from relight.transports.kafka_topics import create_topics, needed_topics
from tests.adapters.stores.examples import T0, make_message
from tests.cluster.cluster_kit import to_kafka
from tests.faults.small_project import QUIET, SECRET, write_project
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer


def test_words_of_readers_are_relayed_and_respected(
    tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer
) -> None:
    """A mail to somebody who used the link in another mail stays; the word is relayed once; others leave."""
    folder = write_project(tmp_path / "project", {"quiet": QUIET}, follow=True)
    name, url = broker.new_name("sent"), postgres.new_schema()
    to_kafka(folder, name, broker.address, 2)
    project = load_project(folder, env={"LINK_SECRET": SECRET, "DATABASE_URL": url})
    assert project.settings is not None
    assert project.settings.kafka is not None
    with closing(open_admin(project.settings.kafka)) as admin:
        needs = needed_topics(name, project.settings.kafka, project.streams)
        create_topics(admin, project.settings.kafka, needs, source_partitions=1)
    told, next_one = make_message(1, address="ann@mail.example"), make_message(2, address="ann@mail.example")
    link = {"List-Unsubscribe": "https://mail.small.example/u/x"}
    other = msgspec.structs.replace(make_message(3, address="bo@mail.example"), headers=link)
    with closing(PostgresStore.open(url)) as store, closing(PostgresInbox.open(url)) as inbox:
        store.append(Batch(outbox=[told, next_one, other]))
        token = occurrence_digest(told.occurrence_key)
        inbox.put([word_entry(Word(kind="suppression"), received=T0, token=token)])
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
        assert "'merge' is not carried out on a cluster" in letter.letter.reason
    found = _read(broker, control_topic(name))
    assert (found[0].kind, found[0].subject) == ("suppression", address_hash("ann@mail.example"))
    outcomes = [one.subject for one in found[1:]]
    assert sorted(outcomes) == sorted([told.occurrence_key, next_one.occurrence_key])


def _sender(project: LoadedProject) -> Callable[[], int]:
    return lambda: run_sender(project, clock=lambda: T0 + DAY, stop=threading.Event(), once=True)


def _read(broker: KafkaBroker, topic: str) -> list[Control]:
    with closing(KafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest")) as consumer:
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        end = consumer.end_offsets([place])[place]
        found: list[Control] = []
        while len(found) < end:
            for records in consumer.poll(timeout_ms=500).values():
                found += [msgspec.msgpack.decode(one.value, type=Control) for one in records]
        return found
