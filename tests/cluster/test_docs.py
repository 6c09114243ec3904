"""The commands of docs/kafka.md and docs/operations.md work as they are written there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from relight.cli.main import COMMANDS, cli
from tests.cluster.cluster_kit import Cluster
from tests.faults.small_project import QUIET, SECRET, T0, add, line, write_project
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer

DOCS = Path(__file__).parents[2] / "docs"
#: Run on until Ctrl-C; test_live starts them.
ENDLESS = {"router", "worker", "sender", "run"}


def commands() -> list[str]:
    text = "".join((DOCS / page).read_text() for page in ("kafka.md", "operations.md"))
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [one.removeprefix("$ ") for block in blocks for one in block.splitlines() if one.startswith("$ relight ")]


def test_what_ends_ends_well(tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer) -> None:
    """Each command that ends leaves with 0; one that makes topics is the first to do so."""
    folder = write_project(tmp_path / "project", {"quiet": QUIET}, follow=True)
    add(folder, line(1, "ann", "used", T0))
    cluster = Cluster(folder, broker, postgres, partitions=12, recorded=False, env={"LINK_SECRET": SECRET})
    cluster.relight("sender", "--once")  # makes the tables, as a first run would
    found = [one for one in commands() if shlex.split(one)[1] not in ENDLESS]
    assert len(found) >= 6
    for one in found:
        assert cluster.relight(*shlex.split(one)[1:]).strip(), one
    cluster.close()


@pytest.mark.parametrize("one", [one for one in commands() if shlex.split(one)[1] in ENDLESS])
def test_what_runs_on_has_these_options(one: str) -> None:
    """A command that runs on knows the options that the pages give it."""
    name, *options = shlex.split(one)[1:]
    assert name in COMMANDS
    told = CliRunner().invoke(cli, [name, "--help"]).output
    assert all(option in told for option in options if option.startswith("--"))
