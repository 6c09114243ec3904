"""What every durable inbox promises; each adapter runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from relight.base.errors import StoreError
from relight.stores.inbox_interface import BODY_BYTES_MAX, DurableInbox, InboxKind, NewEntry
from relight.stores.inbox_words import Word, word_entry
from tests.adapters.stores.examples import T0


def row(number: int, *, key: str | None = None, body: bytes = b"{}") -> NewEntry:
    return NewEntry(kind=InboxKind.EVENT, name="app", body=body, received=T0 + number, key=key)


class InboxConformance(ABC):
    @abstractmethod
    def open_inbox(self, folder: Path) -> DurableInbox:
        """Open the inbox of a test; opened twice, it is the same."""

    @abstractmethod
    def run_sql(self, statement: str) -> None:
        """Do something to its table behind its back."""

    @pytest.fixture
    def inbox(self, tmp_path: Path) -> Iterator[DurableInbox]:
        with closing(self.open_inbox(tmp_path)) as inbox:
            yield inbox

    def test_entries_come_back_in_order(self, inbox: DurableInbox) -> None:
        """Entries come back whole, in the order they were put, from any position on, in pages."""
        word = word_entry(Word(kind="pause", subject="*"), received=T0)
        assert inbox.last_position() == 0
        assert inbox.put([row(1, body=b"\xff\x00"), word]) == [1, 2]
        assert inbox.put([row(3)]) == [3]
        assert [(e.position, e.kind, e.name, e.received, e.body) for e in inbox.read_after(0, 2)] == [
            (1, InboxKind.EVENT, "app", T0 + 1, b"\xff\x00"),
            (2, InboxKind.WORD, "pause", T0, word.body),
        ]
        assert [e.position for e in inbox.read_after(2)] == [3]
        assert [e.position for e in inbox.words_after(0)] == [2]
        inbox.check_writable()
        assert inbox.last_position() == 3

    def test_the_same_key_is_the_same_entry(self, inbox: DurableInbox) -> None:
        """A key that is there keeps its first body and position; entries without a key are never the same."""
        assert inbox.put([row(1, key="k", body=b"first")]) == [1]
        assert inbox.put([row(2, key="k", body=b"second"), row(3), row(3), row(4, key="n"), row(5, key="n")]) == [
            1, 2, 3, 4, 4,
        ]  # fmt: skip
        assert [e.body for e in inbox.read_after(0)] == [b"first", b"{}", b"{}", b"{}"]

    def test_words_of_one_link(self, inbox: DurableInbox) -> None:
        """What came by the link of a message is found by it, in order."""
        for kind, token in (("pause", "a"), ("pause", "b"), ("resume", "a")):
            inbox.put([word_entry(Word(kind=kind, subject="*"), received=T0, token=token)])
        assert [(e.position, e.name, e.token) for e in inbox.words_of("a")] == [(1, "pause", "a"), (3, "resume", "a")]

    def test_events_are_forgotten_and_words_are_kept(self, inbox: DurableInbox) -> None:
        """What the engine has taken of events can be deleted; words stay, and no position is given twice."""
        inbox.put([row(1), word_entry(Word(kind="pause", subject="*"), received=T0), row(2)])
        assert inbox.forget_events(3) == 2
        assert [e.position for e in inbox.read_after(0)] == [2]
        self.run_sql("DELETE FROM {table}")
        assert inbox.put([row(4)]) == [4]

    def test_old_events_are_forgotten_bit_by_bit(self, inbox: DurableInbox, monkeypatch: pytest.MonkeyPatch) -> None:
        """I17, FORGOTTEN_TOGETHER_MAX: what was taken and is old goes a part at a time; what is new or not taken stays."""
        for module in ("inbox", "postgres_inbox"):
            monkeypatch.setattr(f"relight.stores.{module}.FORGOTTEN_TOGETHER_MAX", 2)
        inbox.put([row(n) for n in range(6)])
        assert inbox.forget_events(5, before=T0 + 3) == 2
        assert inbox.forget_events(5, before=T0 + 3) == 1
        assert inbox.forget_events(5, before=T0 + 3) == 0
        assert inbox.forget_events(3, before=T0 + 9) == 0
        assert [inbox.forget_events(5, before=T0 + 9) for _ in range(2)] == [2, 0]
        assert [e.position for e in inbox.read_after(0)] == [6]

    def test_words_of_the_erased_are_forgotten(self, inbox: DurableInbox) -> None:
        """V5: those that name a customer, and those that came by a link of a mail to them."""
        inbox.put([word_entry(Word(kind="trait", customer=name, subject="x"), received=T0) for name in ("ann", "bo")])
        inbox.put([word_entry(Word(kind="suppression"), received=T0, token="t")])  # a link's digest
        inbox.put([word_entry(Word(kind="trait", customer="ann", subject="y"), received=T0)])
        assert inbox.forget_words({"ann"}, {"t"}, before=4) == 2
        assert [e.position for e in inbox.read_after(0)] == [2, 4]

    def test_orders_are_forgotten_by_name(self, inbox: DurableInbox) -> None:
        """V5: an order names whom it was about; once it is carried out it goes, and others stay."""
        names = ("erase", "settle", "erase")
        inbox.put([NewEntry(kind=InboxKind.COMMAND, name=name, body=b"{}", received=T0) for name in names])
        assert [inbox.forget_commands("erase", 2) for _ in range(2)] == [1, 0]
        assert [e.position for e in inbox.words_after(0)] == [2, 3]

    def test_several_at_once(self, tmp_path: Path) -> None:
        """Two that have it open see what the other put, each entry once and in order."""
        with ExitStack() as stack:
            one, two = (stack.enter_context(closing(self.open_inbox(tmp_path))) for _ in range(2))
            for number in range(10):
                (one, two)[number % 2].put([row(number, key=str(number // 2))])
            assert [e.key for e in one.read_after(0)] == [e.key for e in two.read_after(0)] == list("01234")

    def test_a_body_has_a_limit(self, inbox: DurableInbox) -> None:
        """BODY_BYTES_MAX: a body of that size is kept, one byte more is refused and nothing of its batch is kept."""
        inbox.put([row(1, body=b"x" * BODY_BYTES_MAX)])
        with pytest.raises(StoreError, match=f"at most {BODY_BYTES_MAX} bytes"):
            inbox.put([row(2), row(3, body=b"x" * (BODY_BYTES_MAX + 1))])
        assert [e.position for e in inbox.read_after(0)] == [1]

    def test_damage_is_noticed(self, inbox: DurableInbox) -> None:
        """I16: an entry whose bytes were changed is never used."""
        inbox.put([row(1, body=b"one")])
        self.run_sql("UPDATE {table} SET body = 'two'")
        with pytest.raises(StoreError, match="damaged at inbox entry event app"):
            inbox.read_after(0)
