"""A project of one stream and one letter, written where a test wants it, and its events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from relight.base.instants import iso_utc

#: 2026-03-02 09:00 UTC, a Monday.
T0 = 1_772_442_000_000_000
SECRET = "a secret of a test, long enough"
QUIET = "trigger: {inactive: 7 days, activity: [used]}\nsend: hello\n"

_CONFIG = """
project: {{name: small, zone: UTC, locale: en, currency: EUR}}
sender: {{name: Desk, address: desk@small.example, reply_to: desk@small.example, postal_address: "1 Example Street"}}
topics: {{news: {{default: opted_in}}}}
classes: {{marketing: {{topic: news, caps: {caps}}}}}
holdout: {{share: 0%, salt: 1}}
store: {{sqlite: data/relight.db}}
delivery: {delivery}
web: {{base_url: "https://mail.small.example", secret: "${{LINK_SECRET}}"}}
engine: {{batch: {batch}}}
"""
_BODY = """<!DOCTYPE html>
<html lang="{{ locale }}"><head><meta charset="utf-8"><title>Hello</title></head><body>
<p>Hello from us.</p>
<p>{{ sender.postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>
</body></html>
"""
_STREAM = """
source: {source}
id: id
time: {{field: at}}
customer: customer
name: event
{arrives}
traits: {{email: email}}
events:
  used: {{}}
  ordered: {{properties: {{order: text}}}}
"""


def write_project(
    folder: Path,
    rules: Mapping[str, str],
    *,
    follow: bool = False,
    delivery: str = "{files: outbox/}",
    caps: str = "[]",
    batch: int = 10,
) -> Path:
    """Write the files of a project; rules that were there and are not given are taken away."""
    for name in ("config", "streams", "rules", "data", "templates/hello"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "config/default.yaml").write_text(_CONFIG.format(caps=caps, delivery=delivery, batch=batch))
    source = "{file: data/app.ndjson, follow: true}" if follow else "{file: data/app.ndjson}"
    stream = _STREAM.format(source=source, arrives="" if follow else "arrives: arrives")
    (folder / "streams/app.yaml").write_text(stream)
    for path in (folder / "rules").iterdir():
        path.unlink()
    for name, text in rules.items():
        (folder / f"rules/{name}.yaml").write_text(text)
    for name, text in {
        "subject.txt": "Hello",
        "preheader.txt": "It has been a while",
        "body.txt": "Hello from us.\n\n{{ sender.postal_address }}\n{{ unsubscribe_url }}\n",
        "body.html": _BODY,
    }.items():
        (folder / "templates/hello" / name).write_text(text)
    return folder


def line(number: int, customer: str, event: str, at: int, *, arrives: int | None = None, **more: str) -> str:
    """Return one line of the stream; instants in µs."""
    row = {"id": f"e{number}", "customer": customer, "event": event, "at": iso_utc(at)} | more
    return json.dumps(row | ({} if arrives is None else {"arrives": iso_utc(arrives)})) + "\n"


def add(folder: Path, *lines: str) -> None:
    """Append to the stream's file."""
    with (folder / "data/app.ndjson").open("a", encoding="utf-8") as file:
        file.write("".join(lines))
