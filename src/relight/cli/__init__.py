"""The `relight` command: arguments in, text and exit codes out."""

from relight.cli.main import main

__all__ = ["main"]
