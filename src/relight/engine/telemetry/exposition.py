"""The catalogue's metrics of one engine, for Prometheus to read at an address.

The engine's loop hands over a snapshot after each batch; a scrape reads the last one and never touches the engine.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from relight.engine.telemetry.catalogue import CATALOGUE, Metric, MetricKind, Part

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

#: Values of a metric's labels -> its value.
Values = Mapping[tuple[str, ...], float]


@dataclass(slots=True, kw_only=True)
class Observations:
    """A histogram: how many observations were at most each bound, how many there were, and their sum."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Count one value."""
        place = next((i for i, bound in enumerate(self.bounds) if value <= bound), len(self.bounds))
        self.counts[place] += 1
        self.total += value

    def cumulative(self) -> list[tuple[str, float]]:
        """Return (bound, observations up to it), `+Inf` last."""
        found, sum_ = [], 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            sum_ += count
            found.append((bound, float(sum_)))
        return found


class Exposition(Collector):
    """The values of every metric that one program tells, as of its last snapshot."""

    def __init__(self, part: Part = Part.RUN) -> None:
        """Begin with nothing; a metric without a value is left out, a histogram of another program too."""
        self._lock = threading.Lock()
        self._values: dict[str, Values] = {}
        self._histograms: dict[str, Observations] = {
            metric.name: Observations(bounds=metric.buckets)
            for metric in CATALOGUE
            if metric.kind is MetricKind.HISTOGRAM and part in metric.told_by
        }

    def show(self, values: Mapping[Metric, float | Values]) -> None:
        """Take a snapshot: metric -> value, or values by labels."""
        with self._lock:
            for metric, value in values.items():
                self._values[metric.name] = value if isinstance(value, Mapping) else {(): float(value)}

    def observe(self, metric: Metric, value: float) -> None:
        """Count one value of a histogram."""
        with self._lock:
            self._histograms[metric.name].observe(value)

    def collect(self) -> Iterable[Family]:
        """Return the families in the order of the catalogue."""
        with self._lock:
            return [family for metric in CATALOGUE if (family := self._family(metric)) is not None]

    def _family(self, metric: Metric) -> Family | None:
        values = self._values.get(metric.name, {})
        match metric.kind:
            case MetricKind.COUNTER:
                # The library adds `_total` by itself.
                counter = CounterMetricFamily(metric.name.removesuffix("_total"), metric.meaning, labels=metric.labels)
                for labels, value in sorted(values.items()):
                    counter.add_metric(labels, value)
                return counter if values else None
            case MetricKind.GAUGE:
                gauge = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
                for labels, value in sorted(values.items()):
                    gauge.add_metric(labels, value)
                return gauge if values else None
            case MetricKind.HISTOGRAM:
                seen = self._histograms.get(metric.name)
                if seen is None:
                    return None
                return HistogramMetricFamily(
                    metric.name, metric.meaning, buckets=seen.cumulative(), sum_value=seen.total
                )
            case _:
                assert_never(metric.kind)


@contextmanager
def exposed(exposition: Exposition, host: str, port: int) -> Iterator[int]:
    """Serve the metrics while the block runs; yield the port. Raises OSError where the address is taken."""
    registry = CollectorRegistry()
    registry.register(exposition)
    server, thread = start_http_server(port, host, registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
