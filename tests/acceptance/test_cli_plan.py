"""`relight plan`, `apply` and `rollback` as processes: what they say, what they leave with, who may be asked."""

from __future__ import annotations

import datetime as dt
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from relight.base.errors import StoreError
from relight.engine.plan_versions import versions_in_log
from relight.stores.sqlite import SqliteStore
from tests.acceptance.cli_kit import ENVIRONMENT, copy_project, edit, ledger_of, relight, relight_json
from tests.support.pages import free_port
from tests.support.postgres_server import PostgresServer
from tests.support.programs import Program, run_program

#: Longest wait for an engine (s).
ENGINE_SECONDS = 120


@pytest.fixture
def project(run_project: Path, tmp_path: Path) -> Path:
    """A project that ran once; its welcome speaks to the club alone, which its tests agree with."""
    return copy_project(run_project, tmp_path / "shop")


def _lower(folder: Path) -> None:
    edit(folder / "rules/winback_30d.yaml", "inactive: 30 days", "inactive: 21 days")
    (folder / "tests/rules/winback_30d.yaml").unlink()
    edit(
        folder / "tests/rules/fifth_order.yaml",
        "  - name: thirty days later",
        "  - name: later\n    compare: sent\n    rules: fifth_order\n    expect: []\n  - name: x",
    )
    text = (folder / "tests/rules/fifth_order.yaml").read_text(encoding="utf-8")
    (folder / "tests/rules/fifth_order.yaml").write_text(text.partition("  - name: x")[0], encoding="utf-8")


# ---------------------------------------------------------------- plan
def test_nothing_to_do(project: Path) -> None:
    """A folder that the store follows changes nothing: 0, with --detailed-exitcode too."""
    done = relight("plan", "--detailed-exitcode", cwd=project)
    assert done.stdout.splitlines()[-1] == "Nothing would change: the store follows this version."


def test_a_plan_says_what_would_change_whom_and_how_much(project: Path) -> None:
    """The difference with its place, the people between the thresholds, the forecast; 2 where it was asked for."""
    _lower(project)
    before = ledger_of(project)
    done = relight("plan", "--detailed-exitcode", "--out", "out/plan.json", cwd=project, code=2)
    assert re.search(r"  ~ winback_30d +changed +rules/winback_30d.yaml:3 +inactive: 30 days -> 21 days\n", done.stdout)
    assert re.search(r"Forecast from the last 30 days, same code as live: \d+ -> \d+ messages \(\+\d+ %\)", done.stdout)
    assert "! winback_30d: the threshold is 21 days, was 30 days: the same silence is mailed once" in done.stdout
    assert re.search(r"! winback_30d: \d+ people are past its threshold already. It has no backfill", done.stdout)
    assert re.search(r"Most messages of one customer in 30 days: \d -> \d \(b\d+\)", done.stdout)
    assert re.search(r"Heaviest hour: \d+ -> \d+ messages \(2026-0\d-\d\d \d\d:00 Europe/Istanbul\)", done.stdout)
    assert done.stdout.endswith("Saved. Apply it with: relight apply out/plan.json\n")
    told = relight_json("plan", cwd=project)
    assert (told["schema"], told["ok"], told["pending"]) == ("plan/1", True, True)
    assert told["touched"]["winback_30d"]["passed"] > 0
    assert str(told["log_begins"]).startswith("2026-0")
    assert told["forecast"]["new"]["messages"] > told["forecast"]["now"]["messages"]
    assert [change["name"] for change in told["changes"]] == ["winback_30d"]
    assert ledger_of(project) == before


def test_a_plan_lists_the_people_it_counts(project: Path) -> None:
    """`--people N` names who is past the new threshold, with the deadline and the rule, no more than N; `--json` too."""
    _lower(project)
    told = relight_json("plan", "--people", "2", cwd=project)
    [passed] = [one for one in told["people"] if one["touch"] == "passed"]
    assert (passed["rule"], len(passed["people"])) == ("winback_30d", 2)
    assert passed["total"] == told["touched"]["winback_30d"]["passed"] > 2
    said = relight("plan", "--people", "2", cwd=project).stdout
    for person in passed["people"]:
        at = dt.datetime.fromisoformat(person["at"]).astimezone(dt.timezone(dt.timedelta(hours=3)))
        assert f"    {person['customer']}  past it since {at:%Y-%m-%d %H:%M:%S}" in said
        events = relight("explain", person["customer"], "winback_30d", cwd=project).stdout
        assert person["customer"] in events
    rest = passed["total"] - 2
    assert f"    and {rest:,} more; `relight plan --people {passed['total']}` lists them all\n" in said
    assert "people" not in relight_json("plan", cwd=project)
    assert "not in the range" in relight("plan", "--people", "100001", cwd=project, code=64).stderr


def test_a_plan_knows_a_rule_by_another_name(project: Path) -> None:
    """E4: a renamed file is another rule, and `plan` says that it does what the removed one did."""
    (project / "rules/winback_30d.yaml").rename(project / "rules/come_back.yaml")
    for path in (project / "tests/rules").glob("*.yaml"):
        path.write_text(path.read_text().replace("winback_30d", "come_back"))
    edit(project / "rules/come_back.yaml", "name: ", "owner: Deniz\nname: ")
    done = relight("plan", cwd=project)
    assert re.search(r"  \+ come_back +new ", done.stdout)
    assert re.search(r"  - winback_30d +removed ", done.stdout)
    assert "  ! come_back: it does what winback_30d did; a rule's file name is its id" in done.stdout
    assert relight_json("plan", cwd=project)["renamed"] == {"come_back": "winback_30d"}


def test_a_plan_over_its_budget_or_with_a_failing_test_is_refused(project: Path) -> None:
    """1, with the number and the limit; `apply` refuses the same, and nothing changes."""
    _lower(project)
    edit(
        project / "config/default.yaml", "store:", "plan: {budget: {per_customer: 1 in 30 days, per_hour: 1}}\n\nstore:"
    )
    told = relight("plan", cwd=project, code=1).stdout.splitlines()[-1]
    assert re.fullmatch(
        r"Not to be applied: b\d+ would get \d messages in 30 days; the budget is 1; the heaviest hour would have \d+ "
        r"messages; the budget is 1 \(config/default.yaml: plan.budget\)",
        told,
    )
    assert "Not to be applied" in relight("apply", "--yes", cwd=project, code=1).stdout
    edit(project / "rules/fifth_order.yaml", "at: [5]", "at: [6]")
    assert "1 rule test failed" in relight("plan", cwd=project, code=1).stdout
    assert "1 rule test failed" in relight("apply", "--yes", cwd=project, code=1).stdout
    assert len(_versions(project)) == 1


def test_a_project_that_never_ran_is_all_new(new_project: Path, tmp_path: Path) -> None:
    """Without a store everything is new, `apply` says what begins it, `rollback` that nothing stands."""
    folder = copy_project(new_project, tmp_path / "shop", with_store=False)
    assert "  + winback_30d          new" in relight("plan", cwd=folder).stdout
    assert "`relight run` begins" in relight("apply", "--yes", cwd=folder, code=64).stderr
    relight("rollback", cwd=folder, code=64)


# ---------------------------------------------------------------- apply and rollback
def _versions(folder: Path) -> list[str]:
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        return [version for _, version in versions_in_log(store)]


def test_apply_and_rollback_without_an_engine(project: Path) -> None:
    """The store takes the version; a saved plan is stale after it; a rollback lasts over the next start."""
    _lower(project)
    relight("plan", "--out", "out/plan.json", cwd=project)
    assert (
        "is in force; the next `relight run` goes on with it"
        in relight("apply", "out/plan.json", "--yes", cwd=project).stdout
    )
    assert (
        "has gone stale: another version is in force"
        in relight("apply", "out/plan.json", "--yes", cwd=project, code=1).stderr
    )
    assert relight("apply", cwd=project).stdout.rstrip().endswith("is in force.")
    first, second = _versions(project)
    relight("run", cwd=project)
    relight("replay", cwd=project)
    assert relight_json("rollback", "--yes", cwd=project)["version"] == first
    assert "were rolled back" in relight("run", cwd=project).stdout
    assert _versions(project) == [first, second, first]
    assert relight("rollback", "--list", cwd=project).stdout.rstrip().endswith("in force")
    relight("apply", "--yes", cwd=project)
    assert "were rolled back" not in relight("run", cwd=project).stdout
    assert _versions(project) == [first, second, first, second]
    assert "more than one" in relight("rollback", "", "--yes", cwd=project, code=64).stderr
    edit(project / "rules/winback_30d.yaml", "21 days", "22 days")
    assert "the folder has changed since" in relight("apply", "out/plan.json", "--yes", cwd=project, code=1).stderr


def test_a_run_says_what_an_edited_folder_changes(project: Path) -> None:
    """A start that puts an edit in force names both versions and each key, and how to take it back."""
    (first,) = _versions(project)
    assert relight("run", cwd=project).stderr == "Running Corner Books …\n"
    _lower(project)
    told = relight("run", cwd=project).stderr
    _, second = _versions(project)
    assert f"The folder has changed: version {second[:8]} comes into force now, after {first[:8]}:\n" in told
    assert re.search(r"  ~ winback_30d +changed +rules/winback_30d.yaml:3 +inactive: 30 days -> 21 days\n", told)
    assert "No rule test was asked. `relight rollback` takes it back" in told


def test_a_project_can_leave_edits_to_apply(project: Path) -> None:
    """With `needs_apply` a start goes on with the version in force, says so, and only `apply` changes that."""
    edit(project / "config/default.yaml", "store:", "plan: {needs_apply: true}\n\nstore:")
    versions = _versions(project)
    edit(project / "rules/winback_30d.yaml", "inactive: 30 days", "inactive: 21 days")
    done = relight("run", cwd=project)
    assert f"The folder differs from version {versions[-1][:8]}, which stays in force:\n" in done.stderr
    assert "were not applied; those before them go on" in done.stdout
    assert "rule tests failed" in relight("apply", "--yes", cwd=project, code=1).stdout
    told = relight_json("run", cwd=project)
    assert (told["unapplied"], told["version"], _versions(project)) == (True, versions[-1], versions)


def test_nobody_is_asked_off_a_terminal(project: Path) -> None:
    """Without a terminal the flag is named: 64, and nothing changes."""
    _lower(project)
    assert "--yes" in relight("apply", cwd=project, code=64).stderr
    assert "--yes" in relight("apply", "--json", cwd=project, code=64).stderr
    assert len(_versions(project)) == 1


@pytest.mark.parametrize(("answer", "versions", "code"), [("yes", 2, 0), ("y", 1, 1), ("no", 1, 1)])
def test_on_a_terminal_only_yes_goes_ahead(project: Path, answer: str, versions: int, code: int) -> None:
    """The plan is shown, the question asked; anything but `yes` changes nothing."""
    _lower(project)
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        done = run_program(
            [sys.executable, "-m", "relight", "apply"], cwd=project, env=ENVIRONMENT, stdin=theirs,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Apply these changes? Only 'yes' goes ahead:" in done.stderr
    assert (done.returncode, len(_versions(project))) == (code, versions)


def test_plan_apply_and_rollback_on_a_server(
    new_project: Path, tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL the same: the people touched and the forecast of the same events, apply, run, rollback."""
    monkeypatch.setitem(ENVIRONMENT, "SHOP_DATABASE", postgres.new_schema())
    folder = copy_project(new_project, tmp_path / "shop", with_store=False)
    edit(folder / "config/default.yaml", "sqlite: data/relight.db", 'postgres: "${SHOP_DATABASE}"')
    twin = copy_project(new_project, tmp_path / "twin", with_store=False)
    told = []
    for one in (folder, twin):
        relight("run", "--until", "2026-05-20", cwd=one)
        _lower(one)
        told.append(relight_json("plan", cwd=one))
    assert {key: told[0][key] for key in ("touched", "customers")} == {
        key: told[1][key] for key in ("touched", "customers")
    }
    assert told[0]["forecast"]["new"] == told[1]["forecast"]["new"]
    assert told[0]["touched"]["winback_30d"]["passed"] > 0
    relight("apply", "--yes", cwd=folder)
    relight("run", cwd=folder)
    assert "were rolled back" not in relight("rollback", "--yes", cwd=folder).stdout
    assert "were rolled back" in relight("run", cwd=folder).stdout


# ---------------------------------------------------------------- beside a running engine
@contextmanager
def _engine(folder: Path) -> Iterator[None]:
    log = folder / "engine.log"
    with log.open("w", encoding="utf-8") as said:
        running = Program(
            [sys.executable, "-m", "relight", "run"], cwd=folder, env=ENVIRONMENT, stdout=said, stderr=said,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        yield
    finally:
        running.send_signal(signal.SIGTERM)
        code = running.wait(ENGINE_SECONDS)
    assert code == 130, log.read_text(encoding="utf-8")


def _order(folder: Path, customer: str, numbers: range) -> None:
    now = dt.datetime.now(dt.UTC).isoformat()
    with (folder / "events.ndjson").open("a", encoding="utf-8") as file:
        for number in numbers:
            row = {"id": f"{customer}-{number}", "event": "order_placed", "customer": customer, "at": now}
            file.write(json.dumps(row) + "\n")


def _rows_of(folder: Path, customer: str, count: int) -> list[tuple[str, str]]:
    ends = time.monotonic() + ENGINE_SECONDS
    while time.monotonic() < ends:
        with suppress(StoreError):  # the engine may be about to make it
            rows = [row for row in ledger_of(folder) if row.customer == customer]
            if len(rows) >= count:
                return [(row.occurrence, row.plan_version) for row in rows if not row.step]
        time.sleep(0.1)
    pytest.fail(f"no {count} rows of {customer}: {(folder / 'engine.log').read_text(encoding='utf-8')}")


def test_a_running_engine_takes_a_version_and_gives_it_back(new_project: Path, tmp_path: Path) -> None:
    """Plan, apply and rollback beside a running engine: what comes after is decided by the version in force then."""
    folder = copy_project(new_project, tmp_path / "shop", with_store=False)
    edit(folder / "streams/shop.yaml", "{file: events.ndjson}", "{file: events.ndjson, follow: true}")
    edit(folder / "config/default.yaml", "web: {", f'web: {{listen: "127.0.0.1:{free_port()}", ')
    (folder / "events.ndjson").write_text("", encoding="utf-8")
    for path in (folder / "tests/rules").glob("*.yaml"):
        path.unlink()
    with _engine(folder):
        _order(folder, "ada", range(5))
        assert [occurrence for occurrence, _ in _rows_of(folder, "ada", 1)] == ["milestone:5"]
        edit(folder / "rules/fifth_order.yaml", "at: [5]", "at: [3]")
        assert "at: [5] -> [3]" in relight("plan", cwd=folder).stdout
        assert "The running engine follows version" in relight("apply", "--yes", cwd=folder).stdout
        _order(folder, "ben", range(3))
        first, second = _versions(folder)
        assert _rows_of(folder, "ben", 1) == [("milestone:3", second)]
        # What the engine reads and sends by cannot change under it; what is stale is refused by the engine itself.
        edit(folder / "streams/shop.yaml", "  signed_up: {}", "  signed_up: {}\n  signed_out: {}")
        assert "the streams differ" in relight("apply", "--yes", cwd=folder, code=1).stderr
        edit(folder / "streams/shop.yaml", "\n  signed_out: {}", "")
        assert relight_json("rollback", first[:8], "--yes", cwd=folder)["ok"] is True
        _order(folder, "cem", range(5))
        assert _rows_of(folder, "cem", 1) == [("milestone:5", first)]
    with _engine(folder):
        _order(folder, "dan", range(5))
        assert _rows_of(folder, "dan", 1) == [("milestone:5", first)]
    assert _versions(folder) == [first, second, first]
    relight("replay", cwd=folder)
