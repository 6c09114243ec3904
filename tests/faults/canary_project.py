"""A project whose mails each name the customer they are for, and made-up events for it, drawn by a seed."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

from relight.base.instants import DAY, HOUR, MINUTE, iso_utc
from tests.faults.small_project import T0, line, write_project

RULES = {
    "quiet": "trigger: {inactive: 7 days, activity: [used]}\nexpires: 90 days\nsend: quiet\n",
    "receipt": "trigger: {event: ordered}\nreentry: every\nexpires: 90 days\nsend: receipt\n",
}
_STREAM = """
source: {source}
id: id
time: {{field: at}}
customer: customer
name: event
{arrives}
brake: {{share: 50%, of: 1000}}
traits: {{email: email, canary: text}}
events:
  used: {{}}
  ordered: {{properties: {{order: text}}}}
"""
_BODY = """<!DOCTYPE html>
<html lang="{{ locale }}"><head><meta charset="utf-8"><title>Hello</title></head><body>
<p>%s {{ customer.canary }}</p>
<p>{{ sender.postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>
</body></html>
"""
_SAYS = {"quiet": "Long time no see,", "receipt": "Order {{ event.order }} for"}
#: How long the made-up events go on.
SPAN = 21 * DAY
#: Instant at which the made-up events end.
END = T0 + SPAN + 10 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Made-up events."""

    #: Lines in the order of their arrival, some broken.
    text: str
    #: Address -> canary.
    canaries: dict[str, str]
    #: Lines that cannot be read.
    broken: frozenset[str]


def write_canaries(
    folder: Path, *, delivery: str = "{files: outbox/}", follow: bool = False, batch: int = 10, text: str = ""
) -> Path:
    """Write the project, its data file holding `text`."""
    write_project(folder, RULES, delivery=delivery, follow=follow, batch=batch)
    source = "{file: data/app.ndjson, follow: true}" if follow else "{file: data/app.ndjson}"
    stream = _STREAM.format(source=source, arrives="" if follow else "arrives: arrives")
    (folder / "streams/app.yaml").write_text(stream)
    for path in (folder / "templates/hello").iterdir():
        path.unlink()
    (folder / "templates/hello").rmdir()
    for name, says in _SAYS.items():
        letter = folder / "templates" / name
        letter.mkdir(exist_ok=True)
        for file, words in {
            "subject.txt": f"{says} {{{{ customer.canary }}}}",
            "preheader.txt": "It has been a while",
            "body.txt": f"{says} {{{{ customer.canary }}}}\n\n{{{{ sender.postal_address }}}}\n{{{{ unsubscribe_url }}}}\n",
            "body.html": _BODY % says,
        }.items():
            (letter / file).write_text(words)
    (folder / "data/app.ndjson").write_text(text)
    return folder


def canary(number: int) -> str:
    """Return the word of a customer; none is part of another."""
    return f"canary{number:03}x"


def draw_crowd(seed: int, *, customers: int = 8, events: int = 60, broken: int = 2, copies: int = 5) -> Crowd:
    """Return events of a few customers over three weeks, up to 60 h late, some twice, some copies changed."""
    draw = random.Random(seed)
    arrivals: list[tuple[int, str]] = []
    for number in range(customers):
        who, arrives = f"c{number}", T0 + number
        more = {"email": f"{who}@mail.example", "canary": canary(number)}
        arrivals.append((arrives, line(number, who, "identify", arrives, arrives=arrives, **more)))
    for number in range(customers, customers + events):
        who, at = f"c{draw.randrange(customers)}", T0 + MINUTE + draw.randrange(SPAN)
        arrives = at + draw.choice([0, 0, 0, draw.randrange(60 * HOUR)])
        arrivals.append((arrives, _event(draw, number, who, at, arrives)))
    arrivals.append((END, line(999_999, "c0", "identify", END, arrives=END)))  # brings time to the end
    for _ in range(copies):
        arrives, text = draw.choice(arrivals[customers:-1])
        later = min(END - 1, arrives + draw.randrange(9 * DAY))
        arrivals.append((later, _copy(draw, text, later)))
    arrivals.sort(key=lambda one: one[0])
    lines = [text for _, text in arrivals]
    spoiled = [f'{{"id": "broken {turn}", "at": "2026-0' for turn in range(broken)]
    for text in spoiled:
        lines.insert(draw.randrange(customers, len(lines)), text + "\n")
    addresses = {f"c{number}@mail.example": canary(number) for number in range(customers)}
    return Crowd(text="".join(lines), canaries=addresses, broken=frozenset(spoiled))


def _event(draw: random.Random, number: int, who: str, at: int, arrives: int) -> str:
    if draw.random() < 0.3:
        return line(number, who, "ordered", at, arrives=arrives, order=f"o{number}")
    return line(number, who, "used", at, arrives=arrives)


def _copy(draw: random.Random, text: str, arrives: int) -> str:
    """Return a copy that arrives later; one in three says something else."""
    row = json.loads(text) | {"arrives": iso_utc(arrives)}
    if draw.random() < 0.34:
        row["event"] = "used" if row["event"] == "ordered" else "ordered"
        row["order"] = "forged"
    return json.dumps(row) + "\n"
