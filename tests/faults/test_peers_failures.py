"""What went wrong in other engines of this kind, each as a test that it does not here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from relight.base.errors import StoreError
from relight.base.instants import DAY, HOUR
from relight.config.loader import load_project
from relight.delivery import Delivery, OutgoingMessage
from relight.messages.addresses import address_hash
from relight.stores.interface import Suppression
from relight.stores.sqlite import SqliteStore
from tests.faults import checker
from tests.faults.canary_project import canary, write_canaries
from tests.faults.evidence import Tables, read_tables
from tests.faults.small_project import SECRET, T0, line
from tests.faults.stand_in import StandIn, run_with

PEOPLE = 15
LATER = T0 + 10 * DAY


class DyingStandIn(StandIn):
    """A provider that takes a batch, and whose caller dies before it can write that down."""

    async def deliver(self, batch: Sequence[OutgoingMessage], **wishes: Callable[[], bool]) -> list[Delivery]:
        await super().deliver(batch, **wishes)
        raise KeyboardInterrupt


@dataclass(slots=True)
class Desk:
    """A project in which everybody ordered once, and its provider."""

    folder: Path
    stand_in: StandIn = field(default_factory=StandIn)

    def run(self, *, now: int = 0, stand_in: StandIn | None = None) -> Tables:
        project = load_project(self.folder, env={"LINK_SECRET": SECRET})
        run_with(stand_in or self.stand_in, project, pytest.MonkeyPatch(), now=now)
        return self.tables()

    def die(self) -> DyingStandIn:
        """Run, and die when the first batch has been taken."""
        dying = DyingStandIn()
        with pytest.raises(KeyboardInterrupt):
            self.run(stand_in=dying)
        return dying

    def tables(self) -> Tables:
        return read_tables(self.store)

    @property
    def store(self) -> Path:
        return self.folder / "data/relight.db"

    def sent(self) -> Counter[str]:
        return Counter(call.address for call in self.stand_in.calls)


def people(*, address: str = "{}@mail.example", silent: bool = False) -> str:
    rows = [
        line(n, f"c{n}", "identify", T0 + n, arrives=T0 + n, email=address.format(f"c{n}"), canary=canary(n))
        for n in range(PEOPLE)
    ]
    event = "used" if silent else "ordered"
    rows += [line(100 + n, f"c{n}", event, T0 + HOUR, arrives=T0 + HOUR, order=f"o{n}") for n in range(PEOPLE)]
    return "".join([*rows, line(999, "c0", "identify", LATER, arrives=LATER)])


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("LINK_SECRET", SECRET)  # an older plan is compiled with what the process has
    return Desk(write_canaries(tmp_path / "p", text=people()))


def test_progress_is_not_marked_before_a_mail_is_sent(desk: Desk) -> None:
    """Listmonk 3022, PR 3222: what was read and not yet sent was lost in a kill. Here what had not been claimed leaves at the
    next start, and what had been is unknown and says so; nobody is passed over in silence (I1, I4).
    """
    dying = desk.die()
    states = Counter(desk.run().messages.values())
    assert 0 < len(dying.calls) < PEOPLE
    assert states == {"unknown": len(dying.calls), "accepted": PEOPLE - len(dying.calls)}


def test_a_resumed_run_does_not_start_again(desk: Desk) -> None:
    """Listmonk 2313, 2070: each resume began anew, and people got three to five copies (I3)."""
    calls = desk.die().calls
    desk.run()
    desk.run()
    counts = Counter(call.address for call in [*calls, *desk.stand_in.calls])
    assert set(counts.values()) == {1}
    assert len(counts) == PEOPLE


def test_a_mail_that_is_sent_and_not_recorded_is_not_sent_again(desk: Desk) -> None:
    """django-drip: it sends, then records, so every kill doubles a mail. Courier, August 2023: storage timed out, mails
    stayed unmarked and the queue sent them in a loop. Here the intent is durable first, and an intent without an
    outcome is unknown and held (I3, I6).
    """
    dying = desk.die()
    tables = desk.run()
    assert checker.check_calls(tables, [*dying.calls, *desk.stand_in.calls]) == []
    assert not {call.address for call in dying.calls} & desk.sent().keys()


def test_a_dead_sender_keeps_nothing_locked(desk: Desk) -> None:
    """Procrastinate: a stalled job stays "doing" until a task is added by hand; parcelvoy: the send lock outlived its worker
    and three of 1,000 were lost; plunk: a row left in SENDING stayed so for ever. Here the next start settles what a dead sender held, however long its lease (I4).
    """
    desk.stand_in.answer = lambda _: "asks for later"
    desk.run()
    store = SqliteStore.open(desk.store)
    held = store.claim(LATER + DAY, 5, owner="a dead one", lease=365 * DAY).ready
    store.close()
    assert len(held) == 5
    desk.stand_in.answer = lambda _: "takes it"
    tables = desk.run(now=LATER + DAY)
    assert checker.check_drained(tables) == []
    assert Counter(tables.messages.values()) == {"unknown": 5, "accepted": PEOPLE - 5}


def test_a_refused_recipient_does_not_make_others_repeat(desk: Desk) -> None:
    """Mautic 7226, 8802, 6505: one address that the server refused made everybody else get it again (I13)."""
    desk.stand_in.answer = lambda m: "refuses it" if m.to_address.startswith("c3@") else "takes it"
    desk.run()
    desk.run()
    tables = desk.run()
    assert set(desk.sent().values()) == {1}
    assert Counter(tables.messages.values()) == {"rejected": 1, "accepted": PEOPLE - 1}


def test_customers_who_share_an_address_each_get_theirs(tmp_path: Path) -> None:
    """Mautic 14381: contacts that share an address lost messages. Here each gets its own, with its own words (I19)."""
    desk = Desk(write_canaries(tmp_path / "p", text=people(address="team@mail.example")))
    desk.run()
    words = Counter(word for call in desk.stand_in.calls for word in call.subject.split() if word.startswith("canary"))
    assert words == {canary(n): 1 for n in range(PEOPLE)}
    assert desk.sent() == {"team@mail.example": PEOPLE}


def test_a_sender_that_comes_back_late_does_not_send_stale_mail(desk: Desk) -> None:
    """Listmonk 1801: a restored server sent a campaign hours after its time. Here what is no longer worth sending when
    the sender is back is `expired` (G3, I7).
    """
    desk.stand_in.answer = lambda _: "asks for later"
    desk.run()
    desk.stand_in.calls.clear()
    tables = desk.run(now=LATER + 120 * DAY)
    assert set(tables.messages.values()) == {"expired"}
    assert desk.stand_in.calls == []


def test_a_rule_that_is_put_back_mails_nobody_for_the_past(desk: Desk) -> None:
    """Mautic 3340, parcelvoy 506, 432: republishing mailed everything that had become overdue. Here a rule taken out
    and put back looks at what comes, not at what was (I11).
    """
    rule = desk.folder / "rules/receipt.yaml"
    text = rule.read_text()
    rule.unlink()
    desk.run()
    rule.write_text(text)
    assert desk.run().messages == {}
    assert desk.stand_in.calls == []


@pytest.mark.parametrize("silent", [True, False], ids=["silence", "event"])
def test_every_path_asks_whether_the_address_may_be_written_to(tmp_path: Path, *, silent: bool) -> None:
    """Parcelvoy 442, Mautic 4356: one path to a mail looked at the unsubscribe, the other did not. Here there is one gate (I5)."""
    desk = Desk(write_canaries(tmp_path / "p", text=people(silent=silent)))
    (desk.folder / "data").mkdir(exist_ok=True)
    store = SqliteStore.open(desk.store)
    store.suppress(address_hash("C3@mail.example"), Suppression(scope="all", cause="asked us", at=T0))
    store.close()
    desk.run()
    assert "c3@mail.example" not in desk.sent()
    assert len(desk.sent()) == PEOPLE - 1


def test_two_engines_never_share_a_store(desk: Desk) -> None:
    """Mautic 2215, 9880, 3669: two runs overlapped and each sent. Here the second is told who has the store (I14)."""
    store = SqliteStore.open(desk.store)
    with pytest.raises(StoreError, match="is in use by process"):
        desk.run()
    store.close()
    assert set(desk.run().messages.values()) == {"accepted"}


def test_a_lease_shorter_than_the_time_out_is_refused(tmp_path: Path) -> None:
    """River: a rescue before the job's time-out takes a running job for dead; Oban: weak settings are accepted (I18)."""
    weak = "{smtp: {host: 127.0.0.1, port: 25, security: none}, timeout: 20 seconds, lease: 10 seconds}"
    folder = write_canaries(tmp_path / "p", text=people(), delivery=weak)
    problems = load_project(folder, env={"LINK_SECRET": SECRET}).problems
    told = "\n".join(problem.message for problem in problems if problem.severity == "error")
    assert checker.check_refused([("lease", int(bool(told)), told, "lease")]) == []


def test_uniqueness_is_the_tables_not_a_look_before(desk: Desk) -> None:
    """Oban: unique by looking first and inserting then, which races. Here the key itself is unique, in ledger and outbox."""
    desk.run()
    store = SqliteStore.open(desk.store)
    with store._connection.reading() as cursor:
        for table in ("ledger", "outbox"):
            unique = [row for row in cursor.execute(f"PRAGMA index_list({table})").fetchall() if row[2]]
            columns = [[c[2] for c in cursor.execute(f"PRAGMA index_info({row[1]})").fetchall()] for row in unique]
            assert ["key"] in columns
    store.close()
