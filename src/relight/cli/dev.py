"""`relight dev sendgrid`: SendGrid's send call on this machine, to try things without an account."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.base.errors import ServiceError, UsageError
from relight.cli.exit_codes import ExitCode
from relight.cli.output import note, say

if TYPE_CHECKING:
    from relight.delivery.sendgrid_faults import Fault
    from relight.delivery.sendgrid_feed import Feed
    from relight.delivery.sendgrid_standin import StandIn


@click.group("dev", short_help="Stand-ins for what lies outside, on this machine.")
def command() -> None:
    """Stand-ins for what lies outside, on this machine."""


@command.command("sendgrid", short_help="SendGrid's send call, strict, on 127.0.0.1.")
@click.option(
    "--port", default=8025, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="File that keeps what was accepted.")
@click.option("--key", help="The only API key it takes; left out: any.")
@click.option("--rate", type=click.IntRange(1), help="Requests a minute; beyond it 429.")
@click.option("--fault", "faults", multiple=True, help="How the next request ends; may be given several times.")
@click.option("--always", help="How every request ends.")
@click.option("--events", metavar="URL", help="Where signed reports of what became of each mail are posted.")
@click.option(
    "--signing-key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the key that signs reports, made where there is none; FILE.pub verifies them.",
)
@click.option("--list-faults", is_flag=True, help="Say what --fault takes, and end.")
def sendgrid(
    *,
    port: int,
    log: Path | None,
    key: str | None,
    rate: int | None,
    faults: tuple[str, ...],
    always: str | None,
    events: str | None,
    signing_key: Path | None,
    list_faults: bool,
) -> int:
    """Serve SendGrid's send call on 127.0.0.1 until Ctrl-C: refuse what SendGrid refuses, keep the rest, send nothing.

    `delivery: {sendgrid: {key: ${SENDGRID_API_KEY}, url: "http://127.0.0.1:8025"}}` sends to it.
    """
    from relight.delivery.sendgrid_faults import FAULTS, KEEPS

    if list_faults:
        for fault, text in FAULTS.items():
            say(f"{fault.value:<18}{'kept  ' if fault in KEEPS else '      '}{text}")
        return ExitCode.FINE
    wishes = [_fault(name) for name in faults]
    from relight.delivery.extras import require_sendgrid

    try:
        require_sendgrid()
    except ImportError as error:
        raise click.ClickException(str(error)) from error
    from relight.delivery.sendgrid_standin import AcceptedLog, StandIn

    feed = None if events is None else _feed(events, signing_key)
    standin = StandIn(log=AcceptedLog(log), key=key, limit=rate, always=None if always is None else _fault(always))
    standin.script.extend(wishes)
    try:
        asyncio.run(_serve(standin, port, feed))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        message = f"port {port} of 127.0.0.1 is in use by another program"
        raise ServiceError(message, help_text="name another one with --port") from None
    return ExitCode.FINE


def _fault(name: str) -> Fault:
    from relight.delivery.sendgrid_faults import Fault

    try:
        return Fault(name)
    except ValueError as error:
        raise click.UsageError(f"there is no fault '{name}'; --list-faults names them") from error


def _feed(url: str, signing_key: Path | None) -> Feed:
    """Return what posts reports to `url`, and says where they are not taken."""
    from relight.delivery.sendgrid_feed import Feed, kept_key, new_key

    try:
        private = new_key() if signing_key is None else kept_key(signing_key)
    except ValueError as error:
        message = f"--signing-key: {signing_key} holds no private key of the curve P-256"
        raise UsageError(message, help_text="name a file that does not exist yet: it is made") from error
    except OSError as error:
        message = f"--signing-key: {signing_key} cannot be used: {error.strerror}"
        raise ServiceError(message, help_text="name a file in a folder that may be written") from error
    feed = Feed(url, private)
    verify = "is SENDGRID_WEBHOOK_KEY, where `relight web` was started, the key above?"
    wait = "is `relight web` up? They are posted again for two minutes"
    feed.on_trouble = lambda text: note(
        f"reports are not taken at {url}: {text}; {verify if text.startswith('403') else wait}"
    )
    return feed


async def _serve(standin: StandIn, port: int, feed: Feed | None) -> None:
    from collections.abc import Mapping
    from typing import Any

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)

    async def tell(payload: Mapping[str, Any], message_id: str) -> None:
        to, *more = [box["email"] for one in payload["personalizations"] for box in one["to"]]
        others = f" and {len(more)} more" if more else ""
        say(f"accepted {message_id}: '{payload.get('subject', '')}' to {to}{others}")
        if feed is not None:
            await feed.on_accepted(payload, message_id)

    standin.on_accepted = tell
    async with standin.listening(port) as bound:
        say(f"SendGrid stands in at http://127.0.0.1:{bound}; Ctrl-C ends it. Nothing is sent.")
        if feed is not None:
            say(f"Reports go to {feed.url}; they verify with SENDGRID_WEBHOOK_KEY={feed.public_key}")
        await ended.wait()
    if feed is not None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(feed.finish(), 10)
    say(f"{standin.requests} requests, {standin.accepted} accepted.")
