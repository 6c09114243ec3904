"""The recorded sets, as tests/recorded finds them; what only `make cluster` runs."""

import os

from tests.recorded.conftest import recorded_root

__all__ = ["recorded_root"]

#: Each takes a minute or more; what they prove stands beside it in smaller pieces.
_LONG = [
    "test_accounts.py",
    "test_deploy.py",
    "test_erase.py",
    "test_four_streams.py",
    "test_made_up_log.py",
    "test_merges.py",
    "test_operations.py",
    "test_words.py",
]
collect_ignore = [] if os.environ.get("RELIGHT_SWEEP") == "full" else _LONG
