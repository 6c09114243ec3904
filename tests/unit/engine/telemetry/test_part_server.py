"""A program of a cluster tells whether it lives, whether it is ready, and its metrics, at one address."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

import pytest

from relight.base.errors import ServiceError, UsageError
from relight.config.settings import EngineSettings
from relight.engine.telemetry.catalogue import ROUTED, Part
from relight.engine.telemetry.cluster_parts import METRICS_VARIABLE, address_of
from relight.engine.telemetry.part_server import ROUND_SECONDS_MAX, PartServer

ANY_PORT = ("127.0.0.1", 0)


def ask(part: PartServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{part.port}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_what_it_answers() -> None:
    """Starting is healthy and not ready; a loop that has not come round for the limit is neither; metrics are told."""
    now = 1000.0
    with PartServer(Part.ROUTER, ANY_PORT, seconds=lambda: now) as part:
        assert (ask(part, "/-/healthy")[0], ask(part, "/-/ready")[0]) == (200, 503)
        part.beat()
        part.ready()
        assert (ask(part, "/-/healthy")[0], ask(part, "/-/ready")[0]) == (200, 200)
        now += ROUND_SECONDS_MAX
        assert (ask(part, "/-/healthy")[0], ask(part, "/-/ready")[0]) == (503, 503)
        part.beat()
        part.ready(is_ready=False)
        assert (ask(part, "/-/healthy")[0], ask(part, "/-/ready")[0]) == (200, 503)
        part.exposition.show({ROUTED: 7})
        status, text = ask(part, "/metrics")
        assert status == 200
        assert "relight_routed_records_total 7.0" in text
        assert "relight_batch_seconds" not in text, "a router decides no batches"
        assert ask(part, "/else")[0] == 404
    assert part.port is None


def test_without_an_address_nothing_is_served() -> None:
    """A program without an address counts, and listens nowhere."""
    with PartServer(Part.SENDER, None) as part:
        part.beat()
        assert part.port is None


def test_an_address_that_is_taken_is_told() -> None:
    """The error names the address and what to change."""
    with socket.socket() as taken:
        taken.bind(ANY_PORT)
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError, match=f"127.0.0.1:{port}") as told:
            PartServer(Part.WORKER, ("127.0.0.1", port)).start()
    assert "RELIGHT_METRICS" in (told.value.help_text or "")


def test_which_address_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The option goes before the variable, the variable before the config; what is no address is refused."""
    engine = EngineSettings(cache=1, checkpoint_every=1, batch=1, durability="full", metrics=("127.0.0.1", 1))
    monkeypatch.delenv(METRICS_VARIABLE, raising=False)
    assert address_of(engine) == ("127.0.0.1", 1)
    monkeypatch.setenv(METRICS_VARIABLE, "127.0.0.1:2")
    assert address_of(engine) == ("127.0.0.1", 2)
    assert address_of(engine, "[::1]:3") == ("::1", 3)
    for wrong in ("9464", ":9464", "127.0.0.1:x", "127.0.0.1:65536"):
        with pytest.raises(UsageError, match="is no address"):
            address_of(engine, wrong)
