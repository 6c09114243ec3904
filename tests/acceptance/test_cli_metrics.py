"""`relight metrics` as a person and as a program read it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from relight.messages.reasons import RowState
from tests.acceptance.cli_kit import copy_project, ledger_of, relight, relight_json


def test_every_measure_is_told_with_its_definition(run_project: Path) -> None:
    """Each measure has a line with its value, period and history, and below it what it means here."""
    told = relight("metrics", cwd=run_project)
    assert told.returncode == 0
    assert "Repeat purchase rate" in told.stdout
    assert "an order is order_placed" in " ".join(told.stdout.split())
    assert "Not computed: `sources` in config/measures.yaml does not say `nps`" in " ".join(told.stdout.split())


def test_json_holds_every_period(run_project: Path) -> None:
    """The JSON has value, count, interval, definition and the whole series, and its parts add up."""
    (found,) = relight_json("metrics", "repeat_purchase_rate", cwd=run_project)["measures"]
    assert found["capability"] == "C7"
    last = [one for one in found["series"] if one["complete"]][-1]
    assert (found["value"], found["period"]["label"]) == (last["value"], last["label"])
    assert found["value"] == found["parts"]["repeaters"] * 100 / found["parts"]["customers"]
    assert found["interval"][0] <= found["value"] <= found["interval"][1]


def test_csv_has_a_row_for_each_period(run_project: Path) -> None:
    """Revenue by product as CSV: a row a product and month, the sum of which is the revenue of all."""
    text = relight("metrics", "revenue", "--by", "product", "--csv", cwd=run_project).stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    total = relight_json("metrics", "revenue", cwd=run_project)["measures"][0]
    for point in total["series"]:
        parts = [float(row["value"]) for row in rows if row["period"] == point["label"]]
        assert sum(parts) == pytest.approx(point["value"])
    assert len({row["slice"] for row in rows}) > 1


def test_recorded_files_give_what_the_store_gives(run_project: Path, tmp_path: Path) -> None:
    """Before a first run the recorded files are read, and say the same as the store afterwards."""
    stored = relight_json("metrics", "orders", cwd=run_project)["measures"][0]
    fresh = copy_project(run_project, tmp_path / "shop")
    (fresh / "data/relight.db").unlink()
    told = relight("metrics", "orders", "--json", cwd=fresh)
    assert "the recorded files are read" in told.stderr
    recorded = json.loads(told.stdout)["measures"][0]
    assert [one["value"] for one in recorded["series"]] == [one["value"] for one in stored["series"]]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["chrun"], "there is no measure 'chrun'; did you mean 'churn'?"),
        (["churn", "--json", "--csv"], "--json and --csv exclude each other"),
        (["cohorts", "--by", "segment"], "--by is of measures"),
        (["effects", "--events", "events.ndjson"], "effects are of what the engine decided"),
    ],
)
def test_wrong_use_is_told(run_project: Path, arguments: list[str], text: str) -> None:
    """What cannot be answered leaves with 64 and says why."""
    told = relight("metrics", *arguments, cwd=run_project, code=64)
    assert text in told.stderr


def test_a_spreadsheet_runs_nothing_of_a_name(run_project: Path, tmp_path: Path) -> None:
    """A product called like a formula is text in the CSV."""
    fresh = copy_project(run_project, tmp_path / "shop")
    (fresh / "data/relight.db").unlink()
    lines = (fresh / "events.ndjson").read_text(encoding="utf-8").splitlines()
    changed = [
        json.dumps({**row, "title": "=1+1"}) if (row := json.loads(line)).get("event") == "order_placed" else line
        for line in lines
    ]
    (fresh / "events.ndjson").write_text("\n".join(changed) + "\n", encoding="utf-8")
    text = relight("metrics", "orders", "--by", "product", "--csv", cwd=fresh).stdout
    assert {row["slice"] for row in csv.DictReader(io.StringIO(text))} == {"'=1+1"}


RULE = """
trigger: {event: order_placed}
audience: clv > 60
reentry: every
topic: offers
send: winback
"""
TEST = """
rules: [regulars]
start: 2026-03-02 10:00 Europe/Istanbul
until: 5d
customers:
  elif: {email: elif@books.example, timezone: Europe/Istanbul, locale: en, traits: {first_name: Elif}, consent: [offers]}
tests:
  - name: worth enough by midnight
    given:
      - {at: 0d, customer: elif, event: order_placed}
      - {at: 1d, customer: elif, event: measures, properties: {clv: 90.5}}
      - {at: 2d, customer: elif, event: order_placed}
    expect:
      - {at: 2d, customer: elif, sent: regulars}
"""


def test_a_rule_that_reads_measures_is_tested_run_explained_and_replayed(run_project: Path, tmp_path: Path) -> None:
    """A rule on `clv` passes its test, sends in a simulation what it sends live, and is explained with the number."""
    shop = copy_project(run_project, tmp_path / "shop", with_store=False)
    (shop / "rules/regulars.yaml").write_text(RULE, encoding="utf-8")
    (shop / "tests/rules/regulars.yaml").write_text(TEST, encoding="utf-8")
    assert "1 passed" in relight("test", "tests/rules/regulars.yaml", cwd=shop).stdout
    simulated = {one["rule"]: one for one in relight_json("simulate", cwd=shop)["rules"]}["regulars"]
    assert simulated["messages"] > 3
    relight("run", cwd=shop)
    sent = [row for row in ledger_of(shop) if row.rule == "regulars" and row.state is RowState.PENDING]
    assert len(sent) == simulated["messages"]
    replayed = relight_json("replay", cwd=shop)
    assert replayed["equal"] == len(ledger_of(shop))
    for source in ((), ("--simulation", "last")):
        told = relight("explain", sent[-1].customer, "regulars", *source, cwd=shop).stdout
        assert "clv > 60" in told
        assert " 0 " not in told.split("clv > 60")[1].splitlines()[0]
