"""The made-up world that the bench decides on: a project folder of N rules, and the events of its customers (Zipf).

Everything is drawn by seed: the same sizes give the same bytes.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np

#: When the made-up world begins (µs).
BEGIN = 1_767_225_600_000_000
DAY = 86_400_000_000
#: Exponent of the customers' popularity.
ZIPF = 1.0
#: Names of what customers do, with their share of all events; the first of a customer is `signed_up`.
MIX = {
    "page_viewed": 0.50,
    "session_started": 0.20,
    "feature_used": 0.12,
    "item_viewed": 0.08,
    "report_created": 0.05,
    "order_placed": 0.03,
    "ticket_opened": 0.01,
    "ticket_resolved": 0.01,
}
FEATURES = ("boards", "timeline", "export", "rules", "search", "maps", "forms", "views")
SOURCES = ("search", "search", "search", "search", "talk", "talk", "talk", "talk", "ad", "friend")
#: Lines written at a time.
CHUNK = 20_000

_STREAM = """\
source: {{file: events.ndjson{follow}}}
id: id
time: {{field: at}}
customer: customer
name: event
allowed_lateness: 72 hours

traits:
  email: email
  plan: {{type: text, values: [trial, free, team, business]}}
  first_name: text

consent: {{topic: consent_topic, given: consent_given}}

events:
  signed_up: {{properties: {{source: text}}}}
  session_started: {{properties: {{device: text}}}}
  page_viewed: {{properties: {{path: text, seconds: integer}}, activity: false}}
  item_viewed: {{properties: {{item: text, seconds: integer}}, activity: false}}
  feature_used: {{properties: {{feature: text}}}}
  report_created: {{properties: {{report: text}}}}
  order_placed: {{properties: {{order_id: text, total: {{type: money, unit: EUR}}}}}}
  ticket_opened: {{properties: {{ticket_id: text}}, activity: false}}
  ticket_resolved: {{properties: {{ticket_id: text}}, activity: false}}
{more}"""

_CONFIG = """\
project: {name: Bench, zone: Europe/Berlin, locale: en, currency: EUR}
sender: {name: Bench, address: bench@mail.bench.example, postal_address: "An invented company, Harbour 1, Hamburg"}
topics:
  news: {default: opted_out}
  service: {default: opted_out}
classes:
  marketing: {topic: service, caps: [1 per day, 3 per 7 days]}
quiet_hours: {from: "21:00", to: "08:00"}
sensitive: count(ticket_opened, 14 days) > count(ticket_resolved, 14 days)
holdout: {share: 5%, salt: 2026}
store: {sqlite: relight.db}
delivery: {files: outbox/}
web: {base_url: "https://mail.bench.example"}
# The clock of a live run is driven by the events: hours pass with each batch. Checkpoints come every 50 batches, as in
# a run that takes ten thousand events a second, and not at every batch.
engine: {cache: CACHE, checkpoint_every: 1000 days}
"""

#: Events that rules on places read.
PLACES_MAX = 100
_DEFINITIONS = "segments:\n  regular: count(order_placed, 30 days) >= 3\n"

_BODY = """\
{{% extends "layouts/mail.html" %}}
{{% block body %}}
<h1>Hello {{{{ customer.first_name | default("there") }}}}</h1>
<p>{text} This is paragraph one of a mail of the usual length, with a <a href="https://bench.example/start">link</a>,
and some words so that its size is that of a real one: the team wrote, rewrote and shortened it before it left.</p>
<p>You ordered {{{{ customer.count("order_placed") }}}} times. Plan: {{{{ customer.plan | default("free") }}}}.</p>
{{% for place in ["boards", "timeline", "export", "search"] %}}
<p style="margin: 0 0 12px">Have you seen <b>{{{{ place }}}}</b>? It takes a minute and is worth an hour.</p>
{{% endfor %}}
{{% endblock %}}
"""

_TEXT = """\
Hello {{{{ customer.first_name | default("there") }}}}

{text} You ordered {{{{ customer.count("order_placed") }}}} times. https://bench.example/start

This is paragraph one of a mail of the usual length, and some words so that its size is that of a real one: the team
wrote, rewrote and shortened it before it left.

{{{{ sender.name }}}}, {{{{ sender.postal_address }}}}
Unsubscribe: {{{{ unsubscribe_url }}}}
"""

_LAYOUT = """\
<!doctype html>
<html lang="{{ locale }}"><head><meta charset="utf-8"><title>{{ subject }}</title>
<style>
body { font-family: sans-serif; color: #222 }
h1 { font-size: 20px } p { line-height: 1.5 } a { color: #05c }
</style>
</head><body><div style="display:none">{{ preheader | default("") }}</div>
{% block body %}{% endblock %}
<p>{{ sender.name }}, {{ sender.postal_address }}</p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a> · <a href="{{ preferences_url }}">Preferences</a></p>
</body></html>
"""

TEMPLATES = {
    "quiet": "It has been a while.",
    "refill": "Time for another one?",
    "thanks": "Thank you.",
    "welcome": "Welcome aboard.",
    "milestone": "You reached a milestone.",
    "tip": "A tip for you.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large one world is."""

    events: int
    customers: int
    #: Days over which the events are spread.
    days: int = 30
    #: Everybody signed up before.
    known: bool = False
    #: Their events are of so many places that rules may name, each as likely as the others; 0: of other kinds.
    places: int = 0


def write_project(  # noqa: PLR0913 - a world, by keyword
    folder: Path,
    *,
    follow: bool = False,
    cache: str = "800 MB",
    rules: int = 20,
    kind: str = "mixed",
    places: int = PLACES_MAX,
) -> Path:
    """Write a project folder with that many rules and return it.

    kind: `mixed`, the twenty kinds of mixed_rules.yaml again and again; `spread`, each rule on one of
    `places`, each of which only that part of the events names.
    """
    more = "".join(f"  place_{n}: {{properties: {{seconds: integer}}, activity: false}}\n" for n in range(places))
    stream = _STREAM.format(follow=", follow: true" if follow else "", more=more if kind == "spread" else "")
    files = {"streams/app.yaml": stream, "config/default.yaml": _CONFIG.replace("CACHE", cache)}
    files["rules/definitions.yaml"] = _DEFINITIONS
    patterns = (Path(__file__).parent / f"{kind}_rules.yaml").read_text(encoding="utf-8").split("---\n")
    for number in range(rules):
        text = patterns[number % len(patterns)].replace("NUMBER", str(number)).replace("PLACE", str(number % places))
        files[f"rules/rule_{number:04d}.yaml"] = text
    files["templates/layouts/mail.html"] = _LAYOUT
    for name, text in TEMPLATES.items():
        files[f"templates/{name}/subject.txt"] = f"{text} For you\n"
        files[f"templates/{name}/body.html"] = _BODY.format(text=text)
        files[f"templates/{name}/preheader.txt"] = "A few words before the mail\n"
        files[f"templates/{name}/body.txt"] = _TEXT.format(text=text)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def write_events(path: Path, size: Size, *, seed: int = 7) -> int:
    """Write the events as NDJSON in the order of their times; return how many lines there are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="ascii") as file:
        lines: list[str] = []
        count = 0
        for line in event_lines(size, seed=seed):
            lines.append(line)
            count += 1
            if len(lines) >= CHUNK:
                file.writelines(lines)
                lines.clear()
        file.writelines(lines)
    return count


def event_lines(size: Size, *, seed: int = 7, begin: int = BEGIN) -> Iterator[str]:
    """Yield the lines: a customer's first event signs up and tells traits, the others follow MIX."""
    draw = random.Random(seed)
    step = size.days * DAY // size.events
    names, weights = list(MIX), list(accumulate(MIX.values()))
    #: 0: never seen, 1: has told who they are, 2: has signed up.
    known = bytearray(b"\2" if size.known else b"\0") * size.customers
    number = 0
    while number < size.events:
        for customer in zipf_customers(size.customers, min(CHUNK, size.events - number), seed=seed + number).tolist():
            at = shown_time(begin + number * step)
            head = f'{{"id":"e{number:08d}","customer":"c{customer:07d}","at":"{at}","event":"'
            if not known[customer]:
                known[customer] = 1
                yield f'{head}identify",{_traits(customer)}}}\n'
            elif known[customer] == 1:
                known[customer] = 2
                yield f'{head}signed_up","source":"{SOURCES[int(draw.random() * len(SOURCES))]}"}}\n'
            else:
                name = (
                    f"place_{int(draw.random() * size.places)}"
                    if size.places
                    else draw.choices(names, cum_weights=weights)[0]
                )
                yield f'{head}{name}",{_properties(name, number, draw)}}}\n'
            number += 1


def zipf_customers(customers: int, count: int, *, seed: int) -> np.ndarray:
    """Return so many customer numbers, the popular ones spread over all numbers."""
    uniform = np.random.default_rng(seed).random(count)
    # The inverse of the distribution function of 1/rank, continuous.
    ranks = np.minimum((np.power(customers, uniform)).astype(np.int64), customers) - 1
    return (ranks * 7_919 + 13) % customers


def shown_time(instant: int) -> str:
    """Return an instant (µs) as ISO 8601."""
    moment = dt.datetime.fromtimestamp(instant // 1_000_000, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{instant % 1_000_000:06d}Z"


def _traits(customer: int) -> str:
    plan = ("trial", "free", "team", "business")[customer % 4]
    consent = f',"consent_topic":"service","consent_given":{"true" if customer % 8 < 5 else "false"}'  # noqa: PLR2004 - a share
    return f'"email":"c{customer}@people.example","plan":"{plan}","first_name":"Ada"{consent}'


def _properties(name: str, number: int, draw: random.Random) -> str:
    match name:
        case "page_viewed":
            return f'"path":"/boards/{number % 977}","seconds":{number % 120}'
        case "session_started":
            return f'"device":"{("web", "ios", "android")[number % 3]}"'
        case "item_viewed":
            return f'"item":"i{number % 4999}","seconds":{number % 120}'
        case "feature_used":
            return f'"feature":"{FEATURES[int(draw.random() * draw.random() * len(FEATURES))]}"'
        case "report_created":
            return f'"report":"r{number}"'
        case "order_placed":
            return f'"order_id":"o{number}","total":"{int(draw.random() * 50_000) / 100:.2f}"'
        case _ if name.startswith("place_"):
            return f'"seconds":{number % 120}'
        case _:
            return f'"ticket_id":"t{number // 100}"'
