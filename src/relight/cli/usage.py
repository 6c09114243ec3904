"""A wrong use of the command line, told as every other error: how it is used, then what is wrong."""

from __future__ import annotations

import re
from contextlib import nullcontext

import click

from relight.base.suggest import nearest_word
from relight.cli.output import fail

#: click's own error of a group that was given no command; from click 8.2 on.
_NO_COMMAND: tuple[type[click.UsageError], ...] = tuple(
    filter(None, [getattr(click.exceptions, "NoArgsIsHelpError", None)])
)
_NUMBER = re.compile(r"is not a valid integer( range)?$")


def tell_usage(error: click.ClickException) -> None:
    """Say what is wrong with a command line, and how the command is used; the bare program answers with its help."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, _NO_COMMAND) and ctx is not None and ctx.parent is None:
        error.show()
        return
    with nullcontext() if ctx is None else ctx.scope(cleanup=False):
        fail(usage_text(error), None if ctx is None else usage_hint(ctx))


def usage_hint(ctx: click.Context) -> str:
    """Return how a command is used in one line, and where more of it stands."""
    usage = " ".join(ctx.get_usage().split()).removeprefix("Usage: ")
    return f"{usage}; more with `{ctx.command_path} --help`"


def usage_text(error: click.ClickException) -> str:
    """Return what is wrong, in the words of this program."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    group = ctx.command if ctx is not None and isinstance(ctx.command, click.Group) else None
    if isinstance(error, _NO_COMMAND) and ctx is not None and group is not None:
        return f"{ctx.command_path}: which of {', '.join(group.list_commands(ctx))}?"
    if isinstance(error, click.NoSuchOption):
        near = nearest_word(error.option_name, error.possibilities or ())
        return f"there is no option '{error.option_name}'" + (f"; did you mean '{near}'?" if near else "")
    if type(error) is click.BadParameter and error.param is not None and ctx is not None:
        named = error.param.get_error_hint(ctx).replace("'", "")
        return f"{named}: {_NUMBER.sub('is no whole number', _plain(error.message))}"
    said = _plain(error.format_message())
    unknown = re.fullmatch(r"no such command '(.+)'", said)
    if unknown is not None and ctx is not None and group is not None:
        near = nearest_word(unknown[1], group.list_commands(ctx))
        return f"{ctx.command_path}: there is no command '{unknown[1]}'" + (f"; did you mean '{near}'?" if near else "")
    return said


def _plain(text: str) -> str:
    """Return a sentence of click's as this program writes errors: without capital and full stop."""
    return text[:1].lower() + text[1:].removesuffix(".")
