"""What sending learned, back into the log (H1, H7): the journal in, `outcome` and `code` records out, each once.

Decides which ends of a message concern decisions; what follows from them is decide's. How far the journal is read is
kept in the transaction of the records it gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from relight.engine.soft_bounces import count_soft_bounces
from relight.messages.addresses import address_hash
from relight.messages.bounces import is_dead_address
from relight.messages.life import MessageCause, MessageState
from relight.messages.reasons import Reason
from relight.streams.envelope import Control

if TYPE_CHECKING:
    from relight.engine.engine import Engine
    from relight.rules.plan import Plan
    from relight.stores.interface import Attempt, Store

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
#: States of a mail that its reader may hold in their hands.
_CARRIED: Final = frozenset({MessageState.ACCEPTED, MessageState.UNKNOWN})
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
    #: Told of each page of lines before it is handed in.
    on_lines: Callable[[list[Attempt]], object] = lambda _lines: None
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
            self.on_lines(lines)
            now = self.engine.progress.reached
            codes = code_records(lines, now=now, code_of=self.engine.store.code_of, plan=self.engine.plan)
            suppressions = suppression_records(self.engine.store, lines, now=now)
            found = [*suppressions, *outcome_records(lines, now=now), *codes]
            if found:
                # Where nothing is told the place is not worth a transaction: a later start reads those lines again.
                self.engine.take(found, positions={OUTCOMES_POSITION: str(lines[-1].number)})
            self.place = lines[-1].number
            told += len(found)


def suppression_records(store: Store, lines: list[Attempt], *, now: int) -> list[Control]:
    """Return the suppressions at `now` (µs) that journal lines call for (S4).

    Addresses that do not exist, whose owner called a mail spam, or that bounced softly too often, which is noted.
    """
    return [*_final_suppressions(store, lines, now), *count_soft_bounces(store, lines, now)]


def _final_suppressions(store: Store, lines: list[Attempt], now: int) -> Iterator[Control]:
    for line in lines:
        scope_and_cause = suppression_for(line)
        status = store.message(line.occurrence_key) if scope_and_cause is not None else None
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


def code_records(
    lines: list[Attempt], *, now: int, code_of: Callable[[str], str | None], plan: Plan | None = None
) -> list[Control]:
    """Return a record, at `now` (µs), for each mail of journal lines that went out, or may have, with a code (S6).

    code_of: the code of an occurrence key; plan: spares asking about steps that draw none, None asks about every line.
    """
    found: dict[str, Control] = {}
    for line in lines:
        if line.state in _CARRIED and _may_have_code(plan, line):
            code = code_of(line.occurrence_key)
            if code is not None:
                found[line.occurrence_key] = Control(
                    kind="code",
                    ingest_time=now,
                    customer=line.customer,
                    subject=line.occurrence_key,
                    detail={"code": code},
                )
    return list(found.values())


def _may_have_code(plan: Plan | None, line: Attempt) -> bool:
    """Return whether a step draws codes, as far as the plan in force knows it: what an edit removed is asked about."""
    rule = None if plan is None else plan.rules.get(line.rule)
    step = None if rule is None else rule.program.steps.get(line.step)
    return step is None or step.code is not None


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
