"""Under which name a store notes the soft bounces of an address, for what counts them and what erases somebody."""

from __future__ import annotations


def soft_note(address_hash: str) -> str:
    """Return the name of the note."""
    return f"soft_bounces:{address_hash}"
