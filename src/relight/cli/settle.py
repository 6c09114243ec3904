"""`relight settle`: an operator says what became of a message whose fate is unknown (S3)."""

from __future__ import annotations

from pathlib import Path

import click

from relight.base.errors import UsageError
from relight.cli.history import reading
from relight.cli.orders import put_entries, say_when
from relight.cli.output import say, say_json
from relight.cli.project import Project, open_project, project_options

#: Messages that are listed when none is named.
LISTED_MAX = 50


@click.command("settle", short_help="Say what became of a message whose fate is unknown.")
@click.argument("message", required=False)
@click.argument("word", required=False, type=click.Choice(["accepted", "rejected", "retry"]))
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def command(
    *, message: str | None, word: str | None, as_json: bool, project: Path | None, environment: str | None
) -> None:
    """Say what became of a MESSAGE whose fate is unknown: the provider took it, refused it, or it is to be sent again.

    Without arguments the messages that are unknown are listed. `retry` may make a second one.
    """
    from relight.cli.run import wall_clock
    from relight.engine.operator_commands import SettleOrder, settle_entry
    from relight.messages.life import MessageState

    found = open_project(project, environment)
    if message is None:
        _list_unknown(found, as_json=as_json)
        return
    with reading(found) as store:
        status = store.message(message)
    if word is None:
        raise UsageError("say what became of it: accepted, rejected or retry")
    if status is None:
        raise UsageError(f"there is no message '{message}'", help_text="`relight settle` lists those that are unknown")
    if status.state is not MessageState.UNKNOWN:
        raise UsageError(f"message {message} is {status.state.value}, not unknown: there is nothing to settle")
    position = put_entries(found, [settle_entry(SettleOrder(message=message, word=word), wall_clock())])
    if as_json:
        say_json("settle", {"ok": True, "message": message, "word": word, "position": position})
        return
    say_when(found, position)
    say(f"message {message} to {status.message.customer} counts as {word}")


def _list_unknown(project: Project, *, as_json: bool) -> None:
    from relight.messages.life import MessageState

    with reading(project) as store:
        found = [one.message for one in store.messages(state=MessageState.UNKNOWN, limit=LISTED_MAX)]
    rows = [{"message": one.occurrence_key, "rule": one.rule, "customer": one.customer} for one in found]
    if as_json:
        say_json("settle", {"unknown": rows})
        return
    for row in rows:
        say(f"{row['message']}  {row['rule']}  {row['customer']}")
    say(f"{len(rows)} unknown; `relight settle MESSAGE accepted|rejected|retry` settles one")
