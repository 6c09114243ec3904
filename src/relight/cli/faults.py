"""What went wrong, in words and an exit code: expected errors in one line and what to do.

A fault of ours in a report file.
"""

from __future__ import annotations

import errno
import os
import sys

import click

from relight import __version__
from relight.base.errors import (
    BackpressureError,
    FaultError,
    ProjectError,
    RejectError,
    RelightError,
    ServiceError,
    StoreError,
    TransientError,
    UsageError,
)
from relight.base.masking import mask_addresses
from relight.cli.exit_codes import ExitCode
from relight.cli.output import fail

#: The first class that fits decides.
_CODES: tuple[tuple[type[RelightError], ExitCode], ...] = (
    (UsageError, ExitCode.USAGE),
    (ServiceError, ExitCode.UNREACHABLE),
    (StoreError, ExitCode.UNREACHABLE),
    (BackpressureError, ExitCode.UNREACHABLE),
    (TransientError, ExitCode.UNREACHABLE),
    (RejectError, ExitCode.PROBLEMS),
)

#: What the machine refuses, and what to do about it: no fault of ours.
_REFUSED = {
    errno.EACCES: "give this user the right to it, or name another place",
    errno.EPERM: "give this user the right to it, or name another place",
    errno.EMFILE: "let this process open more files (`ulimit -n`), then start again: what was acknowledged is kept",
    errno.ENFILE: "this machine has too many files open; then start again: what was acknowledged is kept",
    errno.ENOMEM: "give this process more memory (`ulimit -v`), then start again: what was acknowledged is kept",
    errno.EIO: "look at the disk, then start again: what was acknowledged is kept",
    errno.EROFS: "that disk is read-only; name another place",
    errno.ENOSPC: "make room on the disk; the next start continues",
    errno.EDQUOT: "make room on the disk; the next start continues",
    errno.ENOTDIR: "a file stands where a folder is needed; move it, or name another place",
    errno.EEXIST: "a file stands where a folder is needed; move it, or name another place",
    errno.EISDIR: "a folder stands where a file is needed; move it, or name another place",
}


class NoProjectError(RelightError):
    """There is no project here."""


def report(error: Exception) -> ExitCode:
    """Say what went wrong on stderr and return the exit code."""
    if isinstance(error, ProjectError):
        from relight.cli.problem_list import show_problems

        show_problems(error.problems)
        fail(str(error), error.help_text)
        return ExitCode.PROBLEMS
    if isinstance(error, NoProjectError):
        fail(str(error), error.help_text)
        return ExitCode.NO_PROJECT
    if isinstance(error, RelightError) and not isinstance(error, FaultError):
        for kind, code in _CODES:
            if isinstance(error, kind):
                fail(mask_addresses(str(error)), error.help_text)
                return code
    if isinstance(error, OSError) and error.errno in _REFUSED:
        where = f"{error.filename}: " if error.filename else ""
        fail(f"{where}{error.strerror}", _REFUSED[error.errno])
        return ExitCode.UNREACHABLE
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "start new thread" in str(error)):
        fail("there is no memory left for this process", _REFUSED[errno.ENOMEM])
        return ExitCode.UNREACHABLE
    path = write_report(error)
    click.echo(mask_addresses(f"{type(error).__name__}: {error}"), err=True)
    fail(f"this is a fault of relight, not of your project; the report is in {path}", "please send it to us")
    return ExitCode.FAULT


def write_report(error: Exception) -> str:
    """Write what happened to a new file and return its path.

    Addresses in it are masked, and no value of the environment is.
    """
    import platform
    import tempfile
    import traceback

    told = "".join(traceback.format_exception(error))
    lines = [
        f"relight {__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"arguments: {sys.argv[1:]}",
        f"variables set: {', '.join(sorted(k for k in os.environ if k.startswith('RELIGHT')))}",
        "",
        told,
    ]
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="relight-fault-", suffix=".txt", delete=False
    ) as file:
        file.write(mask_addresses("\n".join(lines)))
    return file.name
