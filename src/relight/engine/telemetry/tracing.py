"""Spans of a running engine for OpenTelemetry, where the extra is installed and asked for; nothing else.

Exporters are configured by OpenTelemetry's own variables (opentelemetry.io/docs/specs/otel/configuration).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from relight.base.errors import UsageError

#: Opens a span: its name, and attributes of texts and numbers. Never an address.
Span = Callable[[str, dict[str, str | int | float]], AbstractContextManager[object]]


def no_spans(_name: str, _attributes: dict[str, str | int | float]) -> AbstractContextManager[object]:
    """Open nothing."""
    return nullcontext()


def open_tracing() -> Span:
    """Return what opens spans; raises UsageError where OpenTelemetry is not installed."""
    try:
        from opentelemetry import trace  # noqa: PLC0415 - an extra
    except ImportError:
        raise UsageError("traces need OpenTelemetry", help_text="pip install 'relight[otel]'") from None
    tracer = trace.get_tracer("relight")

    def span(name: str, attributes: dict[str, str | int | float]) -> AbstractContextManager[object]:
        return tracer.start_as_current_span(name, attributes=attributes)

    return span
