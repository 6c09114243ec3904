"""What sending learned, back into the log (H1, H7): the delivery journal in, `outcome` control records out, each once.

Decides which ends of a message concern decisions; what follows from them is decide's. How far the journal is read is
kept in the transaction of the records it gave.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from relight.messages.addresses import address_hash
from relight.messages.bounces import is_dead_address
from relight.messages.life import MessageCause, MessageState
from relight.messages.reasons import Reason
from relight.streams.envelope import Control

if TYPE_CHECKING:
    from relight.engine.engine import Engine
    from relight.stores.interface import Attempt

#: Name under which the store keeps the number of the last line of the journal that was read.
OUTCOMES_POSITION = "outcomes"
#: Lines of the journal in one transaction.
JOURNAL_LINES_MAX = 1_000
#: States that a decision may ask about; `accepted` is what every decision expects anyway.
TELLING_STATES: Final = frozenset({
    MessageState.REJECTED,
    MessageState.BOUNCED,
    MessageState.COMPLAINED,
    MessageState.SUPPRESSED,
    MessageState.EXPIRED,
    MessageState.UNKNOWN,
})  # fmt: skip
_REASONS: Final = {
    MessageCause.PROVIDER_REJECTED: Reason.REJECTED,
    MessageCause.PROVIDER_BOUNCED: Reason.REJECTED,
    MessageCause.RETRIES_EXHAUSTED: Reason.RETRIES_EXHAUSTED,
    MessageCause.NO_ANSWER: Reason.UNKNOWN_OUTCOME,
    MessageCause.LEASE_RAN_OUT: Reason.UNKNOWN_OUTCOME,
    MessageCause.SUPPRESSED_BEFORE_SENDING: Reason.SUPPRESSED,
    MessageCause.CONSENT_WITHDRAWN: Reason.NO_CONSENT,
    MessageCause.RULE_PAUSED: Reason.RULE_PAUSED,
    MessageCause.POOL_EMPTY: Reason.POOL_EMPTY,
    MessageCause.EXPIRED_BEFORE_SENDING: Reason.EXPIRED,
}


@dataclass(slots=True, kw_only=True)
class OutcomeInput:
    """The delivery journal as an input of the engine."""

    engine: Engine
    #: Number of the last line read; None until the store was asked.
    place: int | None = None

    def take(self) -> int:
        """Hand in what the journal says since last time, as of the instant time has come to; return how many records.

        Time is not moved by it: what the inputs have not told yet cannot be passed over (H2).
        """
        told = 0
        while True:
            if self.place is None:
                self.place = int(self.engine.store.positions().get(OUTCOMES_POSITION, "0"))
            lines = list(self.engine.store.attempts(self.place, limit=JOURNAL_LINES_MAX))
            if not lines:
                return told
            now = self.engine.progress.reached
            found = [*self._suppressions(lines, now), *outcome_records(lines, now=now)]
            if found:
                # Where nothing is told the place is not worth a transaction: a later start reads those lines again.
                self.engine.take(found, positions={OUTCOMES_POSITION: str(lines[-1].number)})
            self.place = lines[-1].number
            told += len(found)

    def _suppressions(self, lines: list[Attempt], now: int) -> Iterator[Control]:
        """Yield a suppression for each address that does not exist, or whose owner called a mail spam (S4)."""
        for line in lines:
            scope_and_cause = suppression_for(line)
            status = self.engine.store.message(line.occurrence_key) if scope_and_cause is not None else None
            if scope_and_cause is None or status is None or status.message.channel != "email":
                continue
            scope, cause = scope_and_cause
            hashed = address_hash(status.message.address)
            yield Control(kind="suppression", ingest_time=now, subject=hashed, detail={"scope": scope, "cause": cause})


def suppression_for(line: Attempt) -> tuple[str, str] | None:
    """Return (scope, cause) of the suppression that a line of the journal calls for, None for most."""
    if line.state is MessageState.COMPLAINED:
        return "marketing", "complaint"
    if line.state in (MessageState.REJECTED, MessageState.BOUNCED) and is_dead_address(line.text):
        return "all", "bounce"
    return None


def outcome_records(lines: list[Attempt], *, now: int) -> list[Control]:
    """Return the control records of journal lines, at `now` (µs), the last word on each message only."""
    last = {line.occurrence_key: line for line in lines}
    return [
        Control(
            kind="outcome",
            ingest_time=now,
            customer=line.customer,
            subject=line.occurrence_key,
            detail={"state": line.state.value, "reason": str(_REASONS.get(line.cause, line.cause.value))},
        )
        for line in sorted(last.values(), key=lambda line: line.number)
        if line.state in TELLING_STATES
    ]
