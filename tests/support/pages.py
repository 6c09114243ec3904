"""A real `relight web` of a small project that has sent a mail, and a client that knows no cookies."""

from __future__ import annotations

import email
import email.policy
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from relight.base.instants import DAY
from relight.messages.identity import TokenKey
from relight.stores.inbox import Inbox
from relight.stores.inbox_interface import InboxEntry
from tests.faults.checker import mails_in
from tests.faults.conftest import ROOT
from tests.faults.small_project import QUIET, SECRET, T0, add, line, write_project
from tests.support.programs import Program, run_program

BASE = "https://mail.small.example"
KEY = TokenKey(secret=SECRET.encode())
FORM = "application/x-www-form-urlencoded"


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def project_with_mail(
    folder: Path, *, web: str = "", extra: str = "", locale: str = "en", body: str = "", events: str = ""
) -> Path:
    """Return a project whose customer `ada` has got one mail, with the pages' port in its config."""
    write_project(folder, {"quiet": QUIET})
    config = folder / "config/default.yaml"
    text = config.read_text().replace(
        'secret: "${LINK_SECRET}"', f'secret: "${{LINK_SECRET}}", listen: "127.0.0.1:{free_port()}"{web}'
    )
    text = text.replace(
        "topics: {news: {default: opted_in}}",
        "topics: {news: {default: opted_in, title: {en: New things, tr: Yenilikler}}, offers: {default: opted_out}}",
    )
    config.write_text(text.replace("locale: en", f"locale: {locale}") + extra)
    letter = folder / "templates/hello/body.html"
    letter.write_text(letter.read_text().replace("<p>Hello from us.</p>", f"<p>Hello from us. {body}</p>"))
    stream = folder / "streams/app.yaml"
    stream.write_text(stream.read_text() + events)
    add(
        folder,
        line(0, "ada", "identify", T0, arrives=T0, email="ada@mail.example"),
        line(1, "ada", "used", T0, arrives=T0),
        line(2, "eve", "used", T0 + 8 * DAY, arrives=T0 + 8 * DAY),
    )
    run_once(folder)
    return folder


def run_once(folder: Path) -> None:
    """Run a project of finished files to its end, in a process: a browser of the test may own this one's event loop."""
    arguments = [sys.executable, "-m", "relight", "run", "--project", str(folder)]
    run_program(arguments, cwd=ROOT, env={**os.environ, "LINK_SECRET": SECRET}, capture_output=True, check=True)


def links_of(folder: Path) -> dict[str, str]:
    """Return the paths of the links in the one mail: `header` and `body`."""
    (mail,) = mails_in(folder / "outbox").values()
    message = email.message_from_bytes(mail, policy=email.policy.SMTP)
    html = message.get_body(("html",))
    assert html is not None
    header = re.fullmatch(r"<([^>]+)>", str(message["List-Unsubscribe"]).strip())
    body = re.search(r'href="([^"]+)"', html.get_content())
    assert header is not None
    assert body is not None
    return {"header": header[1].removeprefix(BASE), "body": body[1].removeprefix(BASE)}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(slots=True)
class Pages:
    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    asked: list[str] = field(default_factory=list)

    def ask(self, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)) as client:
            client.request(method, path, body=body, headers=given)
            answer = client.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read().decode("utf-8", "replace"))

    def post(self, path: str, body: bytes = b"List-Unsubscribe=One-Click", kind: str = FORM, **headers: str) -> Answer:
        return self.ask(path, method="POST", body=body, content_type=kind, **headers)

    def inbox(self) -> list[InboxEntry]:
        with closing(Inbox.open(self.folder / "data/relight.inbox.db")) as inbox:
            return inbox.read_after(0)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=90)


def port_of(folder: Path) -> int:
    found = re.search(r"127\.0\.0\.1:(\d+)", (folder / "config/default.yaml").read_text())
    assert found is not None
    return int(found[1])


@contextmanager
def serving(folder: Path, **env: str) -> Iterator[Pages]:
    """Serve a project's pages in a process of their own, until the block ends."""
    log = folder / "web.log"
    environment = {**os.environ, "LINK_SECRET": SECRET, **env}
    with log.open("wb") as file, Program(
        [sys.executable, "-m", "relight", "web", "--project", str(folder)],
        cwd=ROOT, env=environment, stdout=file, stderr=file,
    ) as process:  # fmt: skip
        pages = Pages(folder, port_of(folder), process, log)
        try:
            await_pages(pages)
            yield pages
        finally:
            process.terminate()


def await_pages(pages: Pages) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and pages.process.poll() is None:
        try:
            assert pages.ask("/-/healthy").status == 200
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(pages.log.read_text())
