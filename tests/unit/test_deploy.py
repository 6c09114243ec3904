"""What deploy/ says fits what the program is: commands, variables, probes, the overlay, the dashboard's queries."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from relight.cli.main import COMMANDS, cli
from relight.engine.telemetry.catalogue import CATALOGUE
from relight.engine.telemetry.dashboard import dashboard_text

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
PARTS = {name: one for name, one in COMPOSE["services"].items() if one["image"] == "relight"}
KINDS = {
    "ConfigMap": "v1", "Deployment": "apps/v1", "Job": "batch/v1", "PodDisruptionBudget": "policy/v1", "Secret": "v1", "Service": "v1",
    "StatefulSet": "apps/v1",
}  # fmt: skip
_VARIABLE = re.compile(r"\$\{(\w+)\}")
#: What asks whether a part lives, and where the part tells it.
PATHS = {"/-/healthy", "/-/ready"}


def manifests() -> list[dict[str, Any]]:
    files = sorted(path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.name != "kustomization.yaml")
    return [one for path in files for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for one in manifests():
        if one["kind"] in {"StatefulSet", "Deployment", "Job"}:
            yield one["metadata"]["name"], one["spec"]["template"]


def containers() -> list[tuple[str, dict[str, Any]]]:
    return [(name, box) for name, pod in pods() for box in pod["spec"]["containers"]]


def is_a_command(words: list[str]) -> bool:
    """Whether the program knows a command and the options that it is given."""
    program, name, *rest = words
    if program != "relight" or name not in COMMANDS:
        return False
    under = [name, *(word for word in rest if not word.startswith("-"))][: 2 if name == "topics" else 1]
    told = CliRunner().invoke(cli, [*under, "--help"])
    return told.exit_code == 0 and all(word in told.output for word in rest if word.startswith("--"))


def overlay(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)
    return found


OVERLAY = (DEPLOY / "cluster.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(PARTS))
def test_a_part_of_compose_is_what_the_program_knows(name: str) -> None:
    """Its command exists with its options, every variable of the overlay is set, and it is started again when it ends."""
    part = PARTS[name]
    words = part["command"]
    if words[0] == "sh":
        words = shlex.split(words[2].removeprefix("exec ").replace("$$", "$"))
    assert is_a_command(words)
    assert set(_VARIABLE.findall(OVERLAY)) <= set(part["environment"])
    assert part["restart"] == ("on-failure" if name == "topics" else "unless-stopped")
    if name != "topics":
        (path,) = re.findall(r"/-/\w+", part["healthcheck"]["test"][-1])
        assert path in PATHS


def test_compose_starts_everything_and_keeps_what_must_stay() -> None:
    """Broker, database, router, workers, sender and pages; the log and the ledger are in volumes; workers are several."""
    services = COMPOSE["services"]
    assert {"kafka", "postgres", "router", "worker", "sender", "web"} <= set(services)
    assert services["worker"]["deploy"]["replicas"] > 1
    for name in ("kafka", "postgres"):
        assert services[name]["volumes"][0].split(":")[0] in COMPOSE["volumes"]
    every = [port for one in services.values() for port in one.get("ports", [])]
    assert every
    assert all(port.startswith("127.0.0.1:") for port in every), "nothing is open to the network by accident"


def test_no_secret_stands_in_a_file() -> None:
    """Passwords and keys come from the environment, and compose refuses to start without them."""
    environment = next(iter(PARTS.values()))["environment"]
    assert environment["LINK_SECRET"] == "${LINK_SECRET:?}"
    assert environment["WEB_TOKEN"] == "${WEB_TOKEN:?}"
    assert "${POSTGRES_PASSWORD:?}" in environment["DATABASE_URL"]
    secret = next(one for one in manifests() if one["kind"] == "Secret")
    assert all("PASSWORD" in value or value == "FILL-IN" for value in secret["stringData"].values())


def test_manifests_are_of_known_kinds_and_fit_together() -> None:
    """Each names its version; a stateful set has its service, its labels and its own selector; the kustomization is
    complete but for the secret.
    """
    found = manifests()
    assert all(KINDS[one["kind"]] == one["apiVersion"] for one in found)
    services = {one["metadata"]["name"]: one["spec"] for one in found if one["kind"] == "Service"}
    for one in found:
        if one["kind"] not in {"StatefulSet", "Deployment"}:
            continue
        labels = one["spec"]["template"]["metadata"]["labels"]
        assert one["spec"]["selector"]["matchLabels"].items() <= labels.items()
        if one["kind"] == "StatefulSet":
            assert services[one["spec"]["serviceName"]]["selector"].items() <= labels.items()
    listed = yaml.safe_load((DEPLOY / "kubernetes/kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    there = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")}
    assert there == {*listed, "kustomization.yaml", "secret.example.yaml"}


@pytest.mark.parametrize(("pod", "box"), containers(), ids=lambda one: one if isinstance(one, str) else one["name"])
def test_a_container_is_what_the_program_knows(pod: str, box: dict[str, Any]) -> None:
    """Command, variables, probes at a port that it has, resources asked for, no more rights than it needs."""
    assert is_a_command(box["command"])
    maps = {one["metadata"]["name"]: one for one in manifests() if one["kind"] in {"ConfigMap", "Secret"}}
    given = {entry["name"] for entry in box.get("env", [])}
    for source in box["envFrom"]:
        named = (source.get("configMapRef") or source["secretRef"])["name"]
        given |= set(maps[named].get("data") or maps[named]["stringData"])
    assert set(_VARIABLE.findall(maps["relight-config"]["data"]["cluster.yaml"])) <= given
    ports = {port["name"]: port["containerPort"] for port in box.get("ports", [])}
    if pod != "relight-topics":
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = box[probe]["httpGet"]
            assert asked["path"] in PATHS
            assert asked["port"] in ports
        told = maps["relight-environment"]["data"]
        listening = told["WEB_LISTEN" if box["name"] == "web" else "RELIGHT_METRICS"].rpartition(":")[2]
        assert list(ports.values()) == [int(listening)]
    assert {"cpu", "memory"} <= set(box["resources"]["requests"])
    assert box["securityContext"]["allowPrivilegeEscalation"] is False
    volumes = {volume["name"] for name, one in pods() if name == pod for volume in one["spec"]["volumes"]}
    assert {mount["name"] for mount in box["volumeMounts"]} <= volumes


def test_workers_and_routers_keep_their_names() -> None:
    """Static membership: the name of the pod is the member's, and a stateful set keeps it."""
    for name, variable in (("worker", "RELIGHT_WORKER"), ("router", "RELIGHT_ROUTER")):
        ((_, box),) = [(pod, one) for pod, one in containers() if one["name"] == name]
        (entry,) = box["env"]
        assert entry["name"] == variable
        assert entry["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


def test_both_overlays_say_the_same_but_for_sizes() -> None:
    """The overlay of the manifests is deploy/cluster.yaml with more partitions and copies."""
    config = next(one for one in manifests() if one["metadata"]["name"] == "relight-config")
    there, here = overlay(config["data"]["cluster.yaml"]), overlay(OVERLAY)
    sizes = there["kafka"].pop("partitions"), there["kafka"].pop("replication")
    assert sizes > (here["kafka"].pop("partitions"), here["kafka"].pop("replication"))
    assert there == here


def test_the_dashboard_is_the_catalogue() -> None:
    """deploy/grafana/relight.json is made from the catalogue: every metric has its panel, and no query names another."""
    text = (DEPLOY / "grafana/relight.json").read_text(encoding="utf-8")
    assert text == dashboard_text()
    queries = [target["expr"] for panel in json.loads(text)["panels"] for target in panel.get("targets", [])]
    asked = {re.sub("_bucket$", "", name) for query in queries for name in re.findall(r"relight_\w+", query)}
    assert asked == {metric.name for metric in CATALOGUE}


def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    """`promtool` reads the scrape config and each query of the dashboard."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    board = json.loads((DEPLOY / "grafana/relight.json").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    rules = [
        {"record": f"q:{number}", "expr": query.replace("$__rate_interval", "1m")}
        for number, query in enumerate(queries)
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}))
    for what, path in (("rules", tmp_path / "rules.yaml"), ("config", DEPLOY / "prometheus.yaml")):
        done = subprocess.run(["promtool", "check", what, str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
