"""A digest of what an answer of `check` rests on beside the project: relight, its libraries, Python, zone data."""

from __future__ import annotations

import hashlib
import os
import sys
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import relight

#: Folders of installed libraries: their time changes with each that comes, goes or gets another version.
_LIBRARY_FOLDERS = frozenset({"site-packages", "dist-packages"})


def digest_of(*parts: str) -> str:
    """Return 32 hex digits (128 bits of BLAKE2b) of parts that may hold anything."""
    whole = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        whole.update(b"%d:" % len(raw))
        whole.update(raw)
    return whole.hexdigest()


def engine_digest() -> str:
    """Return the digest of the programs and tables that this process runs with."""
    package = Path(relight.__file__).parent
    libraries = [folder for folder in sys.path if os.path.basename(folder) in _LIBRARY_FOLDERS]  # noqa: PTH119 - the start of every check
    return digest_of(
        relight.__version__,
        sys.version,
        *_stamps(str(package), ending=".py"),
        *(_stamp(folder) for folder in libraries),
        *(stamp for folder in zoneinfo.TZPATH for stamp in _stamps(folder)),
    )


def _stamp(path: str) -> str:
    try:
        found = os.stat(path)  # noqa: PTH116 - the start of every check
    except OSError:
        return f"{path} absent"
    return f"{path} {found.st_size} {found.st_mtime_ns}"


def _stamps(folder: str, *, ending: str = "") -> Iterator[str]:
    """Yield name, size and time of each file of a folder and those inside it."""
    try:
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield f"{folder} absent"
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__":
                yield from _stamps(entry.path, ending=ending)
        elif entry.name.endswith(ending):
            yield _stamp(entry.path)
