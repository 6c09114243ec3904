"""Stable hashes: occurrence keys, holdout shares, digests. Pure functions of their text, equal on every machine."""

from __future__ import annotations

import hashlib

#: Separates the parts of a key; never occurs in an id (a C0 control is refused at decoding).
_SEPARATOR = "\x1f"
_SHARE_BITS = 64
#: Letters of a plan's version that are shown where nobody has to copy it.
VERSION_SHOWN = 8


def short_version(version: str) -> str:
    """Return the first VERSION_SHOWN letters of a plan's version."""
    return version[:VERSION_SHOWN]


def digest(*parts: str) -> str:
    """Return 32 hex digits (128 bits of BLAKE2b) of the parts, which may hold anything but U+001F."""
    return hashlib.blake2b(_SEPARATOR.join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def hash_bytes(data: bytes) -> str:
    """Return 32 hex digits of some bytes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def share_of(salt: str, subject: str, customer: str) -> float:
    """Return a number in [0, 1), the same for ever for one (salt, subject, customer): who is held out, which arm (G4).

    The first 64 bits of SHA-256 over `salt:subject:customer`, so that anybody can recompute an assignment.
    """
    raw = hashlib.sha256(f"{salt}:{subject}:{customer}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(raw[:8], "big") / float(1 << _SHARE_BITS)
