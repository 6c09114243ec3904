"""A mail server that drops the line at each of nine points (I3, I6)."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from relight.base.instants import DAY, HOUR
from relight.config.loader import load_project
from relight.engine.run import run_project
from relight.engine.run_summary import RunSummary
from tests.adapters.delivery.mail_kit import ScriptedServer
from tests.faults import checker
from tests.faults.canary_project import END, draw_crowd, write_canaries
from tests.faults.evidence import Call, read_tables
from tests.faults.small_project import SECRET
from tests.faults.tally import count

#: How the server ends a transaction; whether it has the message then; what it answered in full.
ENDINGS: dict[str, tuple[bool, str | None]] = {
    "drop EHLO": (False, None),
    "drop MAIL": (False, None),
    "drop RCPT": (False, None),
    "drop in DATA": (False, None),
    "close": (True, None),
    "reset": (True, None),
    "stall": (True, None),
    "451": (True, "later"),
    "cut 250": (True, None),
}
#: Endings after which a sender cannot know whether the server has the message.
UNKNOWN = {"drop in DATA", "close", "reset", "stall", "cut 250"}
HEALTHY = "takes it"


@dataclass(slots=True)
class Server:
    """A scripted server on a thread of its own; what it does may change while it runs."""

    script: ScriptedServer
    port: int = 0
    #: How each stored message was ended.
    endings: list[str] = field(default_factory=list)

    def calls(self) -> list[Call]:
        """Return what it stored as calls."""
        found = []
        for stored, ending in zip(self.script.stored, self.endings, strict=True):
            mail = stored.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
            to = re.search(rb"^To: .*?([^\s<>]+@[^\s<>]+)", mail, re.MULTILINE)
            assert to is not None
            answer = ENDINGS[ending][1] if ending in ENDINGS else "accepted"
            found.append(Call(address=to[1].decode(), mail=mail, stored=answer != "later", answer=answer))
        return found


@contextmanager
def serving(ending: str) -> Iterator[Server]:
    found = Server(ScriptedServer(ending))
    loop = asyncio.new_event_loop()
    started: Future[int] = Future()
    ended = asyncio.Event()

    class Noting(list[bytes]):
        def append(self, mail: bytes) -> None:
            found.endings.append(found.script.ending)
            super().append(mail)

    found.script.stored = Noting()

    tasks: set[asyncio.Task[None]] = set()  # a loop by itself keeps none of them

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(loop.create_task(found.script.serve(reader, writer)))

    async def serve() -> None:
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        started.set_result(server.sockets[0].getsockname()[1])
        await ended.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    found.port = started.result(timeout=90)
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(timeout=90)
        loop.close()


def delivery(port: int, more: str = "") -> str:
    return f"{{smtp: {{host: 127.0.0.1, port: {port}, security: none}}, timeout: 1 second, lease: 10 seconds{more}}}"


def run(folder: Path, now: int) -> RunSummary:
    return run_project(load_project(folder, env={"LINK_SECRET": SECRET}), clock=lambda: now)


@pytest.mark.parametrize("on_unknown", ["hold", "retry"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_whatever_the_line_does_nobody_is_mailed_twice(tmp_path: Path, ending: str, on_unknown: str) -> None:
    """I3, I6: a server that drops the line at this point and is healthy later. Where the body had begun to leave and no
    full answer came the message is unknown: held, or with `retry` sent once more under the same Message-ID. Elsewhere
    it is sent again until it is taken. 451 after storing is a full answer, so it is sent again: the server has lied.
    """
    stored, answer = ENDINGS[ending]
    crowd = draw_crowd(2, customers=2, events=5, broken=0, copies=0)
    with serving(ending) as server:
        folder = write_canaries(
            tmp_path / "p", text=crowd.text, delivery=delivery(server.port, f", on_unknown: {on_unknown}")
        )  # fmt: skip
        run(folder, END + HOUR)
        tables = read_tables(folder / "data/relight.db")
        messages = len(tables.messages)
        assert messages >= 2
        assert checker.check_calls(tables, server.calls(), retries=on_unknown == "retry") == []
        unknown = ending in UNKNOWN
        told = {state for _, state in tables.journal}
        assert ("unknown" in told) == unknown
        assert stored == bool(server.calls())
        server.script.ending = HEALTHY
        for turn in range(1, 6):
            run(folder, END + turn * DAY)
        tables, calls = read_tables(folder / "data/relight.db"), server.calls()
    assert checker.check_calls(tables, calls, retries=on_unknown == "retry") == []
    assert checker.check_recipients(calls, crowd.canaries) == []
    assert checker.check_drained(tables) == []
    states = set(tables.messages.values())
    assert states <= ({"unknown", "accepted"} if unknown and on_unknown == "hold" else {"accepted"})
    assert ("unknown" in states) == (unknown and on_unknown == "hold")
    if answer == "later":
        assert len({call.id for call in calls}) == messages < len(calls)
    count("an SMTP line that ends at one of nine points", tried=1, faults=1)
