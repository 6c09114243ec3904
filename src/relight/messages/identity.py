"""What a message is called outside: its Message-ID and the tokens in its links. Pure: the secret is given.

A token is the occurrence key and a MAC over purpose, key id and key; a token of one purpose opens no other (RFC 8058).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from urllib.parse import quote

from relight.base.ids import digest

#: Bytes of HMAC-SHA256 that a token carries: 120 bits.
TOKEN_MAC_BYTES = 15
#: Bytes of the occurrence key's digest that a token carries.
TOKEN_KEY_BYTES = 16
#: Characters of a token: 32 bytes (one of key id) in base64url without padding is 43.
TOKEN_CHARACTERS_MAX = 44
#: Characters of the packed address in a click link.
TARGET_CHARACTERS_MAX = 4_000
#: Key ids are one byte.
KEY_ID_MAX = 255
#: Bytes of a secret below which it is refused.
SECRET_BYTES_MIN = 16


class TokenPurpose(StrEnum):
    """What a token opens."""

    UNSUBSCRIBE = "unsubscribe"
    PREFERENCES = "preferences"
    CONFIRM = "confirm"
    ANSWER = "answer"
    CLICK = "click"
    BOUNCE = "bounce"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """One secret and the number that tokens name it by, so that it can be replaced while old links work."""

    secret: bytes = field(repr=False)
    #: 0 to 255.
    id: int = 1

    def __post_init__(self) -> None:
        if len(self.secret) < SECRET_BYTES_MIN:
            raise ValueError(f"a secret has at least {SECRET_BYTES_MIN} bytes")
        if not 0 <= self.id <= KEY_ID_MAX:
            raise ValueError(f"a key id is 0 to {KEY_ID_MAX}")


def message_id(occurrence_key: str, domain: str) -> str:
    """Return `<digest@domain>`: equal on every retry, different for every occurrence."""
    return f"<{digest('message-id', occurrence_key)}@{domain}>"


def content_hash(bodies: tuple[str, str], headers: Mapping[str, str]) -> str:
    """Return the digest of what a person gets (H7): text and HTML, and every header but Date, DKIM and boundary.

    Args:
        bodies: text and HTML.
        headers: header -> its value before it is encoded; an empty one stands for a header that is left out.
    """
    return digest(*bodies, *(f"{name}: {headers[name]}" for name in sorted(headers) if headers[name]))


@lru_cache(maxsize=16)
def occurrence_digest(occurrence_key: str) -> str:
    """Return the 32 hex digits that a token names an occurrence by; the inbox looks a message up by them."""
    return digest("token", occurrence_key)


def make_token(key: TokenKey, purpose: TokenPurpose, occurrence_key: str, topic: str = "") -> str:
    """Return the token of an occurrence: at most 44 characters of base64url, the same every time."""
    name = bytes.fromhex(occurrence_digest(occurrence_key))
    raw = bytes([key.id]) + name + _mac(key, purpose, name, topic)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def verify_token(keys: tuple[TokenKey, ...], purpose: TokenPurpose, token: str, topic: str = "") -> str | None:
    """Return the occurrence's digest that a token proves, or None. Compares in constant time.

    Args:
        keys: the current key and those it replaced.
        purpose: what the page behind the link does.
        token: as it stood in the link.
        topic: the topic named beside it; part of what is proved.
    """
    if len(token) > TOKEN_CHARACTERS_MAX or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 1 + TOKEN_KEY_BYTES + TOKEN_MAC_BYTES:
        return None
    name, mac = raw[1 : 1 + TOKEN_KEY_BYTES], raw[1 + TOKEN_KEY_BYTES :]
    for key in keys:
        if key.id == raw[0] and hmac.compare_digest(mac, _mac(key, purpose, name, topic)):
            return name.hex()
    return None


def unsubscribe_url(base_url: str, key: TokenKey, occurrence_key: str, topic: str = "") -> str:
    """Return the one-click link (RFC 8058): no address, no customer id in it. An empty topic means all marketing."""
    return _link(base_url, "u", make_token(key, TokenPurpose.UNSUBSCRIBE, occurrence_key, topic), topic)


def preferences_url(base_url: str, key: TokenKey, occurrence_key: str) -> str:
    """Return the link to the page where a person chooses what we send."""
    return _link(base_url, "p", make_token(key, TokenPurpose.PREFERENCES, occurrence_key), "")


def confirm_url(base_url: str, key: TokenKey, occurrence_key: str, topic: str) -> str:
    """Return the link by which a person confirms that they asked for a topic (double opt-in)."""
    return _link(base_url, "c", make_token(key, TokenPurpose.CONFIRM, occurrence_key, topic), topic)


def answer_url(base_url: str, key: TokenKey, occurrence_key: str, survey: str, score: int | None = None) -> str:
    """Return the link to the page of a survey, with a score chosen where one is given."""
    chosen = "" if score is None else f"&v={score}"
    return _link(base_url, "s", make_token(key, TokenPurpose.ANSWER, occurrence_key, survey), survey) + chosen


def click_url(base_url: str, key: TokenKey, occurrence_key: str, target: str) -> str:
    """Return the link that counts a click and leads to `target`, which is signed: no other target is led to."""
    token = make_token(key, TokenPurpose.CLICK, occurrence_key, target)
    packed = base64.urlsafe_b64encode(target.encode("utf-8")).rstrip(b"=").decode("ascii")
    return f"{base_url.rstrip('/')}/r/{token}/{packed}"


def read_target(packed: str) -> str | None:
    """Return the address that a click link names, None for what is none; its token says whether it is ours."""
    if len(packed) > TARGET_CHARACTERS_MAX or not packed.isascii():
        return None
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None


def _link(base_url: str, page: str, token: str, topic: str) -> str:
    query = f"?t={quote(topic, safe='')}" if topic else ""
    return f"{base_url.rstrip('/')}/{page}/{token}{query}"


def _mac(key: TokenKey, purpose: TokenPurpose, name: bytes, topic: str) -> bytes:
    message = b"\x1f".join(
        (purpose.encode("ascii"), bytes([key.id]), name.hex().encode("ascii"), topic.encode("utf-8"))
    )
    return hmac.digest(key.secret, message, hashlib.sha256)[:TOKEN_MAC_BYTES]
