"""Exit codes, streams of output, and what a wrong command line says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from relight.stores.sqlite import SqliteStore
from tests.acceptance.cli_kit import ENVIRONMENT, copy_project, edit, mails_of, relight, relight_json


def test_fine_is_0(tmp_path: Path) -> None:
    """A command that did what it should leaves with 0 and writes its result to stdout alone."""
    done = relight("version", cwd=tmp_path)
    assert re.fullmatch(r"relight \d+\.\d+\.\d+\n", done.stdout)
    assert done.stderr == ""


def test_problems_are_1(new_project: Path, tmp_path: Path) -> None:
    """A project with an error leaves with 1; `run` names every problem and makes no store."""
    project = copy_project(new_project, tmp_path / "shop")
    edit(project / "rules/welcome.yaml", "signed_up", "signed_off")
    done = relight("run", cwd=project, code=1)
    assert "signed_up" in done.stderr
    assert not (project / "data").exists()


def test_wrong_usage_is_64(tmp_path: Path) -> None:
    """An unknown command, option or choice leaves with 64 and names the nearest one."""
    assert "did you mean 'explain'?" in relight("explian", cwd=tmp_path, code=64).stderr
    assert "--jsn" in relight("version", "--jsn", cwd=tmp_path, code=64).stderr
    assert "tcsh" in relight("completion", "tcsh", cwd=tmp_path, code=64).stderr


def test_an_option_before_its_command_is_told_where_it_belongs(tmp_path: Path) -> None:
    """`relight --project X run` leaves with 64 and shows the order that works."""
    assert "relight run --project" in relight("--project", "x", "run", cwd=tmp_path, code=64).stderr


def test_wrong_names_are_64(run_project: Path) -> None:
    """A rule or customer that does not exist leaves with 64 and names the nearest one."""
    assert "did you mean 'winback_30d'?" in relight("simulate", "winbak_30d", cwd=run_project, code=64).stderr
    assert "did you mean 'b00012'?" in relight("explain", "b00012x", cwd=run_project, code=64).stderr


def test_a_store_in_use_is_69(new_project: Path, tmp_path: Path) -> None:
    """A store that another process has leaves with 69 and names that process."""
    project = copy_project(new_project, tmp_path / "shop")
    (project / "data").mkdir()
    store = SqliteStore.open(project / "data/relight.db")
    try:
        assert "in use by process" in relight("run", cwd=project, code=69).stderr
    finally:
        store.close()


def test_a_missing_input_is_69(new_project: Path, tmp_path: Path) -> None:
    """A file of events that is not there leaves with 69 and names it."""
    project = copy_project(new_project, tmp_path / "shop")
    (project / "events.ndjson").unlink()
    said = relight("run", cwd=project, code=69).stderr
    assert "there is no file events.ndjson" in said
    assert "streams/shop.yaml" in said


def test_a_place_that_cannot_be_written_is_69(new_project: Path, run_project: Path, tmp_path: Path) -> None:
    """Neither a fault of ours nor silence: the place is named, mails wait, and the run after the mending hands over."""
    project = copy_project(new_project, tmp_path / "shop")
    (project / "out").write_text("in the way", encoding="utf-8")
    told = relight("preview", "welcome", cwd=project, code=69).stderr
    assert "error: out" in told
    assert "move it" in told
    outbox = project / "outbox"
    outbox.write_text("in the way", encoding="utf-8")
    told = relight("run", cwd=project, code=69).stdout
    assert "handed over 0 mails" in told
    assert "Mails wait: " in told
    assert relight_json("run", cwd=project, code=69)["handed_over"] == 0
    outbox.unlink()
    assert relight_json("run", cwd=project)["handed_over"] == len(mails_of(run_project))
    assert mails_of(project) == mails_of(run_project)


def test_our_own_fault_is_70(new_project: Path, tmp_path: Path) -> None:
    """A fault of ours leaves with 70 and the path of a report that has the traceback and no address."""
    project = copy_project(new_project, tmp_path / "shop")
    done = relight("run", cwd=project, code=70, env={"RELIGHT_CRASH_AT": "nowhere:1", "TMPDIR": str(tmp_path)})
    found = re.search(r"the report is in (\S+)", done.stderr)
    assert found is not None
    report = Path(found[1]).read_text(encoding="utf-8")
    assert "Traceback" in report
    assert "names no crash point" in report


def test_no_project_is_78(new_project: Path, tmp_path: Path) -> None:
    """Without a project, or with a config that cannot be found, the code is 78 and `init` is named."""
    for arguments in (["check"], ["run"], ["explain", "b00001"], ["check", "nowhere"], ["run", "--project", "nowhere"]):
        done = relight(*arguments, cwd=tmp_path, code=78)
        assert "error:" in done.stderr
    assert "relight init" in relight("run", cwd=tmp_path, code=78).stderr
    project = copy_project(new_project, tmp_path / "shop")
    (project / "config/default.yaml").unlink()
    relight("check", str(project), cwd=tmp_path, code=78)


def test_check_reads_the_project_that_is_named(new_project: Path, tmp_path: Path) -> None:
    """Without a path `check` means the project every other command means: --project, RELIGHT_PROJECT, the one around."""
    other = copy_project(new_project, tmp_path / "other", with_store=False)
    edit(other / "rules/welcome.yaml", "trigger:", "triger:")
    assert "triger" in relight("check", "--project", str(other), cwd=new_project, code=1).stdout
    assert "triger" in relight("check", cwd=new_project, env={"RELIGHT_PROJECT": str(other)}, code=1).stdout
    relight("check", cwd=new_project)
    relight("check", "rules/welcome.yaml", cwd=new_project, env={"RELIGHT_PROJECT": str(other)})


def test_json_is_one_object(run_project: Path) -> None:
    """`--json` prints one object that names its schema; progress stays on stderr."""
    done = relight("replay", "--json", cwd=run_project)
    assert json.loads(done.stdout)["schema"] == "replay/1"
    assert "Deciding again" in done.stderr


def test_colour_is_asked_for(tmp_path: Path) -> None:
    """Nothing is coloured in a pipe unless asked, and NO_COLOR is kept to."""
    assert "\x1b[" not in relight("run", cwd=tmp_path, code=78).stderr
    assert "\x1b[" in relight("--color", "always", "run", cwd=tmp_path, code=78).stderr
    assert "\x1b[" not in relight("run", cwd=tmp_path, code=78, env={"NO_COLOR": "1"}).stderr


def test_a_reader_that_goes_away_is_no_fault(tmp_path: Path) -> None:
    """A pipe that is closed early ends the command quietly."""
    with subprocess.Popen(
        [sys.executable, "-m", "relight", "schema", "rule"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read()
    assert "fault" not in told
    assert "Traceback" not in told
