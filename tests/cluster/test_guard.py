"""The volume guard on a cluster: of two senders one stops both, the log learns it, and a worker's alert alone leaves (S5)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from relight.transports.kafka_clients import control_topic
from relight.transports.kafka_publish import EVENT_HEADER
from tests.cluster.cluster_kit import Cluster
from tests.cluster.test_words import PARTITIONS, SECONDS, Words
from tests.faults.checker import mails_in
from tests.faults.small_project import SECRET, write_project
from tests.support.kafka_broker import KafkaBroker
from tests.support.postgres_server import PostgresServer

ALERT = "class: internal\nreentry: every\nsteps: [{alert: {to: %s, template: hello}}]\n"
RULES = {
    "thanks": "trigger: {event: ordered}\nreentry: every\nclass: transactional\nsend: hello\n",
    "told": "trigger: {event: volume_guard}\n" + ALERT % "team",
    "ordinary": "trigger: {event: ordered}\n" + ALERT % "desk",
}
#: What a sender says in its log of a stop.
WAITS = "mails wait: the volume guard stopped all sending"
#: Each order makes two messages; two senders at once may hand over one batch each.
PER_HOUR, ORDERS = 6, 12
CONFIG = "volume: {per_hour: %s}\nalerts: {team: team@small.example, desk: desk@small.example}\n"


def addressees(folder: Path) -> Counter[str]:
    lines = (text for mail in mails_in(folder / "outbox").values() for text in mail.decode().splitlines())
    return Counter(text.removeprefix("To: ").split("@")[0] for text in lines if text.startswith("To: "))


def events_told(broker: KafkaBroker, name: str) -> int:
    """Return how many events the control topic was told."""
    with KafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest") as consumer:
        place = TopicPartition(control_topic(name), 0)
        consumer.assign([place])
        end, found = consumer.end_offsets([place])[place], []
        while consumer.position(place) < end:
            found += [dict(one.headers) for many in consumer.poll(timeout_ms=500).values() for one in many]
        return sum(EVENT_HEADER in headers for headers in found)


def test_a_stop_reaches_the_team_once(tmp_path: Path, broker: KafkaBroker, postgres: PostgresServer) -> None:
    """S5, I10: more than an hour's number is decided; of two senders one stops both, one mail reaches the team and nothing
    else leaves, also after a kill -9 of a sender and its start. The other rules are paused meanwhile. Released, the rest
    leaves and the team hears no more. Each sender says in its log why mails wait, and when they leave again.
    """
    folder = write_project(tmp_path / "project", RULES, follow=True)
    config = folder / "config/default.yaml"
    config.write_text(config.read_text() + CONFIG % PER_HOUR)
    cluster = Cluster(folder, broker, postgres, partitions=PARTITIONS, recorded=False, env={"LINK_SECRET": SECRET})
    try:
        cluster.start("router", "router", "--member", "r1")
        cluster.start("worker", "worker")
        words = Words(cluster, broker)
        cluster.wait_for("worker", f"partition {PARTITIONS - 1} taken over", seconds=SECONDS)
        words.happen("ann", "identify", wait=False)
        for _ in range(ORDERS):
            words.happen("ann", "ordered", wait=False)
        for name in ("one", "other"):
            cluster.start(name, "sender")
        words.wait(lambda: addressees(folder)["team"] == 1)
        cluster.kill("one")
        left = addressees(folder)
        assert PER_HOUR < left.total() <= 2 * PER_HOUR + 1
        words.happen("ann", "ordered")
        assert words.reasons("thanks", "ann")[-1] == ("suppressed", "volume_guard")
        assert words.reasons("told", "_sending") == [("pending", None)]
        cluster.start("one", "sender")
        words.pass_by()
        assert addressees(folder) == left
        for name in ("one", "other"):
            cluster.stop(name)
        config.write_text(config.read_text().replace(f"per_hour: {PER_HOUR}", "per_hour: 1000"))
        told = cluster.log("one").count(WAITS)
        assert WAITS in cluster.log("other")
        cluster.start("one", "sender")
        words.wait(lambda: cluster.log("one").count(WAITS) > told)
        words.order("release")
        words.wait(lambda: addressees(folder).total() == 2 * ORDERS + 1)
        words.wait(lambda: "mails leave again" in cluster.log("one"))
        words.happen("ann", "identify")
        assert addressees(folder) == {"team": 1, "ann": ORDERS, "desk": ORDERS}
        assert events_told(broker, cluster.name) == 1
    finally:
        cluster.close()
