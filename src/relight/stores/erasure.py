"""Taking a customer out of a store (V5): who that is, what stays of them, and the search that proves it.

What stays: who was erased as a keyed hash, so that the same events again are known, and their addresses as keyed hashes
on the suppression list, so that nobody mails them again. How a store does it stands in sqlite_erasure and
postgres_erasure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

from relight.messages.identity import occurrence_digest
from relight.stores.erasure_key import Keyed
from relight.streams.envelope import ERASED, Control, DeadLetter, Event, Record

if TYPE_CHECKING:
    from relight.stores.interface import Store

#: Fewest characters of an id or address that is searched for as bytes; shorter ones stand everywhere by chance.
SEARCHED_CHARACTERS_MIN = 6
#: Cause and scope of the suppression that stays.
CAUSE, SCOPE = "erased", "marketing"
#: Bytes of a file that are looked at together.
PART_BYTES = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is to be erased, under every name that the store has for them."""

    customer: str
    #: The customer and the anonymous ids folded into them.
    customers: frozenset[str]
    addresses: frozenset[str]
    #: Occurrence keys of their messages.
    keys: frozenset[str]

    @property
    def words(self) -> frozenset[str]:
        """Ids and addresses: what may stand nowhere afterwards."""
        return self.customers | self.addresses

    @property
    def tokens(self) -> set[str]:
        """What the links in their messages name those by."""
        return {occurrence_digest(key) for key in self.keys}


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken out. Holds nothing of the person, and is kept with the store as the answer to the order."""

    #: Keyed hash by which the customer is known from now on.
    name: str
    records: int = 0
    rows: int = 0
    messages: int = 0
    dead_letters: int = 0
    #: Addresses that stay suppressed as keyed hashes.
    addresses: int = 0
    #: Words of the inbox.
    words: int = 0


@runtime_checkable
class CanErase(Protocol):
    """A store that holds its log itself and can take somebody out of it."""

    @property
    def keyed(self) -> Keyed | None:
        """Return what names the erased, None where nobody was."""

    def erase(self, person: Person, note: str, words: int = 0) -> Erased:
        """Take a person out in one transaction, and keep the answer under `note` with it.

        words: of the inbox that are gone already. Whoever had read the store stands anew from it.
        """

    def count_words(self, words: Collection[str]) -> int:
        """Return how often these words still stand in what the store keeps: 0 is the proof."""


def find_person(store: Store, customer: str, *, log: Callable[[str], Iterable[Record]] | None = None) -> Person:
    """Return everything by which the store knows a customer; without a record of theirs, their name alone.

    log: gives a customer's records where the store does not hold them itself.
    """
    customers, addresses = {customer}, set[str]()
    waiting = [customer]
    while waiting:
        one = waiting.pop()
        for record in (record for _, record in store.customer_log(one)) if log is None else log(one):
            addresses |= _addresses(record)
            if isinstance(record, Control) and record.kind == "merge" and record.subject not in customers:
                customers.add(record.subject)
                waiting.append(record.subject)
    keys = {row.occurrence_key for one in customers for row in store.ledger(customer=one)}
    for key in keys:
        status = store.message(key)
        if status is not None and status.message.channel == "email":
            addresses.add(status.message.address)
    return Person(
        customer=customer, customers=frozenset(customers), addresses=frozenset(addresses), keys=frozenset(keys)
    )  # fmt: skip


def _addresses(record: Record) -> set[str]:
    traits = record.traits if isinstance(record, Event) else {record.subject: record.detail.get("value")}
    email = traits.get("email")
    return {email} if isinstance(email, str) and email else set()


def tombstone(record: Record, keyed: Keyed) -> Control:
    """Return what stands in the place of a record: who it was of and which event, as nobody can read it."""
    assert record.customer is not None
    return Control(
        kind=ERASED,
        ingest_time=record.ingest_time,
        customer=keyed(record.customer),
        subject=record.stream if isinstance(record, Event) else "",
        detail={"id": record.id} if isinstance(record, Event) else {},
    )


def erased_word(name: str, now: int) -> Control:
    """Return the word that keeps an address suppressed by its keyed name, from an instant (µs) on."""
    return Control(kind="suppression", ingest_time=now, subject=name, detail={"scope": SCOPE, "cause": CAUSE})


def names_any(raw: bytes, words: Collection[str]) -> bool:
    """Return whether some bytes name one of the words: as a value where they are JSON, else anywhere."""
    try:
        waiting: list[object] = [json.loads(raw)]
    except (ValueError, RecursionError):
        return any(word.encode() in raw for word in words if len(word) >= SEARCHED_CHARACTERS_MIN)
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif str(value) in words:
            return True
    return False


def is_letter_of(letter: DeadLetter, words: Collection[str]) -> bool:
    """Return whether a dead letter names one of the words, in its bytes or in what is said of them."""
    return names_any(letter.raw, words) or names_any(letter.reason.encode("utf-8", "surrogatepass"), words)


def searched(words: Iterable[str]) -> list[bytes]:
    """Return the words that are long enough to be told from chance, as bytes."""
    return [word.encode("utf-8", "surrogatepass") for word in words if len(word) >= SEARCHED_CHARACTERS_MIN]


def count_in_files(files: Iterable[Path], words: Collection[str]) -> int:
    """Return how often the words stand in the bytes of files and of what SQLite keeps beside them."""
    wanted = searched(words)
    beside = [file.with_name(file.name + end) for file in files for end in ("", "-wal", "-journal")]
    return sum(_occurrences(one, wanted) for one in beside if one.is_file())


def _occurrences(file: Path, wanted: list[bytes]) -> int:
    longest = max((len(word) for word in wanted), default=1)
    count, tail = 0, b""
    with file.open("rb") as opened:
        while part := opened.read(PART_BYTES):
            text = tail + part
            count += sum(text.count(word) for word in wanted)
            tail = text[-(longest - 1) :] if longest > 1 else b""
            count -= sum(tail.count(word) for word in wanted)
    return count
