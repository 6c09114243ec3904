"""Every metric of relight: name, kind, unit, meaning, and what to do when it rises. docs/metrics.md is made from it.

Names follow the Prometheus conventions (prometheus.io/docs/practices/naming): base units, counters end in `_total`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    """How a metric moves."""

    #: Only grows while the process lives.
    COUNTER = "counter"
    #: Goes up and down.
    GAUGE = "gauge"
    #: Observations in buckets.
    HISTOGRAM = "histogram"


class Part(StrEnum):
    """A program that tells metrics."""

    #: `relight run`: one machine.
    RUN = "run"
    #: The programs of a cluster.
    ROUTER = "router"
    WORKER = "worker"
    SENDER = "sender"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric."""

    name: str
    kind: MetricKind
    #: `events`, `seconds` …; what one is.
    unit: str
    #: One sentence.
    meaning: str
    #: What to do when it rises, or what it is good for.
    advice: str
    labels: tuple[str, ...] = ()
    #: Upper bounds of a histogram's buckets, in its unit.
    buckets: tuple[float, ...] = ()
    #: Which programs tell it.
    told_by: tuple[Part, ...]


EVENTS = Metric(
    name="relight_events_total",
    kind=MetricKind.COUNTER,
    unit="events",
    meaning="Events taken into the log.",
    advice="No growth while sources write: look at relight_time_lag_seconds and the log for a stopped stream.",
    told_by=(Part.RUN, Part.WORKER),
)
DUPLICATES = Metric(
    name="relight_duplicates_total",
    kind=MetricKind.COUNTER,
    unit="events",
    meaning="Copies of events that were there already, left out.",
    advice="A client that sends again without end: look for answers it takes for failures.",
    told_by=(Part.RUN, Part.WORKER),
)
DIFFERING = Metric(
    name="relight_duplicates_differing_total",
    kind=MetricKind.COUNTER,
    unit="events",
    meaning="Copies whose body differs from the first one; the first one stands.",
    advice="A producer uses an id twice for two things: choose another `id` in the stream.",
    told_by=(Part.RUN, Part.WORKER),
)
DEAD_LETTERS = Metric(
    name="relight_dead_letters_total",
    kind=MetricKind.COUNTER,
    unit="records",
    meaning="Records that could not be read.",
    advice="See why with `relight dead-letters list`; mend the stream, then `relight dead-letters replay`.",
    told_by=(Part.RUN, Part.WORKER),
)
LEDGER_ROWS = Metric(
    name="relight_ledger_rows_total",
    kind=MetricKind.COUNTER,
    unit="rows",
    meaning="Decisions written, by state and by reason where there is one.",
    labels=("state", "reason"),
    advice="A reason that grows out of proportion: ask `relight explain` about one of its customers.",
    told_by=(Part.RUN, Part.WORKER),
)
ATTEMPTS = Metric(
    name="relight_attempts_total",
    kind=MetricKind.COUNTER,
    unit="attempts",
    meaning="Attempts to hand a message over, by what came of them.",
    labels=("outcome",),
    advice="`rejected`, `retry` or `configuration` grow: the provider refuses; `relight doctor` looks at it.",
    told_by=(Part.RUN, Part.SENDER),
)
BATCHES = Metric(
    name="relight_batches_total",
    kind=MetricKind.COUNTER,
    unit="batches",
    meaning="Transactions committed.",
    advice="Events per batch tell how far records are grouped; the disk flushes once a batch.",
    told_by=(Part.RUN, Part.WORKER),
)
BATCH_SECONDS = Metric(
    name="relight_batch_seconds",
    kind=MetricKind.HISTOGRAM,
    unit="seconds",
    meaning="Time from one committed batch to the next while records come.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    advice="Rises with a slow disk or a rule that many customers come due for at once.",
    told_by=(Part.RUN, Part.WORKER),
)
CHECKPOINTS = Metric(
    name="relight_checkpoints_total",
    kind=MetricKind.COUNTER,
    unit="checkpoints",
    meaning="Times that changed profiles were written.",
    advice="None for long: a restart folds everything since again.",
    told_by=(Part.RUN, Part.WORKER),
)
RECOVERED = Metric(
    name="relight_recovered_records",
    kind=MetricKind.GAUGE,
    unit="records",
    meaning="Records folded again at this start.",
    advice="Many: `engine.checkpoint_every` bounds it.",
    told_by=(Part.RUN,),
)
TIME_LAG = Metric(
    name="relight_time_lag_seconds",
    kind=MetricKind.GAUGE,
    unit="seconds",
    meaning="How far the engine's time is behind the clock; 0 for recorded files.",
    advice="More than a few seconds: the engine cannot keep up, or its store waits for the disk.",
    told_by=(Part.RUN, Part.WORKER),
)
OUTBOX = Metric(
    name="relight_outbox_messages",
    kind=MetricKind.GAUGE,
    unit="messages",
    meaning="Messages by where they are in their life.",
    labels=("state",),
    advice="`pending` grows: sending is slower than deciding. `unknown` grows: settle them, or wait for the webhook.",
    told_by=(Part.RUN, Part.SENDER),
)
BRAKES = Metric(
    name="relight_sending_braked",
    kind=MetricKind.GAUGE,
    unit="1 or 0",
    meaning="1 while the sending brake has paused a class of mails.",
    labels=("message_class",),
    advice="Too many complaints or hard bounces: `relight doctor` says which; look at why, then `relight release`.",
    told_by=(Part.RUN,),
)
SIGNALS = Metric(
    name="relight_sending_signals",
    kind=MetricKind.GAUGE,
    unit="share",
    meaning="Complaints and hard bounces of a class, as a share of its mails of the last seven days, 0 to 1.",
    labels=("message_class", "signal"),
    advice="Complaints from 0.001, hard bounces from 0.02 on: look at who gets these mails.",
    told_by=(Part.RUN,),
)
TROUBLE = Metric(
    name="relight_sending_stopped",
    kind=MetricKind.GAUGE,
    unit="1 or 0",
    meaning="1 while nothing leaves: the provider takes nothing, settings are wrong, or the volume guard stopped.",
    advice=(
        "The log and `relight doctor` say why; mend it, nothing is lost. After the volume guard, whose own alert alone"
        " leaves: look at why, then `relight release`."
    ),
    told_by=(Part.RUN, Part.SENDER),
)
PROFILES = Metric(
    name="relight_profiles_cached",
    kind=MetricKind.GAUGE,
    unit="profiles",
    meaning="Profiles in memory.",
    advice="At its limit with a low rate: give `engine.cache` more memory.",
    told_by=(Part.RUN, Part.WORKER),
)
BUILD = Metric(
    name="relight_build_info",
    kind=MetricKind.GAUGE,
    unit="1",
    meaning="1, with the program's version.",
    labels=("version",),
    advice="Tells which version runs where.",
    told_by=tuple(Part),
)
PLAN = Metric(
    name="relight_plan_info",
    kind=MetricKind.GAUGE,
    unit="1",
    meaning="1, with the version of the plan in force.",
    labels=("version",),
    advice="Changes when a plan is applied.",
    told_by=tuple(Part),
)
ROUTED = Metric(
    name="relight_routed_records_total",
    kind=MetricKind.COUNTER,
    unit="records",
    meaning="Records of source topics written into the log topic.",
    advice="No growth while sources write: look at relight_sources and the router's warnings.",
    told_by=(Part.ROUTER,),
)
SOURCES = Metric(
    name="relight_sources",
    kind=MetricKind.GAUGE,
    unit="sources",
    meaning="Sources (partitions of source topics) that this router reads.",
    advice="The sum over all routers is below what the topics have: a router is missing, and time stands for all.",
    told_by=(Part.ROUTER,),
)
SOURCE_LAG = Metric(
    name="relight_source_lag_seconds",
    kind=MetricKind.GAUGE,
    unit="seconds",
    meaning="How far the instant up to which a live source has spoken is behind the clock.",
    labels=("stream", "partition"),
    advice="One source far above the others holds the time of all back: look at its topic and at the router.",
    told_by=(Part.ROUTER,),
)
BEHIND = Metric(
    name="relight_sources_left_behind",
    kind=MetricKind.GAUGE,
    unit="sources",
    meaning="Live sources that lag by more than `max_wait` and are not waited for.",
    advice="Above 0: what these bring later counts as arriving then; find out why they cannot be read.",
    told_by=(Part.ROUTER,),
)
PARTITIONS = Metric(
    name="relight_partitions",
    kind=MetricKind.GAUGE,
    unit="partitions",
    meaning="Partitions of the log that this worker decides on.",
    advice="The sum over all workers is below `kafka: {partitions}` for longer than a session: workers are missing.",
    told_by=(Part.WORKER,),
)
PARTITION_LAG = Metric(
    name="relight_partition_lag_seconds",
    kind=MetricKind.GAUGE,
    unit="seconds",
    meaning="How far the time of a partition of the log is behind the clock.",
    labels=("partition",),
    advice="All rise: a source is not read, or workers cannot keep up. One rises: its worker is gone or slow.",
    told_by=(Part.WORKER,),
)
WAITING = Metric(
    name="relight_waiting_records",
    kind=MetricKind.GAUGE,
    unit="records",
    meaning="Records read from the log that wait for a slower source.",
    advice="Grows: see relight_source_lag_seconds; the router stops reading the faster sources at 100,000.",
    told_by=(Part.WORKER,),
)

#: All of them, in the order of the page.
CATALOGUE: tuple[Metric, ...] = (
    EVENTS, DUPLICATES, DIFFERING, DEAD_LETTERS, LEDGER_ROWS, ATTEMPTS, BATCHES, BATCH_SECONDS, CHECKPOINTS, RECOVERED,
    TIME_LAG, OUTBOX, BRAKES, SIGNALS, TROUBLE, PROFILES, BUILD, PLAN, ROUTED, SOURCES, SOURCE_LAG, BEHIND, PARTITIONS,
    PARTITION_LAG, WAITING,
)  # fmt: skip


def catalogue_page() -> str:
    """Return the Markdown of docs/metrics.md."""
    lines = [
        "# Metrics",
        "",
        "What a running engine tells Prometheus at the address that `engine.metrics` names. On a cluster",
        "`relight router`, `worker` and `sender` tell what is theirs, and answer `/-/healthy` and `/-/ready` there;",
        "what a worker folds again after it took a partition over counts again. Made from the catalogue in",
        "`src/relight/engine/telemetry/catalogue.py`; a test keeps both equal.",
        "",
        "| name | kind | unit | told by | meaning | when it rises |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for metric in CATALOGUE:
        name = metric.name + (f"{{{', '.join(metric.labels)}}}" if metric.labels else "")
        told_by = ", ".join(metric.told_by)
        lines.append(f"| `{name}` | {metric.kind} | {metric.unit} | {told_by} | {metric.meaning} | {metric.advice} |")
    return "\n".join(lines) + "\n"
