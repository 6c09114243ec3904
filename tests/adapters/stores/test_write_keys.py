"""Write keys: kept as hashes, found while they work, and what an Idempotency-Key came with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relight.base.errors import StoreError
from relight.stores import write_keys
from relight.stores.write_keys import KEY_CHARACTERS_MAX, WriteKeys, keys_path

KEY = "rlk_" + "k" * 43


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[WriteKeys]:
    opened = WriteKeys.open(keys_path(tmp_path / "relight.db"))
    yield opened
    opened.close()


def test_a_key_is_found_until_it_is_revoked(keys: WriteKeys) -> None:
    """A key leads to its stream while it works; revoked, it leads nowhere, and a second time is told."""
    made = keys.add(KEY, stream="shop", name="site", now=7)
    assert keys.find(KEY) == made
    assert (made.stream, made.name, made.created, made.revoked) == ("shop", "site", 7, None)
    assert keys.find(KEY + "x") is None
    assert keys.revoke(made.id, 9)
    assert not keys.revoke(made.id, 10)
    assert keys.find(KEY) is None
    assert [one.revoked for one in keys.all()] == [9]


def test_the_key_itself_is_nowhere(keys: WriteKeys) -> None:
    """The file holds a hash and the first characters; a stolen copy sends nothing."""
    keys.add(KEY, stream="shop", name="", now=1)
    keys.close()
    assert KEY.encode() not in b"".join(path.read_bytes() for path in keys.path.parent.iterdir())


def test_a_text_too_long_for_a_key_is_not_looked_up(keys: WriteKeys) -> None:
    """KEY_CHARACTERS_MAX bounds what is hashed."""
    long = "k" * (KEY_CHARACTERS_MAX + 1)
    keys.add(long, stream="shop", name="", now=1)
    keys.add(long[:-1], stream="shop", name="", now=1)
    assert keys.find(long) is None
    assert keys.find(long[:-1]) is not None


def test_an_idempotency_key_belongs_to_one_body(keys: WriteKeys) -> None:
    """The same body may come again; another under the same key is told from it; another write key has its own."""
    assert keys.remember_request(1, "a", b"one", 1)
    assert keys.remember_request(1, "a", b"one", 2)
    assert not keys.remember_request(1, "a", b"two", 3)
    assert keys.remember_request(2, "a", b"two", 3)


def test_the_oldest_requests_are_forgotten(keys: WriteKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    """REMEMBERED_REQUESTS_MAX requests are remembered: the one before them may come with another body."""
    monkeypatch.setattr(write_keys, "REMEMBERED_REQUESTS_MAX", 2)
    for name in "abc":
        assert keys.remember_request(1, name, b"one", 1)
    assert keys.remember_request(1, "a", b"two", 2)
    assert not keys.remember_request(1, "c", b"two", 2)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """A file of something else is named and left as it is."""
    path = tmp_path / "relight.keys.db"
    path.write_text("not a database, but long enough to be looked at as one")
    with pytest.raises(StoreError, match=r"relight\.keys\.db"):
        WriteKeys.open(path)
