"""A disk that can lose power or fail: an SQLite VFS that notes every operation, and what may be left of the files.

Models the files of the store, not real hardware: of what was written and not yet synced, none, all, the first part or
any part is left, and a write of several sectors may be torn. A new file is there for good from its first sync on (SQLite
syncs the folder with it), a deleted one may come back until then.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

if TYPE_CHECKING:
    from apsw import URIFilename

SECTOR = 512
#: Share of the unsynced writes over a sector that are torn.
TORN_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Operation:
    """What was asked of the disk: `create`, `write`, `truncate`, `sync`, `delete`, or a `mark` of the test."""

    kind: str
    name: str
    offset: int = 0
    data: bytes = b""


@dataclass(slots=True)
class Disk:
    """The operations of one run, and what it is to fail with."""

    operations: list[Operation] = field(default_factory=list)
    #: Asked before each operation; may raise an apsw error in its place.
    may: Callable[[Operation], None] = lambda _: None
    #: The files as a run that starts here finds them.
    begin: dict[str, bytes] = field(default_factory=dict)

    def do(self, operation: Operation) -> None:
        """Note an operation, unless it fails."""
        self.may(operation)
        self.operations.append(operation)

    def mark(self, name: str, number: int = 0) -> None:
        """Note that something was acknowledged, or begun, after all operations so far."""
        self.operations.append(Operation("mark", name, number))

    def marks(self, name: str, end: int) -> list[int]:
        """Return the numbers of the marks of a name among the first `end` operations."""
        return [one.offset for one in self.operations[:end] if one.kind == "mark" and one.name == name]


@dataclass(slots=True)
class _File:
    #: What is left for sure; None while a power loss may undo its creation.
    durable: bytearray | None = None
    pending: list[Operation] = field(default_factory=list)


def left_after(disk: Disk, end: int, draw: random.Random) -> dict[str, bytes]:
    """Return the files that a power loss after the first `end` operations leaves, by name."""
    files = {name: _File(bytearray(content)) for name, content in disk.begin.items()}
    deleted: dict[str, _File] = {}
    for one in disk.operations[:end]:
        _replay(files, deleted, one)
    for name, file in deleted.items():
        if name not in files and draw.random() < 0.5:
            files[name] = file
    mode = draw.choice(["none", "all", "prefix", "subset"])
    found: dict[str, bytes] = {}
    for name, file in sorted(files.items()):
        if file.durable is None and draw.random() < 0.5:
            continue
        content = bytearray(file.durable or b"")
        for one in _kept(file.pending, mode, draw):
            _apply(content, _torn(one, draw))
        found[name] = bytes(content)
    return found


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Write files into a new folder."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _replay(files: dict[str, _File], deleted: dict[str, _File], one: Operation) -> None:
    if one.kind == "create":
        files.setdefault(one.name, _File())
    elif one.kind in {"write", "truncate"}:
        files[one.name].pending.append(one)
    elif one.kind == "delete":
        deleted[one.name] = files.pop(one.name)
    elif one.kind == "sync":
        file = files[one.name]
        if file.durable is None:
            deleted.clear()
            file.durable = bytearray()
        for change in file.pending:
            _apply(file.durable, change)
        file.pending.clear()


def _kept(pending: list[Operation], mode: str, draw: random.Random) -> Iterable[Operation]:
    if mode == "prefix":
        return pending[: draw.randrange(len(pending) + 1)]
    if mode == "subset":
        return [one for one in pending if draw.random() < 0.5]
    return pending if mode == "all" else ()


def _torn(one: Operation, draw: random.Random) -> Operation:
    if one.kind != "write" or len(one.data) <= SECTOR or draw.random() >= TORN_SHARE:
        return one
    sectors = draw.randrange(1, (len(one.data) - 1) // SECTOR + 1)
    return Operation("write", one.name, one.offset, one.data[: sectors * SECTOR])


def _apply(content: bytearray, one: Operation) -> None:
    if one.kind == "truncate":
        del content[one.offset :]
        return
    if len(content) < one.offset:
        content.extend(bytes(one.offset - len(content)))
    content[one.offset : one.offset + len(one.data)] = one.data


# ---------------------------------------------------------------- the VFS
class WatchedVfs(apsw.VFS):
    """Passes everything on to the system's own VFS, and notes what changes a file on its disk."""

    def __init__(self, name: str, disk: Disk) -> None:
        self.disk, self.vfs_name = disk, name
        super().__init__(name, "unix")

    def xOpen(self, name: str | URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802  # SQLite's name
        shown = name.filename() if isinstance(name, apsw.URIFilename) else name
        assert shown is not None
        if not Path(shown).exists():
            self.disk.do(Operation("create", Path(shown).name))
        return _WatchedFile(self.disk, Path(shown).name, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802  # SQLite's name
        if Path(filename).exists():
            self.disk.do(Operation("delete", Path(filename).name))
        super().xDelete(filename, syncdir)


class _WatchedFile(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str, opened: Any, flags: list[int]) -> None:
        self._disk, self._name = disk, name
        super().__init__("unix", opened, flags)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802  # SQLite's name
        self._disk.do(Operation("write", self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802  # SQLite's name
        self._disk.do(Operation("truncate", self._name, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802  # SQLite's name and signature
        self._disk.do(Operation("sync", self._name))  # the file below is on a disk that never fails: no need to wait
