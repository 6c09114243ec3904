"""One writer a store: an advisory lock on `<store>.lock` that the kernel drops with the process, whatever ends it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from relight.base.errors import StoreError


def acquire_lock(path: Path) -> int:
    """Return a descriptor that holds the store's lock until it is closed; raises StoreError naming who has it."""
    lock = path.with_name(path.name + ".lock")
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreError(f"the store {path} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(handle)
        raise StoreError(
            f"the store {path} is in use by process {owner}",
            help_text="one engine runs on a store; stop that process, or point this one at another store",
        ) from error
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        os.close(handle)
        raise StoreError(f"the store {path} cannot be opened: {error.strerror}") from error
    return handle
