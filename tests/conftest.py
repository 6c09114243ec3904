"""Settings of every test: hypothesis draws the same examples on every machine, and no example is too slow to count."""

import hypothesis

from tests.support.kafka_broker import broker
from tests.support.postgres_server import postgres

__all__ = ["broker", "postgres"]

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.load_profile("repeatable")
