"""Recommendations on recorded invoices (A29) against a join in pandas that knows nothing of the engine."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from relight.base.instants import SECOND, iso_utc, to_local
from relight.cli.project import day_maker_of
from relight.config.loader import load_project
from relight.metrics.recommending import Purchases, recommend
from relight.simulate.simulate import simulate
from relight.streams.envelope import Control
from tests.unit.metrics.kit import CONFIG

pytestmark = pytest.mark.recorded

ZONE = "Europe/London"
#: Lines of the file that the simulated days hold: the first of December 2010 to the morning of the third.
LINES = 7_000
#: What the rule waits for: the best sold article.
ARTICLE = "85123A"
STREAM = """
source: {file: lines.csv.gz, format: csv}
rows: CustomerID is known and CustomerID != "" and not InvoiceNo starts with "C" and Quantity > 0 and UnitPrice > 0
time: {field: InvoiceDate, zone: Europe/London}
customer: CustomerID
name: {is: bought}
traits: {tempted: boolean}
events: {bought: {properties: {article: {type: text, field: StockCode}}}}
"""
RULE = f"""
trigger: {{event: bought}}
audience: recommended contains "{ARTICLE}"
reentry: every
steps: [{{set: {{trait: tempted, to: true}}}}]
"""


def bought_of(root: Path) -> pd.DataFrame:
    """Every line that counts: customer, article, instant."""
    rows = pd.read_csv(root / "onlineretail/onlineretail.csv.gz", dtype={"CustomerID": str, "StockCode": str})
    rows = rows[rows.CustomerID.notna() & ~rows.InvoiceNo.astype(str).str.startswith("C")]
    rows = rows[(rows.Quantity > 0) & (rows.UnitPrice > 0)]
    when = pd.to_datetime(rows.InvoiceDate).dt.tz_localize(ZONE).dt.tz_convert("UTC")
    return pd.DataFrame({"customer": rows.CustomerID, "article": rows.StockCode, "when": when})


def lists_of(bought: pd.DataFrame, now: pd.Timestamp) -> dict[str, list[str]]:
    """Return customer -> up to five articles, by joins: the definition of docs/measures.md once more."""
    past = bought[bought.when < now]
    recent = past[past.when > now - pd.Timedelta(days=365)]
    last = recent.groupby(["customer", "article"], as_index=False).when.max()
    buyers = last.article.value_counts().rename("buyers").rename_axis("article").reset_index()
    compared = buyers.sort_values(["buyers", "article"], ascending=[False, True]).article.head(2_000)
    last = last[last.article.isin(set(compared))]
    last = last.sort_values(["customer", "when", "article"], ascending=[True, False, True])
    baskets = last[last.groupby("customer").cumcount() < 50][["customer", "article"]]
    counts = baskets.article.value_counts()
    pairs = baskets.merge(baskets, on="customer", suffixes=("", "_other"))
    pairs = pairs[pairs.article != pairs.article_other]
    common = pairs.groupby(["article", "article_other"]).size().rename("common").reset_index()
    common = common[common.common >= 3]
    roots = np.sqrt(common.article.map(counts) * common.article_other.map(counts))
    common["close"] = (common.common / roots * 1_000_000).round().astype("int64")
    scores = baskets.merge(common, on="article").groupby(["customer", "article_other"]).close.sum().reset_index()
    had = set(zip(past.customer, past.article, strict=True))
    scores = scores[[pair not in had for pair in zip(scores.customer, scores.article_other, strict=True)]]
    scores = scores.sort_values(["customer", "close", "article_other"], ascending=[True, False, True])
    best = scores.groupby("customer").head(5)
    return {str(who): list(rows.article_other) for who, rows in best.groupby("customer")}


def test_a_year_of_invoices(recorded_root: Path) -> None:
    """A year and nine days of every sixth of 4,338 customers: each list is that of the join, to the last place."""
    bought = bought_of(recorded_root)
    assert (len(bought), bought.customer.nunique(), bought.article.nunique()) == (397_884, 4_338, 3_665)
    bought = bought[bought.customer.isin(sorted(bought.customer.unique())[::6])]
    who, people = pd.factorize(bought.customer)
    article, names = pd.factorize(bought.article)
    when = np.asarray(bought.when.astype("datetime64[us, UTC]").astype("int64"), np.int64)
    now = pd.Timestamp("2011-12-10", tz=ZONE)
    purchases = Purchases(who=who.astype(np.int32), product=article.astype(np.int32), when=when)
    found = {
        people[code]: best for code, best in recommend(purchases, list(names), now=int(now.value // 1_000)).items()
    }
    assert found == lists_of(bought, now)
    assert len(found) > 650


def test_a_simulation_recommends_from_the_days_before(recorded_root: Path, tmp_path: Path) -> None:
    """Each midnight serves what the lines up to then say; a rule that asks for an article fires for exactly those people."""
    with gzip.open(recorded_root / "onlineretail/onlineretail.csv.gz", "rb") as file:
        lines = [file.readline() for _ in range(LINES + 1)]
    with gzip.open(tmp_path / "lines.csv.gz", "wb") as file:
        file.writelines(lines)
    for name, text in (
        ("config/default.yaml", CONFIG.replace("ZONE", ZONE)),
        ("config/measures.yaml", "sources: {order: bought, product: bought.article}"),
        ("streams/lines.yaml", STREAM),
        ("rules/tempted.yaml", RULE),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    project = load_project(tmp_path, env=dict(os.environ) | {"RELIGHT_LINK_SECRET": "s"}, lint=False)
    assert [one for one in project.problems if one.severity == "error"] == []
    result = simulate(project, day_maker=day_maker_of(project))
    bought = bought_of(recorded_root)
    last = pd.read_csv(tmp_path / "lines.csv.gz").InvoiceDate.iloc[-1]
    bought = bought[bought.index < LINES]
    days = pd.date_range("2010-12-02", pd.Timestamp(last).normalize(), tz=ZONE)
    lists = {day: lists_of(bought, day) for day in days}
    served: dict[str, object] = {}
    told = [one for _, one in result.store.read_log() if isinstance(one, Control) and one.kind == "measures"]
    for day in days:
        at = int(day.value // 1_000)
        served |= {str(one.customer): one.detail["recommended"] for one in told if one.ingest_time == at}
        assert {who: best for who, best in served.items() if best is not None} == lists[day]
    assert len(lists[days[-1]]) > 100
    local_days = bought.when.dt.tz_convert(ZONE).dt.normalize()
    expected = sorted(
        (who, iso_utc(int(when.value // 1_000)))
        for who, when, day in zip(bought.customer, bought.when, local_days, strict=True)
        if ARTICLE in lists.get(day, {}).get(who, [])
    )
    entered = sorted(
        (row.customer, iso_utc(row.judged // SECOND * SECOND)) for row in result.rows if row.state == "entered"
    )
    assert entered == expected
    assert expected
    assert {to_local(one.ingest_time, ZONE).strftime("%H:%M") for one in told} == {"00:00"}
