"""A checkpoint counts as a whole, whatever was written of it, deleted, or written by somebody who was superseded."""

from __future__ import annotations

import pytest

from relight.stores import checkpoint_blobs
from relight.stores.checkpoint_blobs import Book, Writing


def written(table: dict[bytes, bytes], writing: Writing, *, parts: int | None = None, head: bool = True) -> None:
    """Write a checkpoint into a table, or only its first parts."""
    table.update(dict(writing.parts[:parts]))
    if head:
        table[writing.head[0]] = writing.head[1]
        for key in writing.removals:
            table.pop(key, None)


def loaded(table: dict[bytes, bytes], epoch: int) -> tuple[int, dict[str, bytes]] | None:
    found = Book(partition=1, epoch=epoch).load(table)
    return None if found is None else (found[0].offset, found[1])


def test_the_last_whole_checkpoint_counts() -> None:
    """Parts are carried over until they change; what a crash left without a head is passed over and cleared away."""
    table: dict[bytes, bytes] = {b"12/1/head": b"of another partition"}
    book = Book(partition=1, epoch=1)
    written(table, book.write(10, b"", {"a": b"one", "b": b"two"}, set()))
    written(table, book.write(20, b"", {"b": b"three"}, set()))
    assert loaded(table, 2) == (20, {"a": b"one", "b": b"three"})
    written(table, book.write(30, b"", {"a": b"four"}, set()), head=False)
    assert loaded(table, 2) == (20, {"a": b"one", "b": b"three"})
    heir = Book(partition=1, epoch=2)
    assert heir.load(table) is not None
    written(table, heir.write(40, b"", {}, {"a"}))
    assert loaded(table, 3) == (40, {"b": b"three"})
    assert sorted(key.decode() for key in table) == ["1/1/2/b/0", "1/2/head", "12/1/head"]


def test_who_was_superseded_changes_nothing() -> None:
    """I14: a checkpoint that an earlier owner writes after its successor's is passed over, and none is mixed of two."""
    table: dict[bytes, bytes] = {}
    zombie = Book(partition=1, epoch=1)
    written(table, zombie.write(10, b"", {"a": b"one"}, set()))
    heir = Book(partition=1, epoch=2)
    assert heir.load(table) is not None
    written(table, heir.write(30, b"", {"a": b"new"}, set()))
    written(table, zombie.write(20, b"", {"a": b"old"}, set()))
    assert loaded(table, 3) == (30, {"a": b"new"})


def test_a_head_without_its_parts_does_not_count() -> None:
    """A damaged or missing part, or a damaged head, makes the next older checkpoint count, and without any none."""
    table: dict[bytes, bytes] = {}
    book = Book(partition=1, epoch=1)
    written(table, book.write(10, b"", {"a": b"one"}, set()))
    later = Book(partition=1, epoch=2)
    assert later.load(table) is not None
    second = later.write(20, b"", {"b": b"two"}, set())
    table |= dict([*second.parts, second.head])
    assert loaded(table, 3) == (20, {"a": b"one", "b": b"two"})
    table[second.parts[0][0]] = b"damaged"
    assert loaded(table, 3) == (10, {"a": b"one"})
    table[b"1/1/head"] = b"xxxx" + table[b"1/1/head"][4:]
    assert loaded(table, 3) is None


def test_a_checkpoint_of_another_form_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an older program wrote is not read as something else."""
    table: dict[bytes, bytes] = {}
    written(table, Book(partition=1, epoch=1).write(5, b"", {"a": b"one"}, set()))
    monkeypatch.setattr(checkpoint_blobs, "CHECKPOINT_FORM", checkpoint_blobs.CHECKPOINT_FORM + 1)
    assert loaded(table, 2) is None


def test_a_large_part_travels_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """No blob is larger than its limit, whatever a part holds."""
    monkeypatch.setattr(checkpoint_blobs, "BLOB_BYTES_MAX", 40)
    table: dict[bytes, bytes] = {}
    body = bytes(range(256)) * 2
    writing = Book(partition=1, epoch=1).write(5, b"", {"a": body}, set())
    assert max(len(value) for _, value in writing.parts) <= 40 < len(writing.parts) * 40
    written(table, writing)
    assert loaded(table, 2) == (5, {"a": body})
