"""A checkpoint as many small blobs, written one by one, that counts only as a whole: the head names its parts.

A part's key holds the epoch of its writer and a generation, so that nobody overwrites what another checkpoint still
needs; a frozen former owner that wakes up may at worst delete what it wrote itself. A head whose parts are not all
there is passed over, and without any head the log is folded from its beginning: slower, and the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

#: Bytes of a blob: well below what a broker takes in one message.
BLOB_BYTES_MAX = 500_000
#: Form of a checkpoint and of what is in it; one of another form does not count, and the log is folded instead.
CHECKPOINT_FORM = 2
_HEAD = "head"


class PartRef(msgspec.Struct, array_like=True, frozen=True):
    """Where the blobs of a part are."""

    epoch: int
    generation: int
    pieces: int
    crc: int


class Head(msgspec.Struct, array_like=True):
    """What a whole checkpoint is."""

    version: int
    #: Offset of the log topic up to which (exclusive) the checkpoint includes everything.
    offset: int
    generation: int
    parts: dict[str, PartRef]
    #: Small state that is written every time.
    state: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """The blobs of one checkpoint; to be written in this order: parts, head, removals."""

    offset: int
    parts: list[tuple[bytes, bytes]]
    head: tuple[bytes, bytes]
    removals: list[bytes]


@dataclass(slots=True, kw_only=True)
class Book:
    """The checkpoints of one partition under one epoch."""

    partition: int
    epoch: int
    generation: int = 0
    refs: dict[str, PartRef] = field(default_factory=dict)
    #: Keys that were there and belong to no checkpoint that counts.
    stale: set[bytes] = field(default_factory=set)

    def write(self, offset: int, state: bytes, changed: Mapping[str, bytes], gone: set[str]) -> Writing:
        """Return the blobs of the next checkpoint: the changed parts, and a head that names all."""
        self.generation += 1
        blobs: list[tuple[bytes, bytes]] = []
        removals = self.stale
        for name in gone | set(changed):
            old = self.refs.pop(name, None)
            if old is not None:
                removals.update(self._keys(name, old))
        for name, body in changed.items():
            packed = zlib.compress(body, 1)
            pieces = [packed[at : at + BLOB_BYTES_MAX] for at in range(0, len(packed), BLOB_BYTES_MAX)]
            ref = PartRef(self.epoch, self.generation, len(pieces), zlib.crc32(packed))
            self.refs[name] = ref
            blobs += zip(self._keys(name, ref), pieces, strict=True)
        head = Head(CHECKPOINT_FORM, offset, self.generation, dict(self.refs), state)
        body = msgspec.msgpack.encode(head)
        sealed = zlib.crc32(body).to_bytes(4, "big") + body
        self.stale = set()
        return Writing(
            offset=offset, parts=blobs, head=(self._key(self.epoch, _HEAD), sealed), removals=sorted(removals)
        )

    def _keys(self, name: str, ref: PartRef) -> list[bytes]:
        return [self._key(ref.epoch, f"{ref.generation}/{name}/{piece}") for piece in range(ref.pieces)]

    def _key(self, epoch: int, rest: str) -> bytes:
        return f"{self.partition}/{epoch}/{rest}".encode()

    def load(self, blobs: Mapping[bytes, bytes]) -> tuple[Head, dict[str, bytes]] | None:
        """Return the newest whole checkpoint among the blobs and its parts; None where there is none.

        blobs: any table's content; other partitions' are passed over.
        """
        mine = {key: value for key, value in blobs.items() if key.startswith(f"{self.partition}/".encode())}
        heads = []
        for key, value in mine.items():
            _, epoch, name = key.decode().split("/", 2)
            if name == _HEAD and int(epoch) < self.epoch and zlib.crc32(value[4:]).to_bytes(4, "big") == value[:4]:
                heads.append((int(epoch), key, msgspec.msgpack.decode(value[4:], type=Head)))
        for _, _key, head in sorted(heads, key=lambda one: one[0], reverse=True):
            parts = {name: self._part(mine, name, ref) for name, ref in head.parts.items()}
            if head.version == CHECKPOINT_FORM and None not in parts.values():
                self.refs, self.generation = dict(head.parts), head.generation
                kept = {one for name, ref in head.parts.items() for one in self._keys(name, ref)}
                # The head itself goes once the first of ours is written, with everything that it does not name.
                self.stale = {key for key in mine if key not in kept}
                return head, {name: part for name, part in parts.items() if part is not None}
        self.stale = set(mine)
        return None

    def forget(self) -> None:
        """Take what was loaded for nothing: its blobs go with the next checkpoint."""
        for name, ref in self.refs.items():
            self.stale.update(self._keys(name, ref))
        self.refs = {}

    def _part(self, mine: Mapping[bytes, bytes], name: str, ref: PartRef) -> bytes | None:
        packed = b"".join(mine.get(key, b"") for key in self._keys(name, ref))
        return zlib.decompress(packed) if packed and zlib.crc32(packed) == ref.crc else None
