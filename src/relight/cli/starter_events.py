"""Made-up events for a new project: 120 days of a small bookshop's customers. The same bytes every time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

#: Customers that sign up.
CUSTOMERS = 300
#: Days that the events cover.
DAYS = 120
_BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
_TITLES = (
    "The Salt Road",
    "A Field Guide to Fog",
    "Nine Harbours",
    "Bread and Weather",
    "The Map Mender",
    "Small Hours",
)
_NAMES = ("Deniz", "Alex", "Mina", "Sasha", "Kerem", "Robin", "Elif", "Noor", "Ada", "Jules")
_ZONES = (("tr", "Europe/Istanbul"), ("en", "Europe/London"), ("en", "America/New_York"))


def write_events(path: Path) -> int:
    """Write the events in the order of their times and return how many there are; raises OSError."""
    rng = Random(12)
    rows: list[tuple[datetime, dict[str, object]]] = []
    for number in range(1, CUSTOMERS + 1):
        rows += _life(rng, f"b{number:05d}")
    rows.sort(key=lambda row: row[0])
    end = _BEGAN + timedelta(days=DAYS)
    kept = [row for row in rows if row[0] < end]
    lines = []
    for number, (at, row) in enumerate(kept, 1):
        lines.append(
            json.dumps({"id": f"e{number}", **row, "at": at.isoformat().replace("+00:00", "Z")}, ensure_ascii=False)
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(kept)


def _life(rng: Random, customer: str) -> list[tuple[datetime, dict[str, object]]]:
    """One customer: signing up, orders at a rhythm of their own, now and then a ticket."""
    at = _BEGAN + timedelta(minutes=rng.randint(0, 90 * 24 * 60))
    name, (locale, zone) = rng.choice(_NAMES), rng.choice(_ZONES)
    identify: dict[str, object] = {
        "event": "identify",
        "customer": customer,
        "email": f"{customer}@readers.example",
        "first_name": name,
        "locale": locale,
        "timezone": zone,
        "plan": "club" if rng.random() < 0.4 else "free",  # noqa: PLR2004 - a share, used once
    }
    if rng.random() < 0.8:  # noqa: PLR2004 - as above
        identify |= {"consent_topic": "offers", "consent_given": True}
    signed_up: dict[str, object] = {"event": "signed_up", "customer": customer}
    rows = [(at, identify), (at + timedelta(seconds=1), signed_up)]
    rhythm = rng.choice((0, 4, 9, 16, 30))
    orders = rng.randint(1, 14) if rhythm else 0
    for order in range(orders):
        at += timedelta(hours=rng.randint(1, 2 * 24 * rhythm), minutes=rng.randint(0, 59))
        number = f"{customer}-{order}"
        placed: dict[str, object] = {
            "event": "order_placed",
            "customer": customer,
            "order_id": number,
            "title": rng.choice(_TITLES),
            "total": f"{rng.randint(700, 6500) / 100:.2f}",
        }
        rows.append((at, placed))
        if rng.random() < 0.08:  # noqa: PLR2004 - as above
            opened = at + timedelta(days=2)
            rows.append((opened, {"event": "ticket_opened", "customer": customer, "ticket_id": number}))
            if rng.random() < 0.7:  # noqa: PLR2004 - as above
                closed = opened + timedelta(days=rng.randint(1, 6))
                rows.append((closed, {"event": "ticket_closed", "customer": customer, "ticket_id": number}))
    return rows
