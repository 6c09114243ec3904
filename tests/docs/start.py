"""Where a reader of a page begins: in an empty folder where the page makes its project, else in a shop that has run."""

from __future__ import annotations

from tests.docs.page_parts import Command, parts_of
from tests.docs.reader import Reader
from tests.support.pages import free_port

#: Port of `relight web` where a config names none.
WEB_PORT = "8080"


def begins_with_init(text: str) -> bool:
    """Return whether a page's first command makes a project."""
    first = next((part for part in parts_of(text) if isinstance(part, Command)), None)
    return first is not None and first.text.startswith("relight init")


def with_port(reader: Reader) -> None:
    """Give the shop's pages a port that is free here, under the name that the page calls it by."""
    port = reader.ports.setdefault(WEB_PORT, free_port())
    config = reader.folder / "config/default.yaml"
    text = config.read_text(encoding="utf-8")
    old = 'web: {base_url: "https://mail.cornerbooks.example"}'
    assert old in text
    config.write_text(text.replace(old, f'{old[:-1]}, listen: "127.0.0.1:{port}"}}'), encoding="utf-8")
