"""What stands beside relight in the same run: the least that a program could do for the same promise."""

from __future__ import annotations

import datetime as dt
import os
import random
import sqlite3
import sys
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import msgspec
from bench.measure import WATCH, memory_now, start_often
from bench.workload import BEGIN, DAY, zipf_customers

#: Records of one group commit.
BATCH = 1_000
#: Minute at which the poll looks (µs).
MINUTE = 60_000_000


def journal(folder: str) -> dict[str, float]:
    """Append the lines to a journal, each 1,000 made durable together: nothing is decoded, nothing is decided."""
    lines = 0
    with (Path(folder) / "events.ndjson").open("rb") as source, (Path(folder) / "journal").open("wb") as target:
        WATCH.start()
        held = []
        for line in source:
            held.append(line)
            lines += 1
            if len(held) == BATCH:
                target.write(b"".join(held))
                target.flush()
                os.fdatasync(target.fileno())
                held.clear()
        target.write(b"".join(held))
        target.flush()
        os.fdatasync(target.fileno())
        WATCH.stop()
    return {"events": lines}


class _Line(msgspec.Struct, gc=False):
    id: str
    customer: str
    at: str
    event: str


def least_loop(folder: str) -> dict[str, float]:
    """Decode each line with msgspec, leave out duplicates exactly, keep when each customer was last seen."""
    decode = msgspec.json.Decoder(_Line).decode
    seen: set[tuple[str, str]] = set()
    last: dict[str, str] = {}
    lines = 0
    with (Path(folder) / "events.ndjson").open("rb") as source:
        WATCH.start()
        for line in source:
            row = decode(line)
            identity = (row.customer, row.id)
            lines += 1
            if identity in seen:
                continue
            seen.add(identity)
            last[row.customer] = row.at
        WATCH.stop()
    return {"events": lines, "customers": len(last)}


def polling(folder: str, days: int) -> dict[str, float]:
    """The way a cron job finds silence: a last-seen column, and a query each minute of the recorded time.

    One rule (14 days), no consent, no caps, no mail, no exactly-once: what is found is only marked.
    """
    decode = msgspec.json.Decoder(_Line).decode
    sql = sqlite3.connect(Path(folder) / "polling.db", isolation_level=None)
    sql.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE seen (customer TEXT PRIMARY KEY, at INTEGER NOT NULL, told INTEGER NOT NULL DEFAULT 0)"
        " WITHOUT ROWID;"
        "CREATE INDEX by_time ON seen (at) WHERE told = 0"
    )
    lines = found = polls = 0
    due = BEGIN + MINUTE
    held: list[tuple[str, int]] = []

    def write() -> None:
        sql.execute("BEGIN")
        sql.executemany("INSERT INTO seen VALUES (?, ?, 0) ON CONFLICT DO UPDATE SET at = excluded.at, told = 0", held)
        sql.execute("COMMIT")
        held.clear()

    with (Path(folder) / "events.ndjson").open("rb") as source:
        WATCH.start()
        for line in source:
            row = decode(line)
            at = int(dt.datetime.fromisoformat(row.at).timestamp() * 1_000_000)
            while at >= due:
                if held:
                    write()
                silent = sql.execute(
                    "SELECT customer FROM seen WHERE told = 0 AND at <= ?", (due - 14 * DAY,)
                ).fetchall()
                if silent:
                    sql.execute("BEGIN")
                    sql.executemany("UPDATE seen SET told = 1 WHERE customer = ?", silent)
                    sql.execute("COMMIT")
                polls, found, due = polls + 1, found + len(silent), due + MINUTE
            held.append((row.customer, at))
            lines += 1
            if len(held) >= BATCH:
                write()
        write()
        WATCH.stop()
    assert polls <= days * 1440
    return {"events": lines, "rows": found, "polls": polls}


def sql_timers(folder: str, timers: int, rearms: int) -> dict[str, float]:
    """The same timers in an SQL index: arm all, then move some later, as each activity would."""
    sql = sqlite3.connect(Path(folder) / "timers.db", isolation_level=None)
    sql.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
        "CREATE TABLE timers (customer INTEGER PRIMARY KEY, wake INTEGER NOT NULL)"
    )
    draw = random.Random(3)
    sql.execute("BEGIN")
    sql.executemany(
        "INSERT INTO timers VALUES (?, ?)", ((n, BEGIN + int(draw.random() * 90 * DAY)) for n in range(timers))
    )
    sql.execute("COMMIT")
    sql.execute("CREATE INDEX by_wake ON timers (wake)")
    moved = zipf_customers(timers, rearms, seed=5).tolist()
    WATCH.start()
    for start in range(0, rearms, BATCH):
        sql.execute("BEGIN")
        sql.executemany(
            "UPDATE timers SET wake = ? WHERE customer = ?",
            [(BEGIN + 90 * DAY + start + n, customer) for n, customer in enumerate(moved[start : start + BATCH])],
        )
        sql.execute("COMMIT")
    WATCH.stop()
    size = (Path(folder) / "timers.db").stat().st_size
    return {"events": rearms, "bytes": size / timers}


def email_messages(folder: str, mails: int) -> dict[str, float]:
    """Build each mail with the standard library's EmailMessage and write it to a file of its own, without fsync."""
    from bench.parts import sample_mails  # noqa: PLC0415 - relight is not part of the other baselines

    messages = sample_mails(folder, mails)
    target = Path(folder) / "library"
    target.mkdir(exist_ok=True)
    WATCH.start()
    for number, one in enumerate(messages):
        mail = EmailMessage(policy=SMTP)
        mail["Message-ID"] = one.message_id
        mail["From"] = f"{one.from_name} <{one.from_address}>"
        mail["To"] = one.to_address
        mail["Subject"] = one.subject
        mail["List-Unsubscribe"] = f"<{one.list_unsubscribe[0]}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        mail["Date"] = dt.datetime.fromtimestamp(one.scheduled / 1e6, dt.UTC)
        mail.set_content(one.text)
        mail.add_alternative(one.html, subtype="html")
        (target / f"{number}.eml").write_bytes(mail.as_bytes())
    WATCH.stop()
    return {"events": mails}


_BARE = "import click\n@click.command()\n@click.version_option('1')\ndef main(): pass\nmain(['--version'])"


def bare_click(folder: str, times: int) -> dict[str, float]:
    """Start a click program that does nothing but print its version, so many times."""
    start_often([sys.executable, "-c", _BARE], folder, times)
    return {"events": times}


def compose(folder: str) -> dict[str, float]:
    """Compose every YAML file of a project with PyYAML's C loader, which checks nothing."""
    import yaml  # noqa: PLC0415 - only here

    files = 0
    WATCH.start()
    for path in sorted(Path(folder).rglob("*.yaml")):
        yaml.compose(path.read_bytes(), Loader=yaml.CSafeLoader)
        files += 1
    WATCH.stop()
    return {"events": files}


def python_alone() -> dict[str, float]:
    """Python itself, with msgspec: what any program of this kind holds."""
    return {"memory": memory_now()}
