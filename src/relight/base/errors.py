"""The one exception tree. A class's docstring is its default message.

RelightError
├── ProjectError      the project folder cannot be used; carries problems (exit 78 or 1)
├── UsageError        the command line asks for something that does not exist (exit 64)
├── RejectError       this input is refused, others go on (dead letter)
├── BackpressureError hold: nothing is lost, try again when there is room
├── TransientError    retry: the same call may succeed later
├── ServiceError      a needed service cannot be reached (exit 69)
├── StoreError        the store is locked, damaged or of another version
└── FaultError        a fault of ours (exit 70)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relight.base.problems import Problem


class RelightError(Exception):
    """Something went wrong in relight."""

    def __init__(self, message: str | None = None, *, help_text: str | None = None) -> None:
        """Keep the message (default: the docstring of the class) and what the reader can do about it."""
        super().__init__(message or (type(self).__doc__ or "").strip())
        #: What to do next, one sentence; None when the message says it.
        self.help_text = help_text


class ProjectError(RelightError):
    """The project folder has problems."""

    def __init__(self, problems: Sequence[Problem], message: str | None = None) -> None:
        """Keep all problems, so that they can be printed at once."""
        super().__init__(message or "; ".join(str(p) for p in problems[:3]))
        self.problems = tuple(problems)


class UsageError(RelightError):
    """The command was used wrongly."""


class RejectError(RelightError):
    """This input was refused."""


class BackpressureError(RelightError):
    """No room now; nothing was lost, try again."""


class TransientError(RelightError):
    """A passing failure; the same call may succeed later."""


class ServiceError(RelightError):
    """A needed service cannot be reached."""


class StoreError(RelightError):
    """The store cannot be used."""


class FaultError(RelightError):
    """This is a fault of relight; please report it."""
