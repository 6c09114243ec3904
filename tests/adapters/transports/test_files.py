"""Finished files as the log wants them: order, ids, groups, maps, horizons."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relight.base.errors import ProjectError
from relight.streams.envelope import DeadLetter, Event
from relight.streams.plan import shown_place
from relight.streams.refusals import Counts
from relight.transports import files
from relight.transports.errors import InputError
from relight.transports.files import in_order, open_finished
from relight.transports.merge import Merged, merge_inputs, record_key
from relight.transports.records import RecordReader
from tests.unit.streams.stream_making import NINE, plan_of


def order(id_: str, second: int, **more: Any) -> dict[str, Any]:
    row = {"messageId": id_, "timestamp": f"2026-03-01T09:00:{second:02}Z", "userId": "u1", "event": "session_started"}
    return {**row, **more}


def write(path: Path, rows: list[dict[str, Any] | bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join((row if isinstance(row, bytes) else msgspec.json.encode(row)) + b"\n" for row in rows))


def names(records: list[Merged]) -> list[str]:
    return [record.id if isinstance(record, Event) else f"dead:{record.position}" for record in records]


def test_event_time_order(tmp_path: Path) -> None:
    """Without `arrives` a file is read in event-time order, ties by row, global events first."""
    released = order("g", 5, event="feature_released", feature="api")
    write(tmp_path / "data/shop.ndjson", [order("late", 9), order("a", 5), order("b", 5), released, order("first", 1)])
    assert names(list(open_finished(plan_of(), tmp_path))) == ["first", "g", "a", "b", "late"]


def test_arrival_order(tmp_path: Path) -> None:
    """With `arrives` a file is read in the order in which its rows arrived."""
    rows: list[Any] = [order("b", 1, at="2026-03-01T10:00:02Z"), order("a", 9, at="2026-03-01T10:00:01Z")]
    write(tmp_path / "data/shop.ndjson", rows)
    found = list(open_finished(plan_of(arrives="at"), tmp_path))
    assert names(found) == ["a", "b"]


def test_dead_letters_stand_with_their_neighbours(tmp_path: Path) -> None:
    """A row that cannot be read blocks nothing and stands where its neighbours stand."""
    write(tmp_path / "data/shop.ndjson", [order("a", 1), b"{broken", order("b", 2), order("c", 3, userId=None)])
    counts = Counts()
    found = list(open_finished(plan_of(), tmp_path, counts=counts))
    assert names(found) == ["a", "dead:2", "b", "dead:4"]
    assert isinstance(found[1], DeadLetter)
    assert (found[1].source, found[1].ingest_time) == ("data/shop.ndjson:2", NINE + 1_000_000)
    assert (counts.rows, counts.events, counts.dead) == (4, 2, {"not-json": 1, "missing-customer": 1})


def test_several_files(tmp_path: Path) -> None:
    """Several files of one stream are one: by name, rows numbered on, ids with the file's name."""
    write(tmp_path / "data/b.ndjson", [order("x", 1)])
    write(tmp_path / "data/a.ndjson", [order("x", 1), b"", order("x", 1)])
    found = list(open_finished(plan_of(source={"file": "data/*.ndjson"}, id=None), tmp_path))
    assert [(record.position, record.id) for record in found if isinstance(record, Event)] == [
        (1, "data/a.ndjson:1"), (3, "data/a.ndjson:3"), (4, "data/b.ndjson:1"),
    ]  # fmt: skip


def test_missing_files(tmp_path: Path) -> None:
    """A file or a pattern that finds nothing is a clear error, and so is a variable that is not set."""
    for text, words in [
        ("data/x.ndjson", "there is no file"),
        ("data/*.x", "no file matches"),
        ("${NO_SUCH}/x", "NO_SUCH is not set"),
    ]:
        with pytest.raises(InputError, match=words):
            list(open_finished(plan_of(source={"file": text}), tmp_path))


def test_files_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file outside the project has its bare name in ids, the same on every machine; two of one name clash."""
    write(tmp_path / "far/x.ndjson", [order("a", 1)])
    write(tmp_path / "near/x.ndjson", [order("a", 1)])
    monkeypatch.setenv("FAR_AWAY", str(tmp_path / "far"))
    project = tmp_path / "project"
    project.mkdir()
    found = list(open_finished(plan_of(source={"file": "${FAR_AWAY}/x.ndjson"}, id=None), project))
    assert names(found) == ["x.ndjson:1"]
    both = ["${FAR_AWAY}/x.ndjson", str(tmp_path / "near/x.ndjson")]
    with pytest.raises(InputError, match="equal ids"):
        list(open_finished(plan_of(source={"file": both}), project))


def test_horizon(tmp_path: Path) -> None:
    """Records after the horizon are left out and counted; one exactly at it stays."""
    write(tmp_path / "data/shop.ndjson", [order("a", 1), order("b", 2), order("c", 3)])
    counts = Counts()
    plan = plan_of(source={"file": "data/shop.ndjson", "horizon": "2026-03-01T09:00:02Z"})
    assert names(list(open_finished(plan, tmp_path, counts=counts))) == ["a", "b"]
    assert counts.after_horizon == 1


def test_large_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with more rows than are sorted streams through if it is in order, else it is refused naming the row."""
    monkeypatch.setattr(files, "SORT_ROWS_MAX", 3)

    def events(*times: int) -> list[Merged]:
        return [
            Event(stream="s", id=str(at), customer="c", name="n", event_time=time, ingest_time=time, position=at)
            for at, time in enumerate(times, 1)
        ]

    assert names(list(in_order(events(3, 1), "s"))) == ["2", "1"]
    assert names(list(in_order(events(1, 2, 3, 3, 5), "s"))) == ["1", "2", "3", "4", "5"]
    for times in ((1, 3, 2, 4), (1, 2, 3, 4, 3)):
        with pytest.raises(InputError, match="out of order"):
            list(in_order(events(*times), "s"))


def test_grouped_file(tmp_path: Path) -> None:
    """Rows of an invoice are one event: at the first row's time, under the invoice's number, with exact sums."""
    lines = ["A,2026-03-02,u1,0.1", "B,2026-03-01,u2,5", "A,2026-03-02,u1,0.2", "B,2026-03-01,u2", ",2026-03-01,u2,1"]
    text = "\n".join(["no,day,who,amount", *lines])
    (tmp_path / "x.csv").write_text(text, encoding="utf-8")
    plan = plan_of(
        source={"file": "x.csv", "format": "csv"},
        id=None, time={"field": "day", "zone": "UTC"}, customer="who", name={"is": "order_placed"},
        group_by={"fields": ["no"], "sum": ["amount"], "count": "lines"},
        events={"order_placed": {"properties": {"amount": "money", "lines": "integer"}}},
    )  # fmt: skip
    counts = Counts()
    found = list(open_finished(plan, tmp_path, counts=counts))
    events = [record for record in found if isinstance(record, Event)]
    assert [(event.id, event.position, event.properties) for event in events] == [
        ("B", 2, {"amount": Decimal(5), "lines": 1}),
        ("A", 1, {"amount": Decimal("0.3"), "lines": 2}),
    ]
    letters = [record for record in found if isinstance(record, DeadLetter)]
    assert sorted((letter.code, letter.position) for letter in letters) == [("missing-group", 5), ("ragged-row", 4)]
    assert (counts.rows, counts.events, counts.dead) == (5, 2, {"missing-group": 1, "ragged-row": 1})


def test_a_row_of_csv_is_shown_as_a_row(tmp_path: Path) -> None:
    """A letter's place is shown as a row where header, blank lines and quoted line ends are no rows; ids stay as they are."""
    at, row = "2026-03-01T09:00:00Z", "session_started,u1"
    text = f'timestamp,event,userId,note\n{at},{row},"two\nlines"\n\n{at},{row},x\nnever,{row},x\n'
    (tmp_path / "x.csv").write_text(text, encoding="utf-8")
    plan = plan_of(source={"file": "x.csv", "format": "csv"}, id=None)
    *events, letter = open_finished(plan, tmp_path)
    assert [event.id for event in events if isinstance(event, Event)] == ["x.csv:1", "x.csv:2"]
    assert isinstance(letter, DeadLetter)
    assert (letter.source, shown_place(letter, {plan.name: plan})) == ("x.csv:3", "x.csv row 3")


@pytest.mark.parametrize(
    ("source", "came_from", "shown"),
    [
        ({"file": "x.ndjson"}, "x.ndjson:3", "x.ndjson:3"),
        ({"file": "d/x.csv", "format": "csv"}, "d/x.csv:3", "d/x.csv row 3"),
        ({"file": "x.txt", "format": "fixed", "widths": {"a": 2}}, "x.txt:3", "x.txt row 3"),
        ({"file": "x.csv", "format": "csv", "follow": True}, "x.csv:3", "x.csv:3"),
        ({"file": "x.csv", "format": "csv"}, "somewhere", "somewhere"),
        ({"kafka": "shop"}, "d/x.csv.gz:3", "d/x.csv.gz row 3"),
        ({"kafka": "shop"}, "x.ndjson:3", "x.ndjson:3"),
        ({"kafka": "shop.csv"}, "shop.csv:0:3", "shop.csv:0:3"),
    ],
)
def test_a_line_is_shown_as_a_line(source: dict[str, Any], came_from: str, shown: str) -> None:
    """Only a number that counts the rows of a recorded file is told as a row; one of lines, or of a lost stream, is not."""
    plan = plan_of(source=source)
    letter = DeadLetter(
        stream=plan.name, position=3, source=came_from, code="not-json", reason="", raw=b"", ingest_time=0
    )
    assert shown_place(letter, {plan.name: plan}) == shown
    assert shown_place(letter, {}) == came_from


MAP = """
import json

def from_row(row):
    if row["kind"] == "none":
        return
    if row["kind"] == "boom":
        raise KeyError("pool")
    if row["kind"] == "deep":
        return json.loads("no json")
    if row["kind"] == "one":
        return {"event": "session_started"}
    for number in range(row["n"]):
        yield {**row, "event": "session_started", "userId": "" if row["kind"] == "bad" and number else "u1"}
"""


def test_map(tmp_path: Path) -> None:
    """A map makes zero or more events of a row; its own errors are dead letters with the row as it came."""
    (tmp_path / "streams").mkdir()
    (tmp_path / "streams/shop.py").write_text(MAP, encoding="utf-8")
    base = {"timestamp": "2026-03-01T09:00:00Z", "n": 2}
    rows: list[Any] = [{**base, "kind": kind} for kind in ("two", "bad", "boom", "deep")]
    write(tmp_path / "data/shop.ndjson", rows)
    found = list(open_finished(plan_of(map="shop.py:from_row", id=None), tmp_path))
    assert [record.id for record in found if isinstance(record, Event)] == [
        "data/shop.ndjson:1",
        "data/shop.ndjson:1#2",
        "data/shop.ndjson:2",
    ]
    letters = [record for record in found if isinstance(record, DeadLetter)]
    assert [(letter.code, letter.raw) for letter in letters] == [
        ("missing-customer", msgspec.json.encode(rows[1])), ("map-failed", msgspec.json.encode(rows[2])), ("map-failed", msgspec.json.encode(rows[3])),
    ]  # fmt: skip
    assert letters[1].reason == "shop.py:8: KeyError: 'pool'"
    assert letters[2].reason.startswith("shop.py:10: JSONDecodeError: Expecting value")  # their line, not the library's


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("shop.py:nope", "missing-map"),
        ("none.py:f", "missing-map"),
        ("../out.py:f", "missing-map"),
        ("bad.py:f", "map-broken"),
    ],
)
def test_map_that_cannot_be_loaded(tmp_path: Path, text: str, code: str) -> None:
    """A map that is missing, outside of streams/ or broken is one problem at the stream's place."""
    (tmp_path / "streams").mkdir()
    (tmp_path / "streams/shop.py").write_text(MAP, encoding="utf-8")
    (tmp_path / "streams/bad.py").write_text("1/0", encoding="utf-8")
    (tmp_path / "out.py").write_text("def f(row): return []", encoding="utf-8")
    with pytest.raises(ProjectError) as refused:
        RecordReader(plan_of(map=text), tmp_path)
    assert [problem.code for problem in refused.value.problems] == [code]


def test_replay(tmp_path: Path) -> None:
    """A dead letter that reads now gives its event, arriving now; one that still does not stays what it was."""
    reader = RecordReader(plan_of(), tmp_path)
    letter = reader.read(msgspec.json.encode(order("a", 1, event="opened")), position=3, source="f:3", ingest_time=NINE)
    assert not letter
    dead = reader.read(b"{", position=3, source="f:3", ingest_time=NINE)[0]
    assert isinstance(dead, DeadLetter)
    mended = msgspec.structs.replace(dead, raw=msgspec.json.encode(order("a", 1)))
    event = reader.replay(mended, NINE + 10**9)[0]
    assert isinstance(event, Event)
    assert (event.id, event.position, event.ingest_time) == ("a", 3, NINE + 10**9)
    ragged = msgspec.structs.replace(dead, code="ragged-row", reason="1 cell", raw=b"x\n")
    again = RecordReader(plan_of(source={"file": "x.csv", "format": "csv"}), tmp_path).replay(ragged, NINE)[0]
    assert isinstance(again, DeadLetter)
    assert (again.code, again.raw) == ("ragged-row", b"x\n")


def test_csv_letter_replays(tmp_path: Path) -> None:
    """The dead letter of a CSV row keeps its cells by name, so that it can be read again."""
    row = {"messageId": "a", "timestamp": "2026-03-01T09:00:00", "userId": "u1", "event": "session_started"}
    source = {"file": "x.csv", "format": "csv"}
    dead = RecordReader(plan_of(source=source), tmp_path).read(row, position=1, source="x:1", ingest_time=None)[0]
    assert isinstance(dead, DeadLetter)
    mended = plan_of(source=source, time={"field": "timestamp", "zone": "UTC"})
    event = RecordReader(mended, tmp_path).replay(dead, NINE)[0]
    assert isinstance(event, Event)
    assert event.event_time == NINE


def test_merge_is_ordered_and_lazy() -> None:
    """Several inputs become one in the order of the log, and no more than one record of each is read ahead."""

    def events(stream: str, taken: list[str], *times: int) -> Any:
        for at, time in enumerate(times):
            taken.append(f"{stream}{time}")
            yield Event(
                stream=stream,
                id=f"{stream}{time}",
                customer="c",
                name="n",
                event_time=time,
                ingest_time=time,
                position=at,
            )

    taken: list[str] = []
    merged = merge_inputs([events("b", taken, 1, 4, 9), events("a", taken, 1, 2, 3)])
    assert taken == []
    assert [next(merged).position for _ in range(2)] == [0, 0]
    assert len(taken) <= 4
    rest = list(merged)
    assert [record_key(record)[0] for record in rest] == [2, 3, 4, 9]
