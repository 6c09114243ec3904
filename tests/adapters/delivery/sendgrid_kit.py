"""A stand-in on loopback, a transport to it, and what it logged, for the tests of SendGrid."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from relight.delivery.sendgrid import SendgridAccount, SendgridTransport
from relight.delivery.sendgrid_faults import Fault
from relight.delivery.sendgrid_standin import AcceptedLog, StandIn

KEY = "SG.made-up.key"


@contextlib.asynccontextmanager
async def standing_in(
    log: Path | None = None, *faults: Fault | None, **settings: Any
) -> AsyncIterator[tuple[StandIn, int]]:  # fmt: skip
    standin = StandIn(log=AcceptedLog(log), key=KEY, **settings)
    standin.script.extend(faults)
    async with standin.listening() as port:
        yield standin, port


def transport(port: int, **settings: Any) -> SendgridTransport:
    given: dict[str, Any] = {"key": KEY, "url": f"http://127.0.0.1:{port}", "seconds": 5.0} | settings
    return SendgridTransport(SendgridAccount(**given))


def logged(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_bytes().splitlines()] if log.exists() else []


def keys_of(lines: Sequence[dict[str, Any]]) -> list[str]:
    return [line["custom_args"]["relight_key"] for line in lines]
