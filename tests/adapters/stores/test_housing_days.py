"""Measures in rules beside capped and counted accounts over partitions: rows and what days bring are one engine's."""

from __future__ import annotations

import random
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from relight.config.loader import LoadedProject, load_project
from relight.engine.account_keys import keys_of
from relight.stores.postgres import PostgresStore
from relight.stores.postgres_connection import Connection
from relight.stores.postgres_made import read_made
from relight.streams.envelope import Control, Record
from tests.adapters.stores.test_partition_days import END, Workers, alone, log_of, plan_of, shown, topic_of, with_merges
from tests.support.postgres_server import PostgresServer
from tests.unit.metrics.kit import at
from tests.unit.metrics.test_daily import MEASURES, ZONE, made_up
from tests.unit.metrics.test_daily import make as make_shop

ACCOUNTS = 6
#: The second plan measures by other words, counts people by what only a day brings, and watches targets.
SECOND = {
    "config/measures.yaml": MEASURES.replace("nps: nps.score", "nps: nps.score, margin: 40%")
    + "targets: {nps: {at_least: 100, owner: Mert}}\n",
    "rules/missed.yaml": "trigger: {event: target_missed}\nreentry: every\nclass: internal\n"
    "steps: [{alert: {to: team, template: missed}}]\n",
    "rules/led.yaml": "trigger: {enters: led}\nreentry: every\nsend: hello",
    **{
        f"templates/missed/{part}": "{{ entry.title }} was {{ entry.value }}"
        for part in ("subject.txt", "preheader.txt", "body.txt", "body.html")
    },
}
TOGETHER = {
    "rules/definitions.yaml": """
        segments:
          fans: orders >= 3 and nps >= 9
          slipping: still_active < 60%
          led: members(orders >= 3) >= 2
          asleep: members(still_active < 40%) >= 2
        """,
    "rules/reached.yaml": "trigger: {milestone: {value: orders, at: [2, 3, 4]}}\nsteps: [{send: hello}]",
    "rules/asleep.yaml": "trigger: {enters: asleep}\nreentry: every\nsend: hello",
}


def companies(draw: random.Random, *, moves: float) -> list[dict[str, object]]:
    """Return the shop's rows, with the company that a customer is of on some of them; moves: share that changes it."""
    belongs: dict[object, int | None] = {}
    rows: list[dict[str, object]] = []
    for row in made_up():
        who = row["customer"]
        is_known = "email" in row and not str(who).endswith(("0", "3", "6", "8"))  # the others stay strangers
        rows += [row | {"id": f"i{row['id']}", "event": "identify"}] if is_known else []
        rows.append(row)
        if who not in belongs or draw.random() < moves:
            belongs[who] = draw.choice([None, *range(ACCOUNTS)])
        if belongs[who] is not None and draw.random() < 0.5:
            row["company"] = f"k{belongs[who]}"
    return rows


def make(folder: Path, rows: list[dict[str, object]], texts: dict[str, str]) -> LoadedProject:
    make_shop(folder, rows)
    config, stream = folder / "config/default.yaml", folder / "streams/shop.yaml"
    config.write_text(
        config.read_text().replace("caps: [1 per day]}", "caps: [1 per day], account_caps: [1 per 6 days]}")
        + "accounts: {key: company}\n"
    )
    stream.write_text(stream.read_text().replace("customer: customer\n", "customer: customer\naccount: company\n"))
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    project = load_project(folder, env={"RELIGHT_LINK_SECRET": "s"}, lint=False)
    assert [one for one in project.problems if one.severity == "error"] == []
    return project


def served_in(records: Iterable[Record]) -> list[Record]:
    """Return what days brought; one that begins at the very end comes here with what follows it."""
    made = [r for r in records if (r.kind == "measures" if isinstance(r, Control) else r.stream == "targets")]
    return [r for r in made if r.ingest_time < END]


@pytest.mark.parametrize(
    ("seed", "moves", "change"), [(1, 0.0, None), (2, 0.03, at("2026-03-02T11:00", ZONE)), (3, 0.2, None)]
)
def test_days_reach_people_who_are_decided_on_together(
    postgres: PostgresServer, tmp_path: Path, seed: int, moves: float, change: int | None
) -> None:
    """I10, G2, R8: caps, counted people and what days bring, with joins, changes of company, merges, another plan and kills."""
    draw = random.Random(seed)  # the same examples everywhere
    rows = companies(draw, moves=moves)
    shops = [make(tmp_path / name, rows, texts) for name, texts in (("first", TOGETHER), ("second", TOGETHER | SECOND))]
    log = with_merges(draw, log_of(shops, change))
    expected = alone(shops, log)
    ledger = shown(expected.ledger())
    assert {"account_cap", None} <= {row.reason for row in ledger}
    assert {"asleep", "fans"} <= {row.rule for row in ledger}
    assert any(isinstance(r, Control) and r.kind == "merge" for _, r in expected.read_log())
    with (
        closing(Connection(url := postgres.new_schema())) as connection,
        closing(PostgresStore.open(url, exclusive=False)) as store,
    ):
        Workers(draw, shops, topic_of(draw, log), connection, keys_of(plan_of(shops[0]))).run()
        assert shown(store.ledger()) == ledger
        assert sorted(store.tallies(), key=repr) == sorted(expected.tallies(), key=repr)
        people = {one.customer for one in log if one.customer is not None} | {"_targets"}
        with connection.reading() as cursor:
            made = {who: served_in(read_made(cursor, who, END)) for who in people}
    assert made == {who: served_in(r for _, r in expected.customer_log(who)) for who in people}
    assert sum(map(len, made.values())) > 200
    assert bool(made["_targets"]) is (change is not None)
