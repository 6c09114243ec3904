"""A small project with measures, and events told in one line each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from relight.base.instants import from_local
from relight.config.folder import FolderFiles
from relight.config.loader import LoadedProject, load_files
from relight.config.measure_plan import MeasurePlan
from relight.metrics import Asked, Measure, MeasureLog, compute_measures
from relight.streams.envelope import Control, Event

CONFIG = """
project: {name: shop, zone: ZONE, locale: en, currency: USD}
sender: {name: Shop, address: a@shop.example, reply_to: a@shop.example, postal_address: "1 Example Street"}
topics: {news: {default: opted_out}}
classes: {marketing: {topic: news, caps: [1 per day]}}
holdout: {share: 0%, salt: 1}
store: {sqlite: data/relight.db}
delivery: {files: outbox/}
alerts: {team: team@shop.example}
web: {base_url: "https://mail.shop.example"}
"""
STREAM = """
source: {file: events.ndjson}
id: id
time: {field: at}
customer: customer
name: event
traits: {email: email, plan: text}
events:
  signed_up: {}
  left: {activity: false}
  used: {}
  bought: {properties: {total: {type: money, unit: USD}, product: text, channel: text}}
  subscribed: {properties: {price: {type: money, unit: USD}, period: text}}
  cancelled: {activity: false}
  nps: {properties: {score: integer}, activity: false}
  csat: {properties: {score: integer}, activity: false}
  ces: {properties: {score: integer}, activity: false}
  opened: {properties: {ticket: text}, activity: false}
  solved: {properties: {ticket: text}, activity: false}
  link_clicked: {properties: {rule: text}, activity: false}
  link_scanned: {properties: {rule: text}, activity: false}
  shipped: {global: true, properties: {ticket: text}}
  paid: {global: true, properties: {amount: {type: money, unit: USD}}}
"""


def project(
    measures: str, *, zone: str = "UTC", locale: str = "en", rules: Mapping[str, str] | None = None
) -> LoadedProject:
    texts = {
        "config/default.yaml": CONFIG.replace("ZONE", zone).replace("locale: en", f"locale: {locale}"),
        "config/measures.yaml": measures,
        "streams/shop.yaml": STREAM,
        **{path if "/" in path else f"rules/{path}.yaml": text for path, text in (rules or {}).items()},
    }
    return load_files(FolderFiles.of_texts(texts), env={"RELIGHT_LINK_SECRET": "s"}, lint=False)


def plan_of(measures: str, *, zone: str = "UTC") -> MeasurePlan:
    found = project(measures, zone=zone)
    errors = [problem for problem in found.problems if problem.severity == "error"]
    assert errors == []
    assert found.measures is not None
    return found.measures


def at(text: str, zone: str = "UTC") -> int:
    return from_local(dt.datetime.fromisoformat(text), zone)


def event(
    name: str, who: str | None, when: str | int, properties: Mapping[str, object] | None = None, *,
    known: int | None = None, number: int = 0,
) -> Event:  # fmt: skip
    instant = at(when) if isinstance(when, str) else when
    return Event(
        stream="shop", id=f"{name}-{who}-{instant}-{number}", customer=who, name=name, event_time=instant,
        ingest_time=instant if known is None else known, properties=dict(properties or {}),
    )  # fmt: skip


def log_of(plan: MeasurePlan, records: Iterable[Event | Control]) -> MeasureLog:
    log = MeasureLog(plan)
    for record in records:
        log.take(record)
    return log


def measure(log: MeasureLog, name: str, until: str) -> Measure:
    (found,) = compute_measures(log, Asked(until=at(until, log.plan.zone)), [name])
    assert found.missing is None
    return found
