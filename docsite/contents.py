"""What the site holds, in the order of its navigation: a tutorial, how-tos, reference, why, and running it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: Heading -> pages, as paths of the repository; a page that is missing here, or there, stops the build.
CONTENTS: dict[str, tuple[str, ...]] = {
    "Begin": ("docs/README.md", "docs/tutorial.md", "docs/cookbook.md"),
    "How to": (
        "docs/how-to/README.md",
        "docs/how-to/write-a-rule.md",
        "docs/how-to/change-a-rule.md",
        "docs/how-to/bring-events-in.md",
        "docs/how-to/send-for-real.md",
        "docs/how-to/pause-everything.md",
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
    "Run it": ("docs/delivery.md", "docs/kafka.md", "docs/operations.md"),
    "Work on it": ("CONTRIBUTING.md", "docs/style.md"),
}


class DocumentationError(Exception):
    """The documentation cannot be built."""


def pages() -> Iterator[tuple[str, str]]:
    """Yield (heading, page) in the order of the navigation."""
    for heading, names in CONTENTS.items():
        yield from ((heading, name) for name in names)


def check_contents() -> None:
    """Raise DocumentationError where the navigation and the folder differ."""
    named = [name for _, name in pages()]
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}
    forgotten = sorted(there - set(named))
    gone = [name for name in named if not (ROOT / name).is_file()]
    if forgotten or gone or len(named) != len(set(named)):
        raise DocumentationError(f"docsite/contents.py forgets {forgotten} and names {gone}, or one page twice")


def address_of(name: str) -> str:
    """Return where a page lies in the site: `docs/how-to/README.md` is `how-to/index.html`."""
    path = name.removeprefix("docs/").removesuffix(".md").lower()
    return f"{path.removesuffix('readme')}index.html" if path.endswith("readme") else f"{path}.html"
