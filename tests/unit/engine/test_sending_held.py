"""How many mails a limit holds, as a run says it."""

from __future__ import annotations

from pathlib import Path

from relight.base.instants import DAY, HOUR
from relight.config.loader import load_project
from relight.engine.engine import Engine
from relight.engine.sending import Sending
from relight.stores.interface import Batch
from relight.stores.memory import MemoryStore
from tests.adapters.stores.examples import make_message
from tests.faults.small_project import QUIET, SECRET, write_project
from tests.unit.engine.test_dispatch import Provider

T0 = 20_000 * DAY


def test_only_mails_that_are_due_count_as_held(tmp_path: Path) -> None:
    """Of mails that wait while the warm-up's day is used up, those for a later hour are held by no limit until then; once a
    new day lets mails leave, none is.
    """
    delivery = "{rate: 10 per second, warm_up: {start: 2, days: 14}, smtp: {host: 127.0.0.1, security: none}}"
    folder = write_project(tmp_path / "small", {"quiet": QUIET}, delivery=delivery)
    settings = load_project(folder, env={"LINK_SECRET": SECRET}).settings
    assert settings is not None
    store, provider = MemoryStore(), Provider()
    due = [make_message(n, scheduled=T0) for n in range(3)]
    store.append(Batch(outbox=[*due, *(make_message(n, scheduled=T0 + HOUR) for n in range(3, 8))]))
    sending = Sending(Engine(store), provider, settings, clock=lambda: provider.now, is_stopped=lambda: False)
    sending.begin(T0)
    assert sending.held == ""
    assert sending.send(T0) == 2
    limit = "the warm-up has let today's 2 mails leave, the next leave after midnight UTC"
    assert sending.held == f"1 decided, {limit}"
    provider.now = T0 + HOUR
    assert sending.held == f"6 decided, {limit}"
    provider.now = T0 + 14 * DAY
    assert sending.send(T0) == 6
    assert sending.held == ""
