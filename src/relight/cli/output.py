"""What a command says: results on stdout, everything else on stderr.

One JSON object; marks and colours only where they are wanted.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

import click

#: A mark's colour.
_COLORS = {"ok": "green", "yes": "green", "NO": "red", "FAIL": "red", "warn": "yellow", "??": "yellow"}


def say(text: str = "") -> None:
    """Write one result to stdout."""
    click.echo(text)


def note(text: str) -> None:
    """Write one line beside the results, to stderr."""
    click.echo(text, err=True)


def fail(text: str, help_text: str | None = None) -> None:
    """Write an error and what to do about it to stderr, the most important line last."""
    if help_text:
        click.echo(f"help: {help_text}", err=True)
    click.echo(click.style("error: ", fg="red", bold=True) + text, err=True)


def marked(mark: str, width: int = 4) -> str:
    """Return a mark (`yes`, `NO`, `ok`, `FAIL`) padded and in its colour."""
    padded = mark.ljust(width)
    return click.style(padded, fg=_COLORS[mark], bold=mark in {"NO", "FAIL"}) if mark in _COLORS else padded


def say_json(command: str, body: Mapping[str, object], *, version: int = 1) -> None:
    """Write the one JSON object of `--json`: `{"schema": "check/1", …}`."""
    click.echo(json.dumps({"schema": f"{command}/{version}", **body}, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def table(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> list[str]:
    """Return rows as lines with aligned columns; `right` names those aligned to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    lines = []
    for row in rows:
        cells = [cell.rjust(widths[at]) if at in right else cell.ljust(widths[at]) for at, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    return lines


def count_of(number: int, noun: str) -> str:
    """Return `1 rule`, `14 rules`, `1,200 rules`."""
    is_regular = not noun.endswith("y") or noun.endswith(("ay", "ey", "oy"))
    ending = "es" if noun.endswith("s") else "s"
    plural = noun if number == 1 else f"{noun}{ending}" if is_regular else f"{noun[:-1]}ies"
    return f"{number:,} {plural}"
