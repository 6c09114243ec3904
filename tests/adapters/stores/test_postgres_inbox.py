"""The inbox in PostgreSQL keeps the promises of every inbox, and takes over one that was a file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from relight.base.errors import ServiceError, StoreError
from relight.config.secret import Secret
from relight.config.settings import StoreSettings
from relight.stores.inbox import Inbox
from relight.stores.inbox_interface import DurableInbox
from relight.stores.opening import inbox_name, open_inbox
from relight.stores.postgres_inbox import PostgresInbox
from tests.adapters.stores.inbox_conformance import InboxConformance, row
from tests.support.postgres_server import PostgresServer

WRITERS, EACH = 4, 40


class TestPostgresInbox(InboxConformance):
    @pytest.fixture(autouse=True)
    def _server(self, postgres: PostgresServer) -> None:
        self.url = postgres.new_schema()

    def open_inbox(self, folder: Path) -> DurableInbox:  # noqa: ARG002  # a server needs none
        return PostgresInbox.open(self.url)

    def run_sql(self, statement: str) -> None:
        with psycopg.connect(self.url) as sql:
            sql.execute(statement.format(table="inbox").encode())


def test_no_entry_appears_behind_who_has_read_on(url: str) -> None:
    """Whoever reads while many put finds every entry once: none becomes visible below a position that was read."""

    def put(writer: int) -> None:
        with closing(PostgresInbox.open(url)) as inbox:
            for number in range(EACH):
                inbox.put([row(number, key=f"{writer}-{number}")])

    with closing(PostgresInbox.open(url)) as inbox, ThreadPoolExecutor(WRITERS) as pool:
        done = [pool.submit(put, writer) for writer in range(WRITERS)]
        found, place = list[str](), 0
        while len(found) < WRITERS * EACH:
            is_over = all(one.done() for one in done)
            for entry in inbox.read_after(place):
                place = entry.position
                found.append(str(entry.key))
            assert not is_over or len(found) == WRITERS * EACH
        for one in done:
            one.result()
    assert sorted(found) == sorted(f"{w}-{n}" for w in range(WRITERS) for n in range(EACH))


def test_a_server_that_was_away_is_connected_to_again(url: str, postgres: PostgresServer) -> None:
    """What has a key is put again by itself; what has none is refused once, so that it is not there twice."""
    with closing(PostgresInbox.open(url)) as inbox:
        inbox.put([row(1)])
        postgres.kill()
        with pytest.raises(ServiceError):
            inbox.read_after(0)
        postgres.start()
        assert inbox.put([row(2, key="k")]) == [2]
        postgres.kill()
        postgres.start()
        with pytest.raises(ServiceError):
            inbox.put([row(3)])
        assert inbox.put([row(3)]) == [3]


def test_an_inbox_that_was_a_file_is_taken_over(tmp_path: Path, url: str) -> None:
    """Each entry keeps its position, so that how far it was read stays true; the file is put aside."""
    settings = StoreSettings(postgres=Secret(url))
    (tmp_path / "data").mkdir()
    place = tmp_path / "data/relight.inbox.db"
    with closing(Inbox.open(place)) as file:
        file.put([row(number, key=str(number)) for number in range(5)])
        file.forget_events(2)
    with closing(open_inbox(settings, tmp_path)) as inbox:
        assert [(e.position, e.key) for e in inbox.read_after(0)] == [(3, "2"), (4, "3"), (5, "4")]
        assert inbox.put([row(9)]) == [6]
    assert [one.name for one in place.parent.iterdir() if "moved" in one.name] == ["relight.inbox.db.moved"]
    with closing(Inbox.open(place)) as file:
        file.put([row(number) for number in range(9)])
    with pytest.raises(StoreError, match="came later"):
        open_inbox(settings, tmp_path)


def test_it_has_a_name_of_its_own(tmp_path: Path, url: str) -> None:
    """Two processes know that they put into one inbox, and nobody reads a password from the name."""
    settings = StoreSettings(postgres=Secret(url))
    assert inbox_name(settings, tmp_path) == inbox_name(settings, tmp_path / "elsewhere")
    assert inbox_name(settings, tmp_path) != inbox_name(StoreSettings(sqlite="data/relight.db"), tmp_path)
    assert url not in inbox_name(settings, tmp_path)
