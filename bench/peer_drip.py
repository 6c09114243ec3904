"""1,000 users, three kill -9: what docs/comparison.md says of django-drip-campaigns. Needs that package, not ours.

As its documentation has it: one drip with one rule, `manage.py send_drips`, SQLite; SMTP to a sink in this process that
keeps each mail before it answers. Killed when a quarter, a half and three quarters of the mails are there, and started
again each time, at last to its end. How to install it stands on the page.
"""

from __future__ import annotations

import os
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

USERS, KILLS = 1_000, 3
SETTINGS = """
SECRET_KEY = "a key of this measurement"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "drip"]
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "drip.db"}}}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
DEFAULT_FROM_EMAIL = "shop@mail.example"
TEMPLATES = [{{"BACKEND": "django.template.backends.django.DjangoTemplates"}}]
EMAIL_HOST, EMAIL_PORT = "127.0.0.1", {port}
"""
MAKE = """
import django; django.setup()
from django.contrib.auth.models import User
from drip.models import Drip, QuerySetRule
User.objects.bulk_create(User(username=f"u{{n}}", email=f"u{{n}}@mail.example") for n in range({users}))
drip = Drip.objects.create(name="welcome", subject_template="Hello", body_html_template="Welcome", enabled=True)
QuerySetRule.objects.create(drip=drip, field_name="email", lookup_type="icontains", field_value="mail.example")
"""


class Sink(socketserver.StreamRequestHandler):
    """One SMTP connection; `mails` of the server gets each recipient before the answer."""

    def handle(self) -> None:
        """Take mails until the client leaves."""
        self.wfile.write(b"220 sink\r\n")
        to = ""
        for line in self.rfile:
            verb = line[:4].upper().strip()
            if verb == b"RCPT":
                to = line.decode().partition("<")[2].partition(">")[0]
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() not in {b".\r\n", b""}:
                    pass
                self.server.mails.append(to)  # type: ignore[attr-defined]
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")


class Server(socketserver.ThreadingTCPServer):
    """Listens on a free port of this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        """Take a port."""
        super().__init__(("127.0.0.1", 0), Sink)
        self.mails: list[str] = []


def send_until(folder: Path, server: Server, mails: int | None) -> bool:
    """Run `send_drips` until so many mails are there, then kill -9, or to its end; return whether it was killed."""
    with subprocess.Popen([sys.executable, "-m", "django", "send_drips"], cwd=folder, env=variables(folder)) as process:
        while mails is not None and process.poll() is None:
            if len(server.mails) >= mails:
                process.kill()
                break
            time.sleep(0.001)
        return process.wait() == -signal.SIGKILL


def variables(folder: Path) -> dict[str, str]:
    """Return the environment of Django in the folder."""
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "drip_settings", "PYTHONPATH": str(folder)}


def main() -> None:
    """Print the row of the page."""
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "drip_settings.py").write_text(SETTINGS.format(port=server.server_address[1]), encoding="utf-8")
        for command in (["-m", "django", "migrate", "--verbosity", "0"], ["-c", MAKE.format(users=USERS)]):
            subprocess.run([sys.executable, *command], cwd=folder, env=variables(folder), check=True)  # noqa: S603 - ours
        killed = sum(send_until(folder, server, USERS * turn // (KILLS + 1)) for turn in range(1, KILLS + 1))
        assert not send_until(folder, server, None)
    assert killed == KILLS
    counts = Counter(server.mails)
    print("| | mails | lost | doubled |\n|---|---|---|---|")
    print(f"| django-drip-campaigns | {len(server.mails):,} | {USERS - len(counts)} | "
          f"{sum(count > 1 for count in counts.values())} |")  # fmt: skip


if __name__ == "__main__":
    main()
