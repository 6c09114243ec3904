"""A private PostgreSQL server of the tests: a cluster in a temporary folder on a Unix socket, gone with the session."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

#: Longest that the server may take to answer (s).
START_SECONDS = 90


def find_binaries() -> Path | None:
    """Return the folder of initdb and postgres, the newest of several."""
    named = os.environ.get("RELIGHT_PG_BIN")
    if named:
        return Path(named)
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return installed[-1] if installed else None


def _stat_of(pid: int) -> list[str]:
    """Return the state and the parent of a process, and what else the kernel says of it; nothing if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _children_of(pid: int) -> list[int]:
    processes = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]
    return [one for one in processes if _stat_of(one)[1:2] == [str(pid)]]


class PostgresServer:
    """One server; `kill` and `start` model its death."""

    def __init__(self, binaries: Path, *, fsync: bool = False) -> None:
        self._binaries, self._fsync = binaries, fsync
        # A socket's path has at most 107 bytes: never pytest's own folder.
        self.folder = Path(tempfile.mkdtemp(prefix="rkpg-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._schemas = 0
        self._user: int | None = None
        self._group: int | None = None
        if os.geteuid() == 0:  # both programs refuse root
            account = pwd.getpwnam("postgres")
            self._user, self._group = account.pw_uid, account.pw_gid
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        cluster = str(self.folder / "data")
        self._run("initdb", "-D", cluster, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N").wait()
        self.start()

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(self._binaries / program), *arguments],
            cwd=self.folder,
            user=self._user,
            group=self._group,
            extra_groups=[] if self._user is not None else None,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        fsync = f"fsync={'on' if self._fsync else 'off'}"  # a test is not kept over a power cut, a figure counts it
        settings = ("listen_addresses=", f"unix_socket_directories={self.folder}", fsync, "max_connections=200")
        arguments = [part for setting in settings for part in ("-c", setting)]
        self._process = self._run("postgres", "-D", str(self.folder / "data"), *arguments)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    @property
    def pid(self) -> int:
        """The server's main process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End the server as a crash would, with the processes of its connections; `start` recovers it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)  # it starts no more of them meanwhile
        children = _children_of(self._process.pid)
        self._process.kill()
        for one in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self._process.wait()
        deadline = time.monotonic() + START_SECONDS
        # They are no children of ours, so that nothing says when they have ended but their state.
        while any(_stat_of(one)[:1] not in ([], ["Z"]) for one in children) and time.monotonic() < deadline:
            time.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=START_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_schema(self) -> str:
        """Return the URL of a fresh schema."""
        self._schemas += 1
        name = f"s{self._schemas}"
        with psycopg.connect(self.url, autocommit=True) as sql:
            sql.execute(f"CREATE SCHEMA {name}".encode())
        return f"{self.url}&options=-csearch_path%3D{name}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's server."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    with contextlib.ExitStack() as stack:
        server = PostgresServer(binaries)
        stack.callback(server.stop)
        yield server
