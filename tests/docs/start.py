"""Where a reader of a page begins: in an empty folder where the page makes its project, else in a shop that has run."""

from __future__ import annotations

from tests.docs.page_parts import Command, parts_of


def begins_with_init(text: str) -> bool:
    """Return whether a page's first command makes a project."""
    first = next((part for part in parts_of(text) if isinstance(part, Command)), None)
    return first is not None and first.text.startswith("relight init")
