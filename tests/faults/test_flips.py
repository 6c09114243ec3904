"""Bits that flip in the store: refused with a clear error or without any effect; never a wrong mail (I16)."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from relight.base.errors import StoreError
from relight.cli.exit_codes import ExitCode
from relight.config.loader import load_project
from relight.messages.addresses import address_hash
from relight.stores.interface import Suppression
from relight.stores.sqlite import SqliteStore
from tests.faults import checker
from tests.faults.canary_project import draw_crowd, write_canaries
from tests.faults.conftest import Runner, Shop
from tests.faults.evidence import Call, calls_of
from tests.faults.small_project import SECRET
from tests.faults.stand_in import StandIn, run_with
from tests.faults.tally import amount, count
from tests.faults.tracing import run_job

STORE = "relight.db"
#: Address that may not be written to, though messages to it wait.
SUPPRESSED = "c1@mail.example"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A store in which every message waits, what leaves when nothing is damaged, and what does not."""

    runner: Runner
    file: Path
    sound: dict[str, tuple[str, str]]

    def place(self, folder: Path, content: bytes) -> Shop:
        """Return a run that finds this store."""
        shop = self.runner.shop(folder)
        (folder / "data" / STORE).write_bytes(content)
        return shop


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waiting]:
    root = tmp_path_factory.mktemp("flips")
    crowd = draw_crowd(5, customers=4, events=25)
    folder = write_canaries(root / "project", text=crowd.text)
    project = load_project(folder, env={"LINK_SECRET": SECRET})
    patch = pytest.MonkeyPatch()
    run_with(StandIn(answer=lambda _: "asks for later"), project, patch, now=0)
    file = root / STORE
    shutil.move(folder / "data" / STORE, file)
    with closing(SqliteStore.open(file)) as store:
        store.suppress(address_hash(SUPPRESSED), Suppression(scope="all", cause="asked us", at=1))
        assert store.pending_count() > 10
    with closing(sqlite3.connect(file)) as sql:  # all of them are due
        sql.execute("UPDATE outbox SET due = 0")
        sql.commit()
    runner = Runner(folder)
    found = Waiting(runner, file, {})
    shop = found.place(root / "sound", file.read_bytes())
    ended = run_job(runner, shop, clock=2**52)
    assert ended.code == 0, ended.told
    calls = calls_of(shop.mails().values())
    assert calls
    assert all(call.address != SUPPRESSED for call in calls)
    found.sound.update({call.id: (call.address, call.text) for call in calls})
    yield found
    runner.close()


def flipped(content: bytes, at: int, bit: int) -> bytes:
    changed = bytearray(content)
    changed[at] ^= 1 << bit
    return bytes(changed)


def leave(waiting: Waiting, folder: Path, content: bytes) -> tuple[int, str, list[Call]]:
    shop = waiting.place(folder, content)
    ended = run_job(waiting.runner, shop, clock=2**52)
    return ended.code, ended.told, calls_of(shop.mails().values())


def test_any_bit_may_flip_and_no_wrong_mail_leaves(tmp_path: Path, waiting: Waiting) -> None:
    """One bit anywhere in the file, on used and unused pages alike: the run says that the store is damaged and where, or
    goes on as if nothing had happened; no mail says something else, goes to somebody else, or to who is suppressed.
    """
    content = waiting.file.read_bytes()
    draw = random.Random(1)
    refused = unharmed = fewer = 0
    for number in range(amount(quick=60, full=600)):
        at = draw.randrange(len(content))
        code, told, calls = leave(waiting, tmp_path / str(number), flipped(content, at, draw.randrange(8)))
        found = checker.check_damage(
            code=code, told=told, sound=waiting.sound, after=calls, codes={ExitCode.UNREACHABLE}
        )
        assert found == [], (number, at)
        refused += code != 0
        unharmed += code == 0 and len(calls) == len(waiting.sound)
        fewer += code == 0 and len(calls) < len(waiting.sound)
        shutil.rmtree(tmp_path / str(number))
    assert refused > 5
    assert fewer == 0, "a message that silently never leaves"
    count("a flipped bit of the store", tried=refused + unharmed, faults=refused)


def test_a_message_that_its_index_does_not_lead_to_is_never_taken(tmp_path: Path, waiting: Waiting) -> None:
    """I3, I16: one key of the outbox is changed in the index alone: the run refuses, where it would find the message due
    and mail it for ever.
    """
    content = waiting.file.read_bytes()
    file = tmp_path / STORE
    file.write_bytes(content)
    with closing(sqlite3.connect(file)) as sql:
        (key,) = sql.execute("SELECT key FROM outbox ORDER BY due, seq LIMIT 1").fetchone()
        (page,) = sql.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_outbox_1'").fetchone()
        (size,) = sql.execute("PRAGMA page_size").fetchone()
    at = content.index(key.encode(), (page - 1) * size) + len(key) - 4
    assert at < page * size
    code, told, calls = leave(waiting, tmp_path / "shop", flipped(content, at, 4))
    assert (code, calls) == (ExitCode.UNREACHABLE, [])
    assert f"the index of keys does not lead to message {key}" in told


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("UPDATE suppressions SET address_hash = 'x' || substr(address_hash, 2)", "suppressions of 'x"),
        ("UPDATE suppressions SET scope = 'marketing'", "suppressions of "),
        ("UPDATE positions SET position = '7'", "positions of 'files'"),
        ("UPDATE meta SET value = value + 1 WHERE name = 'reached'", "meta of 'reached'"),
        ("UPDATE outbox SET address_hash = 'x' || substr(address_hash, 2)", "the address of message "),
        ("UPDATE outbox SET state = 'pendinf'", "'pendinf' is no state of a message"),
        ("UPDATE ledger SET body = zeroblob(length(body))", "ledger row "),
    ],
)
def test_what_has_no_checksum_of_its_own_is_noticed(
    tmp_path: Path, waiting: Waiting, statement: str, place: str
) -> None:
    """Whom a message goes to, who may not be written to, how far input was read and how far time has come: a change
    behind the store's back is refused with the row it hit, and nothing leaves.
    """
    file = tmp_path / STORE
    file.write_bytes(waiting.file.read_bytes())
    with closing(sqlite3.connect(file)) as sql:
        sql.execute("PRAGMA ignore_check_constraints = ON")
        sql.execute(statement)
        sql.commit()
    if "ledger" in statement or "state" in statement:  # no run looks at these before it needs them
        with closing(SqliteStore.open(file)) as store, pytest.raises(StoreError, match=place):
            assert (list(store.ledger()), store.message_counts()) == ([], {})
        return
    code, told, calls = leave(waiting, tmp_path / "shop", file.read_bytes())
    assert (code, calls) == (ExitCode.UNREACHABLE, [])
    assert f"the store is damaged at {place}" in told or place in told
    assert "restore the file from a backup" in told
