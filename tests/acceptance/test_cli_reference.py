"""Every command of docs/reference/cli.md works as it is written there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from relight.cli.exit_codes import ExitCode
from relight.cli.main import COMMANDS, cli, run_and_exit
from relight.cli.reference import with_options
from tests.acceptance.cli_kit import copy_project

PAGE = Path(__file__).parents[2] / "docs/reference/cli.md"
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def _commands() -> list[str]:
    blocks = _BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def test_every_command_of_the_page_works(
    run_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each line of the page runs in a new project that ran once, in the order of the page, and leaves with 0."""
    monkeypatch.chdir(copy_project(run_project, tmp_path / "shop"))
    # Pictures have a test of their own; without them the page takes half the time.
    monkeypatch.setenv("PATH", "")
    lines = _commands()
    assert len(lines) > 30
    for line in lines:
        name, *arguments = shlex.split(line)
        assert name == "relight"
        with pytest.raises(SystemExit) as left:
            run_and_exit(cli, arguments)
        told = capfd.readouterr()
        assert left.value.code == 0, f"{line}\n{told.out}\n{told.err}"
        assert told.out.strip(), line


def test_every_command_has_its_section() -> None:
    """A command that is added is described."""
    sections = re.findall(r"^## ([\w-]+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(sections) == set(COMMANDS)


def test_every_option_is_in_the_page() -> None:
    """The tables of options are those of the commands; `python -m relight.cli.reference docs/reference/cli.md` writes
    them anew.
    """
    page = PAGE.read_text(encoding="utf-8")
    assert with_options(page) == page
    assert "`--log text\\|json`" in page


def test_the_table_of_exit_codes_is_the_program_s() -> None:
    """The page and the program name the same codes."""
    written = re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(code) for code in written] == [code.value for code in ExitCode]
