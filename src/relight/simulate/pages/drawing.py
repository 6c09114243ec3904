"""From a template and its values to one HTML file: Jinja2, escaping on, style sheet inlined, whole or not there."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from relight.simulate.pages.mails import seal_mail
from relight.simulate.pages.words import (
    change_text,
    count_text,
    moment_text,
    plural,
    reason_name,
    reason_words,
    share_text,
)

#: The page's own policy. Frames made by `srcdoc` inherit it, and mails are full of inline styles; no script runs.
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'"
#: Suffix of a page that is being written.
PART_SUFFIX = ".part"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("relight.simulate.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(
        change=change_text,
        count=count_text,
        href=file_href,
        moment=moment_text,
        plural=plural,
        reason_name=reason_name,
        reason_words=reason_words,
        seal=seal_mail,
        share=share_text,
    )
    return found


def file_href(path: str) -> str:
    """Return the link to a file beside the page; a colon is quoted, so it cannot name a scheme."""
    return quote(path, safe="/", errors="replace")


def write_page(path: Path, template: str, **values: object) -> Path:
    """Write a page where it belongs and return its path; raises OSError. A reader sees the old page or the new one."""
    style = (files("relight.simulate.pages") / "style.css").read_text("utf-8")
    # The sheet is ours and holds no markup.
    text = _environment().get_template(template).render(policy=PAGE_POLICY, style=Markup(style), **values)  # noqa: S704
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART_SUFFIX)
    part.write_bytes(text.encode("utf-8", "replace"))
    part.replace(path)
    return path
