"""`relight bounce`: takes one mail that came back, from a mail server's pipe, and puts what it says into the inbox."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from relight.base.errors import RejectError, UsageError
from relight.cli.exit_codes import ExitCode
from relight.cli.orders import put_entries
from relight.cli.output import say
from relight.cli.project import open_project, project_options


@click.command("bounce", short_help="Take a mail that came back, from standard input.")
@click.option("--recipient", default="", metavar="ADDRESS", help="The envelope's recipient, as the server names it.")
@project_options
def command(*, recipient: str, project: Path | None, environment: str | None) -> int:
    """Take a mail that came back to `bounces`, from standard input, as a mail server pipes it.

    A report about a message of ours moves it and may suppress its address; anything else is refused and does nothing.
    """
    from relight.cli.run import wall_clock
    from relight.delivery.bounces import MAIL_BYTES_MAX, read_bounce
    from relight.engine.provider_words import provider_entry

    found = open_project(project, environment)
    smtp = found.settings.delivery.smtp
    if smtp is None or smtp.bounces is None or smtp.bounce_key is None:
        raise UsageError("mails come back only where `delivery: {smtp: {bounces: …}}` says where to")
    now = wall_clock()
    mail = sys.stdin.buffer.read(MAIL_BYTES_MAX + 1)
    try:
        event = read_bounce(mail, (smtp.bounce_key,), recipient=recipient, now=now)
    except RejectError as error:
        say(f"refused: {error}")
        return ExitCode.PROBLEMS
    put_entries(found, [provider_entry(event, now)])
    say(f"{event.word}: {event.text}")
    return ExitCode.FINE
