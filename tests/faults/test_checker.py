"""The checker finds nothing wrong with a sound run, and reports every promise that is broken by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from relight.base.instants import DAY, HOUR
from relight.config.loader import load_project
from relight.engine.run import run_project
from tests.faults import checker
from tests.faults.canary_project import END, Crowd, draw_crowd, write_canaries
from tests.faults.checker import Sample
from tests.faults.evidence import (
    Call,
    Line,
    Tables,
    calls_of,
    identities,
    mails_in,
    read_calls,
    read_lines,
    read_tables,
    write_call,
)
from tests.faults.reference import Expected, expect
from tests.faults.small_project import SECRET, T0


@dataclass(frozen=True, slots=True)
class Sound:
    """A run that nothing disturbed."""

    crowd: Crowd
    lines: list[Line]
    expected: Expected
    tables: Tables
    calls: list[Call]


def run_crowd(folder: Path, crowd: Crowd) -> Tables:
    write_canaries(folder, text=crowd.text)
    run_project(load_project(folder, env={"LINK_SECRET": SECRET}), clock=lambda: 0)
    return read_tables(folder / "data/relight.db")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    folder = tmp_path_factory.mktemp("sound")
    crowd = draw_crowd(1)
    tables = run_crowd(folder, crowd)
    lines = read_lines(folder / "data/app.ndjson")
    return Sound(crowd, lines, expect(lines, until=END), tables, calls_of(mails_in(folder / "outbox").values()))


def test_a_sound_run_has_nothing_wrong(sound: Sound) -> None:
    """The run to break has something of everything, and each check is content with it."""
    tables, calls, expected = sound.tables, sound.calls, sound.expected
    inputs = identities(sound.lines)
    assert checker.check_finished(tables, Counter(call.id for call in calls), inputs) == []
    assert checker.check_acknowledged(set(tables.events), tables, in_flight_max=0) == []
    assert checker.check_copies(tables, expected) == []
    assert checker.check_calls(tables, calls) == []
    assert checker.check_occurrences(tables, expected) == []
    assert checker.check_recipients(calls, sound.crowd.canaries) == []
    assert min(len(expected.cancelled), len(expected.occurrences)) > 20
    assert expected.differing > 0
    assert {row[1] for row in tables.fields.values()} == {"quiet", "receipt"}


def test_lost_and_invented_events_are_seen(sound: Sound) -> None:
    """I1: an acknowledged event that is gone, and more new ones than were in flight."""
    events = set(sound.tables.events)
    one = ("app", "c0", "e999")
    assert checker.check_acknowledged(events | {one}, sound.tables, in_flight_max=0) == [f"lost: {one}"]
    few = set(list(events)[5:])
    assert checker.check_acknowledged(few, sound.tables, in_flight_max=5) == []
    assert "5 events more" in checker.check_acknowledged(few, sound.tables, in_flight_max=4)[0]


def test_a_wrong_count_of_copies_is_seen(sound: Sound) -> None:
    """I2: a copy that differs and was not counted, or was counted twice."""
    wrong = replace(sound.tables, differing=sound.tables.differing + 1)
    assert "are called different" in checker.check_copies(wrong, sound.expected)[0]


def test_a_second_mail_is_seen(sound: Sound) -> None:
    """I3: two stored copies, unless the config retries and the journal has an `unknown` for it; two names for one mail;
    a mail that no message says; a mail to somebody else.
    """
    first = sound.calls[0]
    key = sound.tables.texts[first.text]
    twice = [*sound.calls, first]
    assert "accepted 2 times" in checker.check_calls(sound.tables, twice)[0]
    assert "accepted 2 times" in checker.check_calls(sound.tables, twice, retries=True)[0]
    told = replace(sound.tables, journal=[*sound.tables.journal, (key, "unknown")])
    assert checker.check_calls(told, twice, retries=True) == []
    renamed = replace(first, mail=first.mail.replace(b"Message-ID: <", b"Message-ID: <x"), stored=False)
    assert "several Message-IDs" in checker.check_calls(sound.tables, [*sound.calls, renamed])[0]
    foreign = replace(first, mail=first.mail.replace(b"Street", b"Avenue"))
    assert "what no message says" in checker.check_calls(sound.tables, [*sound.calls, foreign])[0]
    strayed = [replace(first, address="eve@mail.example"), *sound.calls[1:]]
    assert "to another address" in checker.check_calls(sound.tables, strayed)[0]


def test_a_wrong_word_on_the_outcome_is_seen(sound: Sound) -> None:
    """I6: accepted without a full answer, rejected without a refusal, accepted by the provider and called otherwise."""
    first = sound.calls[0]
    key = sound.tables.texts[first.text]

    def complaints(state: str, call: Call) -> str:
        tables = replace(sound.tables, messages={**sound.tables.messages, key: state})
        return "\n".join(checker.check_calls(tables, [call, *sound.calls[1:]]))

    silent = replace(first, answer=None)
    assert "no full answer" in complaints("accepted", silent)
    assert "nobody refused it" in complaints("rejected", silent)
    assert "accepted, and called pending" in complaints("pending", first)
    assert complaints("unknown", silent) == ""
    assert complaints("rejected", replace(first, answer="refused", stored=False)) == ""


def test_a_call_to_a_suppressed_address_is_seen(sound: Sound) -> None:
    """I5: a call that begins after the commit, however the address is spelt; one in flight is listed, not blamed."""
    calls = [Call(address="Ann@Mail.example", mail=b"", began=at) for at in (4, 5, 6)]
    late, landed = checker.check_suppressed(calls, {"ann@mail.example": 5})
    assert late == ["a call to Ann@Mail.example began at 6, suppressed at 5"]
    assert landed == [calls[1]]


def test_a_foreign_canary_is_seen(sound: Sound) -> None:
    """I19: a mail with somebody else's word in subject or body, or without its own."""
    first = sound.calls[0]
    own = sound.crowd.canaries[first.address].encode()
    for mail, seen in ((first.mail.replace(own, b"canary777x"), "[]"), (first.mail + b"", "")):
        found = checker.check_recipients([replace(first, mail=mail)], sound.crowd.canaries)
        assert (seen in found[0]) if seen else (found == [])
    other = next(address for address in sound.crowd.canaries if address != first.address)
    assert len(checker.check_recipients([replace(first, address=other)], sound.crowd.canaries)) == 2


def test_missing_and_invented_occurrences_are_seen(sound: Sound) -> None:
    """I4, I7: an occurrence without an entry, a silence that fires though it was ended, an entry out of nothing."""
    key = next(k for k, row in sound.tables.fields.items() if row[4] == "" and row[1] == "quiet")
    row = sound.tables.fields[key]

    def complaints(**changes: list[object]) -> str:
        fields = {k: v for k, v in sound.tables.fields.items() if k != key} | changes
        return "\n".join(checker.check_occurrences(replace(sound.tables, fields=fields), sound.expected))

    assert "missing: ('quiet'" in complaints()
    customer, start = next(iter(sound.expected.cancelled))
    again = [*row]
    again[2], again[3] = customer, f"silence:{start}:0"
    assert "fired though ended" in complaints(**{key: row, "more": again})
    again[2], again[3] = "c0", "silence:1:0"
    assert "not expected" in complaints(**{key: row, "more": again})


def test_a_message_that_is_left_is_seen(sound: Sound) -> None:
    """I4: a message that waits after faults have stopped."""
    messages = {**sound.tables.messages, next(iter(sound.tables.messages)): "pending"}
    assert checker.check_drained(replace(sound.tables, messages=messages)) == ["1 messages are left pending"]


def test_a_judgement_inside_a_gap_is_seen(sound: Sound) -> None:
    """I7: a deadline of the gap that is judged in it; one beyond grace that is not expired, and one within that is."""
    key = next(k for k, row in sound.tables.fields.items() if row[4] == "" and row[1] == "quiet")

    def complaints(*, judged: int, reason: str | None, grace: int) -> list[str]:
        row = [*sound.tables.fields[key]]
        row[6], row[9], row[10] = reason, T0 + 2 * DAY, judged
        tables = replace(sound.tables, fields={key: row})
        return checker.check_gap(tables, begin=T0 + DAY, end=T0 + 3 * DAY, grace=grace)

    end = T0 + 3 * DAY
    assert complaints(judged=end, reason=None, grace=2 * DAY) == []
    assert complaints(judged=end, reason="expired", grace=HOUR) == []
    assert "inside the gap" in complaints(judged=end - 1, reason=None, grace=2 * DAY)[0]
    assert "and None" in complaints(judged=end, reason=None, grace=HOUR)[0]
    assert "and expired" in complaints(judged=end, reason="expired", grace=2 * DAY)[0]


def test_a_different_ledger_is_seen(sound: Sound) -> None:
    """I8, I9: a row more on either side, or one byte."""
    rows = sound.tables.rows
    key = next(iter(rows))
    less = {k: v for k, v in rows.items() if k != key}
    assert checker.check_same_decisions(rows, rows) == []
    assert checker.check_same_decisions(rows, less) == [f"only in the first: {key}"]
    assert checker.check_same_decisions(less, rows) == [f"only in the second: {key}"]
    assert checker.check_same_decisions(rows, {**rows, key: rows[key] + b"\0"}) == [f"not the same: {key}"]


def test_a_poison_that_touches_others_is_seen(tmp_path: Path, sound: Sound) -> None:
    """I13: the two broken lines of the run are dead letters and change nobody's row; what they would change is seen."""
    clean = "".join(f"{text}\n" for text in sound.crowd.text.splitlines() if text not in sound.crowd.broken)
    alone = run_crowd(tmp_path, replace(sound.crowd, text=clean))
    assert checker.check_isolated(alone, sound.tables, poison=sound.crowd.broken) == []
    assert alone.dead == 0
    assert len(sound.crowd.broken) == sound.tables.dead == 2
    key = next(iter(alone.rows))
    whose = alone.fields[key][2]
    hurt = replace(sound.tables, rows={k: v for k, v in sound.tables.rows.items() if k != key})
    hurt.fields = {k: v for k, v in sound.tables.fields.items() if k != key}
    assert checker.check_isolated(alone, hurt, poison=set()) == [f"only in the first: {key}"]
    assert checker.check_isolated(alone, hurt, poison=set(), poisoned={whose}) == []
    assert "no dead letter" in checker.check_isolated(alone, alone, poison={"broken"})[0]
    silent = replace(alone, letters=[("broken", "")])
    assert "without a reason" in checker.check_isolated(alone, silent, poison={"broken"})[0]


def test_a_wrong_mail_from_a_damaged_store_is_seen(sound: Sound) -> None:
    """I16: another text or address under a known name, a name nobody knows, a crash in the place of an error."""
    known = {call.id: (call.address, call.text) for call in sound.calls}
    first = sound.calls[0]

    def complaints(code: int, told: str, *after: Call) -> list[str]:
        return checker.check_damage(code=code, told=told, sound=known, after=after, codes={69})

    assert complaints(69, "the store is damaged", first) == []
    assert complaints(0, "", *sound.calls) == []
    assert "a wrong mail left" in complaints(0, "", replace(first, address="eve@mail.example"))[0]
    assert "a wrong mail left" in complaints(0, "", replace(first, mail=first.mail.replace(b"<", b"<x")))[0]
    for code, told in ((70, "a fault of relight"), (69, ""), (69, "Traceback (most recent call last)"), (-11, "")):
        assert "ended with" in complaints(code, told)[0]


def test_growth_beyond_a_limit_is_seen() -> None:
    """I17: each of memory, descriptors, queue and disk has its limit."""
    limit = Sample(memory_bytes=100, descriptors=10, queued=5, disk_bytes=1000)
    assert checker.check_bounded([limit, limit], limit) == []
    for name in ("memory_bytes", "descriptors", "queued", "disk_bytes"):
        worse = replace(limit, **{name: getattr(limit, name) + 1})
        assert checker.check_bounded([limit, worse], limit)[0].startswith(f"{name} came to")


def test_an_unsafe_config_that_runs_is_seen() -> None:
    """I18: a config that is taken, or refused for another reason than its own."""
    assert checker.check_refused([("lease", 78, "config: the lease is too short", "lease")]) == []
    assert len(checker.check_refused([("lease", 0, "the lease", "lease"), ("off", 78, "no such file", "lease")])) == 2


def test_a_call_survives_its_log(tmp_path: Path, sound: Sound) -> None:
    """What a provider writes down is what the checker reads."""
    path = tmp_path / "calls"
    assert read_calls(path) == []
    for call in sound.calls[:3]:
        write_call(path, call)
    assert read_calls(path) == sound.calls[:3]
