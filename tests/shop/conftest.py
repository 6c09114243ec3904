"""The shop's project, loaded once."""

import pytest

from tests.shop.harness import Shop


@pytest.fixture(scope="session")
def shop() -> Shop:
    return Shop.load()
