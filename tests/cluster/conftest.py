"""The recorded sets, as tests/recorded finds them."""

from tests.recorded.conftest import recorded_root

__all__ = ["recorded_root"]
