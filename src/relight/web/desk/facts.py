"""One page as facts: what HTML, JSON and CSV show alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: A cell of a table, or a fact.
Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What `.csv` holds: one header, and rows of equal length."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Value]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one address shows."""

    #: Template of `desk/pages`, and key of its title among the texts.
    name: str
    #: As JSON; the template gets the same by name.
    facts: Mapping[str, object]
    table: Table
    #: What only the template needs: charts and the like, drawn from the facts.
    drawn: Mapping[str, object] = field(default_factory=dict)
    #: Appended to the title.
    subject: str = ""
