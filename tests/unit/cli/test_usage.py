"""A wrong use of the command line: two lines, how it is used and, last, what is wrong."""

from __future__ import annotations

import pytest

from relight.cli.exit_codes import ExitCode
from relight.cli.main import main

WHOLE = "help: relight [OPTIONS] COMMAND [ARGS]...; more with `relight --help`"
PLAN = "help: relight plan [OPTIONS]; more with `relight plan --help`"
LETTERS = "help: relight dead-letters [OPTIONS] COMMAND [ARGS]...; more with `relight dead-letters --help`"
CASES = [
    (["plan", "--peopel", "3"], PLAN, "there is no option '--peopel'; did you mean '--people'?"),
    (["plan", "--xyz"], PLAN, "there is no option '--xyz'"),
    (["plan", "--people", "x"], PLAN, "--people: 'x' is no whole number"),
    (["plan", "--people", "0"], PLAN, "--people: 0 is not in the range 1<=x<=100000"),
    (["plan", "extra"], PLAN, "got unexpected extra argument (extra)"),
    (["explain"], "help: relight explain [OPTIONS] CUSTOMER [RULE]; more with `relight explain --help`",
     "missing argument 'CUSTOMER'"),
    (["checkk"], WHOLE, "there is no command 'checkk'; did you mean 'check'?"),
    (["dead-letters", "lst"], LETTERS, "relight dead-letters: there is no command 'lst'; did you mean 'list'?"),
    (["dead-letters"], LETTERS, "relight dead-letters: which of dismiss, list, replay, show?"),
    (["--json", "plan"], WHOLE, "--json stands after the command: relight run --json …"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "hint", "error"), CASES, ids=[" ".join(case[0]) for case in CASES])
def test_a_wrong_use_is_told_in_two_lines(
    arguments: list[str], hint: str, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """How the command is used in one line, then what is wrong; never the whole help; 64."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"{hint}\nerror: {error}\n")
    assert left.value.code == ExitCode.USAGE


def test_the_bare_program_tells_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """Who says nothing is told everything."""
    with pytest.raises(SystemExit):
        main([])
    assert "dead-letters  List, show, replay and dismiss" in capsys.readouterr().err
