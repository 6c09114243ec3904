"""Times on the command line.

`2026-11-25T09:00`, `2026-11-25`, with or without an offset, or a length back from an instant (`90d`).
"""

from __future__ import annotations

import datetime as dt

from relight.base.durations import parse_span
from relight.base.errors import UsageError
from relight.base.instants import from_local, to_instant


def instant_of(text: str, zone: str, option: str) -> int:
    """Return the instant (µs) of a time given to an option; one without an offset is on the wall clock of `zone`.

    Raises UsageError for what is no time.
    """
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{option}: '{text}' is no time", help_text="write 2026-11-25T09:00, 2026-11-25 or 2026-11-25T09:00+03:00"
        ) from None
    return from_local(moment, zone) if moment.tzinfo is None else to_instant(moment)


def instant_or_span(text: str, zone: str, option: str, *, end: int) -> int:
    """Return the instant of a time, or of a length before `end`: `90d`, `2 months`. Raises UsageError for neither."""
    span = parse_span(text)
    if span is not None:
        return span.before(end, zone)
    try:
        return instant_of(text, zone, option)
    except UsageError as error:
        raise UsageError(str(error), help_text=f"{error.help_text}, or a length such as 30d or 2 months") from None
