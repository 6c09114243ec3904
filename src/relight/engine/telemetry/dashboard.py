"""The Grafana dashboard, made from the catalogue: one panel a metric, its meaning and what to do as the description.

`python -m relight.engine.telemetry.dashboard > deploy/grafana/relight.json` writes it; a test keeps both equal.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from relight.engine.telemetry import catalogue as metric
from relight.engine.telemetry.catalogue import CATALOGUE, Metric, MetricKind

#: Rows of the dashboard: what somebody who runs the programs asks, and the metrics that answer.
ROWS: tuple[tuple[str, tuple[Metric, ...]], ...] = (
    (
        "Is it in time?",
        (metric.TIME_LAG, metric.PARTITION_LAG, metric.SOURCE_LAG, metric.BEHIND, metric.SOURCES, metric.WAITING),
    ),
    (
        "What is decided?",
        (
            metric.EVENTS, metric.LEDGER_ROWS, metric.DEAD_LETTERS, metric.DUPLICATES, metric.DIFFERING, metric.ROUTED,
        ),
    ),
    ("What leaves?", (metric.ATTEMPTS, metric.OUTBOX, metric.TROUBLE, metric.BRAKES, metric.SIGNALS)),
    (
        "How does it run?",
        (
            metric.PARTITIONS, metric.BATCH_SECONDS, metric.BATCHES, metric.CHECKPOINTS, metric.RECOVERED,
            metric.PROFILES, metric.BUILD, metric.PLAN,
        ),
    ),
)  # fmt: skip
#: Panels beside each other, and the size of one in Grafana's grid of 24 columns.
ACROSS, WIDTH, HEIGHT = 3, 8, 8
#: Every program tells the same of these: the sum over several would count a table as often as it is looked at.
_SAME_FOR_ALL = (metric.OUTBOX, metric.TROUBLE, metric.TIME_LAG, metric.SOURCE_LAG, metric.PARTITION_LAG)
_SOURCE = {"type": "prometheus", "uid": "${source}"}


def dashboard() -> dict[str, Any]:
    """Return the dashboard in the form that Grafana imports."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, metrics in ROWS:
        panels.append({"id": len(panels) + 1, "type": "row", "title": title, "gridPos": _place(0, top, 24, 1)})
        top += 1
        for number, one in enumerate(metrics):
            place = _place(number % ACROSS * WIDTH, top + number // ACROSS * HEIGHT, WIDTH, HEIGHT)
            panels.append(_panel(one, len(panels) + 1, place))
        top += -(-len(metrics) // ACROSS) * HEIGHT
    return {
        "uid": "relight",
        "title": "relight",
        "tags": ["relight"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": panels,
    }


def queries(one: Metric) -> list[tuple[str, str]]:
    """Return what a panel asks Prometheus, each with its legend."""
    by = f" by ({', '.join(one.labels)})" if one.labels else ""
    legend = " ".join(f"{{{{{label}}}}}" for label in one.labels) or one.name
    if one.kind is MetricKind.COUNTER:
        return [(f"sum{by} (rate({one.name}[$__rate_interval]))", legend)]
    if one.kind is MetricKind.HISTOGRAM:
        buckets = f"sum by (le) (rate({one.name}_bucket[$__rate_interval]))"
        return [(f"histogram_quantile({share}, {buckets})", f"{share:.0%} within") for share in (0.5, 0.99)]
    if one is metric.PARTITIONS:
        return [(f"sum by (instance) ({one.name})", "{{instance}}")]
    if one.name.endswith("_info"):
        return [(f"count{by} ({one.name})", legend)]
    return [(f"{'max' if one in _SAME_FOR_ALL else 'sum'}{by} ({one.name})", legend)]


def _panel(one: Metric, number: int, place: dict[str, int]) -> dict[str, Any]:
    is_rate = one.kind is MetricKind.COUNTER
    return {
        "id": number,
        "type": "timeseries",
        "title": one.meaning.rstrip(".") + (f" ({one.unit} a second)" if is_rate else ""),
        "description": one.advice,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {"unit": "s" if one.unit == "seconds" else "short", "min": 0},
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + at), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
            for at, (query, legend) in enumerate(queries(one))
        ],
    }


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def dashboard_text() -> str:
    """Return deploy/grafana/relight.json."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    assert {one.name for _, row in ROWS for one in row} == {one.name for one in CATALOGUE}
    sys.stdout.write(dashboard_text())
