"""Parts of relight measured alone: timers, mails, commands, what one customer weighs, recovery."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import WATCH, start_often
from bench.ours import BATCH, load
from bench.workload import BEGIN, DAY, zipf_customers

from relight.customers.profile import Profile
from relight.customers.reading import Reading
from relight.delivery.files import FilesTransport
from relight.delivery.outgoing import OutgoingMessage
from relight.engine.engine import Engine
from relight.engine.timers import HourBuckets
from relight.messages.identity import message_id
from relight.stores.memory import MemoryStore
from relight.streams.envelope import Event
from relight.templates.letters import Rendered

if TYPE_CHECKING:
    from relight.rules.plan import Plan


# ---------------------------------------------------------------- timers
def timers(folder: str, timers: int, rearms: int) -> dict[str, float]:
    """Arm so many timers, then move some later, as each activity would."""
    draw = random.Random(3)
    names = [f"c{n}" for n in range(timers)]
    buckets = HourBuckets()
    for name in names:
        buckets.arm(name, BEGIN + int(draw.random() * 90 * DAY))
    moved = [names[n] for n in zipf_customers(timers, rearms, seed=5).tolist()]
    WATCH.start()
    for number, name in enumerate(moved):
        buckets.arm(name, BEGIN + 90 * DAY + number)
    WATCH.stop()
    return {"events": rearms, "bytes": buckets.bytes_held() / timers}


def lag(folder: str, customers: int, rate: int) -> dict[str, float]:
    """Let silences of so many customers fall due at a rate a second; return how long each second's took (CPU s)."""
    plan = load(folder).plan
    assert plan is not None
    engine = Engine(MemoryStore(), cached_profiles=2**31)
    engine.follow_plan(plan, BEGIN)
    # One event a customer, spread so that `rate` silences of 14 days fall due in each second.
    for start in range(0, customers, BATCH):
        engine.take(
            [
                _seen(number, BEGIN + number * 1_000_000 // rate)
                for number in range(start, min(customers, start + BATCH))
            ]
        )
    lags = []
    WATCH.start()
    first = BEGIN + 14 * DAY
    for second in range(1, customers // rate + 1):
        began = time.process_time()
        engine.advance(first + second * 1_000_000)
        lags.append(time.process_time() - began)
    WATCH.stop()
    lags.sort()
    return {
        "events": customers,
        "rows": engine.progress.rows,
        "p99": lags[int(len(lags) * 0.99)],
        "median": lags[len(lags) // 2],
    }


def _seen(number: int, at: int) -> Event:
    return Event(
        stream="app", id=f"e{number}", customer=f"c{number}", name="report_created", event_time=at, ingest_time=at
    )


# ---------------------------------------------------------------- mails
def sample_mails(folder: str, mails: int) -> list[OutgoingMessage]:
    """Return mails as the outbox would hand them over, each for another person."""
    plan = load(folder).plan
    assert plan is not None
    return [_mail(plan, number) for number in range(mails)]


def _mail(plan: Plan, number: int) -> OutgoingMessage:
    key = f"{number:032x}"
    rendered = _render(plan, number, key)
    return OutgoingMessage(
        occurrence_key=key,
        to_address=f"c{number}@people.example",
        from_address="bench@mail.bench.example",
        from_name="Bench",
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        message_id=message_id(key, "mail.bench.example"),
        list_unsubscribe=(f"https://mail.bench.example/u/{key}",),
        scheduled=BEGIN + number * 1_000_000,
    )


def _render(plan: Plan, number: int, key: str) -> Rendered:
    letters = plan.letters
    letter = letters[sorted(letters)[number % len(letters)]]
    reading = Reading(profile=Profile(customer=f"c{number}"), at=BEGIN, now=BEGIN)
    link = f"https://mail.bench.example/u/{key}"
    rendered = letter.render(reading, {"unsubscribe_url": link, "preferences_url": link})
    assert isinstance(rendered, Rendered), rendered
    return rendered


def files(folder: str, mails: int) -> dict[str, float]:
    """Build each mail's bytes and write it to a file of its own, without fsync: the same mails as the library's."""
    messages = sample_mails(folder, mails)
    transport = FilesTransport(Path(folder) / "ours", durable=False)
    WATCH.start()
    for start in range(0, mails, 200):
        transport.write_batch(messages[start : start + 200])
    WATCH.stop()
    return {"events": mails}


def rendering(folder: str, mails: int) -> dict[str, float]:
    """Render so many mails: subject, preheader, HTML and text."""
    plan = load(folder).plan
    assert plan is not None
    WATCH.start()
    for number in range(mails):
        _render(plan, number, f"{number:032x}")
    WATCH.stop()
    return {"events": mails}


# ---------------------------------------------------------------- commands
def version(folder: str, times: int) -> dict[str, float]:
    """Start `relight version` so many times."""
    start_often([sys.executable, "-m", "relight", "version"], folder, times)
    return {"events": times}


def check(folder: str, how: str) -> dict[str, float]:
    """`relight check` of a project, its start included.

    how: `cold`, nothing is kept; `again`, after a check and with nothing changed; `edited`, with one rule changed.
    """
    rule = next(iter(sorted((Path(folder) / "rules").glob("rule_*.yaml"))))

    def edit() -> None:
        if how == "edited":
            rule.write_text(rule.read_text(encoding="utf-8") + "priority: 51\n", encoding="utf-8")

    before = rule.read_text(encoding="utf-8")
    more = ["--no-cache"] if how == "cold" else []
    start_often([sys.executable, "-m", "relight", "check", *more], folder, 1, between=edit)
    rule.write_text(before, encoding="utf-8")
    return {"files": 0}
