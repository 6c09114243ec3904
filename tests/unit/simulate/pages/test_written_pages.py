"""A page is one file that asks for nothing, and whatever people and projects write stays text."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag

from relight.base.instants import HOUR, MINUTE
from relight.messages.ledger import OutboxMessage
from relight.messages.reasons import Reason
from relight.simulate.pages import (
    About,
    DeadGroup,
    PageData,
    choose_mails,
    gather,
    mask_address,
    write_index,
    write_report,
)
from relight.simulate.pages.mails import MAIL_POLICY, SAMPLES_EACH, seal_mail
from relight.simulate.pages.words import REASON_WORDS, change_text, period_text, plural, share_text
from tests.unit.simulate.pages.sample import STREAMS, make_messages, make_page, make_rows

HOSTILE = (
    """"'><script>alert(1)</script><img src=https://evil.example/x.png onerror=alert(1)>{{ 7 * 7 }}]]>&lt;\ud800"""
)


def parse(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text("utf-8"), "html5lib")


def hostile_page() -> PageData:
    rows = [
        type(row)(**{name: getattr(row, name) for name in row.__struct_fields__} | {"customer": HOSTILE})
        for row in make_rows(scale=0.02)
    ]
    messages = [
        OutboxMessage(
            occurrence_key=row.occurrence_key, rule=row.rule, customer=HOSTILE, step="mail", address=HOSTILE,
            message_class="marketing", scheduled=row.judged, subject=HOSTILE, html=HOSTILE, text="", content_hash="0",
            template=HOSTILE, locale=HOSTILE,
        )
        for row in rows[:6]
    ]  # fmt: skip
    streams = dataclasses.replace(STREAMS, dead=(DeadGroup(stream=HOSTILE, code=HOSTILE, count=1, example=HOSTILE),))
    rules = {row.rule: HOSTILE for row in rows}
    return gather(
        rows,
        {(rows[0].rule, HOSTILE, 1): 2},
        about=About(project=HOSTILE, zone="UTC", rules=rules),
        streams=streams,
        mails=choose_mails(messages, eml_of=lambda _one: f"javascript:{HOSTILE}"),
    )


@pytest.fixture(params=["plain", "hostile"])
def pages(request: pytest.FixtureRequest, tmp_path: Path) -> list[BeautifulSoup]:
    data = make_page(scale=0.1) if request.param == "plain" else hostile_page()
    other = make_page(seed=3, scale=0.1)
    paths = [write_index(tmp_path, data), write_report(tmp_path / "r.html", data, other)]
    paths.append(write_report(tmp_path / "s.html", data))
    assert {path.name for path in tmp_path.iterdir()} == {"index.html", "r.html", "s.html"}
    return [parse(path) for path in paths]


def test_a_page_runs_and_fetches_nothing(pages: list[BeautifulSoup]) -> None:
    """No script, no handler, no style attribute, no link but to the page itself and the files beside it."""
    for page in pages:
        assert not page.find_all(["script", "img", "link", "object", "embed", "form", "base"])
        for tag in page.select("*"):
            assert not [name for name in tag.attrs if name.startswith("on") or name in ("style", "src")], tag.name
            target = str(tag.get("href", "#"))
            assert target.startswith(("#", "2026-")) or (target.startswith("javascript%3A") and ":" not in target)
        policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
        assert isinstance(policy, Tag)
        assert "default-src 'none'" in str(policy["content"])
        assert page.html is not None
        assert page.html["lang"] == "en"


def test_a_mail_is_shut_in(pages: list[BeautifulSoup]) -> None:
    """Each mail stands in a frame that may do nothing, under a policy of its own that comes before all it holds."""
    frames = pages[0].find_all("iframe")
    assert frames
    for frame in frames:
        assert "sandbox" in frame.attrs
        assert not frame["sandbox"]
        inside = BeautifulSoup(str(frame["srcdoc"]), "html5lib")
        assert inside.head is not None
        first = inside.head.select_one("*")
        assert isinstance(first, Tag)
        assert (first.name, first["content"]) == ("meta", MAIL_POLICY)


def test_hostile_words_stay_text(tmp_path: Path) -> None:
    """A title, a subject, a customer, a reason and a dead letter full of markup are shown as they were written."""
    path = write_index(tmp_path, hostile_page())
    page = parse(path)
    shown = HOSTILE.replace("\ud800", "?")
    assert page.title is not None
    assert shown in page.title.text
    heading = page.find("h4")
    assert heading is not None
    assert heading.text == shown
    names = page.select("tr .name")
    assert names
    assert {name.text for name in names} == {shown}
    assert any(shown in command.text for command in page.select(".commands code"))
    assert shown in page.select_one(".dead").text  # type: ignore[union-attr]
    assert "49]]" not in path.read_text("utf-8")


def test_the_numbers_of_the_page_are_those_of_the_ledger(tmp_path: Path) -> None:
    """The funnel's cells sum to its last line, and that to the headline."""
    data = make_page(scale=0.3)
    page = parse(write_index(tmp_path, data))
    rows = [
        [int(re.sub(r"\D", "", cell.text) or 0) for cell in row.select("td:not(.trend)")]
        for row in page.select("table.funnel tr")
        if row.find("td")
    ]
    *own, last = rows
    sums = [sum(column) for column in zip(*own, strict=True)]
    people = 3
    assert sums[:people] + sums[people + 1 :] == last[:people] + last[people + 1 :]
    assert last[2] == data.messages
    assert last[people] == data.people
    assert sum(last[4:-2]) == data.not_sent
    assert str(page.h1).count(f"{data.messages:,} messages") == 1


def test_every_chart_has_a_name(pages: list[BeautifulSoup]) -> None:
    """Each chart's title and description stand in the page, under ids that are there once."""
    for page in pages:
        ids = [str(tag["id"]) for tag in page.find_all(id=True)]
        assert len(ids) == len(set(ids))
        for chart in page.select("svg.chart"):
            for named in str(chart["aria-labelledby"]).split():
                assert page.find(id=named).text.strip()  # type: ignore[union-attr]


def test_an_empty_run_has_its_page(tmp_path: Path) -> None:
    """Nothing read, nothing sent: both pages are written all the same."""
    data = gather(
        [], {}, about=About(project="shop", zone="UTC", rules={}), streams=dataclasses.replace(STREAMS, began=None)
    )
    for path in (write_index(tmp_path, data), write_report(tmp_path / "r.html", data, data)):
        assert "0 messages" in parse(path).h1.text  # type: ignore[union-attr]


def test_samples_are_few_and_always_the_same() -> None:
    """At most SAMPLES_EACH of every rule, letter and language, whatever the order they come in."""
    messages = make_messages(make_rows(scale=0.2))
    chosen = choose_mails(messages, eml_of=lambda one: one.occurrence_key)
    groups = [(mail.rule, mail.template, mail.locale) for mail in chosen]
    assert max(map(groups.count, groups)) == SAMPLES_EACH
    assert chosen == choose_mails(reversed(messages), eml_of=lambda one: one.occurrence_key)
    assert {mail.locale for mail in chosen} == {"en", "tr"}


def test_an_address_is_masked() -> None:
    """Only the first letter and the domain are shown."""
    assert [mask_address(one) for one in ("elif@customers.example", "x", "@customers.example", '"a@b"@c.example')] == [
        "e…@customers.example", "…", "…", '"…@c.example'
    ]  # fmt: skip


def test_the_seal_keeps_the_mail_as_it_is() -> None:
    """The language of the mail and what stands in its head stay; a mail without a head gets one."""
    sealed = BeautifulSoup(seal_mail('<!doctype html><html lang="tr"><head><title>t</title></head><body>b'), "html5lib")
    assert sealed.html is not None
    assert sealed.html["lang"] == "tr"
    assert [tag.name for tag in sealed.select("head > *")] == ["meta", "base", "title"]
    assert BeautifulSoup(seal_mail("<p>b"), "html5lib").select("head > meta")


def test_every_reason_has_its_words() -> None:
    """No reason of the closed list is without a sentence, and each is one sentence of its own."""
    assert set(REASON_WORDS) == set(Reason)
    assert len(set(REASON_WORDS.values())) == len(Reason)
    assert all(words.endswith(".") for words in REASON_WORDS.values())


def test_numbers_read_well() -> None:
    """Shares, changes, periods and plurals in the forms of the command line."""
    assert [share_text(*of) for of in ((41, 1000), (61, 100), (0, 9), (1, 10_000), (0, 0), (199, 1000))] == [
        "4.1 %", "61 %", "0.0 %", "<0.1 %", "–", "19.9 %"
    ]  # fmt: skip
    assert [change_text(*of) for of in ((1912, 2306), (610, 402), (880, 880), (0, 5))] == [
        "+20.6 %", "-34.1 %", "0", "new"
    ]  # fmt: skip
    assert period_text(0, 40 * 24 * HOUR, "UTC") == "1 Jan to 10 Feb 1970"
    assert period_text(0, MINUTE, "UTC") == "1 Jan 1970"
    assert [plural(1, "person", "people"), plural(2000, "rule")] == ["1 person", "2,000 rules"]
