"""Inputs that grow: tailed files and standard input, polled at the wall clock, their places kept with what was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from relight.base.errors import ProjectError
from relight.streams.envelope import Control, DeadLetter, Event, Rank, order_key
from relight.transports.stdin import PipeInput
from relight.transports.tail import Tail, TailPlace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relight.config.loader import LoadedProject
    from relight.stores.interface import Store

#: Prefix of the inputs' names in the store's positions.
TAIL_POSITION = "tail:"


@dataclass(slots=True, kw_only=True)
class LiveFeed:
    """The growing inputs of a project."""

    inputs: dict[str, Tail | PipeInput] = field(default_factory=dict)
    #: Streams whose rows come through the inbox.
    over_http: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, project: LoadedProject, store: Store) -> LiveFeed:
        """Open every growing input where it was left; raises ProjectError for a source this engine cannot read."""
        places = store.positions()
        feed = cls()
        for name, stream in project.streams.items():
            source = stream.source
            if source.kind == "file" and source.follow:
                text = places.get(TAIL_POSITION + name)
                place = None if text is None else msgspec.json.decode(text, type=TailPlace)
                feed.inputs[name] = Tail(stream, project.folder, place=place)
            elif source.kind == "stdin":
                feed.inputs[name] = PipeInput(stream, project.folder)
            elif source.kind == "http":
                feed.over_http.add(name)
            elif source.kind == "kafka":
                message = f"stream '{name}' reads a Kafka topic, which only `relight run --engine kafka` does"
                raise ProjectError([], message)
        return feed

    def poll(self, now: int, most: int) -> tuple[list[Event | DeadLetter], Mapping[str, str]]:
        """Return what arrived, at most about `most` records an input, and the places read up to."""
        records: list[Event | DeadLetter] = []
        positions: dict[str, str] = {}
        for name, source in sorted(self.inputs.items()):
            if isinstance(source, Tail):
                records += source.poll(now, most)
                positions[TAIL_POSITION + name] = msgspec.json.encode(source.place).decode()
            else:
                records += source.poll(now)
        # All arrive at one instant: what concerns everybody comes first, then by stream and position (H1). One input
        # that tells of customers alone gives them in this order already.
        if len(self.inputs) > 1 or any(type(r) is Event and r.customer is None for r in records):
            records.sort(key=log_order)
        return records, positions

    def __bool__(self) -> bool:
        """Whether anything here can grow."""
        return bool(self.inputs or self.over_http)

    def is_over(self) -> bool:
        """Return whether no input can bring more: every one is a pipe that was closed."""
        return not self.over_http and all(
            isinstance(source, PipeInput) and source.ended for source in self.inputs.values()
        )

    def close(self) -> None:
        """Close the files."""
        for source in self.inputs.values():
            if isinstance(source, Tail):
                source.close()


def log_order(record: Event | Control | DeadLetter) -> tuple[int, int, str, int]:
    """A dead letter is no record for any check; it stands where a record of its stream would."""
    if isinstance(record, DeadLetter):
        return (record.ingest_time, Rank.EVENT, record.stream, record.position)
    return order_key(record)
