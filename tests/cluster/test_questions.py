"""What people ask of a cluster is answered as on one machine: explain, export, the page of a customer."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relight.base.instants import DAY, HOUR
from relight.cli.history import asking
from relight.cli.project import open_project
from relight.config.loader import load_project
from relight.engine.account_keys import KEYS_NOTE
from relight.engine.customer_past import past_of
from relight.engine.erase_orders import ClusterOrder, forget_orders, keep_orders
from relight.engine.export import export_customer
from relight.engine.feed import Feed
from relight.engine.plan_versions import told_versions
from relight.simulate.from_log import replay_log
from relight.stores.postgres import PostgresStore
from relight.streams.envelope import Control, DeadLetter, Record, order_key
from relight.transports.kafka_clients import control_topic
from relight.transports.kafka_publish import publish_control
from relight.transports.log_pack import partition_of
from tests.cluster.cluster_kit import Cluster
from tests.faults.small_project import QUIET, SECRET, T0, add, line, write_project
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer
from tests.support.programs import Program, run_program

PARTITIONS = 3
RULES = {
    "quiet": QUIET,
    "thanks": "trigger: {event: ordered}\nclass: transactional\nsend: hello\n",
    "again": "trigger: {event: ordered}\naudience: count(ordered, 90 days) >= 2\nreentry: every\nsend: hello\n",
    "often": "trigger: {milestone: {count: used, at: [5]}}\nsend: hello\n",
}
MEASURES = """
sources: {order: ordered}
efforts: {first_order: {from: used, to: ordered}}
funnels: {buying: {steps: [used, ordered]}}
boards: {shop: [orders, repeat_purchase_rate, first_order, {chart: orders}, {funnel: buying}]}
"""
PEOPLE = ("ann", "bo", "cy", "dee")
#: Turns out to be `bo`; her log is in another partition.
STRANGER = next(f"anon{n}" for n in range(99) if partition_of(f"anon{n}", PARTITIONS) != partition_of("bo", PARTITIONS))
END = T0 + 20 * DAY
MERGED = T0 + 3 * DAY + HOUR


def write_events(folder: Path) -> None:
    """Three weeks: everybody comes, some order, one twice; a stranger is about until the third day."""
    number = 0
    for day in range(20):
        for place, who in enumerate((*PEOPLE, STRANGER)):
            at = T0 + day * DAY + place * HOUR // 2
            if (who == STRANGER and day > 2) or (who == "cy" and 4 < day < 14) or (who == "bo" and day not in (1, 10)):
                continue
            number += 1
            add(folder, line(number, who, "used", at, arrives=at))
    for place, who in enumerate(PEOPLE):
        at = T0 + place
        add(folder, line(1000 + place, who, "identify", at, arrives=at, email=f"{who}@mail.example"))
    for place, (who, day) in enumerate((("ann", 2), ("ann", 6), ("dee", 5))):
        at = T0 + day * DAY + 5 * HOUR
        add(folder, line(2000 + place, who, "ordered", at, arrives=at, order=str(place)))


@pytest.fixture(scope="module")
def asked(
    tmp_path_factory: pytest.TempPathFactory, broker: KafkaBroker, postgres: PostgresServer
) -> Iterator[tuple[Cluster, Path]]:
    """A cluster that has decided everything and sent what it had to, and the same project on one machine."""
    work = tmp_path_factory.mktemp("asked")
    project = write_project(work / "project", RULES)
    write_events(project)
    (project / "config/measures.yaml").write_text(MEASURES)
    config = project / "config/default.yaml"
    config.write_text(config.read_text().replace("web: {", f"web: {{listen: '127.0.0.1:{free_port()}', "))
    here = Path(shutil.copytree(project, work / "embedded"))
    cluster = Cluster(project, broker, postgres, partitions=PARTITIONS, env={"LINK_SECRET": SECRET})
    try:
        text = (here / "config/default.yaml").read_text()
        (here / "config/default.yaml").write_text(text.replace("name: small", f"name: {cluster.name}"))
        rows = cluster.rows("app", "data/app.ndjson")
        cluster.publish("app", rows[:1])  # the plan comes into force at the first record of all
        cluster.start("router", "router")
        cluster.wait_for("router", "reading", seconds=120)
        kafka = cluster.loaded.settings.kafka if cluster.loaded.settings else None
        assert kafka is not None
        merge = Control(kind="merge", ingest_time=MERGED, customer="bo", subject=STRANGER)
        publish_control(kafka, control_topic(cluster.name), [merge], at=MERGED)
        cluster.publish("app", rows[1:], until=END + 1)
        cluster.start("worker", "worker")
        cluster.wait_until(END + 1)
        for name in ("worker", "router"):
            cluster.stop(name)
        cluster.relight("sender", "--once")
        one_machine(here, "run", "--once", "--until", "2026-03-22T09:00:00Z")
        yield cluster, here
    finally:
        cluster.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def one_machine(folder: Path, *arguments: str) -> str:
    done = run_program(
        [sys.executable, "-m", "relight", *arguments], cwd=folder, env={"LINK_SECRET": SECRET, "PYTHONHASHSEED": "0"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return str(done.stdout)


@pytest.mark.parametrize("question", [("ann",), ("ann", "again"), ("cy", "quiet"), ("dee", "again"), ("dee", "thanks")])
def test_explain_says_what_one_machine_says(question: tuple[str, ...], asked: tuple[Cluster, Path]) -> None:
    """I10: every sentence, number and place is that of the embedded engine for the same events: sent, silent, not
    counted.
    """
    cluster, here = asked
    told = cluster.relight("explain", *question)
    assert told == one_machine(here, "explain", *question)
    assert "2026" in told


def test_explain_knows_who_a_stranger_was(asked: tuple[Cluster, Path]) -> None:
    """V4: what was merged counts in the folded log: the stranger's three uses and her own two make the fifth."""
    cluster, _ = asked
    told = json.loads(cluster.relight("explain", "bo", "often", "--json"))["rules"][0]
    assert told["outcome"] == "sent"
    assert "5" in json.dumps(told["trigger"][0])


def test_export_has_the_log_of_one_machine(asked: tuple[Cluster, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """B5: for each customer, records, decisions and mails are those that one engine on the same log has."""
    cluster, here = asked
    monkeypatch.setenv("LINK_SECRET", SECRET)
    monkeypatch.setenv("DATABASE_URL", cluster.url)
    loaded = load_project(here, env={"LINK_SECRET": SECRET})
    assert loaded.plan is not None
    fed = Feed(streams=loaded.streams, folder=here).records()
    events: list[Record] = [one for one in fed if not isinstance(one, DeadLetter)]
    plan = Control(kind="plan", ingest_time=events[0].ingest_time, subject=loaded.plan.version)
    merge = Control(kind="merge", ingest_time=MERGED, customer="bo", subject=STRANGER)
    log: list[Record] = sorted([plan, merge, *events], key=order_key)
    engine = replay_log([loaded.plan], deepcopy(log), reached=END + 1)
    for who in (*PEOPLE, STRANGER):
        alone = export_customer(engine.store, who)
        assert alone is not None
        told = json.loads(cluster.relight("export", who))
        assert told["log"] == json.loads(msgspec.json.encode(alone["log"]))
        assert [one["occurrence"] for one in told["decisions"]] == [
            one["occurrence"]
            for one in alone["decisions"]  # type: ignore[attr-defined]  # plain values
        ]
    with closing(PostgresStore.open(cluster.url, read_only=True)) as store:
        (told_plan,) = told_versions(store)
    with asking(open_project(cluster.folder, None)) as store:
        past = past_of(store, "bo")
    assert [one.subject for one in past.everybody if isinstance(one, Control)] == [told_plan[1]]


def test_somebody_unknown_is_told_so(asked: tuple[Cluster, Path]) -> None:
    """An id that the log does not have is refused, with the nearest of those that were decided about."""
    cluster, _ = asked
    done = run_program(
        [sys.executable, "-m", "relight", "explain", "annn"], cwd=cluster.folder, env=cluster.env,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 64
    assert "there is no customer 'annn'; did you mean 'ann'?" in done.stderr


@pytest.mark.parametrize(
    ("asked_for", "said"),
    [
        (["dee"], "'dee' would be taken out for ever"),
        (["annn", "--yes"], "there is no customer 'annn'"),
        (["--apply", "--yes"], "nobody waits to be erased"),
        (["dee", "--apply"], "who is to be erased?"),
        ([], "who is to be erased?"),
    ],
)
def test_nobody_is_half_erased(asked_for: list[str], said: str, asked: tuple[Cluster, Path]) -> None:
    """V5: without a clear order nothing is touched; test_erase carries one out."""
    cluster, _ = asked
    before = cluster.relight("export", "dee")
    done = run_program(
        [sys.executable, "-m", "relight", "erase", *asked_for], cwd=cluster.folder, env=cluster.env,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 64
    assert said in done.stderr
    assert cluster.relight("export", "dee") == before


def test_nobody_is_erased_where_others_would_be_decided_otherwise(asked: tuple[Cluster, Path]) -> None:
    """H: people of one account are decided on from the whole log; such a cluster is left as it is, as is one whose
    config names no next generation.
    """
    cluster, _ = asked
    order = ClusterOrder(customer="dee", ordered=T0)
    before = cluster.relight("export", "dee")
    with closing(PostgresStore.open(cluster.url, exclusive=False)) as store:
        keep_orders(store, [order])
        try:
            for keys, said in (("[null]", "people of one account are decided on together"), ("[]", "generation 2")):
                store.set_note(KEYS_NOTE, keys)
                done = run_program(
                    [sys.executable, "-m", "relight", "erase", "--apply", "--yes"], cwd=cluster.folder, env=cluster.env,
                    capture_output=True, text=True, timeout=120, check=False,
                )  # fmt: skip
                assert (done.returncode, said in done.stderr) == (64, True), done.stderr
        finally:
            forget_orders(store, [order])
    assert cluster.relight("export", "dee") == before


def test_the_whole_log_is_decided_again(asked: tuple[Cluster, Path]) -> None:
    """I9: replay finds every row of the ledger again, merges among it, and a simulation of the same rules makes as many
    mails.
    """
    cluster, _ = asked
    told = json.loads(cluster.relight("replay", "--json"))
    rows = len(cluster.ledger())
    assert (told["ok"], told["equal"], told["extra"]) == (True, rows, 0)
    assert f"{rows} rows equal, 0 missing" in cluster.relight("replay")
    simulated = cluster.relight("simulate", "--from-store", "--json")
    assert json.loads(simulated)["messages"] == sum(row.state.value == "pending" for row in cluster.ledger())


def test_plan_counts_the_people_of_a_cluster(asked: tuple[Cluster, Path]) -> None:
    """E4, I10: whom an edit touches, by name as well, and the forecast of all days are one machine's; the one mail more is
    that of the customer whose merge the embedded engine was not told.
    """
    cluster, here = asked
    alone, told = plan_of_edits(here, partial(one_machine, here)), plan_of_edits(cluster.folder, cluster.relight)
    assert told["touched"] == alone["touched"]
    assert (told["customers"], told["refolds"]) == (alone["customers"], alone["refolds"])
    assert told["customers"] == len(PEOPLE) + 1
    assert told["touched"]["quiet"]["spent"] == 1
    merged = sum(row.state.value == "pending" for row in cluster.ledger())
    assert told["forecast"]["now"]["messages"] == merged == alone["forecast"]["now"]["messages"] + 1
    assert told["forecast"]["new"]["messages"] == alone["forecast"]["new"]["messages"] + 1
    for version in ("now", "new"):
        rules = [one["forecast"][version]["rules"] for one in (told, alone)]
        assert rules[0].pop("often")["people"] == rules[1].pop("often")["people"] + 1
        assert rules[0] == rules[1]
    assert "more" in told["forecast"]["new"]["rules"]


def plan_of_edits(folder: Path, tell: Callable[..., str]) -> dict[str, Any]:
    """Return what `plan` says of a folder with three edits, which are taken back."""
    edits = {
        "quiet": QUIET.replace("7 days", "12 days"),
        "thanks": RULES["thanks"].replace("send: hello", "steps: [{wait: 1 day}, {send: hello}]"),
        "more": "trigger: {event: ordered}\nreentry: every\nclass: transactional\nsend: hello\n",
    }
    for name, text in edits.items():
        (folder / f"rules/{name}.yaml").write_text(text)
    told = json.loads(tell("plan", "--days", "30", "--people", "9", "--json"))
    for name in edits:
        file = folder / f"rules/{name}.yaml"
        file.write_text(RULES[name]) if name in RULES else file.unlink()
    return dict(told)


def test_pages_know_a_cluster(asked: tuple[Cluster, Path]) -> None:
    """The page of a customer tells of log, rules and mails; System says how far time is, by partition; figures and boards
    are those that pages of one machine show.
    """
    cluster, here = asked
    cluster.start("web", "web")
    cluster.wait_for("web", "127.0.0.1", seconds=60)
    ann = page_of(here, "customers/ann.json")
    assert ann["records"] == len(json.loads(cluster.relight("export", "ann"))["log"])
    told = json.loads(cluster.relight("explain", "ann", "--json"))["rules"]
    outcomes = {one["rule"]: (one["outcome"], one["headline"]) for one in told}
    assert {one["rule"]: (one["outcome"], one["headline"]) for one in ann["rules"]} == outcomes
    system = page_of(here, "system.json")
    assert [one["partition"] for one in system["partitions"]] == list(range(PARTITIONS))
    assert system["reached"] == system["partitions"][0]["reached"]
    assert system["log_records"] is None
    figures = figures_of(here)
    cluster.stop("web")
    alone = Program(
        [sys.executable, "-m", "relight", "web"], cwd=here, env={"LINK_SECRET": SECRET}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert figures == figures_of(here)
    finally:
        alone.terminate()
        alone.wait(60)
    (orders,) = [one for one in figures[0]["measures"] if one["name"] == "orders"]
    assert orders["value"] is not None
    assert [one["kind"] for one in figures[1]["parts"]].count("funnel") == 1


def figures_of(folder: Path) -> list[dict[str, Any]]:
    """Return the measures and a board as pages show them, once they are computed."""
    until = time.monotonic() + 120
    while True:
        try:
            if page_of(folder, "metrics.json")["missing"] is None:
                return [page_of(folder, "metrics.json"), page_of(folder, "boards/shop.json")]
        except urllib.error.URLError:  # it is not there yet
            pass
        assert time.monotonic() < until
        time.sleep(0.2)


def page_of(folder: Path, path: str) -> dict[str, Any]:
    """Return the facts of a page that is served at the address of a folder's config."""
    port = re.search(r"listen: '127.0.0.1:(\d+)'", (folder / "config/default.yaml").read_text())
    assert port is not None
    with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/desk/{path}", timeout=60) as answer:  # ours
        return dict(json.loads(answer.read()))
