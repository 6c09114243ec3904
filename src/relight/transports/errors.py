"""What goes wrong between relight and its inputs."""

from __future__ import annotations

from relight.base.errors import ServiceError


class InputError(ServiceError):
    """An input cannot be read on: it is missing, damaged, cut short or too large; what was read before it stays."""
