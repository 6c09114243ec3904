"""What the site holds, in the order of its navigation: a tutorial, how-tos, reference, why, and running it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: Heading -> pages, as paths of the repository. A page of docs/ that has no place yet comes last, under REST.
CONTENTS: dict[str, tuple[str, ...]] = {
    "Begin": ("docs/README.md", "docs/tutorial.md", "docs/cookbook.md"),
    "How to": (
        "docs/how-to/README.md",
        "docs/how-to/write-a-rule.md",
        "docs/how-to/change-a-rule.md",
        "docs/how-to/bring-events-in.md",
        "docs/how-to/send-for-real.md",
        "docs/how-to/try-the-whole-way.md",
        "docs/how-to/pause-everything.md",
        "docs/how-to/hear-of-a-stop.md",
        "docs/how-to/read-why-not.md",
        "docs/how-to/erase-a-customer.md",
    ),
    "Reference": (
        "docs/reference/streams.md",
        "docs/reference/rules.md",
        "docs/reference/conditions.md",
        "docs/rule-tests.md",
        "docs/reference/config.md",
        "docs/reference/cli.md",
        "docs/measures.md",
        "docs/metrics.md",
        "docs/glossary.md",
    ),
    "Why": (
        "docs/semantics.md",
        "ARCHITECTURE.md",
        "docs/entry-life.md",
        "docs/message-life.md",
        "docs/reliability.md",
        "docs/comparison.md",
        "docs/performance.md",
    ),
    "Run it": ("docs/accounts.md", "docs/delivery.md", "docs/kafka.md", "docs/operations.md"),
    "Work on it": ("CONTRIBUTING.md", "docs/style.md"),
}


#: Heading of the pages that nobody has given a place.
REST = "More"


class DocumentationError(Exception):
    """The documentation cannot be built."""


def contents() -> dict[str, tuple[str, ...]]:
    """Return heading -> pages with every page of docs/; raises DocumentationError for a page that is not there."""
    named = [name for names in CONTENTS.values() for name in names]
    gone = [name for name in named if not (ROOT / name).is_file()]
    if gone or len(named) != len(set(named)):
        raise DocumentationError(f"docsite/contents.py names {gone}, which are not there, or one page twice")
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}
    rest = tuple(sorted(there - set(named)))
    return CONTENTS | ({REST: rest} if rest else {})


def pages() -> Iterator[tuple[str, str]]:
    """Yield (heading, page) in the order of the navigation."""
    for heading, names in contents().items():
        yield from ((heading, name) for name in names)


def address_of(name: str) -> str:
    """Return where a page lies in the site: `docs/how-to/README.md` is `how-to/index.html`."""
    path = name.removeprefix("docs/").removesuffix(".md").lower()
    return f"{path.removesuffix('readme')}index.html" if path.endswith("readme") else f"{path}.html"
