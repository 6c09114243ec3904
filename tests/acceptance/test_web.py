"""`relight web` as a process: what a person says by a link in a mail is durable when the page says so, and only then."""

from __future__ import annotations

import email
import email.policy
import json
import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from pathlib import Path

import pytest

from relight.messages.identity import (
    TokenKey,
    TokenPurpose,
    answer_url,
    click_url,
    confirm_url,
    make_token,
    occurrence_digest,
    preferences_url,
    unsubscribe_url,
)
from relight.stores.inbox_interface import InboxEntry, InboxKind
from relight.stores.inbox_words import read_reply, read_word
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Control
from relight.web.limits import FORM_BYTES_MAX
from relight.web.protect import HEADERS
from relight.web.site import LINK_PER_MINUTE_MAX, STRANGER_PER_MINUTE_MAX
from tests.acceptance.cli_kit import relight
from tests.faults.checker import mails_in
from tests.faults.conftest import ROOT
from tests.faults.small_project import SECRET
from tests.support.pages import BASE, KEY, Pages, links_of, port_of, project_with_mail, run_once, serving
from tests.support.programs import run_program

MULTIPART = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
SURVEYS = "surveys: {nps: {scale: 0-10}}\n"
TARGET = "https://shop.example/new?x=1&y=ü"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder = project_with_mail(tmp_path_factory.mktemp("web"), extra=SURVEYS)
    with serving(folder) as found:
        yield found


def new(pages: Pages, before: list[InboxEntry]) -> list[InboxEntry]:
    return pages.inbox()[len(before) :]


def path(url: str) -> str:
    return url.removeprefix(BASE)


def message_key(pages: Pages) -> str:
    with closing(SqliteStore.open(pages.folder / "data/relight.db", read_only=True)) as store:
        return next(store.messages()).message.occurrence_key


def told(entry: InboxEntry) -> tuple[str, str, object]:
    word = read_word(entry.body)
    return word.kind, word.subject, word.detail.get("given", word.detail.get("scope"))


@pytest.mark.parametrize(("kind", "body"), [
    ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"),
    ("multipart/form-data; boundary=b", MULTIPART),
])  # fmt: skip
def test_one_click_takes_effect_at_once(pages: Pages, kind: str, body: bytes) -> None:
    """RFC 8058: a POST of the link in the mail's header, in either encoding, without cookies, is answered 200 without a
    redirect, and the unsubscribe is durable then; the same again is answered the same.
    """
    link = links_of(pages.folder)["header"]
    before = pages.inbox()
    first, second = pages.post(link, body, kind), pages.post(link, body, kind)
    assert (first.status, second.status) == (200, 200)
    assert "location" not in first.headers
    assert "set-cookie" not in first.headers
    assert "You are unsubscribed" in first.text
    found = new(pages, before)
    assert {told(entry) for entry in found} == {("consent", "news", False)}
    assert {entry.token for entry in found} == {occurrence_digest(message_key(pages))}


def test_the_link_in_the_body_is_the_one_that_is_served(pages: Pages) -> None:
    """The link that the template wrote opens the page, whose button has the effect of one click."""
    links = links_of(pages.folder)
    assert links["body"].replace("&amp;", "&") == links["header"]
    page = pages.ask(links["body"])
    assert page.status == 200
    assert "Stop mails about “New things” from Desk?" in page.text
    assert '<form method="post">' in page.text


def every_link(pages: Pages) -> dict[str, str]:
    key = message_key(pages)
    return {
        "unsubscribe": path(unsubscribe_url(BASE, KEY, key, "news")),
        "unsubscribe from all": path(unsubscribe_url(BASE, KEY, key)),
        "preferences": path(preferences_url(BASE, KEY, key)),
        "confirm": path(confirm_url(BASE, KEY, key, "offers")),
        "answer": path(answer_url(BASE, KEY, key, "nps", 9)),
    }


def test_a_get_changes_nothing(pages: Pages) -> None:
    """Mail scanners open links: a GET or HEAD of any page puts nothing into the inbox, and no page runs a script."""
    before = pages.inbox()
    for name, link in every_link(pages).items():
        page = pages.ask(link, accept="text/html")
        assert (page.status, "<script" in page.text) == (200, False), name
        assert pages.ask(link, method="HEAD").status == 200
    assert new(pages, before) == []


def test_unsubscribing_from_everything_suppresses_the_address(pages: Pages) -> None:
    """A link without a topic, and the button of the preference page, stop all marketing to the address."""
    before = pages.inbox()
    pages.post(every_link(pages)["unsubscribe from all"])
    pages.post(every_link(pages)["preferences"], b"stop-all=1")
    assert [told(entry) for entry in new(pages, before)] == [("suppression", "", "marketing")] * 2


def test_preferences_are_given_topic_by_topic(pages: Pages) -> None:
    """The page takes an answer for each topic, says that it is saved, and shows it from then on; what names no topic is
    ignored; wanting a topic again lifts an earlier unsubscribe from everything.
    """
    link = every_link(pages)["preferences"]
    before = pages.inbox()
    page = pages.post(link, b"news=no&offers=yes&else=yes&news2=no")
    assert "Your choice is saved" in page.text
    assert [told(entry) for entry in new(pages, before)] == [
        ("suppression", "", "none"), ("consent", "news", False), ("consent", "offers", True),
    ]  # fmt: skip
    shown = pages.ask(link).text
    chosen = re.findall(r'name="(\w+)" value="(\w+)" checked', shown)
    assert chosen == [("news", "no"), ("offers", "yes")]
    before = pages.inbox()
    assert "Your choice is saved" not in pages.post(link, b"offers=perhaps").text
    assert new(pages, before) == []


def test_a_confirmation_gives_consent(pages: Pages) -> None:
    """Double opt-in: the button of the confirmation page gives consent to the topic of its link, with its source."""
    before = pages.inbox()
    page = pages.post(every_link(pages)["confirm"], b"")
    assert "You are subscribed" in page.text
    word = read_word(new(pages, before)[-1].body)
    assert (word.subject, word.detail) == ("offers", {"given": True, "source": "double_opt_in"})


def test_a_survey_is_answered_by_its_button(pages: Pages) -> None:
    """The link chooses a score, the button makes the event, with the comment where there is one; the same again is the
    same answer; a score outside the scale is refused with 400, the scale is named, and nothing is recorded.
    """
    link = every_link(pages)["answer"]
    assert re.search(r'value="9" required checked', pages.ask(link).text)
    before = pages.inbox()
    for body in (b"score=9&comment=very%0D%0A%20nice%00", b"score=9&comment=very%0D%0A%20nice%00", b"score=7"):
        assert "Thank you" in pages.post(link, body).text
    for body in (b"score=11", b"score=-1", b"score=\xd9\xa3", b"", b"score="):
        refused = pages.post(link, body)
        assert refused.status == 400
        assert "Nothing was recorded: the score must be from 0 to 10." in refused.text
    found = new(pages, before)
    assert [(entry.kind, entry.name) for entry in found] == [(InboxKind.REPLY, "nps_answered")] * 2
    assert [read_reply(entry.body).properties for entry in found] == [
        {"score": 9, "comment": "very\n nice"}, {"score": 7},
    ]  # fmt: skip


def test_a_click_leads_to_its_signed_target(pages: Pages) -> None:
    """A click link leads where it was made to lead and counts; a HEAD leads there and counts nothing."""
    link = path(click_url(BASE, KEY, message_key(pages), TARGET))
    before = pages.inbox()
    head, page = pages.ask(link, method="HEAD"), pages.ask(link)
    assert (head.status, page.status) == (302, 302)
    assert page.headers["location"] == "https://shop.example/new?x=1&y=%C3%BC"
    (entry,) = new(pages, before)
    assert (entry.name, read_reply(entry.body).properties) == ("link_clicked", {"url": TARGET})


def test_links_of_templates_lead_to_events(tmp_path: Path) -> None:
    """`click_url`, `confirm_url` and `survey` in a template give links that these pages serve; what people do there is in
    the customer's log after the next run: a click and an answer as events, a confirmation as consent.
    """
    links_in_body = (
        '<a id="click" href="{{ click_url("https://shop.example/new?a=1&b=2") }}">new</a>'
        '<a id="confirm" href="{{ confirm_url("offers") }}">yes</a>'
        '{% for one in survey("nps") %}<a id="nps" href="{{ one.url }}">{{ one.score }}</a>{% endfor %}'
    )
    folder = project_with_mail(
        tmp_path, extra=SURVEYS, body=links_in_body, events="  link_clicked: {properties: {url: text}}\n"
    )
    (mail,) = mails_in(folder / "outbox").values()
    html = html_of(mail)
    links = {name: unescape(link) for name, link in re.findall(r'id="(\w+)" href="([^"]+)"', html)}
    with serving(folder) as pages:
        assert pages.ask(path(links["click"])).headers["location"] == "https://shop.example/new?a=1&b=2"
        assert pages.post(path(links["confirm"]), b"").status == 200
        assert "Thank you" in pages.post(path(links["nps"]), b"score=10").text
    run_once(folder)
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        records = [record for _, record in store.customer_log("ada")]
    events = {r.name: r.properties for r in records if not isinstance(r, Control) and r.stream in ("clicks", "surveys")}
    assert events == {"link_clicked": {"url": "https://shop.example/new?a=1&b=2"}, "nps_answered": {"score": 10}}
    assert [(r.subject, r.detail["given"]) for r in records if isinstance(r, Control)] == [("offers", True)]


def html_of(mail: bytes) -> str:
    part = email.message_from_bytes(mail, policy=email.policy.SMTP).get_body(("html",))
    assert part is not None
    return str(part.get_content())


# ------------------------------------------------------------------------------ what strangers try
def test_no_redirect_leads_where_it_was_not_made_to(pages: Pages) -> None:
    """No open redirect: a target that was exchanged, that is no https address, or that stands in a query leads nowhere."""
    key = message_key(pages)
    ours = path(click_url(BASE, KEY, key, TARGET))
    other = path(click_url(BASE, TokenKey(secret=b"x" * 32), key, "https://evil.example/"))
    exchanged = f"{ours.rpartition('/')[0]}/{other.rpartition('/')[2]}"
    for link in (
        other,
        exchanged,
        ours + "A",
        path(click_url(BASE, KEY, key, "http://shop.example/")),
        path(click_url(BASE, KEY, key, "javascript:alert(1)")),
        path(click_url(BASE, KEY, key, "//evil.example/")),
        every_link(pages)["preferences"] + "?next=https://evil.example/",
        "//evil.example/%2e%2e",
    ):
        answer = pages.ask(link)
        assert (answer.status in (200, 404), "location" in answer.headers) == (True, False), link


def test_a_token_opens_one_thing(pages: Pages) -> None:
    """A token of one purpose opens no other, a changed one nothing; all of them look like a page that is not there."""
    key = message_key(pages)
    words = {
        "u": TokenPurpose.UNSUBSCRIBE,
        "p": TokenPurpose.PREFERENCES,
        "c": TokenPurpose.CONFIRM,
        "s": TokenPurpose.ANSWER,
    }
    before = pages.inbox()
    texts = set()
    for purpose in words.values():
        token = make_token(KEY, purpose, key, "")
        for page in (page for page, own in words.items() if own is not purpose):
            answer = pages.post(f"/{page}/{token}", x_forwarded_for=purpose.value)
            assert answer.status == 404
            texts.add(answer.text)
    good = make_token(KEY, TokenPurpose.UNSUBSCRIBE, key, "news")
    for link in (
        f"/u/{good[:-2]}xx?t=news",
        f"/u/{good}?t=offers",
        f"/u/{good}",
        "/u/",
        "/u/..",
        f"/u/{good}/?t=news",
        "/u/%00",
        "/u/" + "a" * 4000,
    ):
        answer = pages.post(link, x_forwarded_for="198.51.100.1")
        assert answer.status == 404, link
    assert len(texts) == 1
    assert new(pages, before) == []


def test_nothing_of_a_request_becomes_a_header(pages: Pages) -> None:
    """Header injection: line ends in a topic, a target or a path end in no header of the answer."""
    key = message_key(pages)
    evil = "news\r\nSet-Cookie: a=b"
    for link in (
        path(unsubscribe_url(BASE, KEY, key, evil)),
        path(click_url(BASE, KEY, key, "https://shop.example/\r\nSet-Cookie: a=b")),
        "/x%0d%0aSet-Cookie:%20a=b",
    ):
        answer = pages.ask(link)
        assert "set-cookie" not in answer.headers
        assert "set-cookie" not in {name for name, value in answer.headers.items() if "\n" in value}
    answer = pages.ask("/-/healthy", x_forwarded_for="1.1.1.1\tSet-Cookie: a=b")
    assert "set-cookie" not in answer.headers


def test_no_file_is_served_but_the_style(pages: Pages) -> None:
    """Path traversal: no way of writing a path reaches a file of this machine."""
    assert pages.ask("/-/style.css").headers["content-type"].startswith("text/css")
    for link in (
        "/-/../../../../etc/passwd", "/-/%2e%2e/%2e%2e/etc/passwd", "/-/..%2f..%2fetc/passwd", "/../config/default.yaml",
        "/-/style.css/../../site.py", "/-/layout.html", "/-/style.css%00.html", "/etc/passwd", "/-/",
    ):  # fmt: skip
        assert pages.ask(link).status == 404, link


def test_every_answer_is_protected(pages: Pages) -> None:
    """Each answer, errors included, carries the headers that let a browser do nothing else, and no version of ours."""
    for answer in (
        pages.ask("/-/healthy"), pages.ask("/nowhere", accept="text/html"), pages.ask(every_link(pages)["preferences"]),
        pages.post("/-/healthy"), pages.post("/u/x", b"x" * (FORM_BYTES_MAX + 1)),
    ):  # fmt: skip
        for name, value in HEADERS:
            assert answer.headers[name] == value
        assert "server" not in answer.headers
    policy = dict(HEADERS)["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("how", ["declared", "chunked"])
def test_a_body_has_a_limit(pages: Pages, how: str) -> None:
    """FORM_BYTES_MAX: a body of that size is taken, one byte more is refused, declared or not, and nothing is kept."""
    link = every_link(pages)["unsubscribe"]
    before = pages.inbox()
    assert pages.post(link, b"x" * FORM_BYTES_MAX).status == 200
    assert len(new(pages, before)) == 1
    before = pages.inbox()
    body = b"x" * (FORM_BYTES_MAX + 1)
    if how == "declared":
        assert pages.post(link, body).status == 413
    else:
        assert pages.ask(link, method="POST", body=iter([body]), content_type="text/plain").status == 413  # type: ignore[arg-type]  # chunks
    assert new(pages, before) == []


def test_a_form_has_limits(pages: Pages) -> None:
    """A form with too many fields, with a file, or of no kind that a browser sends is refused and changes nothing."""
    link = every_link(pages)["preferences"]
    before = pages.inbox()
    many = "&".join(f"f{n}=1" for n in range(300)).encode() + b"&news=no"
    file = b'--b\r\nContent-Disposition: form-data; name="news"; filename="x"\r\n\r\nno\r\n--b--\r\n'
    assert pages.post(link, many).status == 400
    assert pages.post(link, file, "multipart/form-data; boundary=b").status == 400
    assert pages.post(link, b"--", "multipart/form-data").status == 400
    assert pages.post(link, b'{"news": "no"}', "application/json").status == 415
    assert new(pages, before) == []


def test_who_guesses_is_slowed_down_and_keeps_nobody_out(pages: Pages) -> None:
    """STRANGER_PER_MINUTE_MAX: a client that guesses tokens gets 429 from then on; a good link still works for it, and
    another client is not concerned.
    """
    guess = "/u/" + "A" * 43
    answers = [pages.post(guess, x_forwarded_for="203.0.113.9") for _ in range(STRANGER_PER_MINUTE_MAX + 5)]
    assert [answer.status for answer in answers[:STRANGER_PER_MINUTE_MAX]] == [404] * STRANGER_PER_MINUTE_MAX
    assert answers[-1].status == 429
    assert answers[-1].headers["retry-after"] == "60"
    assert pages.post(every_link(pages)["unsubscribe"], x_forwarded_for="203.0.113.9").status == 200
    assert pages.post(guess, x_forwarded_for="203.0.113.10").status == 404


def test_one_link_is_not_asked_for_ever(pages: Pages) -> None:
    """LINK_PER_MINUTE_MAX: one message's links are answered so often a minute, then 429 until time has passed."""
    link = path(unsubscribe_url(BASE, KEY, "another message", "news"))
    answers = [pages.post(link).status for _ in range(LINK_PER_MINUTE_MAX + 3)]
    assert answers[:LINK_PER_MINUTE_MAX] == [200] * LINK_PER_MINUTE_MAX
    assert answers[-1] == 429


# ------------------------------------------------------------------------------ around it
def test_health(pages: Pages) -> None:
    """`/-/healthy` says that the process answers, `/-/ready` that its inbox can be written and how far it was read."""
    assert json.loads(pages.ask("/-/healthy").text)["healthy"] is True
    ready = json.loads(pages.ask("/-/ready").text)
    assert ready["ready"] is True
    assert ready["parts"]["inbox"]["newest"] == pages.inbox()[-1].position
    assert ready["parts"]["store"]["readable"] is True
    assert ready["parts"]["waiting"] > 0
    assert pages.post("/-/ready").status == 405


def test_no_secret_and_no_address_is_logged(pages: Pages) -> None:
    """What the process writes holds no token, no secret and no address, whatever was asked of it."""
    token = make_token(KEY, TokenPurpose.UNSUBSCRIBE, message_key(pages), "news")
    pages.post(f"/u/{token}?t=news")
    pages.ask(f"/u/{token}x?t=news&e=ada@mail.example")
    log = pages.log.read_text()
    for secret in (token, SECRET, "ada@mail.example", "/u/"):
        assert secret not in log, log
    assert KEY.secret.decode() not in repr(KEY)


def test_pages_speak_the_readers_language(pages: Pages) -> None:
    """A page about a mail speaks the mail's language; without one it speaks the browser's."""
    assert '<html lang="en">' in pages.ask(every_link(pages)["preferences"], accept_language="tr").text
    unknown = path(unsubscribe_url(BASE, KEY, "a message of another store", "news"))
    turkish = pages.ask(unknown, accept_language="de;q=0.9,tr-TR")
    assert '<html lang="tr">' in turkish.text
    assert "Abonelikten çık" in turkish.text
    assert "Yenilikler" in turkish.text
    assert '<html lang="tr">' in pages.ask("/nowhere", accept="text/html", accept_language="tr").text
    link = every_link(pages)["unsubscribe"]
    asked, done = pages.ask(link, accept_language="tr"), pages.post(link, accept_language="tr")
    assert ['<html lang="en">' in page.text for page in (asked, done)] == [True, True]


@pytest.mark.parametrize(
    ("method", "where", "status", "code"),
    [("POST", "/-/healthy", 405, "method_not_allowed"), ("POST", "/v1/nothing", 404, "not_found")],
)
def test_every_error_over_http_has_one_form(pages: Pages, method: str, where: str, status: int, code: str) -> None:
    """Where no page is asked for, an error is JSON with `code`, `message` and `detail`: without one of them published
    clients call it transient and repeat the batch.
    """
    answer = pages.ask(where, method=method)
    told = json.loads(answer.text)
    assert (answer.status, told["success"], told["code"]) == (status, False, code)
    assert all(told[field] for field in ("message", "detail"))


def test_it_works_while_engine_and_store_are_away(tmp_path: Path) -> None:
    """S4: with no store at all the pages still take what is said; it is there after kill -9 of the pages, and the engine
    that starts later reads it.
    """
    folder = project_with_mail(tmp_path)
    link = links_of(folder)["header"]
    store = folder / "data/relight.db"
    store.rename(folder / "away.db")
    with serving(folder) as pages:
        assert "We cannot look up your current choices" in pages.ask(path(preferences_url(BASE, KEY, "k"))).text
        assert json.loads(pages.ask("/-/ready").text)["parts"]["store"]["readable"] is False
        assert pages.post(link).status == 200
        pages.kill()
        assert [told(entry) for entry in pages.inbox()] == [("consent", "news", False)]
    (folder / "away.db").rename(store)
    run_once(folder)
    with closing(SqliteStore.open(store, read_only=True)) as opened:
        records = [record for _, record in opened.customer_log("ada")]
    assert [(r.kind, r.subject) for r in records if isinstance(r, Control)] == [("consent", "news")]


def test_an_old_secret_still_opens(tmp_path: Path) -> None:
    """A secret that was replaced stays in `old_secrets`: links of earlier mails work, and new mails use the new one."""
    folder = project_with_mail(
        tmp_path, web=', old_secrets: ["${OLD_SECRET}"]'.replace("${OLD_SECRET}", "${LINK_SECRET}")
    )
    link = links_of(folder)["header"]
    config = folder / "config/default.yaml"
    config.write_text(config.read_text().replace('secret: "${LINK_SECRET}"', 'secret: "${NEW_SECRET}"'))
    with serving(folder, NEW_SECRET="a newer secret of a test") as pages:
        assert pages.post(link).status == 200


def test_a_path_before_the_links(tmp_path: Path) -> None:
    """Where `base_url` has a path the pages are served below it, their style too, and health at the root."""
    folder = project_with_mail(tmp_path)
    config = folder / "config/default.yaml"
    config.write_text(config.read_text().replace(f'"{BASE}"', f'"{BASE}/mail/"'))
    with serving(folder) as pages:
        link = path(unsubscribe_url(f"{BASE}/mail/", KEY, "k", "news"))
        page = pages.ask(link)
        assert (page.status, pages.ask(link.removeprefix("/mail")).status) == (200, 404)
        style = re.search(r'href="(/[^"]+)"', page.text)
        assert style is not None
        assert pages.ask(style[1]).status == 200


def test_another_address_needs_a_token(tmp_path: Path) -> None:
    """Pages that listen beyond this machine are refused without a token; with one, what is for operators asks for it."""
    folder = project_with_mail(tmp_path)
    config = folder / "config/default.yaml"
    text = config.read_text()
    config.write_text(text.replace("127.0.0.1:", "0.0.0.0:"))
    done = relight("web", "--project", str(folder), cwd=folder, code=1, env={"LINK_SECRET": SECRET})
    assert "open-pages" in done.stderr
    assert "token" in done.stderr
    config.write_text(text.replace('secret: "${LINK_SECRET}"', 'secret: "${LINK_SECRET}", token: "${WEB_TOKEN}"'))
    with serving(folder, WEB_TOKEN="let me in please") as pages:
        assert "parts" not in json.loads(pages.ask("/-/ready").text)
        assert "parts" not in json.loads(pages.ask("/-/ready", authorization="Bearer let me in").text)
        assert "parts" in json.loads(pages.ask("/-/ready", authorization="Bearer let me in please").text)
        assert pages.post(links_of(folder)["header"]).status == 200


def test_an_address_that_is_taken_is_69(tmp_path: Path) -> None:
    """A port that another program has is told with what to do, before anything says that pages are up."""
    folder = project_with_mail(tmp_path / "taken")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port_of(folder)))
        taken.listen()
        done = run_program(
            [sys.executable, "-m", "relight", "web", "--project", str(folder)],
            env={**os.environ, "LINK_SECRET": SECRET}, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 69
    assert f"127.0.0.1:{port_of(folder)}" in done.stderr
    assert "Ctrl-C stops them" not in done.stderr
