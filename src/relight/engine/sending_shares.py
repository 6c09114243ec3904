"""What the delivery journal says of a class's mails, by day: mails, complaints and hard bounces (the sending brake).

The counts stand in the store's notes, with the number of the last line that they hold: lines that are read twice, after
a crash, count once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Self

import msgspec

from relight.base.instants import DAY
from relight.messages.bounces import is_hard_bounce
from relight.messages.life import MessageState
from relight.rules.plan import MessageClass
from relight.rules.step_kinds import StepKind

if TYPE_CHECKING:
    from relight.rules.plan import Plan
    from relight.stores.interface import Attempt, Store

#: Time over which mails, complaints and bounces are counted (µs): Gmail looks at seven days.
BRAKE_SPAN = 7 * DAY
#: Journal lines after which the counts are written down; a start reads again what came after.
LINES_UNWRITTEN_MAX = 5_000
#: Journal lines of one read.
LINES_READ = 1_000
#: Name under which the store keeps what was counted.
SHARES_NOTE = "sending_shares"
#: Classes that are counted: alerts to the team are not.
BRAKED_CLASSES = (MessageClass.MARKETING.value, MessageClass.TRANSACTIONAL.value)


class Signal(StrEnum):
    """What is counted beside the mails."""

    COMPLAINTS = "complaints"
    HARD_BOUNCES = "hard_bounces"


class DayCounts(msgspec.Struct):
    """What one day saw of one class."""

    mails: int = 0
    complaints: int = 0
    hard_bounces: int = 0


class _Counted(msgspec.Struct):
    """What the store keeps."""

    #: Number of the last journal line that was counted.
    number: int = 0
    #: class -> day number (UTC) -> counts.
    days: dict[str, dict[int, DayCounts]] = {}
    #: `class/signal` -> the level that was told last.
    told: dict[str, str] = {}


@dataclass(slots=True)
class SendingShares:
    """The counts of one store."""

    store: Store
    counted: _Counted = field(default_factory=_Counted)
    _unwritten: int = 0

    @classmethod
    def read(cls, store: Store) -> Self:
        """Return the counts as the store keeps them; the journal may be up to LINES_UNWRITTEN_MAX lines ahead."""
        text = store.note(SHARES_NOTE)
        return cls(store, msgspec.json.decode(text, type=_Counted)) if text else cls(store)

    @classmethod
    def open(cls, store: Store, plan: Plan | None) -> Self:
        """Return the counts with the journal read to its end."""
        found = cls.read(store)
        while lines := list(store.attempts(found.counted.number, limit=LINES_READ)):
            found.count(lines, plan)
        return found

    def count(self, lines: Sequence[Attempt], plan: Plan | None) -> None:
        """Count journal lines."""
        for line in lines:
            if line.number > self.counted.number:
                self._count(line, plan)
        if lines:
            self.counted.number = max(self.counted.number, lines[-1].number)
        self._unwritten += len(lines)
        if self._unwritten >= LINES_UNWRITTEN_MAX:
            self.write()

    def _count(self, line: Attempt, plan: Plan | None) -> None:
        is_hard = line.state in (MessageState.BOUNCED, MessageState.REJECTED) and is_hard_bounce(line.text)
        is_mail = line.state is MessageState.ACCEPTED or (is_hard and line.state is MessageState.REJECTED)
        is_complaint = line.state is MessageState.COMPLAINED
        if not (is_hard or is_mail or is_complaint):
            return
        class_ = self._class_of(line, plan)
        if class_ not in BRAKED_CLASSES:
            return
        day = self.counted.days.setdefault(class_, {}).setdefault(line.at // DAY, DayCounts())
        day.mails += is_mail
        day.complaints += is_complaint
        day.hard_bounces += is_hard

    def _class_of(self, line: Attempt, plan: Plan | None) -> str | None:
        rule = None if plan is None else plan.rules.get(line.rule)
        step = None if rule is None else rule.program.steps.get(line.step)
        if rule is not None and step is not None and step.kind is StepKind.SEND:
            return rule.message_class.value
        status = self.store.message(line.occurrence_key)  # a web request, an alert, or of a rule that is gone
        is_mail = status is not None and status.message.channel == "email"
        return status.message.message_class if status is not None and is_mail else None

    def within_span(self, now: int) -> dict[tuple[str, Signal], tuple[int, int]]:
        """Return (count, mails) of the days within BRAKE_SPAN of `now` (µs) for each class and signal."""
        oldest = (now - BRAKE_SPAN) // DAY
        found = {}
        for class_, days in self.counted.days.items():
            for day in [one for one in days if one <= oldest]:
                del days[day]
            mails = sum(one.mails for one in days.values())
            found[class_, Signal.COMPLAINTS] = (sum(one.complaints for one in days.values()), mails)
            found[class_, Signal.HARD_BOUNCES] = (sum(one.hard_bounces for one in days.values()), mails)
        return found

    def forget(self, class_: str) -> None:
        """Count a class anew."""
        self.counted.days.pop(class_, None)
        self.counted.told = {k: v for k, v in self.counted.told.items() if not k.startswith(f"{class_}/")}
        self.write()

    def write(self) -> None:
        """Write the counts down."""
        self.store.set_note(SHARES_NOTE, msgspec.json.encode(self.counted).decode())
        self._unwritten = 0
