"""A person of the team as the sender (A24)."""

from __future__ import annotations

import pytest

from relight.messages.senders import SENDER_NAME_CHARACTERS_MAX, personal_sender
from relight.rules.plan import Sender
from tests.support.story import story

BASE = Sender(name="Shop", address="shop@shop.example", reply_to="help@shop.example")


@pytest.mark.parametrize(
    ("value", "name", "reply_to"),
    [
        ("Deniz Ak <deniz@shop.example>", "Deniz Ak", "deniz@shop.example"),
        ('"Ak, Deniz" <deniz@shop.example>', "Ak, Deniz", "deniz@shop.example"),
        ("deniz@shop.example", "Shop", "deniz@shop.example"),
        ("Deniz Ak", "Deniz Ak", "help@shop.example"),
    ],
)
def test_a_person_lends_name_and_address(value: str, name: str, reply_to: str) -> None:
    """A24: name and reply-to are the person's, the address in From stays the project's."""
    found = personal_sender(BASE, value)
    assert found is not None
    assert (found.name, found.reply_to, found.address) == (name, reply_to, "shop@shop.example")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "  ",
        "<>",
        "Deniz <deniz>",
        "a@b, c@d",
        "Deniz\r\nBcc: x@y.example",
        7,
        "x" * (SENDER_NAME_CHARACTERS_MAX + 1),
    ],
)
def test_what_names_nobody_is_refused(value: object) -> None:
    """A24, B1: what names no person, or would write another header, is no sender."""
    assert personal_sender(BASE, value) is None


def test_a_mail_without_its_sender_is_missing_data() -> None:
    """A24, G6: a mail whose sender the customer does not have is suppressed with missing_data, and names the trait."""
    rules = {"r": "{trigger: {event: cart}, reentry: every, steps: [{send: hello, sender: region}]}"}
    told = story(rules, sender=BASE).known("2026-01-02").event("cart", "2026-01-05").until("2026-01-06")
    assert told.said()[-1] == "01-05 00:00 suppressed r/send:0 missing_data"
    assert told.rows()[-1].leaf == "sender: region"
    told.event("identify", "2026-01-07", traits={"region": "Deniz Ak <deniz@shop.example>"}).event("cart", "2026-01-08")
    (mail,) = told.until("2026-01-09").effects["ann"].mails
    assert (mail.sender.name, mail.sender.reply_to) == ("Deniz Ak", "deniz@shop.example")
