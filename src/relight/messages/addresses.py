"""One form of an address for comparing and hashing (S4, B3): ASCII case folded, nothing else.

Validation for sending is `delivery`'s.
"""

from __future__ import annotations

import re
import string

from relight.base.ids import digest

_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_SHAPE = re.compile(r"[^\s@<>,;:\x00-\x1f]+@[^\s@<>,;:\x00-\x1f]+")
#: Cause of a suppression that a person asked for by a link, and the scope of a record that lifts it (and no other).
UNSUBSCRIBED, LIFTED = "unsubscribe", "none"
#: Longest address of RFC 5321 4.5.3.1.3 (256 octets with its angle brackets).
ADDRESS_LENGTH_MAX = 254


def fold_address(address: str) -> str:
    """Return the address with ASCII letters in lower case; İ and ı stay distinct."""
    return address.strip().translate(_FOLD)


def address_hash(address: str) -> str:
    """Return the hash by which the suppression list knows an address."""
    return digest("address", fold_address(address))


def looks_like_address(address: str) -> bool:
    """Return whether a mail could be addressed so: one @, no control character, no list."""
    return len(address) <= ADDRESS_LENGTH_MAX and _SHAPE.fullmatch(address.strip()) is not None
