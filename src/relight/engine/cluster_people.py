"""Who somebody is on a cluster, from the log topic itself: every name they have, and from where their records came.

Read to its end, not only as far as is decided: what nobody has decided on yet is theirs, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from relight.stores.erasure import Person, find_person
from relight.streams.envelope import Control, Event
from relight.transports.kafka_clients import log_topic
from relight.transports.log_pack import Source, customer_of, decode_pack, decode_record, partition_of
from relight.transports.topic_copy import messages_of

if TYPE_CHECKING:
    from relight.config.settings import KafkaSettings
    from relight.stores.postgres import PostgresStore
    from relight.streams.envelope import Record


@dataclass(slots=True)
class Found:
    """Somebody on a cluster."""

    person: Person
    #: Source -> offsets of the records in it that are theirs.
    places: Mapping[Source, list[int]]
    #: Records in the log that are theirs, control records among them.
    records: int


@dataclass(slots=True)
class _Partition:
    """One partition of the log topic, read for some customers."""

    kafka: KafkaSettings
    project: str
    places: dict[Source, list[int]] = field(default_factory=lambda: defaultdict(list))
    records: int = 0

    def records_of(self, customer: str) -> Iterator[Record]:
        """Yield a customer's records, each once, in the order in which they were routed."""
        part, covered = partition_of(customer, self.kafka.partitions), dict[Source, int]()
        for message in messages_of(self.kafka, log_topic(self.project, self.kafka.generation), [part]):
            pack = decode_pack(message.value)
            known = []
            for span in pack.spans:
                before = covered.get(span.source, span.first)
                known.append(before)
                covered[span.source] = max(before, span.next)
            for packed in pack.records:
                if packed.kind == "d" or customer_of(packed) != customer or packed.offset < known[packed.span]:
                    continue
                record = decode_record(packed)
                assert isinstance(record, Event | Control)
                self.records += 1
                if isinstance(record, Event):
                    self.places[pack.spans[packed.span].source].append(packed.offset)
                yield record


def find_on_cluster(store: PostgresStore, kafka: KafkaSettings, project: str, customer: str) -> Found:
    """Return somebody by whatever the log topic and the store know of them; reads one partition for each of their ids.

    kafka: names the generation that the store follows.
    """
    reading = _Partition(kafka, project)
    person = find_person(store, customer, log=reading.records_of)
    places = {source: sorted(set(found)) for source, found in sorted(reading.places.items())}
    return Found(person=person, places=places, records=reading.records)


def with_messages(store: PostgresStore, person: Person) -> Person:
    """Return somebody with the messages that the store has of them by now.

    Folding a partition forward puts back the rows and messages that an erasure stopped in the middle had taken out.
    """
    again = [find_person(store, one, log=lambda _: ()) for one in sorted(person.customers)]
    return replace(
        person,
        keys=person.keys.union(*(one.keys for one in again)),
        addresses=person.addresses.union(*(one.addresses for one in again)),
    )
