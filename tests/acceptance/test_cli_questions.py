"""`explain`, `simulate --compare`, `dead-letters` and `completion`, with the real program."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from relight.base.instants import DAY, iso_utc
from relight.messages.ledger import LedgerRow
from tests.acceptance.cli_kit import copy_project, edit, ledger_of, relight, relight_json


def _first(project: Path, fits: Callable[[LedgerRow], bool]) -> LedgerRow:
    rows = sorted(ledger_of(project), key=lambda row: (row.customer, row.judged))
    last = {(row.customer, row.rule): row for row in rows}
    return next(row for row in last.values() if fits(row))


@pytest.mark.parametrize(
    ("reason", "verb"),
    [("no_consent", "did NOT get"), ("audience_false", "did NOT get"), ("holdout", "was HELD OUT of")],
)
def test_explain_names_leaf_number_and_place(run_project: Path, reason: str, verb: str) -> None:
    """For somebody suppressed, held out, or outside the audience, explain names the comparison, its value and its place."""
    row = _first(run_project, lambda one: one.reason == reason)
    done = relight("explain", row.customer, row.rule, cwd=run_project)
    assert done.stdout.startswith(f"{row.customer} {verb} {row.rule}")
    decided = done.stdout.splitlines()[-2]
    assert row.leaf is not None
    assert row.number is not None
    for part in (reason, row.leaf, row.number, row.place or ""):
        assert part in decided
    assert done.stdout.splitlines()[-1].startswith("Try: relight explain ")


def test_explain_says_what_is_missing(run_project: Path) -> None:
    """For somebody whose rule never came up, explain says what it waits for and how far it is."""
    rows = ledger_of(run_project)
    ordered = {row.customer for row in rows if row.rule == "winback_30d"}
    fifth = {row.customer for row in rows if row.rule == "fifth_order"}
    customer = min(ordered - fifth)
    told = relight_json("explain", customer, "fifth_order", cwd=run_project)["rules"][0]
    assert told["outcome"] == "not_sent"
    assert told["rows"] == []
    assert told["why"]["leaf"] == "count of order_placed"
    assert int(told["why"]["number"]) < 5
    assert told["why"]["place"].startswith("rules/fifth_order.yaml:")


def test_explain_tells_what_got_no_row(run_project: Path) -> None:
    """An event trigger with a false audience writes no row; explain folds the log again and names the comparison (R6)."""
    welcomed = {row.customer for row in ledger_of(run_project) if row.rule == "welcome"}
    customer = min({row.customer for row in ledger_of(run_project)} - welcomed)
    told = relight_json("explain", customer, "welcome", cwd=run_project)["rules"][0]
    assert told["why"]["reason"] == "audience_false"
    assert told["why"]["leaf"] == 'plan == "club"'
    assert told["why"]["number"] == "free"
    assert told["why"]["place"].startswith("rules/welcome.yaml:4:")


def test_explain_stops_time(run_project: Path) -> None:
    """--at tells what stood then: before the deadline nobody was silent for long enough, and it says when that falls due."""
    row = _first(run_project, lambda one: one.rule == "winback_30d" and not one.step and one.state.value == "entered")
    assert row.deadline is not None
    at = iso_utc(row.deadline - 5 * DAY)
    told = relight_json("explain", row.customer, "winback_30d", "--at", at, cwd=run_project)["rules"][0]
    assert told["rows"] == [] or told["rows"][-1]["judged"] < at
    silence = next(f for f in told["trigger"] if f["needs"] == "needs 30 days")
    assert silence["mark"] == "no"
    assert silence["text"] == "silent for 25 days"
    assert told["ask_again"] == iso_utc(row.deadline)


def test_explain_needs_no_store(new_project: Path, run_project: Path) -> None:
    """Without a store the recorded events are asked, and the answer is the same as the store's."""
    row = _first(run_project, lambda one: one.reason == "no_consent")
    stored = relight_json("explain", row.customer, row.rule, cwd=run_project)
    recorded = relight_json("explain", row.customer, row.rule, "--events", "events.ndjson", cwd=new_project)
    assert recorded["rules"] == stored["rules"]


def test_simulate_compares_two_folders(new_project: Path, run_project: Path, tmp_path: Path) -> None:
    """--compare sets the figures of another folder beside those of this one, on the same events; a report is written."""
    project = copy_project(new_project, tmp_path / "shop")
    edit(project / "rules/winback_30d.yaml", "30 days", "21 days")
    done = relight("simulate", "--compare", str(new_project), cwd=project)
    assert "nothing was sent" in done.stdout.lower()
    page = project / "out/simulation.html"
    assert page.is_file()
    assert "<svg" in page.read_text(encoding="utf-8")
    told = relight_json("simulate", "winback_30d", "--compare", str(new_project), cwd=project)
    rule = next(one for one in told["rules"] if one["rule"] == "winback_30d")
    assert rule["occurred"] > rule["now"]["occurred"]
    stored = sum(1 for row in ledger_of(run_project) if row.rule == "winback_30d" and row.state.value == "pending")
    assert rule["now"]["messages"] == stored
    assert not (project / "outbox").exists()


def test_dead_letters_are_read_again(new_project: Path, tmp_path: Path) -> None:
    """A record that could not be read is listed with place and reason, shown as it came, and read again after mending."""
    project = copy_project(new_project, tmp_path / "shop")
    edit(
        project / "streams/shop.yaml", "order_id: text\n      title", "order_id: text\n      gift: boolean\n      title"
    )
    bad = (
        '{"id": "g1", "event": "order_placed", "customer": "b00001", "gift": "for Deniz", "at": "2026-06-20T10:00:00Z"}'
    )
    with (project / "events.ndjson").open("a", encoding="utf-8") as file:
        file.write(bad + "\n")
    assert "1 record that could not be read" in relight("run", cwd=project).stdout
    listed = relight_json("dead-letters", "list", cwd=project)
    letter = listed["letters"][0]
    assert listed["count"] == 1
    assert letter["source"].startswith("events.ndjson:")
    assert "gift" in letter["reason"]
    assert bad in relight("dead-letters", "show", str(letter["number"]), cwd=project).stdout
    assert "1 still cannot be read" in relight("dead-letters", "replay", cwd=project, code=1).stdout
    edit(project / "streams/shop.yaml", "gift: boolean", "gift: text")
    told = relight_json("dead-letters", "replay", cwd=project)
    assert (told["replayed"], told["events"], told["left"]) == (1, 1, 0)
    assert relight("dead-letters", "list", cwd=project).stdout == "no dead letters\n"
    assert "the store follows this version" in relight("plan", cwd=project).stdout
    edit(project / "rules/winback_30d.yaml", "name: ", "owner: Deniz\nname: ")
    assert [change["name"] for change in relight_json("plan", cwd=project)["changes"]] == ["winback_30d"]


def test_reading_letters_again_puts_nothing_in_force_that_waits(new_project: Path, tmp_path: Path) -> None:
    """An edited folder that `needs_apply` keeps back, and one that was rolled back, wait through `dead-letters replay` as
    through `run`: it says so, reads by the version in force, and once applied the mended stream reads the letter.
    """
    project = copy_project(new_project, tmp_path / "shop")
    edit(project / "config/default.yaml", "store:", "plan: {needs_apply: true}\n\nstore:")
    edit(
        project / "streams/shop.yaml", "order_id: text\n      title", "order_id: text\n      gift: boolean\n      title"
    )
    letter = '{"id": "%s", "event": "order_placed", "customer": "b1", "gift": "x", "at": "2026-06-20T10:00:00Z"}\n'
    with (project / "events.ndjson").open("a", encoding="utf-8") as file:
        file.write(letter % "g1" + letter % "g2")
    first = relight_json("run", cwd=project)["version"]
    edit(project / "streams/shop.yaml", "gift: boolean", "gift: text")
    edit(project / "rules/winback_30d.yaml", "name: ", "owner: Deniz\nname: ")

    def replay_that_waits(number: str) -> str:
        done = relight("dead-letters", "replay", number, cwd=project, code=1)
        assert f"The folder differs from version {first[:8]}, which stays in force:\n" in done.stderr
        assert "The folder's streams are not in force yet: `relight apply` first" in done.stderr
        assert "1 still cannot be read" in done.stdout
        assert [c["name"] for c in relight_json("plan", cwd=project)["changes"] if c["name"] == "winback_30d"]
        return done.stderr

    one, two = (str(found["number"]) for found in relight_json("dead-letters", "list", cwd=project)["letters"])
    replay_that_waits(one)
    relight("apply", "--yes", cwd=project)
    assert relight_json("dead-letters", "replay", one, cwd=project)["replayed"] == 1
    relight("rollback", "--yes", cwd=project)
    assert "It was rolled back" in replay_that_waits(two)
    assert relight_json("run", cwd=project)["version"] == first


def test_a_letter_that_was_mended_in_its_file_ends(new_project: Path, tmp_path: Path) -> None:
    """V2: where a file is read again from its beginning and holds a letter's bytes no more, it is no longer listed: mended
    or taken out. What is still there waits on, and one that comes back is another letter.
    """
    project = copy_project(new_project, tmp_path / "shop")
    file = project / "events.ndjson"
    whole = file.read_text(encoding="utf-8")
    bad = '{"id": "g%d", "event": "order_placed", "customer": "b00001", "at": "%s"}\n'
    file.write_text(whole + "".join(bad % (n, "yesterday") for n in (1, 2, 3)), encoding="utf-8")
    assert relight_json("run", cwd=project)["dead_letters"] == 3
    file.write_text(whole + bad % (1, "2026-06-20T10:00:00Z") + bad % (3, "yesterday"), encoding="utf-8")
    told = relight_json("run", cwd=project)
    assert (told["events"], told["caught_up"], told["dead_letters"]) == (1, 1, 0)
    assert [one["raw"] for one in relight_json("dead-letters", "list", cwd=project)["letters"]] == [
        (bad % (3, "yesterday")).strip()
    ]
    everything = relight("dead-letters", "list", "--all", cwd=project).stdout
    assert everything.count("(mended since, or taken out of its file)") == 2
    assert "ended    " in relight("dead-letters", "show", "1", cwd=project).stdout
    file.write_text(whole + "".join(bad % (n, "yesterday") for n in (1, 2, 3)), encoding="utf-8")
    relight("run", cwd=project)
    assert len(relight_json("dead-letters", "list", cwd=project)["letters"]) == 3


def test_a_reading_that_ends_early_ends_no_letter(new_project: Path, tmp_path: Path) -> None:
    """V2: a file that is read again only up to --until may hold the letter's bytes further down: it waits on, and rows
    put in down there are still taken.
    """
    project = copy_project(new_project, tmp_path / "shop")
    file = project / "events.ndjson"
    rows = file.read_text(encoding="utf-8").splitlines(keepends=True)[:60]  # one batch
    early, late = json.loads(rows[0])["at"], json.loads(rows[-1])["at"]
    row = '{"id": "%s", "event": "order_placed", "customer": "b00001", "at": "%s"}\n'
    bad = f'{{"id": "g9", "event": "order_placed", "at": "{late}"}}\n'
    file.write_text("".join((*rows, bad)), encoding="utf-8")
    assert relight_json("run", cwd=project)["dead_letters"] == 1
    file.write_text("".join((row % ("put-in", early), *rows, row % ("late", late), bad)), encoding="utf-8")
    relight("run", "--until", early, cwd=project)
    assert [one["raw"] for one in relight_json("dead-letters", "list", cwd=project)["letters"]] == [bad.strip()]
    told = relight_json("run", cwd=project)
    assert (told["caught_up"], told["dead_letters"]) == (1, 0)
    assert len(relight_json("dead-letters", "list", "--all", cwd=project)["letters"]) == 1


def test_a_letter_can_be_dismissed(new_project: Path, tmp_path: Path) -> None:
    """V2: what was given again in another way is dismissed by hand: not listed, not counted, not read again, kept, and a
    line of the audit log.
    """
    project = copy_project(new_project, tmp_path / "shop")
    with (project / "events.ndjson").open("a", encoding="utf-8") as file:
        file.write("{broken\n{broken, too\n")
    relight("run", cwd=project)
    assert "; where nothing is to follow: … dismiss 1\n" in relight("dead-letters", "list", cwd=project).stdout
    assert relight("dead-letters", "dismiss", "1", cwd=project).stdout.startswith("1 dead letter dismissed; ")
    assert [one["number"] for one in relight_json("dead-letters", "list", cwd=project)["letters"]] == [2]
    assert relight_json("dead-letters", "replay", cwd=project, code=1)["left"] == 1
    first, _ = relight_json("dead-letters", "list", "--all", cwd=project)["letters"]
    assert (first["end"], first["raw"]) == ("dismissed", "{broken")
    assert relight_json("dead-letters", "dismiss", "1", "2", cwd=project)["dismissed"] == [2]
    assert relight("dead-letters", "list", cwd=project).stdout == "no dead letters\n"
    lines = [json.loads(line) for line in (project / "data/audit.ndjson").read_text(encoding="utf-8").splitlines()]
    assert [(one["order"], one["subject"], one["by"]) for one in lines] == [
        ("dismiss", "1", "command line"), ("dismiss", "2", "command line"),
    ]  # fmt: skip
    assert "there is no dead letter 9" in relight("dead-letters", "dismiss", "9", cwd=project, code=64).stderr


def test_the_place_of_a_csv_record_is_its_row(new_project: Path, tmp_path: Path) -> None:
    """Wherever a record of CSV that could not be read is told, its number stands as that of a row and not of a line."""
    project = copy_project(new_project, tmp_path / "shop")
    (project / "tickets.csv").write_text(
        'member,moment,note\nb00001,2026-06-20T10:00:00Z,"two\nlines"\nb00001,never,x\n', encoding="utf-8"
    )
    (project / "streams/desk.yaml").write_text(
        "source: {file: tickets.csv, format: csv}\ntime: {field: moment}\ncustomer: member\n"
        "name: {is: desk_opened}\nevents: {desk_opened: {activity: false}}\n",
        encoding="utf-8",
    )
    assert "1 record that could not be read" in relight("run", cwd=project).stdout
    assert "tickets.csv row 2  bad-time" in relight("dead-letters", "list", cwd=project).stdout
    assert "source   tickets.csv row 2\n" in relight("dead-letters", "show", "1", cwd=project).stdout
    assert relight_json("dead-letters", "list", cwd=project)["letters"][0]["source"] == "tickets.csv row 2"
    assert "1: tickets.csv row 2: bad-time" in relight("dead-letters", "replay", cwd=project, code=1).stdout


def test_completion_is_valid_shell(run_project: Path, tmp_path: Path) -> None:
    """Each shell's script is one that this shell reads, and rule names are completed."""
    for shell in ("bash", "zsh", "fish"):
        script = tmp_path / f"complete.{shell}"
        script.write_text(relight("completion", shell, cwd=tmp_path).stdout, encoding="utf-8")
        assert "_RELIGHT_COMPLETE" in script.read_text(encoding="utf-8")
        found = shutil.which(shell)
        if found is not None:
            subprocess.run([found, "-n", str(script)], check=True, timeout=90)
    asked = {"_RELIGHT_COMPLETE": "bash_complete", "COMP_WORDS": "relight explain b00001 wi", "COMP_CWORD": "3"}
    assert "winback_30d" in relight(cwd=run_project, code=None, env=asked).stdout
