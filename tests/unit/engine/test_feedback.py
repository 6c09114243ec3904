"""Feedback-ID of marketing: stable, ASCII, the sender's part within its bounds, nothing of a recipient."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relight.engine.feedback import sender_id
from relight.engine.handing_over import SenderIdentity, outgoing_message
from relight.messages.ledger import OutboxMessage

SENDER = SenderIdentity(name="Defne", address="defne@shop.example", feedback=sender_id("Corner Books"))


def message(
    class_: str = "marketing", *, rule: str = "winback", topic: str = "offers", who: str = "c1"
) -> OutboxMessage:
    return OutboxMessage(
        occurrence_key=f"key-{who}", rule=rule, customer=who, step="send:0", address=f"{who}@mail.example",
        message_class=class_, scheduled=0, subject="s", html="h", text="t", content_hash="x",
        template="winback/first", locale="en", topic=topic,
    )  # fmt: skip


def test_marketing_says_rule_template_topic_and_sender() -> None:
    """The value is the same for every recipient of a rule; transactional mail and alerts have none."""
    values = {outgoing_message(message(who=who), SENDER).feedback_id for who in ("c1", "c2")}
    assert values == {"winback:winback/first:offers:cornerbooks"}
    assert outgoing_message(message("transactional"), SENDER).feedback_id is None
    assert outgoing_message(message("internal"), SENDER).feedback_id is None


@pytest.mark.parametrize("rule", ["çok_sessiz", "a:b", "x" * 65, "a b"])
def test_a_rule_of_any_name_gives_four_ascii_parts(rule: str) -> None:
    """A name that a header or its parts could not hold is told by its hash, so that the mail leaves all the same."""
    value = outgoing_message(message(rule=rule, topic=""), SENDER).feedback_id
    assert value is not None
    assert re.fullmatch(r"[0-9a-f]{12}:winback/first:marketing:cornerbooks", value)


@given(st.text(max_size=40))
def test_the_senders_part_has_five_to_fifteen_characters(name: str) -> None:
    """Whatever the project is called; and the same name gives the same part."""
    assert re.fullmatch(r"[a-z0-9]{5,15}", sender_id(name))
    assert sender_id(name) == sender_id(name)


def test_long_and_short_names_stay_apart() -> None:
    """Names that share their first letters, or have hardly one, still give parts of their own."""
    names = ["Corner Books of the North", "Corner Books of the South", "Ş", "İ", ""]
    assert len({sender_id(name) for name in names}) == len(names)
