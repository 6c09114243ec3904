"""A made-up log of people in companies: who joins, changes and shares, and a project that caps and counts them together.

Two streams; many rows stand at the same instants. Drawn by seed, equal on every machine.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from pathlib import Path

from tests.recorded.generated import PROJECT as _NOTE_PROJECT
from tests.recorded.generated import without_margin

BEGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
#: Until when the simulation runs, inclusive.
HORIZON = dt.datetime(2026, 2, 20, tzinfo=dt.UTC)
HOURS = 24 * 45
PEOPLE, COMPANIES, ROWS = 70, 14, 900
STREAMS = ("app", "shop")
Row = dict[str, object]

_STREAM = """
    source: {{file: {stream}.ndjson, horizon: "2026-02-20T00:00:00Z"}}
    id: id
    time: {{field: at}}
    arrives: arrives
    customer: who
    account: company
    name: what
    traits: {{email: email, plan: text}}
    events: {events}
    """
#: Both mails are the note of the other made-up log.
_NOTE = {name: text for name, text in _NOTE_PROJECT.items() if name.startswith("templates/note/")}
PROJECT = {
    **_NOTE,
    **{name.replace("/note/", "/note_again/"): text for name, text in _NOTE.items()},
    "streams/app.yaml": _STREAM.format(stream="app", events="{session: {}, asked: {}}"),
    "streams/shop.yaml": _STREAM.format(stream="shop", events="{order: {}, cart: {}}"),
    "rules/definitions.yaml": """
        segments:
          active: count(session, 3 days) > 0
          asleep: members(active) == 0
          led: members(plan == "pro") >= 2
          buyers: members(orders >= 4) >= 2
        """,
    "rules/quiet.yaml": "{trigger: {inactive: [3 days, 9 days], activity: [session]}, send: note}",
    "rules/ordered.yaml": "{trigger: {event: order}, reentry: every, priority: 70, send: note}",
    "rules/walked.yaml": """
        trigger: {event: cart}
        reentry: every
        account_cap: 1 per 5 days
        steps: [{send: note}, {wait: 1 day}, {send: note_again}]
        """,
    "rules/patient.yaml": "{trigger: {event: asked}, reentry: every, when_capped: {wait: 4 days}, send: note}",
    "rules/asleep.yaml": "{trigger: {enters: asleep}, send: note}",
    "rules/awake.yaml": "{trigger: {leaves: asleep}, send: note}",
    "rules/colleagues.yaml": """
        {trigger: {event: order}, reentry: every, audience: members() >= 3, send: note}
        """,
    "rules/busy.yaml": """
        trigger: {event: cart}
        reentry: every
        exit: members(count(order, 2 days) > 0) >= 2
        steps: [{wait: 1 day}, {send: note}]
        """,
    "rules/leads.yaml": """
        {trigger: {event: asked}, reentry: every, steps: [{wait: 1 hour}, {set: {trait: plan, to: pro}}]}
        """,
    "rules/led.yaml": "{trigger: {enters: led}, send: note}",
    # What each day brings of all people of all companies.
    "config/measures.yaml": "sources: {order: order}",
    "rules/buyers.yaml": "{trigger: {enters: buyers}, send: note}",
    "rules/keen.yaml": "{trigger: {event: cart}, audience: orders >= 3, reentry: every, send: note}",
    "config/default.yaml": """
        project: {name: companies, zone: UTC, locale: en, currency: EUR}
        sender:
          name: Notes
          address: notes@notes.example
          reply_to: notes@notes.example
          postal_address: 1 Example Street, Exampletown
        topics: {product_news: {default: opted_in}}
        accounts: {key: company}
        classes: {marketing: {topic: product_news, account_caps: [2 per 4 days, 1 per day]}}
        quiet_hours: {from: "21:00", to: "09:00"}
        holdout: {share: 10%, salt: 2026, by: account}
        store: {sqlite: data/relight.db}
        delivery: {files: outbox/}
        web: {base_url: "https://mail.notes.example"}
        """,
}


def generate_companies(seed: int) -> dict[str, list[Row]]:
    """Return the rows of each stream in the order of arrival: who, what, at, arrives, id, and a company now and then."""
    draw = random.Random(seed)
    people = [f"p{number:02d}" for number in range(PEOPLE)]
    company = {one: draw.choice([None, *range(COMPANIES)]) for one in people}
    found: dict[str, list[Row]] = {stream: [] for stream in STREAMS}
    begun: set[str] = set()
    for number, hour in enumerate(sorted(draw.randrange(HOURS) for _ in range(ROWS))):
        who, what = draw.choice(people), draw.choice(("session", "session", "asked", "order", "order", "cart"))
        arrives = BEGIN + dt.timedelta(hours=hour)
        at = arrives - dt.timedelta(hours=draw.choice((0, 0, 0, 5, 80)))
        row: Row = {"id": f"e{number}", "who": who, "what": what, "at": at.isoformat(), "arrives": arrives.isoformat()}
        if who not in begun or draw.random() < 0.1:
            begun.add(who)
            known = {"email": f"{who}@mail.example", "plan": draw.choice(("free", "pro"))}
            found["app"].append(row | known | {"id": f"i{number}", "what": "identify"})
        if draw.random() < 0.01:
            company[who] = draw.randrange(COMPANIES)
        if company[who] is not None and draw.random() < 0.5:
            row["company"] = f"k{company[who]}"
        found["app" if what in {"session", "asked"} else "shop"].append(row)
        if draw.random() < 0.03:
            found["app" if what in {"session", "asked"} else "shop"].append(row)
    return found


def write_companies(folder: Path, rows: dict[str, list[Row]]) -> Path:
    """Write the project and its logs into the folder and return it."""
    for name, text in PROJECT.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(without_margin(text), encoding="utf-8")
    for stream, lines in rows.items():
        text = "".join(json.dumps(row) + "\n" for row in lines)
        (folder / f"{stream}.ndjson").write_text(text, encoding="utf-8")
    return folder
