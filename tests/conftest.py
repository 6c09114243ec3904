"""Settings of every test: hypothesis draws the same examples on every machine, and no example is too slow to count."""

import hypothesis
import pytest

from tests.support.kafka_broker import broker
from tests.support.longest_first import longest_first
from tests.support.postgres_server import postgres

__all__ = ["broker", "postgres"]

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.load_profile("repeatable")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest where several processes share the tests."""
    if hasattr(config, "workerinput"):
        longest_first(items)
