"""The recorded sets, as tests/recorded finds them; what only `make cluster` runs."""

import os

from tests.recorded.conftest import recorded_root

__all__ = ["recorded_root"]

#: The steps of docs/operations.md take minutes.
collect_ignore = [] if os.environ.get("RELIGHT_SWEEP") == "full" else ["test_operations.py"]
