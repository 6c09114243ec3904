"""Does what a page tells its reader to do, in one folder: writes its files, runs its commands, keeps what they print.

`relight …` runs in this process, which saves its start; with ` &` behind it, and everything else, in a shell.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path

from relight.cli.main import cli, run_and_exit
from tests.docs.page_parts import Command, ShownFile
from tests.support.pages import free_port

#: Longest wait for one command, or for the first lines of one in the background (s).
WAIT_SECONDS_MAX = 120
#: Addresses of this machine that pages show; a reader who runs beside others takes free ports.
_PORT = re.compile(r"(?:(?<=127\.0\.0\.1:)|(?<=--port ))(\d{4,5})\b")
#: What differs from run to run: how long something took, and the lines of progress of what takes long.
_TOOK = re.compile(r"\b(?:less than a second|(?:about )?\d+(?:\.\d+)? m?s)\b")
_PROGRESS = re.compile(r"^  [\d,]+ \w+(?: \(\d+%\))?,.* \d+ s\n", re.MULTILINE)


@dataclass(slots=True)
class Reader:
    """One reader of one page."""

    folder: Path
    #: Port of the page -> port of this run.
    ports: dict[str, int] = field(default_factory=dict)
    running: list[tuple[subprocess.Popen[bytes], Path]] = field(default_factory=list)

    def write(self, shown: ShownFile) -> None:
        """Write a file as the page shows it; a part takes the place of what it names."""
        path = self.folder / shown.path
        path.parent.mkdir(parents=True, exist_ok=True)
        text = self.with_ports(shown.text)
        path.write_text(merged(path.read_text(encoding="utf-8"), text) if shown.is_part else text, encoding="utf-8")

    def run(self, command: Command) -> tuple[int, str]:
        """Return the exit code and what is printed, both streams in one, with the page's own ports."""
        text = self.with_ports(command.text)
        if text.startswith("cd "):
            self.folder = (self.folder / text.removeprefix("cd ")).resolve()
            os.chdir(self.folder)
            return 0, ""
        if text.startswith("export "):
            name, _, value = text.removeprefix("export ").partition("=")
            code, os.environ[name] = _in_shell(f"printf %s {value}")
            return code, ""
        if text.startswith("kill %"):
            return self._end(int(text.removeprefix("kill %")) - 1)
        if text.endswith(" &"):
            code, printed = self._begin(text.removesuffix(" &"), command.shown)
        elif text.startswith("relight ") and not re.search(r"[|<>;]", text):
            code, printed = _in_process(shlex.split(text)[1:])
        else:
            code, printed = _in_shell(text)
        for shown, taken in self.ports.items():
            printed = printed.replace(f"127.0.0.1:{taken}", f"127.0.0.1:{shown}")
        return code, printed

    def with_ports(self, text: str) -> str:
        """Return a text of the page with ports that are free here."""
        return _PORT.sub(lambda found: str(self.ports.setdefault(found[1], free_port())), text)

    def _begin(self, text: str, shown: list[str]) -> tuple[int, str]:
        """Start a command that runs on; it has begun when it has printed what the page shows."""
        log = self.folder.parent / f"background-{len(self.running)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {text}"], stdout=file, stderr=file, stdin=subprocess.DEVNULL, env=_environment()
            )
        self.running.append((process, log))
        until = time.monotonic() + WAIT_SECONDS_MAX
        printed = ""
        while time.monotonic() < until and process.poll() is None:
            printed = log.read_text(encoding="utf-8")
            if not shown or is_as_shown(shown, self._with_own_ports(printed)):
                break
            time.sleep(0.05)
        return process.poll() or 0, log.read_text(encoding="utf-8")

    def _with_own_ports(self, printed: str) -> str:
        for shown, taken in self.ports.items():
            printed = printed.replace(f"127.0.0.1:{taken}", f"127.0.0.1:{shown}")
        return printed

    def _end(self, number: int) -> tuple[int, str]:
        process, _ = self.running[number]
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=WAIT_SECONDS_MAX)
        return 0, ""

    def close(self) -> None:
        """End what still runs in the background."""
        for process, _ in self.running:
            if process.poll() is None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=WAIT_SECONDS_MAX)
                process.kill()


def _environment() -> dict[str, str]:
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def _in_process(arguments: list[str]) -> tuple[int, str]:
    printed = io.StringIO()
    code = 0
    # Pictures have tests of their own; where no browser is found there are none, in half the time.
    path, os.environ["PATH"] = os.environ["PATH"], ""
    with Path(os.devnull).open(encoding="utf-8") as nobody, redirect_stdout(printed), redirect_stderr(printed):
        before, sys.stdin = sys.stdin, nobody
        try:
            run_and_exit(cli, arguments)
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 0
        finally:
            sys.stdin, os.environ["PATH"] = before, path
    return code, printed.getvalue().replace("No Chromium here, so no pictures.\n", "")


def _in_shell(text: str) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", "-c", text], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
        env=_environment(), timeout=WAIT_SECONDS_MAX, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def merged(text: str, part: str) -> str:
    """Return a YAML file in which the keys of a part stand as the part has them, as somebody who edits it leaves it."""
    for key in re.findall(r"^([\w-]+):", part, re.MULTILINE):
        text = re.sub(rf"^{key}:.*\n(?:[ #].*\n|\n(?=[ ]))*", "", text, flags=re.MULTILINE)
    return text.rstrip("\n") + "\n\n" + re.sub(r"^# file: .*\n", "", part)


def is_as_shown(shown: list[str], printed: str) -> bool:
    """Return whether a command printed what its page shows.

    `…` on a line of its own stands for any lines, inside a line for any text. How long something took may differ.
    """
    pattern = "".join(r"(?:.*\n)*" if line.strip() == "…" else _line_pattern(line) + r"\n" for line in shown)
    told = "".join(f"{line.rstrip()}\n" for line in printed.rstrip("\n").split("\n"))
    return re.fullmatch(pattern, _TOOK.sub("…", _PROGRESS.sub("", told))) is not None


def _line_pattern(line: str) -> str:
    return re.escape(_TOOK.sub("…", line.rstrip())).replace("…", ".*")


@contextmanager
def reading_in(folder: Path) -> Iterator[Reader]:
    """Give a reader who sits in a folder; the process's own folder and environment are as before afterwards."""
    here, environment = Path.cwd(), dict(os.environ)
    reader = Reader(folder)
    os.chdir(folder)
    try:
        yield reader
    finally:
        reader.close()
        os.chdir(here)
        os.environ.clear()
        os.environ.update(environment)
