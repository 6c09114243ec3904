"""Why a record is refused, and what a stream counted. A refusal ends in a dead letter (V2)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from relight.base.errors import RejectError

#: Characters of a found value that a reason shows; the whole stands in the dead letter's bytes.
SHOWN_CHARACTERS_MAX = 60


class RefusalError(RejectError):
    """One record is refused; `code` is kebab-case and stable."""

    def __init__(self, code: str, reason: str) -> None:
        """Keep the code and one sentence with what was found and what was expected."""
        super().__init__(reason)
        self.code = code


def show_value(value: object) -> str:
    """Return a value as JSON-like text, cut where it is long."""
    if value is None:
        text = "null"
    elif value is True or value is False:
        text = "true" if value else "false"
    elif isinstance(value, dict):
        text = "an object"
    elif isinstance(value, str):
        text = '"' + value[: SHOWN_CHARACTERS_MAX + 1] + '"'
    else:
        text = repr(value) if isinstance(value, int) and abs(value) < 10**SHOWN_CHARACTERS_MAX else _bounded_text(value)
    safe = text if text.isprintable() else ascii(text)[1:-1]
    return safe if len(safe) <= SHOWN_CHARACTERS_MAX else safe[: SHOWN_CHARACTERS_MAX - 1] + "…"


def _bounded_text(value: object) -> str:
    if isinstance(value, int):
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return str(value)


@dataclass(slots=True)
class Counts:
    """What became of a stream's records; grows only by declared codes and by at most UNDECLARED_NAMES_MAX names."""

    #: Records read.
    rows: int = 0
    #: Records that `rows` filtered out.
    filtered: int = 0
    #: Events made.
    events: int = 0
    #: Blank lines, which are no records.
    blank: int = 0
    #: Records of a finished file after its horizon.
    after_horizon: int = 0
    #: Undeclared events by name; `…` holds those beyond the first UNDECLARED_NAMES_MAX names.
    undeclared: Counter[str] = field(default_factory=Counter)
    #: Dead letters by code.
    dead: Counter[str] = field(default_factory=Counter)

    def add_undeclared(self, name: str) -> None:
        """Count one undeclared event."""
        known = name in self.undeclared or len(self.undeclared) < UNDECLARED_NAMES_MAX
        self.undeclared[name if known else "…"] += 1


#: Names of undeclared events that are counted one by one; a client that makes names up must not fill memory.
UNDECLARED_NAMES_MAX = 1000
