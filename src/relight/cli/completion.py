"""`relight completion`: the script that makes a shell complete commands, options, rules and kinds of files."""

from __future__ import annotations

import click

from relight.cli.output import say

#: What to do with the script, by shell.
_USE = {
    "bash": 'eval "$(relight completion bash)"     # in ~/.bashrc',
    "zsh": 'eval "$(relight completion zsh)"      # in ~/.zshrc, after compinit',
    "fish": "relight completion fish | source      # in ~/.config/fish/config.fish",
}


@click.command("completion", short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(list(_USE)))
def command(*, shell: str) -> None:
    """Print the completion script of a shell.

    bash: eval "$(relight completion bash)" in ~/.bashrc; zsh: the same with zsh in ~/.zshrc; fish: relight completion
    fish | source.
    """
    from click.shell_completion import get_completion_class

    from relight.cli.main import cli

    found = get_completion_class(shell)
    assert found is not None
    made = found(cli, {}, "relight", "_RELIGHT_COMPLETE")
    say(f"# {_USE[shell]}")
    # Not source(): it starts the shell to look at its version, and this one may be made on another machine.
    say(made.source_template % made.source_vars())
