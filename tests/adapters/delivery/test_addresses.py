"""Addresses: which are sent to, in which form, and how long to wait between attempts."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from relight.base.instants import DAY, HOUR, SECOND
from relight.delivery.addresses import address_hash, needs_smtputf8, normalise_address
from relight.delivery.backoff import ATTEMPTS_MAX, BACKOFF_FIRST, BACKOFF_MAX, backoff, may_try_again


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Ada@Mail.Example", "ada@mail.example"),
        (" ada@mail.example ", "ada@mail.example"),
        ("ada+tag@mail.example", "ada+tag@mail.example"),
        ("İnci@mail.example", "İnci@mail.example"),
        ("ışık@mail.example", "ışık@mail.example"),
        ("ada@posta.örnek.example", "ada@posta.xn--rnek-4qa.example"),
    ],
)
def test_one_form(given: str, expected: str) -> None:
    """ASCII case is folded, the domain is ASCII; İ and ı stay distinct in local parts."""
    assert normalise_address(given) == expected
    assert normalise_address(expected) == expected
    assert address_hash(given) == address_hash(given.strip().upper() if given.isascii() else given)


@pytest.mark.parametrize(
    "given",
    ["", "ada", "@mail.example", "ada@", "a b@mail.example", "ada@mail.example\r\nBcc: x@y.example",
     "ada@mail.example>,<x@y.example",
     "a@b.example, c@d.example", "Ada <ada@mail.example>", '"a b"@mail.example', "a@[127.0.0.1]", "a@b@c.example",
     "a" * 65 + "@mail.example", "a@" + "b" * 250 + ".example", "a\x00@mail.example", "\ud800@mail.example"],
)  # fmt: skip
def test_what_is_no_address(given: str) -> None:
    """Lists, names, quoted parts, literals, controls and over-long texts are no address to send to."""
    assert normalise_address(given) is None


def test_smtputf8_is_asked_for_only_where_needed() -> None:
    """Only a local part beyond ASCII needs SMTPUTF8; a foreign domain has an ASCII form."""
    assert needs_smtputf8("ışık@mail.example")
    assert not needs_smtputf8(normalise_address("ada@örnek.example") or "")


def test_waits_grow_and_are_spread() -> None:
    """Full jitter: the wait lies in [0, ceiling), the ceiling doubles to four hours; all attempts together take three days or so."""
    assert [backoff(n, 0.5) for n in (1, 2, 3)] == [BACKOFF_FIRST // 2, BACKOFF_FIRST, 2 * BACKOFF_FIRST]
    assert backoff(1, 0.0) == 0
    assert backoff(50, 0.999999) <= BACKOFF_MAX == 4 * HOUR
    assert 2.5 * DAY < sum(backoff(n, 0.5) for n in range(1, ATTEMPTS_MAX)) < 4 * DAY
    assert BACKOFF_FIRST == 10 * SECOND
    assert [may_try_again(n) for n in (ATTEMPTS_MAX - 1, ATTEMPTS_MAX)] == [True, False]
    for attempt, uniform in ((0, 0.5), (1, 1.0), (1, -0.1)):
        with pytest.raises(ValueError, match="count from 1"):
            backoff(attempt, uniform)


@pytest.mark.recorded
@pytest.mark.skipif("RELIGHT_DATA" not in os.environ, reason="RELIGHT_DATA is not set")
def test_the_isemail_suite() -> None:
    """Of isemail's addresses every erroneous one is refused, and the plain valid ones pass but for one."""
    folder = Path(os.environ["RELIGHT_DATA"]) / "suites" / "isemail" / "test"
    cases = [
        (case.findtext("address") or "", case.findtext("category") or "")
        for case in ET.parse(folder / "tests.xml").getroot().iter("test")  # noqa: S314 - a file of our own data
    ]
    readable = {chr(0x2400 + code): chr(code) for code in range(32)}
    decoded = [("".join(readable.get(c, c) for c in address), category) for address, category in cases]
    assert len(decoded) > 100
    assert not [a for a, category in decoded if category == "ISEMAIL_ERR" and normalise_address(a) is not None]
    valid = [normalise_address(a) for a, category in decoded if category == "ISEMAIL_VALID_CATEGORY"]
    assert sum(one is None for one in valid) <= 1
