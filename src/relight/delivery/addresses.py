"""Which texts are addresses that a mail may go to, and their one form. No DNS is asked."""

from __future__ import annotations

import re
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from relight.messages.addresses import ADDRESS_LENGTH_MAX, address_hash, fold_address

__all__ = ["address_hash", "needs_smtputf8", "normalise_address"]

#: Bytes of the part before the @ (RFC 5321 4.5.3.1.1).
LOCAL_PART_BYTES_MAX = 64
#: Domains whose form is remembered.
DOMAINS_KEPT_MAX = 10_000
#: A name before the @ that is plain by RFC 5322 3.2.3.
_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def normalise_address(address: str) -> str | None:
    """Return the address to send to: domain in ASCII, ASCII letters folded, İ and ı distinct; None when it is none.

    Comments, quoted local parts and literals are refused on purpose: nobody signs up with one.
    """
    stripped = address.strip(" ")
    local = stripped.rpartition("@")[0].encode("utf-8", "replace")
    if len(stripped) > ADDRESS_LENGTH_MAX or len(local) > LOCAL_PART_BYTES_MAX:
        return None
    name, _, domain = stripped.rpartition("@")
    if _DOT_ATOM.fullmatch(name):  # nothing about such a name is left to find out; its domain is known mostly
        ascii_domain = _ascii_domain(domain)
        return None if ascii_domain is None else fold_address(f"{name}@{ascii_domain}")
    try:
        found = validate_email(stripped, check_deliverability=False, test_environment=True)
    except (EmailNotValidError, UnicodeError):
        return None
    return fold_address(f"{found.local_part}@{found.ascii_domain}")


@lru_cache(maxsize=DOMAINS_KEPT_MAX)
def _ascii_domain(domain: str) -> str | None:
    """Return the form of a domain that mail servers know, None for one that is none."""
    try:
        return validate_email(f"a@{domain}", check_deliverability=False, test_environment=True).ascii_domain
    except (EmailNotValidError, UnicodeError):
        return None


def needs_smtputf8(address: str) -> bool:
    """Return whether a server must speak SMTPUTF8 (RFC 6531) to take the address."""
    return not address.isascii()
