"""1,000 sign-ups, three kill -9: what docs/comparison.md says of relight. Run: `python -m tests.faults.three_kills`.

The real program, SMTP to a sink in this process that keeps each mail before it answers, killed when a quarter, a half
and three quarters of the mails are there, and started again each time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from relight.base.instants import HOUR, MINUTE, SECOND
from relight.delivery.smtp import BATCH_PER_CONNECTION
from tests.faults import checker
from tests.faults.canary_project import canary, write_canaries
from tests.faults.evidence import read_tables
from tests.faults.small_project import SECRET, line
from tests.faults.test_smtp_endings import HEALTHY, Server, delivery, serving

SIGN_UPS = 1_000
KILLS = 3
#: What four connections may have in hand at once: no kill leaves more than this unknown or doubled.
IN_HAND_MAX = 4 * BATCH_PER_CONNECTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the sign-ups."""

    mails: int
    #: Sign-ups without a mail that nothing tells of.
    lost: int
    #: Sign-ups with more than one mail.
    doubled: int
    #: Messages that wait or are being sent after the last run.
    stuck: int
    #: Messages that the journal calls unknown; with `hold` an operator decides on them.
    unknown: int
    events_twice: int
    killed: int


def kill_thrice(folder: Path, *, sign_ups: int, on_unknown: str, message_class: str = "marketing") -> Outcome:
    """Run the project, kill it three times, let it end, and count."""
    begin = int(datetime.now(UTC).timestamp()) * SECOND - HOUR
    text = "".join(
        line(2 * n, f"c{n}", "identify", begin + n, arrives=begin + n, email=f"c{n}@mail.example", canary=canary(n))
        + line(2 * n + 1, f"c{n}", "ordered", begin + n, arrives=begin + n, order=f"o{n}")
        for n in range(sign_ups)
    )
    end = begin + 10 * MINUTE
    text += line(2 * sign_ups, "c0", "identify", end, arrives=end)
    with serving(HEALTHY) as server:
        settings = delivery(server.port, f", on_unknown: {on_unknown}").replace("1 second", "10 seconds", 1)
        project = write_canaries(
            folder, text=text, batch=200, delivery=settings.replace("lease: 10 seconds", "lease: 1 minute")
        )  # fmt: skip
        rule = project / "rules/receipt.yaml"
        rule.write_text(f"{rule.read_text()}class: {message_class}\n")
        killed = sum(run_until(project, server, sign_ups * turn // (KILLS + 1)) for turn in range(1, KILLS + 1))
        run_until(project, server, None)
        time.sleep(0.2)
        calls = server.calls()
    tables = read_tables(project / "data/relight.db")
    assert checker.check_calls(tables, calls, retries=on_unknown == "retry" or message_class == "transactional") == []
    counts = Counter(tables.texts[call.text] for call in calls)
    states = Counter(tables.messages.values())
    told = {key for key, state in tables.messages.items() if state == "unknown"}
    return Outcome(
        mails=len(calls), lost=sign_ups - len(counts.keys() | told),
        doubled=sum(count > 1 for count in counts.values()), stuck=states["pending"] + states["sending"],
        unknown=len(told), events_twice=sum(count > 1 for count in Counter(tables.events).values()), killed=killed,
    )  # fmt: skip


def run_until(project: Path, server: Server, mails: int | None) -> bool:
    """Run until the server has so many mails, then kill -9, or to the end; return whether it was killed."""
    arguments = [sys.executable, "-m", "relight", "run", "--no-web"]
    variables = {**os.environ, "LINK_SECRET": SECRET}
    with subprocess.Popen(arguments, cwd=project, env=variables, stdout=-1, stderr=-1, text=True) as process:
        while mails is not None and process.poll() is None:
            if len(server.script.stored) >= mails:
                process.kill()
                break
            time.sleep(0.001)
        out, err = process.communicate()
    assert process.returncode in {0, -9}, (out, err)
    return process.returncode == -9


def main() -> None:
    """Print the rows of docs/comparison.md."""
    sys.stdout.write(
        "| | mails | lost | doubled | stuck | unknown, listed | events twice |\n|---|---|---|---|---|---|---|\n"
    )
    for name, on_unknown, message_class in (
        ("relight, marketing, `on_unknown: hold` (default)", "hold", "marketing"),
        ("relight, marketing, `on_unknown: retry`", "retry", "marketing"),
        ("relight, transactional (always retries)", "hold", "transactional"),
    ):
        with tempfile.TemporaryDirectory() as folder:
            done = kill_thrice(Path(folder), sign_ups=SIGN_UPS, on_unknown=on_unknown, message_class=message_class)
        assert done.killed == KILLS
        assert (done.lost, done.stuck, done.events_twice) == (0, 0, 0), done
        assert done.unknown + done.doubled <= KILLS * IN_HAND_MAX, done
        assert on_unknown == "retry" or message_class == "transactional" or not done.doubled, done
        numbers = (done.mails, done.lost, done.doubled, done.stuck, done.unknown, done.events_twice)
        sys.stdout.write(f"| {name} | " + " | ".join(str(number) for number in numbers) + " |\n")


if __name__ == "__main__":
    main()
