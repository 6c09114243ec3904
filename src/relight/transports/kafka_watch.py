"""What a router waits for, said aloud, and what it does about a client that brings nothing.

A consumer of kafka-python may never get its place in a group, or stop bringing one partition, on a machine under load;
it says nothing then, and neither did a router that waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relight.base.instants import INSTANT_MIN, SECOND, iso_utc
from relight.transports.standstill import GIVE_UP_SECONDS, Standstill, Verdict, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relight.transports.kafka_source import SourceState

#: How long one question to a broker may take (ms).
ASK_MS_MAX = 30_000
#: How far behind the clock a live source may have spoken before it is named as what time waits for (µs).
LATE_SPAN = 10 * SECOND
_LOG = logging.getLogger("relight.router")


@dataclass(slots=True)
class SourceWatch:
    """One router's consumer while it lives; times in seconds of one monotonic clock."""

    _standstill: Standstill[Any] = field(default_factory=Standstill)
    _waiting: Waiting = field(default_factory=Waiting)
    _time: Waiting = field(default_factory=Waiting)

    def has_place(self, consumer: Any, now: float) -> bool:
        """Return False where the consumer has waited too long for its place in the group: it is to be opened anew."""
        from kafka.structs import MemberState

        if consumer.assignment():
            self._waiting.note("", now)
            return True
        has_joined = consumer.group_metadata().state == MemberState.STABLE
        what = "sources: other routers read all of them" if has_joined else "a place in the group of routers"
        waited, is_due = self._waiting.note(what, now)
        if is_due:
            _LOG.warning("waiting for %s (for %.0f s)", what, waited)
        return has_joined or waited < GIVE_UP_SECONDS

    def is_sound(
        self,
        consumer: Any,
        now: float,
        *,
        following: Mapping[Any, int],
        heard: Collection[Any],
        paused: Collection[Any],
    ) -> bool:
        """Go to the wanted offset again where a partition brings nothing of what it has; return False to begin anew.

        following: partition -> the offset wanted next; heard: those that brought something; paused: those that are not
        read on at present.
        """
        self._standstill.follow(following, now)
        for place in {*heard, *paused} & set(following):
            self._standstill.hear(place, now)
        silent = self._standstill.silent(now)
        ends = consumer.end_offsets(silent, timeout_ms=ASK_MS_MAX) if silent else {}
        for place, end in ends.items():
            verdict = self._standstill.judge(place, now, has_more=end > following[place])
            if verdict is Verdict.FINE:
                continue
            _LOG.warning(
                "topic %s partition %d: record %d does not come, though it goes on to %d; %s",
                place.topic, place.partition, following[place], end,
                "asking for it again" if verdict is Verdict.AGAIN else "connecting anew",
            )  # fmt: skip
            if verdict is Verdict.GIVE_UP:
                return False
            consumer.seek(place, following[place])
        return True

    def say_what_time_waits_for(self, states: Iterable[SourceState], now: float, clock: int) -> None:
        """Name the source that has spoken least far, where time stands still because of it; clock: µs."""
        slowest = min(states, key=lambda state: (state.until, state.source), default=None)
        what = ""
        if slowest is not None and not (slowest.live and slowest.until > clock - LATE_SPAN):
            stream, partition = slowest.source
            at = "has not spoken yet" if slowest.until == INSTANT_MIN else f"has spoken up to {iso_utc(slowest.until)}"
            what = f"source {stream} partition {partition}, which {at}, read up to offset {slowest.next}"
            if not slowest.live:
                what += "; `relight publish --until` says that nothing earlier follows"
        waited, is_due = self._time.note(what, now)
        if is_due:
            _LOG.info("time waits for %s (for %.0f s)", what, waited)
