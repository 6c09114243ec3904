"""Checks a run from outside: its input files, what the provider has, and the tables of its store; no engine code.

Reads the store with plain sqlite3 and msgspec. Every check returns the sentences that do not hold, so that one run
shows all of them.
"""

from __future__ import annotations

import csv
import email
import email.policy
import gzip
import io
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

#: Values of the log's `kind`, and places of the fields in its records and in rows of the ledger.
EVENT_KIND, CONTROL_KIND = 2, 0
KEY, RULE, CUSTOMER, OCCURRENCE, STEP, STATE = range(6)
DEADLINE, JUDGED = 9, 10
#: Events of the shop that have no customer.
FOR_EVERYBODY = frozenset({"feature_released", "incident_opened"})
#: States in which a message waits for the sender.
UNDONE = frozenset({"pending", "sending"})
STATES = UNDONE | {
    "accepted", "delivered", "bounced", "complained", "rejected", "unknown", "suppressed", "expired",
}  # fmt: skip
#: (stream, customer, id) of an event.
Identity: TypeAlias = tuple[str, str | None, str]


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
    tallies: list[tuple[Any, ...]] = field(default_factory=list)
    positions: dict[str, str] = field(default_factory=dict)
    dead: int = 0
    #: (key, state) of each line of the delivery journal.
    journal: list[tuple[str, str]] = field(default_factory=list)


def read_tables(path: Path) -> Tables:
    """Return what the store holds, nothing of one that has no tables yet; the file is not written."""
    found = Tables()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as sql:
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
        found.messages = dict(sql.execute("SELECT key, state FROM outbox"))
        found.tallies = sql.execute("SELECT * FROM tallies ORDER BY 1, 2, 3").fetchall()
        found.positions = dict(sql.execute("SELECT * FROM positions"))
        found.dead = sql.execute("SELECT count(*) FROM dead_letters").fetchone()[0]
        found.journal = sql.execute("SELECT key, state FROM attempts ORDER BY number").fetchall()
    return found


def check_always(tables: Tables, sent: Mapping[str, int], inputs: Counter[Identity]) -> list[str]:
    """Return what is wrong at any moment, after a kill too.

    sent: Message-ID -> how often the provider accepted it; inputs: well-formed identities -> how often they are there.
    """
    return [
        *_no_event_twice_or_invented(tables, inputs),
        *_at_most_one_mail(tables, sent),
        *_balanced(tables),
        *_never_early(tables),
    ]


def check_finished(tables: Tables, sent: Mapping[str, int], inputs: Counter[Identity]) -> list[str]:
    """Return what is wrong after a run that came to its end: the above, and nothing lost, nothing left undone."""
    lost = set(inputs) - set(tables.events)  # I1
    undone = Counter(state for state in tables.messages.values() if state in UNDONE)  # I4
    accepted = sum(state == "accepted" for state in tables.messages.values())
    return [
        *check_always(tables, sent, inputs),
        *(f"lost: {identity}" for identity in sorted(lost, key=str)),
        *(f"{count} messages are left {state}" for state, count in undone.items()),
        *([] if accepted == len(sent) else [f"{accepted} are called accepted, the provider has {len(sent)}"]),
    ]


def _no_event_twice_or_invented(tables: Tables, inputs: Counter[Identity]) -> Iterator[str]:
    """I1, I2: each event of the log is of the input, and there once."""
    for identity, count in Counter(tables.events).items():
        if count > 1:
            yield f"{count} times in the log: {identity}"
        if identity not in inputs:
            yield f"not of the input: {identity}"


def _at_most_one_mail(tables: Tables, sent: Mapping[str, int]) -> Iterator[str]:
    """I3: nothing was accepted twice, and nothing that no occurrence asked for."""
    yield from (f"accepted {count} times: {name}" for name, count in sent.items() if count > 1)
    if len(sent) > len(tables.messages):
        yield f"the provider has {len(sent)} mails, the outbox {len(tables.messages)}"
    accepted = Counter(key for key, state in tables.journal if state == "accepted")
    yield from (f"noted as accepted {count} times: {key}" for key, count in accepted.items() if count > 1)


def _balanced(tables: Tables) -> Iterator[str]:
    """I4: an occurrence's step has one row; the rows that wait to be sent are the messages, each in one known state."""
    names = Counter(tuple(row[RULE : STEP + 1]) for row in tables.fields.values())
    yield from (f"{count} rows for {name}" for name, count in names.items() if count > 1)
    pending = {key for key, row in tables.fields.items() if row[STATE] == "pending"}
    yield from (f"no message for row {key}" for key in pending - set(tables.messages))
    yield from (f"no row for message {key}" for key in set(tables.messages) - pending)
    yield from (f"message {key} is {state}" for key, state in tables.messages.items() if state not in STATES)


def _never_early(tables: Tables) -> Iterator[str]:
    """I7: nothing is judged before its deadline, and no silence twice."""
    silences: Counter[tuple[str, str, str]] = Counter()
    for row in tables.fields.values():
        if row[DEADLINE] is not None and row[JUDGED] < row[DEADLINE]:
            yield f"judged at {row[JUDGED]}, before {row[DEADLINE]}: {row[:STATE]}"
        if row[OCCURRENCE].startswith("silence:") and row[STEP] == "":
            silences[row[RULE], row[CUSTOMER], row[OCCURRENCE]] += row[STATE] != "ended"
    yield from (f"judged {count} times: {name}" for name, count in silences.items() if count > 1)


# ---------------------------------------------------------------- the provider's log
def mails_in(folder: Path) -> dict[str, bytes]:
    """Return the mails of an outbox folder by their path in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.eml"))}


def message_ids(mails: Iterable[bytes]) -> Counter[str]:
    """Return how often each Message-ID is among mails."""
    return Counter(str(email.message_from_bytes(mail, policy=email.policy.default)["Message-ID"]) for mail in mails)


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
