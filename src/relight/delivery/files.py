"""Writes each mail as a file: `<folder>/<yyyy-mm-dd>/<digest>.eml`. The default way out; nothing is sent.

A web request is written as `<digest>.webhook`.

A name derives from the occurrence key and the day from the scheduled instant, so handing a message over twice makes
one file. Files are complete or not there: written beside, made durable, then renamed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from pathlib import Path

from relight.base.errors import RejectError
from relight.base.ids import digest
from relight.base.instants import DAY, to_utc
from relight.delivery.mime import build_mime
from relight.delivery.outgoing import (
    Delivery,
    MayBegin,
    Outcome,
    OutgoingMessage,
    always,
    not_begun,
    outcome_of,
)

#: Files of a batch from which one flush of the file system is cheaper than one a file.
FLUSH_TOGETHER_MIN = 32
#: Folders of a batch from which it is cheaper for them.
FOLDERS_TOGETHER_MIN = 8
#: Messages of one batch.
BATCH_MESSAGES_MAX = 1_000
#: Days whose folders' names are kept.
DAYS_KEPT = 1_024
#: Suffix of a file that is being written; a crash leaves only such ones.
PART_SUFFIX = ".part"


class FilesTransport:
    """The transport that `delivery: {files: outbox/}` names."""

    #: The same message makes the same file.
    idempotent = True
    batch_max = BATCH_MESSAGES_MAX

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        """Keep the folder; it is made when the first mail comes. `durable=False` skips fsync, for tests and demos."""
        self.folder = folder
        #: How the path of each day's folder begins, as `Path` writes it.
        self._prefix = str(folder / "-")[:-1]
        self.durable = durable

    async def deliver(self, batch: Sequence[OutgoingMessage], *, may_begin: MayBegin = always) -> list[Delivery]:
        """Return accepted for each mail that is on disk, rejected for one that cannot be written down as a mail.

        A disk that refuses needs an operator: `configuration`, which spends no attempt.
        """
        if not may_begin():
            return [not_begun(message) for message in batch]
        return await asyncio.to_thread(self.write_batch, batch)

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Delivery]:
        """Return accepted for each key whose file is there, whatever its day."""
        return await asyncio.to_thread(self._find, keys)

    async def close(self) -> None:
        """Nothing is held."""

    def write_batch(self, batch: Sequence[OutgoingMessage]) -> list[Delivery]:
        """Return what `deliver` returns; blocks."""
        results: list[Delivery] = []
        written: dict[str, str] = {}
        days: set[str] = set()
        for message in batch:
            day, stem, suffix = self.place_of(message)
            path = f"{stem}.{suffix}"
            try:
                content = _content(message)
            except RejectError as error:
                results.append(outcome_of(message, Outcome.REJECTED, str(error)))
                continue
            try:
                if path not in written and not os.path.exists(path):  # noqa: PTH110 - a Path costs as much as the file
                    part = stem + PART_SUFFIX
                    if day not in days:
                        Path(day).mkdir(parents=True, exist_ok=True)
                    _write(part, content)
                    written[path] = part
            except OSError as error:
                results.append(outcome_of(message, Outcome.CONFIGURATION, _reason(error)))
                continue
            days.add(day)
            results.append(outcome_of(message, Outcome.ACCEPTED, path, stem.rpartition(os.sep)[2]))
        try:
            self._make_durable([(part, path) for path, part in written.items()], days)
        except OSError as error:
            # What was renamed stays; the next attempt finds it by name, and makes its folder durable.
            return [
                result
                if result.outcome is Outcome.REJECTED
                else outcome_of(message, Outcome.CONFIGURATION, _reason(error))
                for message, result in zip(batch, results, strict=True)
            ]
        return results

    def place_of(self, message: OutgoingMessage) -> tuple[str, str, str]:
        """Return where a message's file stands: the folder of its day, the file without its suffix, the suffix."""
        day = f"{self._prefix}{_day_of(message.scheduled // DAY)}"
        suffix = "eml" if message.channel == "email" else message.channel
        return day, f"{day}{os.sep}{file_name(message.occurrence_key)}", suffix

    def _make_durable(self, written: Sequence[tuple[str, str]], days: AbstractSet[str]) -> None:
        if self.durable and len(written) >= FLUSH_TOGETHER_MIN:
            os.sync()
        elif self.durable:
            for part, _ in written:
                _sync(part)
        for part, path in written:
            os.replace(part, path)  # noqa: PTH105 - a Path costs as much as the file
        if self.durable and len(days) >= FOLDERS_TOGETHER_MIN:
            os.sync()
        elif self.durable and days:
            for folder in sorted(days):  # those of files that an earlier attempt left too
                _sync(folder)
            _sync(str(self.folder))

    def _find(self, keys: Sequence[str]) -> dict[str, Delivery]:
        wanted = {file_name(key): key for key in keys}
        found: dict[str, Delivery] = {}
        if not self.folder.is_dir():
            return found
        for day in sorted(self.folder.iterdir()):
            for name, key in wanted.items() if day.is_dir() else ():
                path = next((p for p in (day / f"{name}.eml", day / f"{name}.webhook") if p.exists()), None)
                if path is not None:
                    found[key] = Delivery(
                        key=key, outcome=Outcome.ACCEPTED, provider_text=str(path), provider_id=name
                    )  # fmt: skip
        return found


def file_name(occurrence_key: str) -> str:
    """Return the name of a message's file without suffix; the same digits as in its Message-ID."""
    return digest("message-id", occurrence_key)


@lru_cache(maxsize=DAYS_KEPT)
def _day_of(day: int) -> str:
    """Return the name of a UTC day's folder; day: days since 1970."""
    return to_utc(day * DAY).date().isoformat()


def _content(message: OutgoingMessage) -> bytes:
    """Return a mail, or what a web address would have got: its name in config on the first line, then the body."""
    if message.channel == "email":
        return build_mime(message, date=to_utc(message.scheduled))
    return f"POST {message.to_address}\n\n{message.text}".encode("utf-8", "replace")


def _write(path: str, content: bytes) -> None:
    """Write a file anew; four system calls, where `Path.write_bytes` takes eight."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(handle, left) :]
    finally:
        os.close(handle)


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: OSError) -> str:
    return f"{error.strerror or error} ({error.filename})" if error.filename else str(error)
