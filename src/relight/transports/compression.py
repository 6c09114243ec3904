"""The bytes of a file, `.gz` and `.zst` unpacked on the way. A file that was cut short raises EOFError at its cut."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from relight.transports.errors import InputError

#: Packed bytes taken at a time: 2 KiB cannot unpack to more than 64 MiB.
_PACKED_BYTES = 2048


def open_bytes(path: Path) -> BinaryIO:
    """Return a reader of a file's unpacked bytes; raises InputError where it cannot be opened."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if path.suffix == ".gz":
        return cast("BinaryIO", _Owning(gzip.GzipFile(fileobj=file, mode="rb"), file))
    if path.suffix == ".zst":
        return cast("BinaryIO", _Owning(_ZstdReader(file), file))
    return file


class _Owning(io.BufferedReader):
    """A buffered reader that closes the file beneath its unpacker."""

    def __init__(self, unpacked: io.RawIOBase | gzip.GzipFile, file: BinaryIO) -> None:
        super().__init__(cast("io.RawIOBase", unpacked))
        self._file = file

    def close(self) -> None:
        """Close both."""
        super().close()
        self._file.close()


class _ZstdReader(io.RawIOBase):
    """Unpacks frame after frame; the library's own reader takes a cut frame for the end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._fresh = True
        self._packed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # BufferedReader gives a memoryview
        """Fill the buffer with unpacked bytes; raises EOFError where a frame is cut."""
        while not self._ready:
            packed = self._packed or self._file.read(_PACKED_BYTES)
            if not packed:
                if self._fresh:
                    return 0
                raise EOFError
            self._packed, self._fresh = b"", False
            self._ready = memoryview(self._frame.decompress(packed))
            if self._frame.eof:
                self._packed = self._frame.unused_data
                self._frame, self._fresh = zstandard.ZstdDecompressor().decompressobj(), True
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size
