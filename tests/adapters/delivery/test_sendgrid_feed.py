"""The stand-in's reports: the key that signs them, and what is said where nobody takes them."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from relight.delivery.sendgrid_events import SIGNATURE_HEADER, TIMESTAMP_HEADER, load_keys, verify
from relight.delivery.sendgrid_feed import Feed, kept_key, public_key_of

PAYLOAD = {"personalizations": [{"to": [{"email": "ada@mail.example"}]}]}


def test_a_signing_key_stays_over_restarts(tmp_path: Path) -> None:
    """It is made once, readable by its owner alone, and the file beside it is what verifies: a stand-in that is started
    again is still believed.
    """
    path = tmp_path / "sendgrid.key"
    first = kept_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    public = (tmp_path / "sendgrid.key.pub").read_text().strip()
    assert public == public_key_of(first) == public_key_of(kept_key(path))


@pytest.mark.parametrize("held", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_left_alone(held: bytes, tmp_path: Path) -> None:
    """A file that holds something else is refused and stays as it was."""
    path = tmp_path / "sendgrid.key"
    path.write_bytes(held)
    with pytest.raises(ValueError, match=r"key|curve|load|PEM|deserialize"):
        kept_key(path)
    assert path.read_bytes() == held


def test_reports_that_are_refused_are_told_once(tmp_path: Path) -> None:
    """While the pages refuse or are away the reason is told once each, and the post is tried until it is taken; what is
    taken verifies by the kept key.
    """
    answers = iter([b"403 Forbidden", b"403 Forbidden", b"200 OK", b"200 OK"])
    requests: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(int(one.split(b":")[1]) for one in head.split(b"\r\n") if one.lower().startswith(b"content-length"))
        requests.append(head + await reader.readexactly(size))
        writer.write(b"HTTP/1.1 " + next(answers) + b"\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    told: list[str] = []

    async def go() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            feed = Feed(f"http://127.0.0.1:{port}/hooks/sendgrid", kept_key(tmp_path / "key"), on_trouble=told.append)
            await feed.on_accepted(PAYLOAD, "m1")
            await feed.finish()
            assert (feed.posted, feed.failed) == (2, 0)

    asyncio.run(go())
    assert told == ["403 Forbidden"]
    head, _, body = requests[-1].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    headers = {name.lower(): value for name, value in (one.split(": ", 1) for one in lines)}
    keys = load_keys([(tmp_path / "key.pub").read_text().strip()])
    assert verify(keys, headers[SIGNATURE_HEADER.lower()], headers[TIMESTAMP_HEADER.lower()], body)
