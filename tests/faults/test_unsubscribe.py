"""S4 with real processes: what was said while no engine ran holds for the very mail that waits in its outbox."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from relight.base.instants import DAY, HOUR, MINUTE
from relight.messages.identity import preferences_url
from relight.messages.life import MessageState
from relight.stores.sqlite import SqliteStore
from tests.faults.small_project import QUIET, T0, add, line, write_project
from tests.faults.test_live import live
from tests.support.pages import BASE, KEY, free_port, serving

PEOPLE = ("ada", "bob", "eve")


class Sink:
    """A mail server that writes down every call for an address."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.has_bob = threading.Event()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 - the server's name for it
        del server, session, options
        self.calls.append(address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the server's name for it
        del server, session
        if "bob@mail.example" in envelope.rcpt_tos:
            self.has_bob.set()
        return "250 stored"


@contextmanager
def listening(port: int) -> Iterator[Sink]:
    sink = Sink()
    loop = asyncio.new_event_loop()
    started: Future[None] = Future()
    ended = asyncio.Event()

    async def serve() -> None:
        server = await loop.create_server(lambda: SMTP(sink, loop=loop), "127.0.0.1", port)
        started.set_result(None)
        await ended.wait()
        server.close()
        await server.wait_closed()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.result(timeout=90)
    try:
        yield sink
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(timeout=90)
        loop.close()


def waiting_project(folder: Path, mail_port: int) -> Path:
    """A project whose three mails are decided and wait: nobody listens where they are to go."""
    delivery = f"{{smtp: {{host: 127.0.0.1, port: {mail_port}, security: none}}}}"
    write_project(folder, {"quiet": QUIET}, follow=True, delivery=delivery)
    config = folder / "config/default.yaml"
    text = config.read_text()
    config.write_text(text.replace('"${LINK_SECRET}"', f'"${{LINK_SECRET}}", listen: "127.0.0.1:{free_port()}"'))
    add(folder, *(line(n, who, "identify", T0, email=f"{who}@mail.example") for n, who in enumerate(PEOPLE)))
    add(folder, *(line(n, who, "used", T0) for n, who in enumerate(PEOPLE, 10)))
    with live(folder, T0) as engine:
        engine.wait(lambda done: done["events"] == 2 * len(PEOPLE))
        engine.set_clock(T0 + 7 * DAY + HOUR)
        engine.wait(lambda done: done["mails"] == len(PEOPLE))
        engine.process.send_signal(signal.SIGKILL)
        assert engine.process.wait(timeout=90) == -signal.SIGKILL
    return folder


def waiting(folder: Path) -> dict[str, str]:
    """Return customer -> the path of its one-click link, for the mails that still wait."""
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        found = [one.message for one in store.messages(state=MessageState.PENDING)]
        found += [one.message for one in store.messages(state=MessageState.SENDING)]
    return {one.customer: one.headers["List-Unsubscribe"].strip("<>").removeprefix(BASE) for one in found}


def test_no_call_starts_after_an_unsubscribe(tmp_path: Path) -> None:
    """S4, I5: the engine is killed with mails in its outbox; two people unsubscribe by HTTP, one by the topic and one
    from everything, and the pages are killed right after they answered; the engine that starts then calls the mail
    server for the third one alone, and the journal says why.
    """
    mail_port = free_port()
    folder = waiting_project(tmp_path, mail_port)
    links = waiting(folder)
    assert set(links) == set(PEOPLE)
    with serving(folder) as pages:
        assert pages.post(links["ada"]).status == 200
        preferences = preferences_of(folder, "eve")
        assert pages.post(preferences, b"stop-all=1").status == 200
        pages.kill()
    with listening(mail_port) as sink, live(folder, T0 + 7 * DAY + 3 * HOUR) as engine:
        engine.wait(lambda _: sink.has_bob.is_set())
        engine.set_clock(T0 + 7 * DAY + 6 * HOUR)
        engine.wait(lambda done: done["reached"] >= T0 + 7 * DAY + 6 * HOUR)
        engine.stop()
        assert sink.calls == ["bob@mail.example"]
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        causes = {line.customer: line.cause.value for line in store.attempts() if line.state is MessageState.SUPPRESSED}
    assert causes == {"ada": "consent_withdrawn", "eve": "suppressed_before_sending"}


def test_without_it_all_three_are_called(tmp_path: Path) -> None:
    """The same outbox without an unsubscribe calls for everybody: the test above can fail."""
    mail_port = free_port()
    folder = waiting_project(tmp_path, mail_port)
    with listening(mail_port) as sink, live(folder, T0 + 7 * DAY + 3 * HOUR) as engine:
        engine.wait(lambda _: len(sink.calls) == len(PEOPLE))
        engine.set_clock(T0 + 7 * DAY + 3 * HOUR + MINUTE)
        engine.stop()
    assert sorted(sink.calls) == [f"{who}@mail.example" for who in PEOPLE]


def preferences_of(folder: Path, customer: str) -> str:
    """Return the preference link of a customer's mail, signed as its templates sign it."""
    with closing(SqliteStore.open(folder / "data/relight.db", read_only=True)) as store:
        key = next(one.message.occurrence_key for one in store.messages() if one.message.customer == customer)
    return preferences_url("", KEY, key)
