"""The key by which erased people are known: a file of its own, so that a copy of the store alone tells nobody.

Whoever has the key can tell whether a customer or an address was erased, and nothing more. Where several machines need
it, as on a cluster, a variable of the environment gives it instead.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from relight.base.errors import StoreError

#: Variable that gives the key as hex digits, in the place of the file.
KEY_VARIABLE = "RELIGHT_ERASURE_KEY"
#: Bytes of the key.
KEY_BYTES = 32
#: What names of the erased begin with; no digest of an address does.
ERASED_PREFIX = "erased:"
#: Hex digits of a keyed hash.
DIGITS = 32

#: Whether the list holds an address of somebody erased; ';' follows ':'.
ANY_ERASED = "SELECT 1 FROM suppressions WHERE address_hash >= 'erased:' AND address_hash < 'erased;' LIMIT 1"

#: customer or address hash -> its keyed name.
Keyed = Callable[[str], str]


def erasure_key_path(store: Path) -> Path:
    """Return where the key of a store's file stands: `data/relight.erasure.key`."""
    return store.with_name(f"{store.stem}.erasure.key")


def read_erasure_key(store: Path) -> Keyed | None:
    """Return what names the erased, None where nobody was; raises StoreError for a file that is no key."""
    key = _key_given() or _key_kept(erasure_key_path(store))
    if key is None:
        return None

    def keyed(text: str) -> str:
        found = hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return ERASED_PREFIX + found[:DIGITS]

    return keyed


def _key_given() -> bytes | None:
    given = os.environ.get(KEY_VARIABLE)
    if not given:
        return None
    try:
        key = bytes.fromhex(given)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StoreError(f"{KEY_VARIABLE} is no erasure key: {2 * KEY_BYTES} hex digits are")
    return key


def _key_kept(path: Path) -> bytes | None:
    if not path.is_file():
        return None
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise StoreError(f"{path} is no erasure key; restore it from a backup: who was erased could be mailed again")
    return key


def make_erasure_key(store: Path) -> Keyed:
    """Return what names the erased, the key drawn now where there is none; only its owner may read the file."""
    path = erasure_key_path(store)
    if not path.is_file() and _key_given() is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(handle, secrets.token_bytes(KEY_BYTES))
            os.fsync(handle)
        finally:
            os.close(handle)
    keyed = read_erasure_key(store)
    assert keyed is not None
    return keyed


def require_key(keyed: Keyed | None, store: Path, erased: object) -> None:
    """Raise StoreError where a store has erased people (erased: what ANY_ERASED gave) and their key is not there."""
    if keyed is None and erased is not None:
        raise StoreError(
            f"{erasure_key_path(store)} is missing: without it those who were erased could be mailed again",
            help_text=f"restore it from a backup, copy it from the machine that has it, or give it as {KEY_VARIABLE}",
        )
