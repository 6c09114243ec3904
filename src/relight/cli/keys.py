"""`relight keys`: write keys for events over HTTP; only their hashes are kept."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.base.errors import UsageError
from relight.base.suggest import suggest_words
from relight.cli.output import count_of, note, say, say_json, table
from relight.cli.project import Project, open_project, project_options
from relight.cli.run import wall_clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from relight.stores.write_keys import WriteKey, WriteKeys


@click.group("keys", short_help="Make, list and revoke write keys for events over HTTP.")
def command() -> None:
    """Make, list and revoke write keys for events over HTTP."""


@command.command("create", short_help="Make a key; it is shown once.")
@click.argument("stream")
@click.option("--name", default="", metavar="TEXT", help="What to call it in lists.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def create(*, stream: str, name: str, as_json: bool, project: Path | None, environment: str | None) -> None:
    """Make a key for a stream with `source: {http: …}`. It is shown once: only its hash is kept."""
    from relight.stores.write_keys import KEY_BYTES, KEY_PREFIX

    found = open_project(project, environment)
    _check_stream(found, stream)
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    with _opened(found) as keys:
        made = keys.add(key, stream=stream, name=name, now=wall_clock())
    if as_json:
        say_json("keys-create", {"ok": True, "key": key, **_as_json(made)})
        return
    note("This key is shown once; put it where your clients read their secrets.")
    say(key)


@command.command("list", short_help="List the keys by their first characters.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def list_keys(*, as_json: bool, project: Path | None, environment: str | None) -> None:
    """List the keys by their first characters; the keys themselves are kept nowhere."""
    from relight.base.instants import format_instant

    found = open_project(project, environment)
    with _opened(found) as keys:
        listed = keys.all()
    if as_json:
        say_json("keys", {"ok": True, "keys": [_as_json(one) for one in listed]})
        return
    if not listed:
        say("no keys")
        return
    zone = found.plan.policy.zone
    rows = [
        (
            str(one.id),
            f"{one.shown}…",
            one.stream,
            one.name,
            f"made {format_instant(one.created, zone)[:16]}",
            "works" if one.revoked is None else f"revoked {format_instant(one.revoked, zone)[:16]}",
        )
        for one in listed
    ]
    for line in table(rows, right=frozenset({0})):
        say(line)
    say(count_of(sum(1 for one in listed if one.revoked is None), "key") + " in use")


@command.command("revoke", short_help="Let a key work no more.")
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def revoke(*, number: int, as_json: bool, project: Path | None, environment: str | None) -> None:
    """Let a key work no more; what it sent stays. A running `relight web` notices within seconds."""
    found = open_project(project, environment)
    with _opened(found) as keys:
        if not keys.revoke(number, wall_clock()):
            raise UsageError(f"there is no key {number} that works", help_text="`relight keys list` numbers them")
    if as_json:
        say_json("keys-revoke", {"ok": True, "id": number})
    else:
        say(f"Key {number} works no more.")


def _check_stream(project: Project, stream: str) -> None:
    over_http = sorted(name for name, plan in project.loaded.streams.items() if plan.source.kind == "http")
    if stream in over_http:
        return
    if stream in project.loaded.streams:
        message = f"the stream '{stream}' does not take HTTP"
        raise UsageError(message, help_text=f"write `source: {{http: {stream}}}` in streams/{stream}.yaml")
    near = suggest_words(stream, over_http)
    raise UsageError(f"there is no stream '{stream}'" + (f"; {near}" if near else ""))


def _opened(project: Project) -> AbstractContextManager[WriteKeys]:
    from contextlib import contextmanager

    from relight.stores.write_keys import WriteKeys, keys_path

    @contextmanager
    def opened() -> Iterator[WriteKeys]:
        path = keys_path(project.store_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        keys = WriteKeys.open(path)
        try:
            yield keys
        finally:
            keys.close()

    return opened()


def _as_json(key: WriteKey) -> dict[str, object]:
    from relight.base.instants import iso_utc

    return {
        "id": key.id,
        "shown": key.shown,
        "stream": key.stream,
        "name": key.name,
        "created": iso_utc(key.created),
        "revoked": None if key.revoked is None else iso_utc(key.revoked),
    }
