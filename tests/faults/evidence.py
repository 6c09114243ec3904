"""What a run leaves, read from outside: tables of the store, the provider's log, the input files; no engine code.

Reads the store with plain sqlite3 and msgspec. What it means is `checker`'s.
"""

from __future__ import annotations

import base64
import csv
import email
import email.policy
import gzip
import io
import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

#: Values of the log's `kind`, and places of the fields in its records, in rows of the ledger and in messages.
EVENT_KIND, CONTROL_KIND = 2, 0
KEY, RULE, CUSTOMER, OCCURRENCE, STEP, STATE, REASON = range(7)
DEADLINE, JUDGED = 9, 10
ADDRESS, TEXT = 4, 10
#: Events of the shop that have no customer.
FOR_EVERYBODY = frozenset({
    "feature_announced", "feature_released", "incident_opened", "product_launched", "webinar_announced",
})  # fmt: skip
#: (stream, customer, id) of an event.
Identity: TypeAlias = tuple[str, str | None, str]
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017  # the plain word for it


@dataclass(slots=True, kw_only=True)
class Tables:
    """What a store holds."""

    #: (stream, customer, id) of each event, in log order.
    events: list[Identity] = field(default_factory=list)
    #: Everything but what tells one run from another: the journal and its place.
    log: list[bytes] = field(default_factory=list)
    #: Control records.
    controls: list[list[Any]] = field(default_factory=list)
    #: Occurrence key -> the row's body, and its fields.
    rows: dict[str, bytes] = field(default_factory=dict)
    fields: dict[str, list[Any]] = field(default_factory=dict)
    #: Occurrence key -> state of its message.
    messages: dict[str, str] = field(default_factory=dict)
    #: What a mail says, without line ends -> occurrence key of its message.
    texts: dict[str, str] = field(default_factory=dict)
    #: Occurrence key -> address its message goes to.
    addresses: dict[str, str] = field(default_factory=dict)
    tallies: list[tuple[Any, ...]] = field(default_factory=list)
    positions: dict[str, str] = field(default_factory=dict)
    dead: int = 0
    #: (bytes as text, reason) of each dead letter.
    letters: list[tuple[str, str]] = field(default_factory=list)
    #: (key, state) of each line of the delivery journal, and their causes.
    journal: list[tuple[str, str]] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    #: Copies counted as differing from their first.
    differing: int = 0
    #: Instant durably reached, µs; None in a new store.
    reached: int | None = None


def read_tables(path: Path) -> Tables:
    """Return what the store holds, nothing of one that has no tables yet; the file is not written."""
    with tempfile.TemporaryDirectory() as scratch:
        if path.with_name(f"{path.name}-journal").exists():  # killed while it was made: to read it is to roll it back
            for one in path.parent.glob(f"{path.name}*"):
                shutil.copy(one, scratch)
            return _read(f"file:{scratch}/{path.name}")
        return _read(f"file:{path}?mode=ro")


def _read(address: str) -> Tables:
    found = Tables()
    with closing(sqlite3.connect(address, uri=True)) as sql:
        assert sql.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if sql.execute("SELECT 1 FROM sqlite_master WHERE name = 'log'").fetchone() is None:
            return found
        for kind, body in sql.execute("SELECT kind, body FROM log ORDER BY pos"):
            record = msgspec.msgpack.decode(body)
            found.log.append(body)
            if kind == CONTROL_KIND:
                found.controls.append(record)
            else:
                found.events.append((record[0], record[2], record[1]))
        for key, body in sql.execute("SELECT key, body FROM ledger"):
            found.rows[key], found.fields[key] = body, msgspec.msgpack.decode(body)
        for key, state, body in sql.execute("SELECT key, state, body FROM outbox"):
            message = msgspec.msgpack.decode(body)
            found.messages[key], found.addresses[key] = state, message[ADDRESS]
            found.texts[squeezed(message[TEXT])] = key
        found.tallies = sql.execute("SELECT * FROM tallies ORDER BY 1, 2, 3").fetchall()
        found.positions = dict(sql.execute("SELECT input, position FROM positions"))
        for (body,) in sql.execute("SELECT body FROM dead_letters ORDER BY number"):
            letter = msgspec.msgpack.decode(body)
            found.letters.append((letter["raw"].decode(errors="replace").strip(), letter["reason"]))
        found.dead = len(found.letters)
        lines = sql.execute("SELECT key, state, cause FROM attempts ORDER BY number").fetchall()
        found.journal, found.causes = [line[:2] for line in lines], [line[2] for line in lines]
        numbers = dict(sql.execute("SELECT name, value FROM meta WHERE name IN ('duplicates_differing', 'reached')"))
        found.differing, found.reached = numbers.get("duplicates_differing", 0), numbers.get("reached")
    return found


def squeezed(text: str) -> str:
    """Return a text without the white space that mail may change."""
    return " ".join(text.split())


# ---------------------------------------------------------------- the provider's log
@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One message as a provider saw it, written down before it answered."""

    address: str
    mail: bytes
    #: When the call began: a number that grows, on the scale of the suppressions it is held against.
    began: int = 0
    #: Whether the provider has the message for good.
    stored: bool = True
    #: What the caller was told in full: `accepted`, `refused`, `later`; None where no whole answer left.
    answer: str | None = "accepted"

    @property
    def id(self) -> str:
        """Its Message-ID."""
        return _read_mail(self.mail)[0]

    @property
    def subject(self) -> str:
        """Its subject."""
        return _read_mail(self.mail)[1]

    @property
    def text(self) -> str:
        """What it says in plain text, squeezed."""
        return _read_mail(self.mail)[2]


@lru_cache(maxsize=10_000)
def _read_mail(mail: bytes) -> tuple[str, str, str]:
    """Return Message-ID, subject and plain text; each mail is asked about several times."""
    message = email.message_from_bytes(mail, policy=email.policy.default)
    part = message.get_body(("plain",))
    return str(message["Message-ID"]), str(message["Subject"]), "" if part is None else squeezed(part.get_content())


def write_call(path: Path, call: Call) -> None:
    """Append a call to a provider's log, durably."""
    row = {
        "address": call.address, "mail": base64.b64encode(call.mail).decode(), "began": call.began,
        "stored": call.stored, "answer": call.answer,
    }  # fmt: skip
    with path.open("a", encoding="ascii") as file:
        file.write(json.dumps(row) + "\n")


def read_calls(path: Path) -> list[Call]:
    """Return the calls of a provider's log."""
    rows = [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()] if path.exists() else []
    return [Call(**{**row, "mail": base64.b64decode(row["mail"])}) for row in rows]


def mails_in(folder: Path) -> dict[str, bytes]:
    """Return the mails of an outbox folder by their path in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.eml"))}


def calls_of(mails: Iterable[bytes]) -> list[Call]:
    """Return mails in a folder as calls that were all accepted."""
    return [Call(address=str(email.message_from_bytes(mail)["To"]), mail=mail) for mail in mails]


def message_ids(mails: Iterable[bytes]) -> Counter[str]:
    """Return how often each Message-ID is among mails."""
    return Counter(str(email.message_from_bytes(mail, policy=email.policy.default)["Message-ID"]) for mail in mails)


# ---------------------------------------------------------------- one growing stream of JSON lines
@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One well-formed line of `data/app.ndjson`; instants in µs."""

    id: str
    customer: str
    event: str
    at: int
    arrives: int
    order: str | None
    #: What a copy must agree in: all that the stream declares of such an event.
    body: str


def read_lines(path: Path) -> list[Line]:
    """Return the well-formed lines, in the order of the file."""
    found: list[Line] = []
    for raw in path.read_bytes().splitlines():
        row = _object(raw)
        if row is None or not {"id", "customer", "event", "at"} <= row.keys():
            continue
        at = micros(row["at"])
        declared = {"event", "at", "email", "canary"} | ({"order"} if row["event"] == "ordered" else set())
        body = json.dumps({name: row[name] for name in sorted(declared & row.keys())})
        arrives = micros(row["arrives"]) if "arrives" in row else at
        found.append(
            Line(
                id=row["id"], customer=row["customer"], event=row["event"], at=at, arrives=arrives,
                order=row.get("order"), body=body,
            )
        )  # fmt: skip
    return found


def identities(lines: Iterable[Line]) -> Counter[Identity]:
    """Return how often each event is among lines."""
    return Counter(("app", one.customer, one.id) for one in lines)


def micros(text: str) -> int:
    """Return an ISO 8601 instant in µs."""
    return (_instant(text) - _EPOCH) // timedelta(microseconds=1)


# ---------------------------------------------------------------- the input files of the shop
def well_formed(folder: Path) -> Counter[Identity]:
    """Return the identities (stream, customer, id) of the rows of the shop's three files that say what they must."""
    found: Counter[Identity] = Counter()
    for line in (folder / "data/app.ndjson").read_bytes().splitlines():
        row = _object(line)
        if row is None or not {"id", "event", "at", "arrives"} <= row.keys() or not _reads(row, "cards", int):
            continue
        if "customer" in row or row["event"] in FOR_EVERYBODY:
            found["app", row.get("customer"), row["id"]] += 1
    with gzip.open(folder / "data/support.ndjson.gz") as file:
        for line in file:
            row = _object(line)
            if row is not None and {"id", "type", "requester", "at"} <= row.keys() and _reads(row, "score", int):
                found["support", row["requester"], row["id"]] += 1
    for cells in csv.DictReader(io.StringIO((folder / "data/orders.csv").read_text(encoding="utf-8"))):
        if None not in cells.values() and _reads(cells, "amount", Decimal) and _reads(cells, "ordered_at", _instant):
            found["shop", cells["buyer"], cells["row_id"]] += 1
    return found


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and _reads(row, "at", _instant) else None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _reads(row: Mapping[str, Any], name: str, kind: Any) -> bool:
    try:
        return row.get(name) in {None, ""} or kind(row[name]) is not None
    except (ValueError, TypeError, InvalidOperation):
        return False
