"""The key of the erased: a file that only its owner reads, or a variable where several machines need it."""

from __future__ import annotations

from pathlib import Path

import pytest

from relight.base.errors import StoreError
from relight.stores.erasure_key import KEY_VARIABLE, erasure_key_path, make_erasure_key, read_erasure_key, require_key


def test_a_variable_is_the_key_of_every_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same variable names the same people, no file is made, and it comes before a file that is there."""
    one, two = tmp_path / "one/relight.db", tmp_path / "two/relight.db"
    made = make_erasure_key(one)
    assert erasure_key_path(one).stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv(KEY_VARIABLE, "0f" * 32)
    keyed, again = make_erasure_key(two), read_erasure_key(one)
    assert again is not None
    assert keyed("ann") == again("ann") != made("ann")
    assert not erasure_key_path(two).exists()


@pytest.mark.parametrize("given", ["0f" * 31, "key", "0f" * 33])
def test_what_is_no_key_is_refused(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong variable never stands for no key: who was erased could be mailed again."""
    monkeypatch.setenv(KEY_VARIABLE, given)
    with pytest.raises(StoreError, match="64 hex digits"):
        read_erasure_key(tmp_path / "relight.db")


def test_a_missing_key_says_where_it_may_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with erased people asks for file or variable; an empty variable is none."""
    monkeypatch.setenv(KEY_VARIABLE, "")
    assert read_erasure_key(tmp_path / "relight.db") is None
    with pytest.raises(StoreError, match="is missing") as caught:
        require_key(None, tmp_path / "relight.db", (1,))
    assert KEY_VARIABLE in (caught.value.help_text or "")
