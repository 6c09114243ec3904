"""Lifecycle messaging as code: events in, the right message out, and a reason for every message not sent."""

#: The same as in pyproject.toml; a test compares. Read from here, `relight version` needs no package metadata.
__version__ = "0.1.0"
