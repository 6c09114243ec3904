"""Finds the command, runs it, and turns what went wrong into a text and an exit code.

Imports a command only when it is asked for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from relight import __version__
from relight.cli.exit_codes import ExitCode

# click's own 2 means pending changes here.
click.UsageError.exit_code = ExitCode.USAGE

#: Command -> (module, what it does, shown in the list). The order is the one in which a newcomer meets them.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Make a complete project that runs offline."),
    "check": ("check", "Read the project and report every problem at once."),
    "test": ("rule_tests", "Run the rule tests of the project."),
    "plan": ("plan", "Say what applying this folder would do."),
    "apply": ("apply", "Put this folder's rules in force."),
    "rollback": ("rollback", "Put earlier rules in force again."),
    "run": ("run", "Read events, decide, and hand over mails."),
    "web": ("web", "Serve links of mails, HTTP events, a desk."),
    "simulate": ("simulate", "Say what recorded events would have sent; nothing is sent."),
    "explain": ("explain", "Say why a customer got a message, or why not."),
    "metrics": ("metrics", "Say whether customers stay, and what each rule did."),
    "preview": ("preview", "Render a rule's mail without sending it."),
    "dead-letters": ("dead_letters", "List, show, replay and dismiss records that could not be read."),
    "keys": ("keys", "Make, list and revoke write keys for events over HTTP."),
    "pause": ("pause", "Stop a rule, or everything, until it is resumed."),
    "resume": ("resume", "Let a paused rule, or everything, go on."),
    "settle": ("settle", "Say what became of a message whose fate is unknown."),
    "suppressions": ("suppressions", "Import a list of addresses that get nothing, or show it."),
    "export": ("export", "Print everything the store knows of a customer."),
    "erase": ("erase", "Take a customer out of the store, with proof."),
    "replay": ("replay", "Decide the stored log again and compare the ledgers."),
    "doctor": ("doctor", "Look at the surroundings: store, inputs, mail server."),
    "release": ("release", "Let mails leave again after a guard or brake stopped them."),
    "send-test": ("send_test", "Send a rule's mails to one address, to look at them there."),
    "bounce": ("bounce", "Take a mail that came back, from standard input."),
    "dev": ("dev", "Stand-ins for what lies outside, on this machine."),
    "demo": ("demo", "A year of a made-up shop, decided, with mails to look at."),
    "topics": ("topics", "Make and check the topics of a Kafka cluster."),
    "publish": ("publish", "Write a recorded file into a stream's Kafka topic."),
    "router": ("router", "Route Kafka topics into the log of the workers."),
    "worker": ("worker", "Decide on partitions of the log on Kafka (a Faust worker)."),
    "sender": ("sender", "Hand over the mails that workers on Kafka decided."),
    "lag": ("lag", "Say how far routers and workers on Kafka are behind."),
    "schema": ("schema", "Print the JSON Schema of a file."),
    "completion": ("completion", "Print the completion script of a shell."),
    "version": ("version", "Print the version."),
}


#: Options that most commands have, and that none has before its name.
COMMAND_OPTIONS = frozenset({"--project", "-p", "--environment", "-e", "--json"})


class CommandTable(click.Group):
    """Commands by name, each imported when it is used; the list of them needs none."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what goes wrong is told while its wish for colours is still known."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - every fault becomes a text and a code
            from relight.cli.faults import report

            return report(error)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what stands before the command; an option of the commands is told where it belongs."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name in COMMAND_OPTIONS:
                ctx.fail(f"{error.option_name} stands after the command: relight run {error.option_name} …")
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click calls it
        """Return the command, or None for a name that is none."""
        found = COMMANDS.get(cmd_name)
        if found is None:
            return None
        command: click.Command = import_module(f"relight.cli.{found[0]}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments begin with; an unknown one fails with its nearest neighbour."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from relight.base.suggest import nearest_word

            near = nearest_word(args[0], COMMANDS)
            hint = f"did you mean '{near}'?" if near else "`relight --help` lists them."
            ctx.fail(f"there is no command '{args[0]}'; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click calls it
        """Write the list from the table, without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _set_color(ctx: click.Context, _param: click.Parameter, value: str) -> None:
    forbidden = value == "never" or (value == "auto" and bool(os.environ.get("NO_COLOR")))
    ctx.color = False if forbidden else True if value == "always" else None


@click.group(cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    expose_value=False,
    is_eager=True,
    callback=_set_color,
    help="Colours; NO_COLOR is respected.",
)
@click.version_option(__version__, message="relight %(version)s")
def cli() -> None:
    """Lifecycle messaging as code: events in, the right message out, and a reason for every message not sent."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code; never returns."""
    run_and_exit(cli, arguments)


def run_and_exit(command: click.Command, arguments: Sequence[str] | None = None, *, name: str = "relight") -> NoReturn:
    """Run one click command and leave.

    Faults become a text on stderr and a code of the table in docs/reference/cli.md.
    """
    try:
        done = command.main(args=None if arguments is None else list(arguments), prog_name=name, standalone_mode=False)
        sys.stdout.flush()
        code = done if isinstance(done, int) else ExitCode.FINE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has gone; nothing more can be said, and Python must not try at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.FINE
    except click.ClickException as error:
        from relight.cli.usage import tell_usage

        tell_usage(error)
        code = error.exit_code
    except Exception as error:  # noqa: BLE001 - the last place that can turn a fault into a report
        from relight.cli.faults import report

        code = report(error)
    sys.exit(int(code))
