"""Message-ID and link tokens: equal on every retry, hard to forge, good for one purpose only."""

from __future__ import annotations

import re

import hypothesis.strategies as st
import pytest
from hypothesis import given

from relight.messages.identity import (
    TOKEN_CHARACTERS_MAX,
    TokenKey,
    TokenPurpose,
    make_token,
    message_id,
    occurrence_digest,
    preferences_url,
    unsubscribe_url,
    verify_token,
)

KEY = TokenKey(secret=b"0123456789abcdef")
OLD = TokenKey(secret=b"fedcba9876543210", id=2)


def test_a_message_id_is_derived() -> None:
    """The same occurrence has the same Message-ID; another has another."""
    assert message_id("k1", "shop.example") == message_id("k1", "shop.example")
    assert message_id("k1", "shop.example") != message_id("k2", "shop.example")
    assert re.fullmatch(r"<[0-9a-f]{32}@shop\.example>", message_id("k1", "shop.example"))


@given(st.text(max_size=200), st.text(alphabet="abc_", max_size=20))
def test_a_token_opens_what_it_was_made_for(key: str, topic: str) -> None:
    """A token is at most 44 characters of base64url, deterministic, and proves its occurrence and topic."""
    token = make_token(KEY, TokenPurpose.UNSUBSCRIBE, key.replace("\ud800", ""), topic)
    assert re.fullmatch(rf"[A-Za-z0-9_-]{{1,{TOKEN_CHARACTERS_MAX}}}", token)
    assert verify_token((KEY,), TokenPurpose.UNSUBSCRIBE, token, topic) == occurrence_digest(key)


def test_a_token_of_one_purpose_opens_no_other() -> None:
    """Purpose, topic, key and occurrence are all part of what is proved."""
    token = make_token(KEY, TokenPurpose.UNSUBSCRIBE, "k", "offers")
    assert verify_token((KEY,), TokenPurpose.PREFERENCES, token, "offers") is None
    assert verify_token((KEY,), TokenPurpose.UNSUBSCRIBE, token, "news") is None
    assert verify_token((OLD,), TokenPurpose.UNSUBSCRIBE, token, "offers") is None
    assert verify_token((TokenKey(secret=OLD.secret),), TokenPurpose.UNSUBSCRIBE, token, "offers") is None


def test_an_old_key_still_opens() -> None:
    """Links made before a key was replaced work while the old key is listed."""
    token = make_token(OLD, TokenPurpose.UNSUBSCRIBE, "k")
    assert verify_token((KEY, OLD), TokenPurpose.UNSUBSCRIBE, token) == occurrence_digest("k")


def test_every_changed_bit_is_found() -> None:
    """Changing any character of a token makes it worthless."""
    token = make_token(KEY, TokenPurpose.UNSUBSCRIBE, "k")
    for at, character in enumerate(token[:-1]):
        forged = token[:at] + ("A" if character != "A" else "B") + token[at + 1 :]
        assert verify_token((KEY,), TokenPurpose.UNSUBSCRIBE, forged) is None


@pytest.mark.parametrize("token", ["", "A", "ş" * 20, "A" * 45, "====", "a b", "+/+/", "A" * 43])
def test_rubbish_is_no_token(token: str) -> None:
    """Anything else proves nothing and raises nothing."""
    assert verify_token((KEY,), TokenPurpose.UNSUBSCRIBE, token) is None


def test_links_hold_no_person() -> None:
    """The one-click link is base, page, token and topic; the bytes are pinned, for they must never change."""
    assert unsubscribe_url("https://mail.shop.example/", KEY, "k", "product news") == (
        "https://mail.shop.example/u/"
        + make_token(KEY, TokenPurpose.UNSUBSCRIBE, "k", "product news")
        + "?t=product%20news"
    )
    assert preferences_url("https://mail.shop.example", KEY, "k").startswith("https://mail.shop.example/p/")
    assert make_token(KEY, TokenPurpose.UNSUBSCRIBE, "k") == "AdN1zWrg1PcZzM5cPGcS4oebIxVwnUJaXpSDSUR_-js"


@pytest.mark.parametrize(("secret", "number"), [(b"short", 1), (b"0123456789abcdef", 256), (b"0123456789abcdef", -1)])
def test_weak_keys_are_refused(secret: bytes, number: int) -> None:
    """A short secret or a key id beyond one byte is refused."""
    with pytest.raises(ValueError, match=r"secret|key id"):
        TokenKey(secret=secret, id=number)
