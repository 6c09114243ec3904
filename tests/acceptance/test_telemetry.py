"""What a running engine tells: metrics at an address, log lines, spans; each from the real program."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from relight.config.loader import load_project
from relight.engine.run import run_project
from relight.engine.telemetry.catalogue import CATALOGUE, Part
from relight.engine.telemetry.tracing import open_tracing
from tests.acceptance.cli_kit import copy_project, edit, relight
from tests.support.pages import free_port
from tests.support.programs import Program

#: Longest that a figure may take to come (s).
SECONDS = 120


def live_project(source: Path, target: Path, port: int) -> Path:
    """A project whose file grows, so that the engine goes on, with metrics at a port."""
    project = copy_project(source, target)
    edit(project / "streams/shop.yaml", "source: {file: events.ndjson}", "source: {file: events.ndjson, follow: true}")
    config = project / "config/default.yaml"
    edit(config, "web: {", f'web: {{listen: "127.0.0.1:{free_port()}", ')
    lines = [line for line in config.read_text(encoding="utf-8").splitlines() if not line.startswith("engine:")]
    config.write_text("\n".join([*lines, f'engine: {{metrics: "127.0.0.1:{port}"}}', ""]), encoding="utf-8")
    return project


@contextmanager
def running(project: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    arguments = [sys.executable, "-m", "relight", "run", *options]
    with Program(arguments, cwd=project, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def scrape(port: int, until: str) -> str:
    """Return the metrics once a text is among them."""
    text = ""
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            text = ""
        if until in text:
            return text
        time.sleep(0.1)
    raise AssertionError(f"{until} never came: {text}")


def test_metrics_are_those_of_the_catalogue_and_clean(new_project: Path, tmp_path: Path) -> None:
    """A scrape of a live engine holds the catalogue's metrics, and `promtool check metrics` finds nothing to say."""
    port = free_port()
    with running(live_project(new_project, tmp_path / "shop", port), "--log", "json") as process:
        text = scrape(port, "relight_events_total 1843.0")
        process.send_signal(signal.SIGINT)
        lines = [json.loads(line) for line in process.communicate()[1].splitlines() if line.startswith("{")]
    shown = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert shown | {"relight_attempts_total"} == {metric.name for metric in CATALOGUE if Part.RUN in metric.told_by}
    assert re.search(r'relight_ledger_rows_total\{reason="[a-z_]*",state="[a-z_]+"\} \d', text)
    assert [line["event"] for line in lines] == ["run started", "run stopped"]
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_an_address_that_is_taken_is_69(new_project: Path, tmp_path: Path) -> None:
    """A port that another program has is told with the address and what to change; nothing runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = relight("run", cwd=live_project(new_project, tmp_path / "shop", port), code=69).stderr
    assert f"127.0.0.1:{port}" in said
    assert "engine: {metrics: …}" in said


def test_spans_cover_recovery_sending_and_checkpoints(new_project: Path, tmp_path: Path) -> None:
    """With OpenTelemetry set up, each part of the loop is a span."""
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    project = load_project(copy_project(new_project, tmp_path / "shop"), env=dict(os.environ), lint=False)
    run_project(project, clock=lambda: 1_800_000_000_000_000, span=open_tracing())
    assert {"recover", "send", "checkpoint"} <= {span.name for span in exporter.get_finished_spans()}
