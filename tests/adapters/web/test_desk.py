"""The desk asked as programs and attackers ask it: one truth in three forms, signing in, forged forms, hostile names."""

from __future__ import annotations

import csv
import html
import io
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlencode

import msgspec
import pytest

from relight.engine.plan_versions import versions_in_log
from relight.engine.volume_guard import GUARD_NOTE, GuardStop
from relight.stores.interface import Batch
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Control
from relight.web.desk import texts
from relight.web.desk.session import SIGN_INS_PER_MINUTE_MAX
from tests.support.desk import TOKEN, await_figures, desk_project, run_again, until
from tests.support.naughty import NAUGHTY_EACH, Markup, naughty
from tests.support.pages import FORM, Pages, project_with_mail, run_once, serving

HOSTILE = "=cmd|' /C calc'!A0\"><script>alert(1)</script>"
PATHS = (
    "overview",
    "rules",
    "rules/winback_30d",
    "messages",
    "metrics",
    "boards",
    "boards/shop",
    "simulation",
    "system",
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    more: list[dict[str, object]] = [
        {"id": f"n{n}", "event": "order_placed", "customer": f"naughty{n // NAUGHTY_EACH}", "order_id": text, "title": text,
         "total": 1, "at": f"2026-03-03T{n // 60:02d}:{n % 60:02d}:00Z"}
        for n, text in enumerate(naughty())
    ]  # fmt: skip
    more += [{**row, "id": f"i{row['id']}", "event": "identify", "first_name": row["title"]} for row in more]
    with serving(desk_project(tmp_path_factory.mktemp("open") / "shop", hostile=HOSTILE, more=more)) as found:
        await_figures(found)
        yield found


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder = desk_project(tmp_path_factory.mktemp("locked") / "shop", token=True)
    config = folder / "config/default.yaml"
    config.write_text(config.read_text().replace("opted_out", "opted_in", 1))
    (folder / "config/measures.yaml").unlink()
    with serving(folder, DESK_TOKEN=TOKEN) as found:
        yield found


# ---------------------------------------------------------------- facts
@pytest.mark.parametrize("path", PATHS)
def test_each_page_has_three_forms(pages: Pages, path: str) -> None:
    """HTML for people, JSON and CSV for programs, at the same address with an ending."""
    assert pages.ask(f"/desk/{path}", accept="text/html").status == 200
    told = pages.ask(f"/desk/{path}.json")
    assert (told.status, told.headers["content-type"]) == (200, "application/json")
    json.loads(told.text)
    rows = list(csv.reader(io.StringIO(pages.ask(f"/desk/{path}.csv").text)))
    assert rows
    assert len({len(row) for row in rows}) == 1


def test_the_figures_are_those_of_the_ledger(pages: Pages) -> None:
    """The rule's page counts what the store holds: messages, held out, every reason."""
    told = json.loads(pages.ask("/desk/rules/winback_30d.json").text)
    with closing(SqliteStore.open(pages.folder / "data/relight.db", read_only=True)) as store:
        rows = list(store.ledger(rule="winback_30d"))
    states = [row.state.value for row in rows]
    assert told["sent"] == states.count("pending")
    assert told["held_out"] == states.count("held_out")
    reasons = {one["reason"]: one["count"] for one in told["reasons"]}
    assert reasons["no_consent"] == sum(row.reason == "no_consent" for row in rows)
    steps = {one["step"]: one for one in told["funnel"]}
    before = sum(row.state.value == "suppressed" and not row.step for row in rows)
    assert steps["entered"]["count"] == states.count("entered")
    assert steps["matched"]["count"] == states.count("entered") + before
    assert sum(one["count"] for one in steps["entered"]["others"]) == before
    assert steps["sent"]["count"] == steps["accepted"]["count"] == told["sent"]
    back = {one["reason"]: one["count"] for one in steps["sent"]["others"]}
    assert {"no_consent", "frequency_cap", "quiet_hours", "holdout"} <= back.keys()
    assert steps["entered"]["count"] == steps["sent"]["count"] + sum(back.values())


def test_kept_back_is_one_number_everywhere(pages: Pages) -> None:
    """What was suppressed before an entry or at the gate, ever: the column of Rules, the sum of a rule's steps and of its
    reasons, and, over all rules, the overview's. Ghosts and entries that ended are not among it.
    """
    with closing(SqliteStore.open(pages.folder / "data/relight.db", read_only=True)) as store:
        rows, tallies = list(store.ledger()), list(store.tallies())
    ghosts = sum(row.state.value in ("held_out", "ended") for row in rows)
    assert ghosts > 0
    listed = {one["rule"]: one for one in json.loads(pages.ask("/desk/rules.json").text)["rules"]}
    for name, one in listed.items():
        suppressed = sum(row.rule == name and row.state.value == "suppressed" for row in rows)
        rowless = sum(one.count for one in tallies if one.rule == name)
        told = json.loads(pages.ask(f"/desk/rules/{name}.json").text)
        by_step = told["kept_back_before"] + sum(step["kept_back"] for step in told["steps"])
        by_reason = sum(reason["count"] for reason in told["reasons"])
        assert {one["kept_back"], told["kept_back"], by_step, by_reason} == {suppressed + rowless}, name
        assert told["held_out"] == sum(step["held_out"] for step in told["steps"])
    overview = json.loads(pages.ask("/desk/overview.json").text)
    assert overview["kept_back"] == sum(one["kept_back"] for one in listed.values()) > 0
    assert overview["kept_back"] == sum(one["count"] for one in overview["reasons"])


def test_the_overview_as_a_table_holds_its_figures(pages: Pages) -> None:
    """Measures, reasons and where messages are stand in the CSV as they do in the facts."""
    told = json.loads(pages.ask("/desk/overview.json").text)
    rows = dict(list(csv.reader(io.StringIO(pages.ask("/desk/overview.csv").text)))[1:])
    assert told["measures"]
    assert told["reasons"]
    for one in told["measures"]:
        assert float(rows[f"measure_{one['name']}"]) == pytest.approx(one["value"])
    assert {f"reason_{one['reason']}": str(one["count"]) for one in told["reasons"]}.items() <= rows.items()
    assert {f"outbox_{state}": str(count) for state, count in told["outbox"].items()}.items() <= rows.items()


def test_each_number_of_the_funnel_leads_to_its_people(pages: Pages) -> None:
    """The page behind a number lists as many rows as the number says, of this rule alone."""
    told = json.loads(pages.ask("/desk/rules/winback_30d.json").text)
    links = [(one["count"], one["people"]) for one in told["funnel"]]
    links += [(back["count"], back["people"]) for one in told["funnel"] for back in one["others"] if back["people"]]
    assert len(links) > 8
    for count, link in links:
        rows, path = [], link.replace("/desk/messages?", "/desk/messages.json?")
        while path:
            page = json.loads(pages.ask(path).text)
            rows += page["rows"]
            path = (page["next"] or "").replace("/desk/messages?", "/desk/messages.json?")
        assert len(rows) == count, link
        assert {row["rule"] for row in rows} <= {"winback_30d"}


def test_a_funnel_says_what_it_counts(pages: Pages) -> None:
    """Occurrences, messages and people are never one percentage of each other, but where an occurrence sends once."""
    told = json.loads(pages.ask("/desk/rules/first_hello.json").text)
    units = {one["step"]: one["unit"] for one in told["funnel"]}
    assert units["matched"] == units["entered"] == "occurrences"
    assert units["sent"] == units["delivered"] == "messages"
    assert units["goal"] == "people"
    page = pages.ask("/desk/rules/first_hello?lang=en", accept="text/html").text
    rows = re.findall(r'<span class="note">(occurrences|messages|people)( · [\d.]+\s%)?</span>', page)
    assert [bool(percent) for unit, percent in rows if unit == "people"] == [False]
    assert rows[2] == ("messages", rows[2][1])
    assert rows[2][1]  # one send: each occurrence is a message or a reason


def test_steps_and_mails_stand_in_the_order_of_the_file(pages: Pages) -> None:
    """Each step is told with its template and its line, each mail with its subject, as they are written."""
    told = json.loads(pages.ask("/desk/rules/first_hello.json").text)
    lines = [one["line"] for one in told["steps"]]
    assert lines == sorted(lines)
    assert {one["template"] for one in told["steps"]} >= {"welcome"}
    page = pages.ask("/desk/rules/first_hello?lang=en", accept="text/html").text
    assert re.search(r"<h3><code>welcome</code></h3>\s*<p>Subject: <b>[^<]+</b></p>\s*<iframe", page)


def test_people_behind_a_goal(pages: Pages) -> None:
    """Who clicked and who reached the goal is listed, the last one first; a step that nobody can be listed for is 404."""
    path = "/desk/rules/first_hello/people/{}.json"
    told = json.loads(pages.ask("/desk/rules/first_hello.json").text)
    goal = next(one for one in told["funnel"] if one["step"] == "goal")
    page = json.loads(pages.ask(path.format("goal")).text)
    assert page["count"] == goal["count"] > 0
    times = [one["at"] for one in page["people"]]
    assert times == sorted(times, reverse=True)
    assert pages.ask(path.format("sent")).status == 404


def test_rule_tests_are_told(pages: Pages) -> None:
    """The rule's page names the tests that name it, with what they exercised and what none did."""
    told = until(pages, "/desk/rules/winback_30d.json", lambda page: page["tests"]["state"] == "done")["tests"]
    assert all(one["passed"] for one in told["tests"])
    assert "tests/rules/winback_30d.yaml:8" in {one["place"] for one in told["tests"]}
    assert "sent" in told["seen"]
    assert set(told["missing"]).isdisjoint(told["seen"])


def test_times_are_those_of_the_projects_zone(pages: Pages) -> None:
    """Pages name the zone and show its wall clock; as facts instants carry its offset."""
    row = json.loads(pages.ask("/desk/messages.json?rule=welcome&state=pending").text)["rows"][0]
    assert row["judged"].endswith("+03:00")
    page = pages.ask("/desk/messages?rule=welcome&state=pending", accept="text/html").text
    assert "Europe/Istanbul" in page
    hours = re.search(r'<time datetime="[^"]+T(\d\d:\d\d)[^"]*">[^<]* (\d\d:\d\d)</time>', page)
    assert hours is not None
    assert hours[1] == hours[2]


def test_a_mail_that_has_left_is_shown_where_it_is(pages: Pages) -> None:
    """What the ledger calls pending for ever is accepted by now, and can be asked for by that."""
    rows = json.loads(pages.ask("/desk/messages.json?rule=welcome&state=pending").text)["rows"]
    assert {row["delivery"] for row in rows} == {"accepted"}
    found = json.loads(pages.ask("/desk/messages.json?rule=welcome&delivery=accepted").text)
    assert [row["customer"] for row in found["rows"]] == [row["customer"] for row in rows]
    page = pages.ask("/desk/messages?rule=welcome&state=pending", accept="text/html").text
    assert "waits to be sent</span>" not in page


def test_messages_are_narrowed_and_turned_over(pages: Pages) -> None:
    """Rows of one rule, last written first, and the next page goes on where the first ended."""
    first = json.loads(pages.ask("/desk/messages.json?rule=welcome").text)
    assert {row["rule"] for row in first["rows"]} == {"welcome"}
    second = json.loads(pages.ask(f"/desk/messages.json?rule=welcome&before={first['next_before']}").text)
    keys = [(row["customer"], row["step"], row["state"]) for one in (first, second) for row in one["rows"]]
    assert len(keys) == len(set(keys))


def test_a_customer_is_told_why(pages: Pages) -> None:
    """The page tells each rule as explain does, and what happened; a name that nobody has is 404 as JSON."""
    told = json.loads(pages.ask("/desk/customers/b00012.json").text)
    assert {rule["rule"] for rule in told["rules"]} == {"welcome", "fifth_order", "winback_30d", "first_hello"}
    assert all(rule["headline"].startswith(("b00012", "it is unknown")) for rule in told["rules"])
    assert told["events"]
    assert told["traits"]["email"] == "b00012@readers.example"
    what = {line["what"] for line in told["events"]}
    assert {"identify", "order_placed", "decision"} <= what
    times = [line["at"] for line in told["events"]]
    assert times == sorted(times, reverse=True)
    assert pages.ask("/desk/customers/nobody.json").status == 404


def test_a_mail_stands_at_its_minute_in_the_time_line(pages: Pages) -> None:
    """Recorded files are handed over in one go: the time line says when each mail was for, as the ledger does."""
    first = json.loads(pages.ask("/desk/messages.json?delivery=accepted").text)["rows"][0]["customer"]
    told = json.loads(pages.ask(f"/desk/customers/{quote(first, safe='')}.json").text)
    mails = {(one["rule"], one["step"], one["at"]) for one in told["events"] if one["kind"] == "mail"}
    rows = {(one["rule"], one["step"], one["scheduled"]) for one in told["rows"] if one["state"] == "pending"}
    assert mails
    assert mails == rows


def test_where_a_customer_waits(pages: Pages) -> None:
    """Whoever is inside a rule is shown with the step, since when, and until when."""
    with closing(SqliteStore.open(pages.folder / "data/relight.db", read_only=True)) as store:
        rows = list(store.ledger(rule="first_hello"))
    inside = {row.customer for row in rows if row.state.value == "entered"}
    inside -= {row.customer for row in rows if row.state.value == "ended"}
    assert inside
    (entry,) = json.loads(pages.ask(f"/desk/customers/{min(inside)}.json").text)["entries"]
    assert (entry["rule"], entry["step"], entry["is_mail"]) == ("first_hello", "wait:1", False)
    assert entry["since"] < entry["until"]


def test_a_customer_is_exported(pages: Pages) -> None:
    """Everything the store knows of them, as a file; nobody else's."""
    answer = pages.ask("/desk/export?id=b00012")
    assert answer.headers["content-disposition"].startswith("attachment")
    told = json.loads(answer.text)
    assert told["customer"] == "b00012"
    assert {record["customer"] for record in told["log"]} == {"b00012"}
    assert pages.ask("/desk/export?id=nobody").status == 404


def test_a_customer_s_why_is_told_in_the_reader_s_language(pages: Pages) -> None:
    """The sentences of explain, the time line and the reasons: nothing on the page is left in another language."""
    told = json.loads(pages.ask("/desk/customers/b00012.json").text)
    page = html.unescape(pages.ask("/desk/customers?id=b00012&lang=tr", accept="text/html").text)
    assert 'lang="en"' not in page.partition("<main")[2].partition("</main>")[0]
    assert "b00012, winback_30d iletisini" in page
    english = {line["text"] for rule in told["rules"] for line in rule["findings"]}
    assert "the rule is active" in english
    words = {text for text in english if " is " in text or " the " in text}
    assert {text for text in words if text in page} == set()


def test_titles_are_in_the_language_of_the_page(pages: Pages) -> None:
    """What a project calls an effort, a funnel, a target and a board is shown in the page's language; one that is written
    once in every language, one without a title by its name.
    """
    page = {
        (path, language): pages.ask(f"/desk/{path}?lang={language}", accept="text/html").text
        for path in ("boards/own", "boards", "metrics")
        for language in ("en", "tr")
    }
    english = ("What is ours", "Days to the first order", "Begun with us", "The first poll")
    turkish = ("Bize ait olan", "İlk siparişe dek", "Bizimle başlayan", "İlk anket")
    for told, other, language in ((english, turkish, "en"), (turkish, english, "tr")):
        board = page["boards/own", language]
        assert f"<h1>{told[0]}</h1>" in board
        assert f"<title>{told[0]} · " in board
        for words in (*(f"<h2>{title}</h2>" for title in told[1:]), "<h2>Two orders</h2>"):
            assert words in board
        for title in told:
            assert title in page["boards", language]
        assert told[1] in page["metrics", language]
        assert told[3] in page["metrics", language]
        assert [
            (path, title) for (path, one), text in page.items() if one == language for title in other if title in text
        ] == []
    assert ">Shop</span>" in page["boards", "tr"]


@pytest.mark.parametrize("path", ["metrics", "boards/shop", "rules/winback_30d", "overview"])
def test_figures_are_told_in_the_reader_s_language(pages: Pages, path: str) -> None:
    """Definitions, warnings and what is missing, too: no English sentence is left on a Turkish page."""
    page = html.unescape(pages.ask(f"/desk/{path}?lang=tr", accept="text/html").text)
    main = page.partition("<main")[2].partition("</main>")[0]
    assert 'lang="en"' not in main
    # What follows there are the project's own words: names of tests, and the rule as it is written.
    ours = main.partition(f"<h2>{texts.TEXTS['tr']['tests']}</h2>")[0]
    assert re.findall(r"\b(?:[Tt]he|of|are|customers at|somebody|people an arm)\b", ours) == []


def test_what_could_not_be_read_is_told_in_the_reader_s_language(pages: Pages) -> None:
    """Why a record is a dead letter: in Turkish for who reads Turkish, in the words of the store as facts."""
    page = html.unescape(pages.ask("/desk/system?lang=tr", accept="text/html").text)
    assert 'total özelliği: "much"; beklenen bir sayı' in page
    facts = json.loads(pages.ask("/desk/system.json?lang=tr").text)
    assert facts["dead_letters"][0]["reason"] == 'property total is "much", expected a number'


@pytest.mark.parametrize("path", ["messages?reason=no_consent", "customers?id=b00012"])
def test_the_ledger_is_told_in_the_reader_s_language(pages: Pages, path: str) -> None:
    """What decided, where the words are ours and not the project's: the topic, and that it was never given."""
    page = html.unescape(pages.ask(f"/desk/{path}&lang=tr", accept="text/html").text)
    assert re.search(r"\w+ konusu</code> \((?:hiç verilmedi|geri alındı)\)", page)
    assert not re.search(r"topic \w+|never given|withdrawn", page)


def test_what_check_warns_of_is_told_in_the_reader_s_language(locked: Pages) -> None:
    """The list of rules ends with the findings of check, in Turkish for who reads Turkish."""
    page = html.unescape(locked.ask("/desk/rules?lang=tr", accept="text/html", authorization=f"Bearer {TOKEN}").text)
    assert "uyarı: bir şey söylemeyen 'offers' istiyor sayılır" in page
    assert 'lang="en"' not in page.partition("<main")[2].partition("</main>")[0]
    facts = json.loads(locked.ask("/desk/rules.json", authorization=f"Bearer {TOKEN}").text)
    assert [one["code"] for one in facts["problems"]] == ["opted-in"]


def test_a_chosen_language_stays(pages: Pages) -> None:
    """Another language is the same page, narrowed as before; what was chosen holds on the next, until ?lang says else."""
    page = pages.ask(
        "/desk/messages?rule=winback_30d&reason=no_consent&lang=en", accept="text/html", accept_language="en"
    )
    link = re.search(r'href="([^"]+)" lang="tr"', page.text)
    assert link is not None
    assert html.unescape(link[1]) == "?rule=winback_30d&reason=no_consent&lang=tr"
    session = page.headers["set-cookie"].partition(";")[0]
    turkish = pages.ask(f"/desk/messages{html.unescape(link[1])}", accept="text/html", cookie=session)
    assert turkish.headers["set-cookie"].startswith("relight_language=tr; HttpOnly")

    def language(path: str, chosen: str) -> str:
        answer = pages.ask(path, accept="text/html", accept_language="en", cookie=f"relight_language={chosen}")
        return answer.text.partition('<html lang="')[2][:2]

    assert language("/desk/rules", "tr") == "tr"
    assert language("/desk/rules?lang=en", "tr") == "en"
    assert language("/desk/rules", "<script>") == "en"


def test_the_overview_says_what_is_not_declared(locked: Pages) -> None:
    """A project that does not say when somebody is lost is told so, and led to what each measure needs."""
    ends = time.monotonic() + 60
    while (
        json.loads(locked.ask("/desk/overview.json", authorization=f"Bearer {TOKEN}").text)["figures_missing"]
        is not None
    ):
        assert time.monotonic() < ends
        time.sleep(0.1)
    page = html.unescape(locked.ask("/desk/overview?lang=en", accept="text/html", authorization=f"Bearer {TOKEN}").text)
    assert "once config/measures.yaml says when somebody is lost (`left` or `lapsed_after`)" in page
    page = html.unescape(locked.ask("/desk/overview?lang=tr", accept="text/html", authorization=f"Bearer {TOKEN}").text)
    assert "birinin ne zaman kayıp sayıldığını (`left` ya da `lapsed_after`)" in page


def test_every_language_has_every_text() -> None:
    """English and Turkish have the same keys, and none is empty."""
    english, turkish = texts.TEXTS["en"], texts.TEXTS["tr"]
    assert english.keys() == turkish.keys()
    assert all(english.values())
    assert all(turkish.values())


# ---------------------------------------------------------------- attackers
def test_hostile_names_are_words(pages: Pages) -> None:
    """What a customer is called is text in HTML and no formula in a spreadsheet."""
    page = pages.ask(f"/desk/customers?id={quote(HOSTILE, safe='')}", accept="text/html")
    assert page.status == 200
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    sheet = pages.ask(f"/desk/messages.csv?customer={quote(HOSTILE, safe='')}").text
    cells = [cell for row in csv.reader(io.StringIO(sheet)) for cell in row if "cmd" in cell]
    assert cells
    assert all(cell.startswith("'=") for cell in cells)


@pytest.mark.recorded
def test_blns_in_every_trait_reach_no_markup(pages: Pages) -> None:
    """Customers, traits and properties that are naughty strings bring no tag and no attribute to any page."""
    strings = naughty()
    if not strings:
        pytest.skip("RELIGHT_DATA is not set")
    plain = Markup.of(pages.ask("/desk/customers?id=b00012", accept="text/html").text)
    plain |= Markup.of(pages.ask("/desk/messages", accept="text/html").text)
    shown = 0
    for group in range(-(-len(strings) // NAUGHTY_EACH)):
        page = pages.ask(f"/desk/customers?id=naughty{group}", accept="text/html")
        assert page.status == 200
        assert Markup.of(page.text) <= plain, group
        told = json.loads(pages.ask(f"/desk/customers/naughty{group}.json").text)
        shown += sum(line["what"] == "order_placed" for line in told["events"])
    assert shown > 0.9 * len(strings), "those that are no text of an event are left out"


@pytest.mark.recorded
def test_blns_reach_no_markup(pages: Pages) -> None:
    """Each of the naughty strings as a search leaves no tag of its own in the page."""
    folder = os.environ.get("RELIGHT_DATA")
    if not folder:
        pytest.skip("RELIGHT_DATA is not set")
    naughty = json.loads((Path(folder) / "suites/blns/blns.json").read_text(encoding="utf-8"))
    for text in [one for one in naughty if "<" in one][:120]:
        page = pages.ask(f"/desk/customers?id={quote(text, safe='')}", accept="text/html")
        assert not re.search(
            r"<(script|img|svg|iframe|a) [^>]*(on\w+=|javascript:)|<script", page.text, re.IGNORECASE
        ), text


def test_a_forged_form_is_refused(pages: Pages) -> None:
    """A form without the mark of this session does nothing, also where no token is asked for."""
    before = len(pages.inbox())
    for mark in ("", "0" * 64):
        body = f"subject=welcome&sure=yes&mark={mark}".encode()
        assert pages.post("/desk/order/pause", body).status == 403
    assert len(pages.inbox()) == before


def test_another_name_for_this_machine_is_refused(pages: Pages) -> None:
    """Where no token is asked for, the address must name this machine: no other site's name can be pointed here."""
    assert pages.ask("/desk/rules.json", host="evil.example").status == 403
    assert pages.ask("/desk/rules.json", host=f"localhost:{pages.port}").status == 200


def test_a_desk_with_a_token_shows_nothing_without_it(locked: Pages) -> None:
    """Programs get 401, people the page to sign in; a bearer token or a session opens it."""
    assert locked.ask("/desk/rules.json").status == 401
    assert locked.ask("/desk/rules.json", authorization="Bearer wrong").status == 401
    assert locked.ask("/desk/rules.json", authorization=f"Bearer {TOKEN}").status == 200
    led = locked.ask("/desk/rules", accept="text/html")
    assert (led.status, led.headers["location"]) == (303, "/desk/sign-in")


@pytest.mark.parametrize(
    ("language", "title", "words"),
    [("en", "Not found", "There is nothing of this name here."), ("tr", "Bulunamadı", "Burada bu adda bir şey yok.")],
)
def test_a_page_that_the_desk_lacks_is_told_by_the_desk(pages: Pages, language: str, title: str, words: str) -> None:
    """An address below /desk that is none is a page of the desk in the chosen language; programs get the usual error."""
    for path in ("/desk/xyz", "/desk/xyz/deeper", "/desk/boards/none"):
        page = pages.ask(path, accept="text/html", cookie=f"relight_language={language}")
        assert page.status == 404
        assert f'<html lang="{language}">' in page.text
        assert f"<h1>{title}</h1>" in page.text
        assert words in page.text
        assert 'href="/desk/overview"' in page.text
    told = pages.ask("/desk/xyz")
    assert (told.status, json.loads(told.text)["code"]) == (404, "not_found")


def test_the_address_itself_leads_a_browser_to_the_desk(pages: Pages, locked: Pages) -> None:
    """`/` leads people who may reach the desk to it; programs, other methods and readers at another host get 404."""
    for there in (pages, locked):
        led = there.ask("/", accept="text/html")
        assert (led.status, led.headers["location"]) == (303, "/desk")
        told = there.ask("/")
        assert (told.status, json.loads(told.text)["code"]) == (404, "not_found")
        assert there.post("/", b"{}", "application/json").status == 404
    assert pages.ask("/", accept="text/html", host="mail.cornerbooks.example").status == 404
    assert locked.ask("/desk/xyz").status == 401
    assert locked.ask("/desk/xyz", accept="text/html").headers["location"] == "/desk/sign-in"


def sign_in(pages: Pages, token: str, **headers: str) -> tuple[int, str]:
    answer = pages.post("/desk/sign-in", f"token={quote(token)}".encode(), FORM, **headers)
    return answer.status, answer.headers.get("set-cookie", "")


def test_signing_in_makes_a_new_session(locked: Pages) -> None:
    """A session that was there before is not taken over (fixation); its cookie is closed to scripts and other sites."""
    status, first = sign_in(locked, TOKEN, cookie="relight_desk=planted.1.x")
    _, second = sign_in(locked, TOKEN)
    assert status == 303
    assert first.split(";")[0] != second.split(";")[0]
    assert "planted" not in first
    assert all(word in first.lower() for word in ("httponly", "samesite=strict", "path=/desk"))
    cookie = first.split(";")[0]
    assert locked.ask("/desk/rules.json", cookie=cookie).status == 200
    assert locked.ask("/desk/rules.json", cookie=cookie[:-1] + "0x").status == 401
    assert sign_in(locked, "wrong") == (403, "")


def test_over_tls_the_cookie_is_of_this_host_alone(locked: Pages) -> None:
    """Behind the proxy that web.base_url names the cookie has the prefix __Host-, and one without it opens nothing."""
    host = "mail.cornerbooks.example"
    _, given = sign_in(locked, TOKEN, host=host)
    assert given.startswith("__Host-relight_desk=")
    assert all(word in given.lower() for word in ("secure", "httponly", "samesite=strict", "path=/;"))
    cookie = given.split(";")[0]
    assert locked.ask("/desk/rules.json", cookie=cookie, host=host).status == 200
    assert locked.ask("/desk/rules.json", cookie=cookie.removeprefix("__Host-"), host=host).status == 401
    assert locked.ask("/desk/rules.json", cookie=cookie).status == 401


def test_signing_out_takes_the_session(locked: Pages) -> None:
    """The answer to signing out ends the browser's cookie."""
    answer = locked.post("/desk/sign-out", b"", FORM)
    assert answer.status == 303
    assert "max-age=0" in answer.headers["set-cookie"].lower()


def test_a_form_of_another_session_is_refused(locked: Pages) -> None:
    """The mark in a form belongs to its session."""
    one, two = (sign_in(locked, TOKEN)[1].split(";")[0] for _ in range(2))
    page = locked.ask("/desk/rules/welcome", accept="text/html", cookie=one)
    mark = re.search(r'name="mark" value="([0-9a-f]+)"', page.text)
    assert mark is not None
    body = f"subject=welcome&mark={mark[1]}".encode()
    assert locked.post("/desk/order/pause", body, FORM, cookie=two).status == 403
    assert locked.post("/desk/order/pause", body, FORM, cookie=one).status == 200


def ordered(pages: Pages, page: str, order: str, **form: str) -> tuple[str, str]:
    """Give an order as a browser does, and return the page that asks and the one that tells."""
    cookie = sign_in(pages, TOKEN)[1].split(";")[0]
    mark = re.search(r'name="mark" value="([0-9a-f]+)"', pages.ask(page, accept="text/html", cookie=cookie).text)
    assert mark is not None
    told = []
    for sure in ({}, {"sure": "yes"}):
        body = urlencode({**form, "mark": mark[1], **sure}).encode()
        answer = pages.post(f"/desk/order/{order}", body, FORM, cookie=cookie)
        assert answer.status == 200
        told.append(answer.text)
    return told[0], told[1]


def test_a_customer_is_erased_by_hand(locked: Pages) -> None:
    """Asked for twice, through the inbox; the audit log says that it was, not who. The next run takes them out."""
    path = "/desk/customers/b00020.json"
    token = f"Bearer {TOKEN}"
    assert locked.ask(path, authorization=token).status == 200
    asked, told = ordered(locked, "/desk/customers?id=b00020", "erase", subject="b00020")
    assert "Erase b00020 for ever?" in asked
    assert 'role="status"' in told
    assert [entry.name for entry in locked.inbox()][-1] == "erase"
    audit = (locked.folder / "data/audit.ndjson").read_text()
    assert '"order": "erase"' in audit
    assert "b00020" not in audit
    run_again(locked.folder)
    assert locked.ask(path, authorization=token).status == 404
    assert json.loads(locked.ask("/desk/messages.json?customer=b00020", authorization=token).text)["rows"] == []


def test_a_test_mail_is_sent_by_hand(locked: Pages) -> None:
    """It goes by the project's own way out, marked in its subject; the audit log masks the address."""
    _, told = ordered(locked, "/desk/rules/welcome", "send-test", subject="welcome", to="team@shop.example")
    assert 'role="status"' in told
    mails = [path.read_text() for path in (locked.folder / "outbox").rglob("*.eml")]
    assert any("To: team@shop.example" in mail and "Subject: [test] " in mail for mail in mails)
    audit = (locked.folder / "data/audit.ndjson").read_text()
    assert '"order": "send-test"' in audit
    assert "team@shop.example" not in audit


def test_a_dead_letter_is_dismissed_by_hand(locked: Pages) -> None:
    """Asked for twice, through the inbox, with a line of the audit log."""
    asked, told = ordered(locked, "/desk/rules/welcome", "dismiss", subject="7")
    assert "Dismiss dead letter 7?" in asked
    assert 'role="status"' in told
    assert [entry.name for entry in locked.inbox()][-1] == "dead-letters-dismiss"
    audit = (locked.folder / "data/audit.ndjson").read_text()
    assert '"order": "dismiss", "subject": "7", "by": "desk"' in audit


@pytest.mark.parametrize(
    ("order", "subject"),
    [
        ("erase", "nobody"),
        ("send-test", "welcome"),
        ("pause", "none"),
        ("replay", "x"),
        ("replay", ""),
        ("dismiss", "x"),
        ("erase_all", "a"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(locked: Pages, order: str, subject: str) -> None:
    """A rule that does not exist, a number that is none, an order that is none."""
    cookie = sign_in(locked, TOKEN)[1].split(";")[0]
    page = locked.ask("/desk/rules/welcome", accept="text/html", cookie=cookie)
    mark = re.search(r'name="mark" value="([0-9a-f]+)"', page.text)
    assert mark is not None
    answer = locked.post(f"/desk/order/{order}", f"subject={subject}&mark={mark[1]}".encode(), FORM, cookie=cookie)
    assert answer.status in (400, 403)


def test_guessing_the_token_is_slow(locked: Pages) -> None:
    """SIGN_INS_PER_MINUTE_MAX attempts a minute, then 429."""
    found = [sign_in(locked, "wrong")[0] for _ in range(SIGN_INS_PER_MINUTE_MAX + 1)]
    assert found[-1] == 429


# ---------------------------------------------------------------- what is in force
def test_rules_that_are_not_in_force_are_told_as_such(tmp_path: Path) -> None:
    """Where the folder differs from the version in force, System names the one in force, and it, the overview and a
    rule's page say so in both languages with both short versions; once it is in force nothing is said.
    """
    folder = project_with_mail(tmp_path / "small")
    rule = folder / "rules/quiet.yaml"
    whole = rule.read_text()
    rule.write_text("owner: Deniz\n" + whole)
    with serving(folder) as found:
        told = json.loads(found.ask("/desk/system.json").text)
        with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
            ((_, in_force),) = versions_in_log(store)
        assert (told["plan"], told["not_in_force"]) == (in_force, {"in_force": in_force, "shown": told["folder"]})
        assert told["folder"] != in_force
        for path in ("overview", "system", "rules/quiet"):
            for language in ("en", "tr"):
                words = texts.TEXTS[language]["not_in_force"].format(shown=told["folder"][:8], in_force=in_force[:8])
                assert words in found.ask(f"/desk/{path}?lang={language}", accept="text/html").text, path
        run_once(folder)
        told = json.loads(found.ask("/desk/system.json").text)
        assert (told["plan"], told["not_in_force"]) == (told["folder"], None)
        assert "not in force" not in found.ask("/desk/rules/quiet?lang=en", accept="text/html").text


def test_a_rule_is_shown_as_it_is_in_force_and_the_folder_as_a_difference(tmp_path: Path) -> None:
    """Where the folder writes a rule otherwise, its page shows the file in force and beneath it the folder's difference; one
    that is new is told as not in force; one that is the same in both is shown once.
    """
    folder = project_with_mail(tmp_path / "small")
    rule = folder / "rules/quiet.yaml"
    whole = rule.read_text()
    (folder / "rules/same.yaml").write_text(whole)
    run_once(folder)
    rule.write_text("owner: Deniz\n" + whole)
    (folder / "rules/newer.yaml").write_text(whole)
    with serving(folder) as found:
        told = json.loads(found.ask("/desk/rules/quiet.json").text)
        page = found.ask("/desk/rules/quiet?lang=en", accept="text/html").text
        source = page.partition('<h2 id="source">')[2]
        in_force, _, changed = source.partition("<h3>What the folder that the desk read says instead")
        assert told["differs_from_force"] is True
        assert f"As it is in force, version {told['not_in_force']['in_force'][:8]}" in in_force
        assert "owner: Deniz" not in in_force
        assert all(html.escape(line) in in_force for line in whole.splitlines())
        assert '<ins><code><span aria-label="only in the folder">+</span> owner: Deniz</code></ins>' in changed
        assert "<del>" not in changed
        lines = re.findall(r'id="L(\d+)"', source)
        assert lines == [str(number) for number in range(1, len(rule.read_text().splitlines()) + 1)]
        newer = found.ask("/desk/rules/newer?lang=tr", accept="text/html").text
        assert texts.TEXTS["tr"]["source_new"].format(version=told["not_in_force"]["in_force"][:8]) in newer
        assert newer.count("<ins>") == len(whole.splitlines())
        same = found.ask("/desk/rules/same?lang=en", accept="text/html").text
        assert "As it is in force" not in same
        assert "<ins>" not in same


def test_a_stop_of_the_volume_guard_is_shown(tmp_path: Path) -> None:
    """S5: System says in both languages when it stopped, at how many, how many waited, and what lets mails leave again; its
    pause of everything has no button, which would let nothing leave. Released, nothing of it is said.
    """
    folder = project_with_mail(tmp_path / "small")
    file = folder / "data/relight.db"
    with closing(SqliteStore.open(file)) as store:
        stop = GuardStop(at=1_772_442_000_000_000, count=1_234, per_hour=1_233, waiting=7)
        store.set_note(GUARD_NOTE, msgspec.json.encode(stop).decode())
        pause = Control(kind="pause", ingest_time=store.reached() or 0, subject="*", detail={"cause": "volume_guard"})
        store.append(Batch(log=[(pause, None)]))
    with serving(folder) as found:
        told = json.loads(found.ask("/desk/system.json").text)
        assert told["guard"] == [
            {"stopped": "2026-03-02T09:00:00+00:00", "messages": 1_234, "per_hour": 1_233, "waiting": 7}
        ]
        assert told["paused"] == ["*"]
        for language, count in (("en", "1,234"), ("tr", "1.234")):
            page = found.ask(f"/desk/system?lang={language}", accept="text/html").text
            words = texts.TEXTS[language]
            assert words["guarded"] in page
            assert count in page
            assert "relight release" in page
            assert "/desk/order/resume" not in page
        with closing(SqliteStore.open(file)) as store:
            store.set_note(GUARD_NOTE, "")
        page = found.ask("/desk/system?lang=en", accept="text/html").text
        assert texts.TEXTS["en"]["guarded"] not in page
        assert "/desk/order/resume" in page


def test_tests_that_cannot_be_read_are_told_in_the_readers_language(tmp_path: Path) -> None:
    """What is wrong in a file of rule tests stands on the rule's page with its place, in Turkish on the Turkish one."""
    folder = project_with_mail(tmp_path / "small")
    (folder / "tests/rules").mkdir(parents=True)
    (folder / "tests/rules/quiet.yaml").write_text(
        "rules: [quite]\nuntil: 1d\ntests: [{name: one, given: [], expect: []}]\n"
    )
    with serving(folder) as found:
        until(found, "/desk/rules/quiet.json", lambda page: page["tests"]["state"] == "done")
        turkish = html.unescape(found.ask("/desk/rules/quiet?lang=tr", accept="text/html").text)
        english = html.unescape(found.ask("/desk/rules/quiet?lang=en", accept="text/html").text)
    place = "<code>tests/rules/quiet.yaml:1:9</code>: "
    assert f"{place}'quite' diye bir kural yok; şunu mu demek istediniz: 'quiet'?" in turkish
    assert f"{place}there is no rule 'quite'; did you mean 'quiet'?" in english
