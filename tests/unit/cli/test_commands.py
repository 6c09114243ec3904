"""The table of commands, did-you-mean, and what becomes of each kind of error."""

from __future__ import annotations

from collections.abc import Callable

import click
import pytest

from relight.base.errors import BackpressureError, RejectError, RelightError, ServiceError, StoreError, UsageError
from relight.cli.exit_codes import ExitCode
from relight.cli.faults import NoProjectError, report
from relight.cli.main import COMMANDS, cli, run_and_exit


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there(name: str) -> None:
    """Each name of the table leads to a command of that name with help and a short help."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    assert command.help
    assert command.short_help == COMMANDS[name][1]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no such rule"), ExitCode.USAGE),
        (StoreError("in use"), ExitCode.UNREACHABLE),
        (ServiceError("no answer"), ExitCode.UNREACHABLE),
        (BackpressureError("disk full"), ExitCode.UNREACHABLE),
        (RejectError("too many dead letters"), ExitCode.PROBLEMS),
        (NoProjectError("nothing here"), ExitCode.NO_PROJECT),
    ],
)
def test_errors_have_their_codes(error: RelightError, code: ExitCode, capsys: pytest.CaptureFixture[str]) -> None:
    """An expected error is one line on stderr and its code; what to do stands before it, the error comes last."""
    error.help_text = "do this"
    assert report(error) is code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == ["help: do this", f"error: {error}"]


def _raise(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), ExitCode.INTERRUPTED), (click.UsageError("what?"), ExitCode.USAGE)]
)
def test_ctrl_c_and_wrong_usage(error: BaseException, code: ExitCode) -> None:
    """Ctrl-C leaves with 130, click's own complaints with 64."""
    with pytest.raises(SystemExit) as left:
        run_and_exit(click.Command("x", callback=_raise(error)), [])
    assert left.value.code == code.value


def test_the_list_of_commands_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    """`relight --help` names every command in the order of the table."""
    with pytest.raises(SystemExit) as left:
        run_and_exit(cli, ["--help"])
    assert left.value.code == 0
    shown = [line.split()[0] for line in capsys.readouterr().out.split("Commands:")[1].splitlines() if line.strip()]
    assert shown == list(COMMANDS)
