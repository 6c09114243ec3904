"""A project that sends by SMTP to a server on this machine: whatever the server says, the store knows as much, the log
learns it, and nobody gets a mail twice.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP as SERVER

from relight.base.errors import ProjectError
from relight.base.instants import DAY, HOUR, MINUTE, SECOND
from relight.cli.doctor_delivery import look_at_last_answers
from relight.config.loader import LoadedProject, load_project
from relight.config.secret import Secret
from relight.config.settings import DeliverySettings, SmtpSettings
from relight.delivery.smtp import SmtpTransport
from relight.engine.run import run_project
from relight.engine.run_summary import RunSummary
from relight.engine.way_out import open_delivery
from relight.messages.addresses import address_hash
from relight.rules.world import SOFT_BOUNCES
from relight.stores.sqlite import SqliteStore
from tests.faults.checker import Tables, message_ids, read_tables
from tests.faults.small_project import SECRET, T0, add, line, write_project

WELCOME = "trigger: {event: used}\nreentry: every\nsend: hello\n"
RECEIPT = "trigger: {event: ordered}\nclass: transactional\nreentry: every\nsend: hello\n"


@dataclass  # without slots: aiosmtpd lists a handler's members, and `__weakref__` of such a class cannot be read on Python 3.11.2
class Mailbox:
    """A server that answers by the name before the @, as often as it is told."""

    port: int = 0
    #: Everybody is to come back later.
    is_busy: bool = False
    #: What was stored for good.
    stored: list[bytes] = field(default_factory=list)
    #: Recipients, once an attempt.
    asked: Counter[str] = field(default_factory=Counter)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 - the server's name for it
        del server, session, options
        if self.is_busy:
            return "451 4.3.2 busy"
        name = address.partition("@")[0]
        self.asked[name] += 1
        if name == "nobody":
            return "550 5.1.1 no such mailbox"
        if name == "refused":
            return "550 5.7.1 refused as spam"
        if name == "full":
            return "452 4.2.2 mailbox full"
        if name == "later" and self.asked[name] == 1:
            return "452 4.2.2 mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the server's name for it
        del server, session
        name = envelope.rcpt_tos[0].partition("@")[0]
        if name.startswith("silent") and self.asked[name] == 1:
            await asyncio.Event().wait()
        self.stored.append(envelope.content)
        return "250 stored"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    found = Mailbox()
    loop = asyncio.new_event_loop()
    started: Future[int] = Future()

    ended = asyncio.Event()

    async def serve() -> None:
        server = await loop.create_server(lambda: SERVER(found, loop=loop), "127.0.0.1", 0)
        started.set_result(server.sockets[0].getsockname()[1])
        await ended.wait()
        server.close()
        for task in asyncio.all_tasks(loop) - {asyncio.current_task(loop)}:
            task.cancel()
        await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    found.port = started.result(timeout=90)
    yield found
    loop.call_soon_threadsafe(ended.set)
    thread.join(timeout=90)
    loop.close()


@dataclass(slots=True)
class Desk:
    """A project on its way through several starts."""

    folder: Path
    now: int = T0 + HOUR

    def project(self) -> LoadedProject:
        return load_project(self.folder, env={"LINK_SECRET": SECRET})

    def run(self) -> RunSummary:
        return run_project(self.project(), clock=lambda: self.now)

    def tables(self) -> Tables:
        return read_tables(self.folder / "data/relight.db")

    def states(self) -> dict[tuple[str, str], str]:
        """(customer, rule) -> state of the message."""
        tables = self.tables()
        return {(tables.fields[key][2], tables.fields[key][1]): state for key, state in tables.messages.items()}

    def outcomes(self) -> list[tuple[str, str, str]]:
        """(customer, state, reason) of the outcomes in the log."""
        return [(c[2], c[4]["state"], c[4]["reason"]) for c in self.tables().controls if c[0] == "outcome"]


@pytest.fixture
def make_desk(tmp_path: Path, mailbox: Mailbox) -> Callable[..., Desk]:
    def make(*people: str, events: tuple[str, ...] = ("used",), **settings: Any) -> Desk:
        smtp = f"{{host: 127.0.0.1, port: {mailbox.port}, security: none}}"
        delivery = f"{{smtp: {smtp}, timeout: 1 second, lease: 10 seconds{settings.pop('delivery', '')}}}"
        rules = {"welcome": WELCOME, "receipt": RECEIPT}
        folder = write_project(tmp_path / "desk", rules, delivery=delivery, **settings)
        lines = [line(n, who, "identify", T0, arrives=T0, email=f"{who}@mail.example") for n, who in enumerate(people)]
        for turn, event in enumerate((*events, "identify")):
            at = T0 + turn * 10 * MINUTE + SECOND  # the last only brings time to the minute of the mails before it
            lines += [line(100 * (turn + 1) + n, who, event, at, arrives=at) for n, who in enumerate(people)]
        add(folder, *lines)
        return Desk(folder)

    return make


def test_every_answer_has_its_state(make_desk: Callable[..., Desk], mailbox: Mailbox) -> None:
    """250 is accepted, 550 rejected, 452 tried again later, no answer after the body unknown and, being marketing,
    held; the log learns of what no decision expects, once; a second start hands nothing over twice (S2, S3, I3, I6).
    """
    desk = make_desk("ada", "nobody", "later", "silent")
    summary = desk.run()
    rule = "welcome"
    assert desk.states() == {
        ("ada", rule): "accepted", ("nobody", rule): "rejected", ("later", rule): "pending", ("silent", rule): "unknown",
    }  # fmt: skip
    assert summary.handed_over == 3  # `later` was surely not taken, so it has not left
    told = [("nobody", "rejected", "rejected"), ("silent", "unknown", "unknown_outcome")]
    assert sorted(desk.outcomes()) == told
    desk.now += HOUR
    desk.run()
    assert desk.states()["later", rule] == "accepted"
    assert desk.states()["silent", rule] == "unknown"
    desk.now += HOUR
    desk.run()
    assert sorted(desk.outcomes()) == told
    assert mailbox.asked == {"ada": 1, "nobody": 1, "later": 2, "silent": 1}
    assert max(message_ids(mailbox.stored).values()) == 1
    assert len(mailbox.stored) == 2


def test_what_is_sent_again_keeps_its_message_id(make_desk: Callable[..., Desk], mailbox: Mailbox) -> None:
    """S3: a transactional message whose fate is unknown is sent again; marketing only with `on_unknown: retry`."""
    desk = make_desk("silent", events=("ordered",))
    desk.run()
    assert desk.states() == {("silent", "receipt"): "pending"}
    desk.now += HOUR
    desk.run()
    assert desk.states() == {("silent", "receipt"): "accepted"}
    states = [state for _, state in desk.tables().journal]
    assert states == ["unknown", "pending", "accepted"]
    assert len(mailbox.stored) == 1


def test_marketing_is_sent_again_where_the_config_says_so(make_desk: Callable[..., Desk], mailbox: Mailbox) -> None:
    """`on_unknown: retry` prefers a second mail to none."""
    desk = make_desk("silent", delivery=", on_unknown: retry")
    desk.run()
    desk.now += HOUR
    desk.run()
    assert desk.states() == {("silent", "welcome"): "accepted"}
    assert mailbox.asked == {"silent": 2}


def test_a_rejected_message_gives_its_place_back(make_desk: Callable[..., Desk], mailbox: Mailbox) -> None:
    """G2: with one message a week, who was refused may get the next one; who has one, or may have one, may not."""
    desk = make_desk("ada", "refused", "silent", events=("used", "used"), caps="[1 per 7 days]", batch=3)
    desk.run()
    rows = {(row[2], row[5], row[6]) for row in desk.tables().fields.values() if row[4] != ""}
    assert rows == {
        ("ada", "pending", None), ("ada", "suppressed", "frequency_cap"),
        ("silent", "pending", None), ("silent", "suppressed", "frequency_cap"),
        ("refused", "pending", None),
    }  # fmt: skip
    assert mailbox.asked == {"ada": 1, "refused": 2, "silent": 1}


def test_a_dead_address_gets_nothing_more(make_desk: Callable[..., Desk], mailbox: Mailbox) -> None:
    """S4: an address that the server says does not exist is suppressed everywhere by a record in the log, with its
    outcome: the next marketing mail is refused at the gate, a transactional one too.
    """
    desk = make_desk("ada", "nobody", events=("used", "used", "ordered"), batch=2)
    desk.run()
    assert mailbox.asked["nobody"] == 1
    assert mailbox.asked["ada"] == 3
    tables = desk.tables()
    suppressions = [control for control in tables.controls if control[0] == "suppression"]
    assert [(one[3], one[4]) for one in suppressions] == [
        (address_hash("nobody@mail.example"), {"scope": "all", "cause": "bounce"})
    ]
    reasons = [row[6] for row in tables.fields.values() if row[2] == "nobody" and row[5] == "suppressed"]
    assert reasons == ["suppressed", "suppressed"]


def test_a_mailbox_that_stays_full_is_left_alone_for_a_while(make_desk: Callable[..., Desk], mailbox: Mailbox) -> None:
    """S4: soft bounces on three different days suppress marketing to an address; several tries of one day count as one."""
    desk = make_desk("full")
    desk.run()

    def suppressions() -> list[Any]:
        return [(one[3], one[4]) for one in desk.tables().controls if one[0] == "suppression"]

    for days in (0, 0, 1):
        desk.now += days * DAY + HOUR
        desk.run()
    assert suppressions() == []
    desk.now += DAY
    desk.run()
    desk.run()
    assert suppressions() == [(address_hash("full@mail.example"), {"scope": "marketing", "cause": SOFT_BOUNCES})]
    desk.now += DAY
    asked = mailbox.asked["full"]
    desk.run()
    assert desk.states() == {("full", "welcome"): "suppressed"}
    assert mailbox.asked["full"] == asked


def test_what_a_dead_sender_held_is_unknown(make_desk: Callable[..., Desk], mailbox: Mailbox) -> None:
    """S2, S5: what a process was sending when it died is unknown at the next start, since the store's lock says that it
    is gone: marketing is held, transactional mail goes again.
    """
    desk = make_desk("ada", "bo", events=("used", "ordered"))
    mailbox.is_busy = True
    desk.run()
    assert set(desk.states().values()) == {"pending"}
    mailbox.is_busy = False
    desk.now += HOUR
    store = SqliteStore.open(desk.folder / "data/relight.db")
    assert len(store.claim(desk.now, 10, owner="gone", lease=24 * HOUR).ready) == 4
    store.close()
    desk.run()
    assert desk.states() == {
        ("ada", "welcome"): "unknown", ("bo", "welcome"): "unknown",
        ("ada", "receipt"): "accepted", ("bo", "receipt"): "accepted",
    }  # fmt: skip
    assert sorted(desk.outcomes()) == [("ada", "unknown", "unknown_outcome"), ("bo", "unknown", "unknown_outcome")]
    assert len(mailbox.stored) == 2


def test_the_settings_reach_the_server() -> None:
    """`security`, `timeout` and the password of the config are what the transport works with."""
    for security, starttls, tls in (("starttls", True, False), ("tls", False, True), ("none", False, False)):
        user, password = (None, None) if security == "none" else ("desk", Secret("p${x}"))
        smtp = SmtpSettings(host="127.0.0.1", port=25, user=user, password=password, security=security)  # type: ignore[arg-type]
        found = open_delivery(DeliverySettings(smtp=smtp, timeout=7 * SECOND), Path())
        assert isinstance(found, SmtpTransport)
        settings = found.settings
        assert (settings.starttls, settings.tls) == (starttls, tls)
        assert (settings.port, settings.user) == (25, user)
        assert settings.password == (None if password is None else "p${x}")
        assert (settings.command_seconds, settings.body_seconds, settings.connect_seconds) == (7.0, 7.0, 7.0)


def test_a_password_over_a_plain_connection_is_refused() -> None:
    """I18: a login without encryption never starts."""
    smtp = SmtpSettings(host="127.0.0.1", port=25, user="desk", password=Secret("p"), security="none")
    with pytest.raises(ProjectError, match="plain connection"):
        open_delivery(DeliverySettings(smtp=smtp), Path())


def test_doctor_says_what_the_server_answered(make_desk: Callable[..., Desk], mailbox: Mailbox) -> None:
    """While nothing was tried there is nothing to say; then the answer that most of those that wait got last."""
    desk = make_desk("ada", "bo", "full", delivery=", rate: 100 per second")
    mailbox.is_busy = True
    desk.run()
    store = SqliteStore.open(desk.folder / "data/relight.db")
    try:
        assert list(look_at_last_answers(store)) == [
            (
                "warn",
                "outbox: not taken at the last try, 3: rcpt: 451 4.3.2 busy",
                "each is tried again; look at who answered",
            )
        ]
        mailbox.is_busy = False
        desk.now += HOUR
        store.close()
        desk.run()
        store = SqliteStore.open(desk.folder / "data/relight.db")
        (one,) = look_at_last_answers(store)
        assert one[1].endswith(", 1: rcpt: 452 4.2.2 mailbox full")
    finally:
        store.close()
