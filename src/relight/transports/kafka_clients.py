"""How a broker is reached with kafka-python: one place for addresses, logins and time-outs. Imported when asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from relight.base.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relight.config.settings import KafkaSettings

#: Bytes of one message that our topics and clients take: one record of 1 MiB, its envelope, and room.
MESSAGE_BYTES_MAX = 8_000_000
#: Longest wait between two attempts to reach a broker (ms); kafka-python's own 30 s keep a router waiting long after
#: the broker is back.
RECONNECT_MS_MAX = 1_000
#: Longest wait for a broker when a client starts (ms).
BOOTSTRAP_MS_MAX = 15_000
_PROTOCOLS = {"none": "PLAINTEXT", "tls": "SSL", "sasl_tls": "SASL_SSL", "sasl": "SASL_PLAINTEXT"}


def topic_prefix(project: str) -> str:
    """Return what the names of a project's own topics and groups begin with."""
    return "relight." + re.sub(r"[^a-z0-9_-]+", "-", project.casefold()).strip("-")


def log_topic(project: str, generation: int = 1) -> str:
    """Return the topic that holds every customer's log."""
    return f"{topic_prefix(project)}.log{_of(generation)}"


def _of(generation: int) -> str:
    return "" if generation == 1 else f".{generation}"


def control_topic(project: str) -> str:
    """Return the topic by which control records come in."""
    return f"{topic_prefix(project)}.control"


def dead_letter_topic(project: str) -> str:
    """Return the topic that takes what could not be read."""
    return f"{topic_prefix(project)}.dead-letters"


def router_group(project: str, generation: int = 1) -> str:
    """Return the consumer group of the routers."""
    return f"{topic_prefix(project)}.router{_of(generation)}"


def worker_group(project: str, generation: int = 1) -> str:
    """Return the name of the Faust app, which is the consumer group of the workers."""
    return f"{topic_prefix(project)}.worker{_of(generation)}"


def checkpoint_topic(project: str, generation: int = 1) -> str:
    """Return the topic that keeps the workers' checkpoints, as Faust names it."""
    return f"{worker_group(project, generation)}-checkpoints-changelog"


def client_settings(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the arguments that every client of kafka-python takes."""
    settings: dict[str, Any] = {
        "bootstrap_servers": list(kafka.brokers),
        "security_protocol": _PROTOCOLS[kafka.security],
        "reconnect_backoff_max_ms": RECONNECT_MS_MAX,
        "bootstrap_timeout_ms": BOOTSTRAP_MS_MAX,
    }
    if kafka.security.startswith("sasl"):
        settings |= {
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": kafka.user,
            "sasl_plain_password": None if kafka.password is None else kafka.password.reveal(),
        }
    return settings


def open_admin(kafka: KafkaSettings) -> Any:
    """Return an admin client; raises ServiceError where no broker answers."""
    from kafka import KafkaAdminClient

    return _opened(KafkaAdminClient, kafka, {})


def open_producer(kafka: KafkaSettings) -> Any:
    """Return a producer whose records are acknowledged by every replica in sync, each once."""
    from kafka import KafkaProducer

    extra = {"acks": "all", "max_request_size": MESSAGE_BYTES_MAX, "linger_ms": 5, "batch_size": 131_072}
    return _opened(KafkaProducer, kafka, extra)


def open_consumer(kafka: KafkaSettings, topics: Sequence[str] = (), **extra: Any) -> Any:
    """Return a consumer that commits only when told to, from the beginning where nothing was committed."""
    from kafka import KafkaConsumer

    fixed = {
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "max_partition_fetch_bytes": MESSAGE_BYTES_MAX,
    }
    consumer = _opened(KafkaConsumer, kafka, fixed | extra)
    if topics:
        consumer.subscribe(list(topics))
    return consumer


def read_compiled(consumer: Any) -> bool:
    """Let a consumer's records be taken apart by compiled code, a fifth of the work; return whether it could be done.

    Its records then have `offset`, `timestamp`, `key`, `value` and `headers`, and nothing else.
    """
    try:
        from relight.transports import record_batches
    except ImportError:
        return False  # of aiokafka: kafka-python reads by itself
    if not record_batches.is_known(consumer):
        return False
    record_batches.use_compiled(consumer)
    return True


def _opened(client: Any, kafka: KafkaSettings, extra: dict[str, Any]) -> Any:
    from kafka.errors import KafkaError

    try:
        return client(**client_settings(kafka), **extra)
    except (KafkaError, OSError, ValueError) as error:
        where = ", ".join(kafka.brokers)
        raise ServiceError(
            f"no Kafka broker answers at {where}: {error or type(error).__name__}",
            help_text="look at the brokers and at `kafka: {brokers: …}`",
        ) from error
