"""Profiles that are not at work, in a quarter of their bytes: packed against the first ones, which they resemble.

Every profile of a project names the same rules, activities and series. In memory only: a store holds them unpacked.
"""

from __future__ import annotations

import zstandard

#: Bytes of profiles that the others are packed against.
PATTERN_BYTES = 32_768
#: Level of zstd; above it, packing costs more than opening a profile.
_LEVEL = 3
#: First bytes of what is packed; a profile begins with an array of MessagePack, which has none of them.
_MAGIC = zstandard.FRAME_HEADER


class Packing:
    """Packs bytes once it has seen enough of them."""

    def __init__(self) -> None:
        """Begin without a pattern: the first profiles stay as they are."""
        self._seen: list[bytes] = []
        self._seen_bytes = 0
        self._packer: zstandard.ZstdCompressor | None = None
        self._opener: zstandard.ZstdDecompressor | None = None

    def pack(self, blob: bytes) -> bytes:
        """Return the bytes of a profile packed, or as they are while there is no pattern."""
        if self._packer is not None:
            # A copy: the packer's own bytes stand in a block for the longest that it could have become.
            return bytes(memoryview(self._packer.compress(blob)))
        self._seen.append(blob)
        self._seen_bytes += len(blob)
        if self._seen_bytes >= PATTERN_BYTES:
            pattern = zstandard.ZstdCompressionDict(b"".join(self._seen), dict_type=zstandard.DICT_TYPE_RAWCONTENT)
            self._packer = zstandard.ZstdCompressor(level=_LEVEL, dict_data=pattern, write_dict_id=False)
            self._opener = zstandard.ZstdDecompressor(dict_data=pattern)
            self._seen.clear()
        return blob

    def open(self, packed: bytes) -> bytes:
        """Return the bytes of a profile as they were packed."""
        if self._opener is None or not packed.startswith(_MAGIC):
            return packed
        return self._opener.decompress(packed)
