"""Mails that say the same in one request: who goes together, what the provider makes of it, and one poison among many."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relight.delivery import Outcome
from relight.delivery.outgoing import Delivery, OutgoingMessage
from relight.delivery.sendgrid_batches import BATCH_MESSAGES_MAX, SUBSTITUTION_BYTES_MAX, build_batch, sharable, share
from relight.delivery.sendgrid_faults import Fault
from relight.delivery.sendgrid_feed import reports_of
from relight.delivery.sendgrid_rules import SendRequest, read_request
from relight.messages.identity import TokenKey, answer_url, click_url, preferences_url, unsubscribe_url
from tests.adapters.delivery.mail_kit import message
from tests.adapters.delivery.sendgrid_kit import keys_of, logged, standing_in, transport

KEY = TokenKey(secret=b"k" * 16)
BASE = "https://mail.shop.example"


def announcement(number: int, **changes: Any) -> OutgoingMessage:
    """A mail to everybody: equal but for the address and the links of its own."""
    key = f"k{number}"
    links = [
        unsubscribe_url(BASE, KEY, key, "news"), preferences_url(BASE, KEY, key), answer_url(BASE, KEY, key, "csat", 3),
        click_url(BASE, KEY, key, "https://shop.example/new"),
    ]  # fmt: skip
    given: dict[str, Any] = {
        "to_address": f"p{number}@mail.example", "to_name": None, "category": "whats_new",
        "list_unsubscribe": (links[0],), "text": "Panolar değişti.\n" + "\n".join(links),
        "html": "<p>Panolar değişti.</p>" + "".join(f'<a href="{one}">x</a>' for one in (*links[::-1], links[0])),
    }  # fmt: skip
    return message(key, **(given | changes))


def as_delivered(line: dict[str, Any]) -> dict[str, str]:
    """What the recipient of a logged personalization gets: the provider replaces blindly."""
    (one,) = line["payload"]["personalizations"]
    found = {part["type"]: part["value"] for part in line["payload"]["content"]}
    for name, value in one.get("substitutions", {}).items():
        found = {kind: text.replace(name, value) for kind, text in found.items()}
    return found


def deliver(log: Path, messages: list[OutgoingMessage], *faults: Fault, **settings: Any) -> tuple[list[Delivery], int]:
    async def run() -> tuple[list[Delivery], int]:
        async with standing_in(log, *faults) as (standin, port):
            sender = transport(port, connections=1, **settings)
            try:
                return await sender.deliver(messages), standin.requests
            finally:
                await sender.close()

    return asyncio.run(run())


def test_an_announcement_to_many_is_one_request(tmp_path: Path) -> None:
    """Each of fifty recipients gets their own text, HTML, links, headers and custom argument, out of one request (I19)."""
    batch = [announcement(n) for n in range(50)]
    found, requests = deliver(tmp_path / "log", batch, batch=100)
    assert requests == 1
    assert [one.key for one in found] == [one.occurrence_key for one in batch]
    assert {one.outcome for one in found} == {Outcome.ACCEPTED}
    lines = logged(tmp_path / "log")
    assert keys_of(lines) == [one.occurrence_key for one in batch]
    for line, one in zip(lines, batch, strict=True):
        assert line["to"] == [one.to_address]
        assert as_delivered(line) == {"text/plain": one.text, "text/html": one.html}
        headers = line["payload"]["personalizations"][0]["headers"]
        assert headers["List-Unsubscribe"] == f"<{one.list_unsubscribe[0]}>"
        assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert line["payload"]["tracking_settings"]["subscription_tracking"]["enable"] is False


def test_only_what_says_the_same_goes_together() -> None:
    """A name, another subject, sender, rule or topic goes alone; so does a copy of an address; a group has a most."""
    alone = [
        announcement(1, text="Merhaba Ada"), announcement(2, subject="Başka"), announcement(3, from_name="Ege"),
        announcement(4, category="other"), announcement(5, reply_to="x@shop.example"), announcement(6, transactional=True),
        announcement(7, html="<p>p7</p>"), announcement(8, to_address="P0@mail.example"), announcement(9, to_address="x"),
    ]  # fmt: skip
    groups = share([announcement(0), *alone, *(announcement(n) for n in range(10, 14))], 3)
    keys = [[one.occurrence_key for one in group] for group in groups]
    # The copy of an address opens a group, as does a full one; an address that is none is refused by itself.
    assert keys == [["k0"], *([f"k{n}"] for n in range(1, 8)), ["k8", "k10", "k11"], ["k9"], ["k12", "k13"]]
    assert share([announcement(0), announcement(1)], 1) == [[announcement(0)], [announcement(1)]]


def test_a_foreign_token_is_content() -> None:
    """What looks like a token and is another message's stays as it stands: it is never replaced."""
    foreign = unsubscribe_url(BASE, KEY, "k9", "news")
    one = sharable(announcement(1, text=f"{foreign} {'A' * 43}", html=""))
    assert one is not None
    assert one.substitutions == {}
    many = "\n".join(answer_url(BASE, KEY, "k1", f"s{n}") for n in range(SUBSTITUTION_BYTES_MAX // 60))
    assert sharable(announcement(1, text=many)) is None


@given(st.data())
def test_placeholders_in_data_change_nothing(data: st.DataObject) -> None:
    """A customer who writes what a placeholder looks like gets their own mail, or one that goes alone."""
    known = sharable(announcement(1))
    assert known is not None
    said = data.draw(st.lists(st.sampled_from([*known.substitutions, *known.substitutions.values(), "-0-", "x"])))
    one = announcement(1, text=announcement(1).text + "".join(said))
    found = sharable(one)
    if found is None:
        return
    text = found.common.text
    for name, token in found.substitutions.items():
        text = text.replace(name, token)
    assert text == one.text


def test_the_request_is_within_the_provider_s_rules() -> None:
    """A full batch passes the strict rules; unequal messages are refused before anything leaves."""
    body = build_batch([announcement(n) for n in range(BATCH_MESSAGES_MAX)])
    found = read_request(body, now_seconds=1_780_000_000)
    assert isinstance(found, SendRequest), found
    assert len(found.personalizations) == BATCH_MESSAGES_MAX
    reports = reports_of(json.loads(body), "m1", 1_780_000_000)
    assert {one["relight_key"]: one["email"] for one in reports}["k7"] == "p7@mail.example"
    with pytest.raises(Exception, match="do not say the same"):
        build_batch([announcement(1), announcement(2, subject="Başka")])


@pytest.mark.parametrize("places", [(0,), (11,), (12,), (24,), (3, 17), tuple(range(25))], ids=str)
def test_one_bad_recipient_is_refused_alone(places: tuple[int, ...], tmp_path: Path) -> None:
    """A refused batch is halved until the poison stands alone: it is rejected, everybody else has exactly one mail."""
    batch = [
        announcement(n, to_address=f"{'refused' if n in places else 'p'}{n}@mail.example") for n in range(25)
    ]  # fmt: skip
    found, requests = deliver(tmp_path / "log", batch, batch=25)
    assert [one.key for one in found] == [one.occurrence_key for one in batch]
    assert [n for n, one in enumerate(found) if one.outcome is Outcome.REJECTED] == list(places)
    assert {one.outcome for one in found} <= {Outcome.REJECTED, Outcome.ACCEPTED}
    assert sorted(keys_of(logged(tmp_path / "log"))) == sorted(
        one.occurrence_key for number, one in enumerate(batch) if number not in places
    )
    assert requests <= 2 * len(batch) - 1
    assert all("valid address" in found[n].provider_text for n in places)


def test_a_lost_answer_makes_the_whole_request_unknown(tmp_path: Path) -> None:
    """Where the line breaks after a batch left, all of it is unknown and nothing of it is asked again (S3)."""
    batch = [announcement(n) for n in range(8)]
    found, requests = deliver(tmp_path / "log", batch, Fault.CLOSE, batch=8)
    assert (requests, {one.outcome for one in found}) == (1, {Outcome.UNKNOWN})
    found, requests = deliver(tmp_path / "log", batch, Fault.RATE_LIMIT, batch=4)
    assert (requests, {one.outcome for one in found}) == (1, {Outcome.RETRY})


def test_no_half_begins_after_the_lease(tmp_path: Path) -> None:
    """Before each half the sender asks whether it still owns the messages; what has not begun is not begun (S5)."""
    batch = [announcement(0, to_address="refused@mail.example"), *(announcement(n) for n in range(1, 4))]
    answers = iter([True, True, False, False, False])

    async def run() -> None:
        async with standing_in(tmp_path / "log") as (standin, port):
            sender = transport(port, batch=4, connections=1)
            found = await sender.deliver(batch, may_begin=lambda: next(answers))
            await sender.close()
            assert standin.requests == 2  # the whole, its first half; neither quarter and not the second half
            assert [(one.outcome, one.begun) for one in found] == [(Outcome.RETRY, False)] * 4

    asyncio.run(run())
    assert logged(tmp_path / "log") == []
