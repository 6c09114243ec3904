"""The demonstration's year of customers: same bytes for a seed, and every blemish that a real log has."""

import csv
import gzip
import json
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from relight.cli.demo_data import DemoSummary, write_demo

CUSTOMERS = 600


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoSummary]:
    """A small year in a folder of its own."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, write_demo(folder, seed=7, customers=CUSTOMERS)


def _rows(folder: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for line in (folder / "data/app.ndjson").read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(row, dict) and {"id", "event", "at", "arrives"} <= row.keys():
            rows.append(row)
    return rows


def test_same_seed_same_bytes(demo: tuple[Path, DemoSummary], tmp_path: Path) -> None:
    """Equal seed and number of customers give equal bytes, another seed others."""
    folder, summary = demo
    again = write_demo(tmp_path / "again", seed=7, customers=CUSTOMERS)
    other = write_demo(tmp_path / "other", seed=8, customers=CUSTOMERS)
    for mine, same, different in zip(summary.files, again.files, other.files, strict=True):
        assert mine.read_bytes() == same.read_bytes()
        assert mine.read_bytes() != different.read_bytes()
    assert summary.files[0] == folder / "data/app.ndjson"


def test_every_customer_signs_up(demo: tuple[Path, DemoSummary]) -> None:
    """Each of the customers signs up once, under a key of their own."""
    folder, _ = demo
    joined = {row["customer"] for row in _rows(folder) if row["event"] == "signed_up"}
    assert len(joined) == CUSTOMERS


def test_repeated_lines_are_exact_and_counted(demo: tuple[Path, DemoSummary]) -> None:
    """A line that comes twice is the same byte for byte, and the summary counts those of all three files."""
    _, summary = demo
    texts = [
        summary.files[0].read_bytes(),
        summary.files[1].read_bytes(),
        gzip.decompress(summary.files[2].read_bytes()),
    ]
    repeated = sum(sum(count - 1 for count in Counter(text.splitlines()).values()) for text in texts)
    assert repeated == summary.duplicates > 0


def test_few_lines_are_broken(demo: tuple[Path, DemoSummary]) -> None:
    """Broken lines are there, and fewer than 0.2 % of the events."""
    _, summary = demo
    assert 0 < summary.malformed < 0.002 * summary.events


def test_late_rows_on_both_sides_of_the_lateness(demo: tuple[Path, DemoSummary]) -> None:
    """Some rows arrive hours late within 72 hours, a few beyond, and none before it happened."""
    folder, summary = demo
    hours = sorted(
        _hours_late(str(row["at"]), str(row["arrives"])) for row in _rows(folder) if str(row["id"])[0] == "a"
    )
    assert hours[0] >= 0
    assert sum(1 for late in hours if 1 < late <= 72) > 10
    assert sum(1 for late in hours if late > 72) > 0
    assert summary.late < 0.05 * summary.events


def test_files_are_in_order_of_arrival(demo: tuple[Path, DemoSummary]) -> None:
    """Apart from repeated lines, arrival never goes back: the file is a log."""
    folder, _ = demo
    seen: set[object] = set()
    arrivals = []
    for row in _rows(folder):
        if row["id"] not in seen and str(row["id"])[0] == "a":
            seen.add(row["id"])
            arrivals.append(row["arrives"])
    assert arrivals == sorted(arrivals, key=str)


def test_orders_refer_to_themselves(demo: tuple[Path, DemoSummary]) -> None:
    """A refund names an order that was placed, for the same amount."""
    folder, _ = demo
    with (folder / "data/orders.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["arrives"] and row["row_id"][0] == "t"]
    placed = {row["order_id"]: row["amount"] for row in rows if row["kind"] == "placed"}
    refunds = [row for row in rows if row["kind"] == "refunded"]
    assert placed
    assert all(placed[row["order_id"]] == row["amount"] for row in refunds)


def test_night_without_an_hour_is_covered(demo: tuple[Path, DemoSummary]) -> None:
    """The help desk's clock shows an hour that does not exist in Berlin and one that happens twice."""
    folder, _ = demo
    lines = gzip.decompress((folder / "data/support.ndjson.gz").read_bytes()).decode()
    assert '"at":"2026-03-29T02:30:00"' in lines
    assert lines.count('"at":"2026-10-25T02:30:00"') >= 2


def _hours_late(happened: str, arrived: str) -> float:
    return (datetime.fromisoformat(arrived) - datetime.fromisoformat(happened)).total_seconds() / 3600
