"""The promises I1-I9, I13 and I16-I19, checked from outside: from input log, provider's log and store; no engine code.

Each check returns the sentences that do not hold, so that one run shows all of them; an empty list is a promise kept.
`evidence` reads what they are given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tests.faults.evidence import (
    CUSTOMER,
    DEADLINE,
    JUDGED,
    OCCURRENCE,
    REASON,
    RULE,
    STATE,
    STEP,
    Call,
    Identity,
    Tables,
    mails_in,
    message_ids,
    read_tables,
    well_formed,
)
from tests.faults.reference import Expected

__all__ = ["Identity", "Tables", "mails_in", "message_ids", "read_tables", "well_formed"]

#: States in which a message waits for the sender.
UNDONE = frozenset({"pending", "sending"})
STATES = UNDONE | {
    "accepted", "delivered", "bounced", "complained", "rejected", "unknown", "suppressed", "expired",
}  # fmt: skip
#: States that say that the provider has the message.
HAS_IT = frozenset({"accepted", "delivered", "bounced", "complained"})


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
    accepted = sum(state == "accepted" for state in tables.messages.values())
    return [
        *check_always(tables, sent, inputs),
        *(f"lost: {identity}" for identity in sorted(lost, key=str)),
        *check_drained(tables),
        *([] if accepted == len(sent) else [f"{accepted} are called accepted, the provider has {len(sent)}"]),
    ]


# ---------------------------------------------------------------- I1, I2: events
def check_acknowledged(acknowledged: AbstractSet[Identity], tables: Tables, *, in_flight_max: int) -> list[str]:
    """I1: everything acknowledged is there, and no more beside it than was in flight."""
    recovered = set(tables.events)
    more = len(recovered - acknowledged)
    return [
        *(f"lost: {identity}" for identity in sorted(acknowledged - recovered, key=str)),
        *([f"{more} events more than acknowledged, {in_flight_max} were in flight"] if more > in_flight_max else []),
    ]


def check_copies(tables: Tables, expected: Expected) -> list[str]:
    """I2: the counter of copies that differ from their first is exact."""
    if tables.differing == expected.differing:
        return []
    return [f"{tables.differing} copies are called different, {expected.differing} are"]


def _no_event_twice_or_invented(tables: Tables, inputs: Counter[Identity]) -> Iterator[str]:
    """I1, I2: each event of the log is of the input, and there once."""
    for identity, count in Counter(tables.events).items():
        if count > 1:
            yield f"{count} times in the log: {identity}"
        if identity not in inputs:
            yield f"not of the input: {identity}"


# ---------------------------------------------------------------- I3, I5, I6, I19: what the provider saw
def check_calls(tables: Tables, calls: Sequence[Call], *, retries: bool = False) -> list[str]:
    """I3: one stored mail an occurrence, with `retry` one more for each `unknown`, all copies under one Message-ID.

    I6: what is called accepted was stored and answered so, what is called rejected was refused in full.
    """
    found: list[str] = []
    by_key: dict[str, list[Call]] = {}
    for call in calls:
        key = tables.texts.get(call.text)
        if key is None:
            found.append(f"the provider was handed what no message says: {call.text[:60]!r}")
        else:
            by_key.setdefault(key, []).append(call)
    unknown = Counter(key for key, state in tables.journal if state == "unknown")
    for key, mine in by_key.items():
        stored = sum(call.stored for call in mine)
        if stored > 1 + (unknown[key] if retries else 0):
            found.append(f"accepted {stored} times, {unknown[key]} times unknown: {key}")
        if len({call.id for call in mine}) > 1:
            found.append(f"handed over under several Message-IDs: {key}")
        if len({call.address for call in mine} | {tables.addresses[key]}) > 1:
            found.append(f"handed over to another address than the message has: {key}")
    for key, state in tables.messages.items():
        found += _outcome(key, state, by_key.get(key, []), was_unknown=unknown[key] > 0)
    return found


def _outcome(key: str, state: str, mine: Sequence[Call], *, was_unknown: bool) -> Iterator[str]:
    answers = [call.answer for call in mine if call.answer is not None]
    if state in HAS_IT and "accepted" not in answers:
        yield f"called {state}, and no full answer said so: {key}"
    if state == "rejected" and not {"refused", "later"} & set(answers):
        yield f"called rejected, and nobody refused it: {key}"
    # An answer that was given and not written down is unknown; what is sent again then may end otherwise (S3).
    if state in {"pending", "suppressed", "expired", "rejected"} and "accepted" in answers and not was_unknown:
        yield f"accepted, and called {state}: {key}"


def check_suppressed(calls: Iterable[Call], suppressed: Mapping[str, int]) -> tuple[list[str], list[Call]]:
    """I5: no call begins to an address after its suppression was committed; return complaints, and calls in flight.

    suppressed: folded address -> instant of the commit, on the scale of `Call.began`.
    """
    late, landed = [], []
    for call in calls:
        at = suppressed.get(call.address.strip().lower())
        if at is not None and call.began > at:
            late.append(f"a call to {call.address} began at {call.began}, suppressed at {at}")
        elif at is not None and call.began == at:
            landed.append(call)
    return late, landed


def check_recipients(calls: Iterable[Call], canaries: Mapping[str, str]) -> list[str]:
    """I19: each mail holds the canary of the customer it goes to, in subject and body, and no other's."""
    found = []
    for call in calls:
        own = canaries.get(call.address)
        for part, text in (("subject", call.subject), ("body", call.text)):
            words = set(text.replace("/", " ").split())
            seen = {canary for canary in canaries.values() if canary in words}
            if seen != {own}:
                found.append(f"a mail to {call.address} says {sorted(seen)} in its {part}")
    return found


def _at_most_one_mail(tables: Tables, sent: Mapping[str, int]) -> Iterator[str]:
    """I3: nothing was accepted twice, and nothing that no occurrence asked for."""
    yield from (f"accepted {count} times: {name}" for name, count in sent.items() if count > 1)
    if len(sent) > len(tables.messages):
        yield f"the provider has {len(sent)} mails, the outbox {len(tables.messages)}"
    accepted = Counter(key for key, state in tables.journal if state == "accepted")
    yield from (f"noted as accepted {count} times: {key}" for key, count in accepted.items() if count > 1)


# ---------------------------------------------------------------- I4, I7: occurrences
def check_occurrences(tables: Tables, expected: Expected) -> list[str]:
    """I4, I7: the entries are those of the slow reference, each silence judged once or ended by an activity."""
    entered = {tuple(row[RULE:STEP]) for row in tables.fields.values() if row[STEP] == ""}
    ended = {("quiet", customer, f"silence:{start}:0") for customer, start in expected.cancelled}
    return [
        *(f"missing: {name}" for name in sorted(expected.occurrences - entered)),
        *(f"fired though ended in time: {name}" for name in sorted(entered & ended)),
        *(f"not expected: {name}" for name in sorted(entered - expected.occurrences - ended)),
    ]


def check_drained(tables: Tables) -> list[str]:
    """I4: once faults have stopped, nothing waits."""
    undone = Counter(state for state in tables.messages.values() if state in UNDONE)
    return [f"{count} messages are left {state}" for state, count in undone.items()]


def check_gap(tables: Tables, *, begin: int, end: int, grace: int) -> list[str]:
    """I7: what fell due while nobody ran is judged at the end of the gap, and is `expired` beyond grace (µs)."""
    found = []
    for row in tables.fields.values():
        if row[STEP] != "" or row[DEADLINE] is None or not begin < row[DEADLINE] < end:
            continue
        if row[JUDGED] < end:
            found.append(f"judged at {row[JUDGED]}, inside the gap: {row[:STATE]}")
        if (row[REASON] == "expired") != (end - row[DEADLINE] > grace):
            found.append(f"{end - row[DEADLINE]} µs over, and {row[REASON]}: {row[:STATE]}")
    return found


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


# ---------------------------------------------------------------- I8, I9, I13: two runs beside each other
def check_same_decisions(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> list[str]:
    """I8, I9: two ledgers (occurrence key -> row) are the same, byte for byte."""
    return [
        *(f"only in the first: {key}" for key in sorted(one.keys() - other.keys())),
        *(f"only in the second: {key}" for key in sorted(other.keys() - one.keys())),
        *(f"not the same: {key}" for key in sorted(one.keys() & other.keys()) if one[key] != other[key]),
    ]


def check_isolated(
    alone: Tables, beside: Tables, *, poison: AbstractSet[str], poisoned: AbstractSet[str] = frozenset()
) -> list[str]:
    """I13: everybody else's rows are as without the poison, and each poison record is a dead letter with a reason.

    poison: the records that cannot be read; poisoned: customers whose own rows may differ.
    """
    kept = [
        {key: table.rows[key] for key, row in table.fields.items() if row[CUSTOMER] not in poisoned}
        for table in (alone, beside)
    ]
    reasons = dict(beside.letters)
    return [
        *check_same_decisions(*kept),
        *(f"no dead letter for {record!r}" for record in sorted(poison - reasons.keys())),
        *(f"a dead letter without a reason: {record!r}" for record in sorted(poison) if reasons.get(record) == ""),
    ]


# ---------------------------------------------------------------- I16, I17, I18: the machine and the config
def check_damage(
    *, code: int, told: str, sound: Mapping[str, tuple[str, str]], after: Iterable[Call], codes: AbstractSet[int]
) -> list[str]:
    """I16: a damaged store is refused with a clear error, or the run is as without the damage: never a wrong mail.

    sound: Message-ID -> (address, text) as they leave without damage; codes: the exit codes that refuse clearly.
    """
    found = [f"a wrong mail left: {c.address} {c.text[:40]!r}" for c in after if sound.get(c.id) != (c.address, c.text)]
    if code and (code not in codes or "Traceback" in told or not told.strip()):
        found.append(f"ended with {code} and said {told[-200:]!r}")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a process held at one moment."""

    memory_bytes: int
    descriptors: int
    queued: int
    disk_bytes: int


def check_bounded(samples: Sequence[Sample], limits: Sample) -> list[str]:
    """I17: no sample exceeds a limit."""
    found = []
    for name in ("memory_bytes", "descriptors", "queued", "disk_bytes"):
        worst, limit = max(getattr(one, name) for one in samples), getattr(limits, name)
        if worst > limit:
            found.append(f"{name} came to {worst}, the limit is {limit}")
    return found


def check_refused(runs: Iterable[tuple[str, int, str, str]]) -> list[str]:
    """I18: every unsafe config ends with another code than 0 and says what is wrong with it.

    runs: (name, exit code, what it said, what it must say).
    """
    return [
        f"{name}: ended with {code}, and did not say {words!r}: {told[-200:]!r}"
        for name, code, told, words in runs
        if code == 0 or words not in told
    ]
