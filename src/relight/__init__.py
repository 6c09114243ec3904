"""Lifecycle messaging as code: events in, the right message out, and a reason for every message not sent."""

#: The same as in pyproject.toml; a test compares. Read from here, `relight version` needs no package metadata.
__version__ = "0.1.0"


def faust_app(folder: str = ".") -> object:
    """Return the Faust app of a project folder: `app = relight.faust_app(".")`, then `faust -A streams.app worker`."""
    from importlib import import_module  # noqa: PLC0415  # relight itself imports nothing
    from pathlib import Path  # noqa: PLC0415  # as above

    # By its name: every floor asks relight for its version, and the commands are above them.
    app: object = import_module("relight.cli.worker").worker_app(Path(folder))
    return app
