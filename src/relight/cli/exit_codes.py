"""The exit codes of every command; docs/reference/cli.md has the same table."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a process leaves with."""

    FINE = 0
    #: Problems were found: in rules, by doctor, in what was compared.
    PROBLEMS = 1
    #: Only `plan --detailed-exitcode`: changes are pending.
    PENDING = 2
    #: Wrong usage; click's own 2 is kept for pending changes.
    USAGE = 64
    #: A needed service or input cannot be reached, or another process has the store.
    UNREACHABLE = 69
    #: A fault of relight; the text names the file with the report.
    FAULT = 70
    #: Project or config missing or unreadable.
    NO_PROJECT = 78
    #: Ctrl-C.
    INTERRUPTED = 130
