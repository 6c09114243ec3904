"""`relight web`: the pages that links in mails lead to, in a process of their own; and that process beside a run."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.base.errors import ServiceError
from relight.cli.output import note
from relight.cli.project import Project, open_project, project_options
from relight.stores.opening import inbox_name

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds that the pages may take to answer after their start.
START_SECONDS_MAX = 30.0
#: Seconds that the pages may take to end.
STOP_SECONDS_MAX = 15.0
#: Seconds between two looks at whether the pages still run.
RESTART_SECONDS = 1.0
_LOOK_SECONDS = 0.1


@click.command("web", short_help="Serve links of mails, HTTP events, a desk.")
@project_options
def command(*, project: Path | None, environment: str | None) -> None:
    """Serve the pages that links in mails lead to, events over HTTP, and the desk at /desk, until Ctrl-C.

    They stand on the address of `web: {listen: …}`.

    What people say there is durable when their page says so, whether an engine runs or not; the engine reads it from
    the inbox beside the store, and no mail leaves past it. `relight run` starts the pages where inputs can grow.
    """
    from relight.web.serve import serve

    found = open_project(project, environment)
    web = found.settings.web

    def tell() -> None:
        note(f"pages of {found.settings.project} on http://{web.host}:{web.port}; Ctrl-C stops them")
        note(f"the desk: http://{web.host}:{web.port}/desk")

    serve(found.loaded, found.folder, tell)


@contextmanager
def pages_beside(project: Project, environment: str | None) -> Iterator[None]:
    """Run `relight web` as a child process while the block runs; pages that are there already are left alone.

    Raises ServiceError where they do not come up: mails must not leave with links that nobody answers.
    """
    web = project.settings.web
    base = f"http://{f'[{web.host}]' if ':' in web.host else web.host}:{web.port}"
    name = inbox_name(project.settings.store, project.folder)
    if _answers(base, name):
        note(f"the pages are up already on {base}")
        yield
        return
    arguments = [sys.executable, "-m", "relight", "web", "--project", str(project.folder)]
    arguments += [] if environment is None else ["--environment", environment]
    pages = _Pages(arguments)
    try:
        pages.start()
        _await_pages(pages, base, name)
        pages.keep()
        yield
    finally:
        pages.stop()


class _Pages:
    """The child process, started again when it ends by itself."""

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments
        self._child: subprocess.Popen[bytes] | None = None
        self._is_over = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="pages", daemon=True)

    def start(self) -> None:
        # A session of its own: Ctrl-C is for the engine first, which then ends its pages.
        self._child = subprocess.Popen(self._arguments, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - our own program

    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def keep(self) -> None:
        self._keeper.start()

    def _keep(self) -> None:
        while not self._is_over.wait(RESTART_SECONDS):
            if not self.is_running():
                note("the pages ended by themselves; they are started again")
                self.start()

    def stop(self) -> None:
        self._is_over.set()
        if self._keeper.ident is not None:
            self._keeper.join()
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def _await_pages(pages: _Pages, base: str, name: str) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while not _answers(base, name):
        if not pages.is_running() or time.monotonic() > until:
            raise ServiceError(
                f"the pages did not come up on {base}",
                help_text="see why with `relight web`; `relight run --no-web` runs without them",
            )
        time.sleep(_LOOK_SECONDS)


def _answers(base: str, name: str) -> bool:
    """Return whether pages that put into the inbox of this name answer there."""
    try:
        with urllib.request.urlopen(f"{base}/-/healthy", timeout=2) as answer:  # noqa: S310 - http to our own address
            found = json.loads(answer.read(1_000))
    except (OSError, urllib.error.URLError, ValueError):
        return False
    return isinstance(found, dict) and found.get("inbox") == name
