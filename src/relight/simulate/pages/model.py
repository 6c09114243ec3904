"""What a page shows: figures by rule, reason, day and person. Data only; `gather` fills it from ledger rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from relight.base.instants import DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class MailShown:
    """One mail as people would see it."""

    rule: str
    #: Name of the template folder.
    template: str
    locale: str
    subject: str
    #: Masked: `e…@customers.example`.
    to: str
    #: When it leaves, µs.
    scheduled: int
    html: str
    #: Its file, relative to the page, with `/`; None where none was written.
    eml: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadGroup:
    """Records that could not be read, of one stream and for one code."""

    stream: str
    #: Kebab-case code of the reason.
    code: str
    count: int
    #: Where the first one came from, and what was wrong with it, for people.
    example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCounts:
    """What was read."""

    #: Distinct events.
    events: int = 0
    customers: int = 0
    #: Event time of the first and the last event, µs; None where there was none.
    began: int | None = None
    ended: int | None = None
    #: Copies of known events, and those of them whose body differs (V1).
    duplicates: int = 0
    duplicates_differing: int = 0
    #: Events that came later than their stream allows.
    late: int = 0
    dead: tuple[DeadGroup, ...] = ()

    @property
    def dead_total(self) -> int:
        """Return how many records could not be read."""
        return sum(group.count for group in self.dead)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Which project the figures are of."""

    project: str
    #: The project's zone: days and hours are its own.
    zone: str
    #: Rule id → title, in the order of the project; a rule without a row is shown with zeros.
    rules: Mapping[str, str]
    #: How long it took, s; None leaves it out.
    seconds: float | None = None
    #: What became of the mails, one sentence for the top of the page of a run.
    delivery: str = "Mails are files in this folder: nothing left this machine."
    #: (rule, state of a message by its life) → how many; empty where nothing is handed over.
    outcomes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    #: (rule, step) whose messages go to the team: the customer whom they are about gets none.
    alerts: Collection[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFigures:
    """What became of one rule's occurrences and messages."""

    id: str
    title: str
    #: Occurrences that entered.
    entered: int = 0
    #: Occurrences with a row that did not enter, by reason.
    kept_out: Mapping[str, int] = field(default_factory=dict)
    #: Occurrences that get no row, by reason (R6).
    counted: Mapping[str, int] = field(default_factory=dict)
    #: Messages that passed the gate.
    messages: int = 0
    #: Ghosts: messages of the arm that gets none.
    held_out: int = 0
    #: Messages that did not pass, by reason; held-out ones apart.
    refused: Mapping[str, int] = field(default_factory=dict)
    #: Entries that ended early, by reason.
    ended: Mapping[str, int] = field(default_factory=dict)
    #: Distinct customers with a message; alerts to the team go to none.
    people: int = 0
    #: Messages by local day of the project, as a proleptic ordinal.
    days: Mapping[int, int] = field(default_factory=dict)
    #: Messages by the state of their life.
    outcomes: Mapping[str, int] = field(default_factory=dict)
    #: Reason → a customer whom it kept from this rule.
    examples: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_for_the_team(self) -> bool:
        """Whether its messages are alerts, which no customer gets: there are no people to count."""
        return bool(self.messages) and not self.people

    @property
    def occurred(self) -> int:
        """Return the occurrences that have a row."""
        return self.entered + sum(self.kept_out.values())

    @property
    def not_sent(self) -> Mapping[str, int]:
        """Return why not, occurrences and messages together, most frequent first; without what is only counted."""
        total = dict(self.kept_out)
        for reason, count in self.refused.items():
            total[reason] = total.get(reason, 0) + count
        if self.held_out:
            total["holdout"] = total.get("holdout", 0) + self.held_out
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))

    @property
    def chances(self) -> int:
        """Return how often a message was possible: those that passed, and every one with a reason against it."""
        return self.messages + sum(self.not_sent.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonFigures:
    """One reason over all rules."""

    reason: str
    #: Occurrences with a row that it kept out.
    occurrences: int = 0
    #: Messages that it stopped at the gate.
    messages: int = 0
    #: Occurrences that get no row (R6).
    counted: int = 0
    #: Entries that it ended.
    ended: int = 0
    #: (rule, not sent), most first.
    rules: tuple[tuple[str, int], ...] = ()

    @property
    def not_sent(self) -> int:
        """Return how often it was the reason why nothing was sent."""
        return self.occurrences + self.messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Heaviest:
    """The local hour with the most messages."""

    #: When it begins, µs.
    start: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PageData:
    """Everything a page shows."""

    about: About
    streams: StreamCounts
    #: Most messages first, then by id.
    rules: tuple[RuleFigures, ...]
    #: Most frequent first.
    reasons: tuple[ReasonFigures, ...]
    #: Messages → customers who got so many; nobody with none is in it.
    per_customer: Mapping[int, int]
    heaviest: Heaviest | None
    mails: tuple[MailShown, ...] = ()

    @property
    def messages(self) -> int:
        """Return how many messages passed the gate."""
        return sum(rule.messages for rule in self.rules)

    @property
    def held_out(self) -> int:
        """Return how many were held out."""
        return sum(rule.held_out for rule in self.rules)

    @property
    def not_sent(self) -> int:
        """Return how often there was a reason not to send, held-out ones included."""
        return sum(reason.not_sent for reason in self.reasons)

    @property
    def people(self) -> int:
        """Return how many customers got a message."""
        return sum(self.per_customer.values())

    @property
    def days(self) -> range:
        """Return the local days from the first to the last message, as ordinals; empty without any."""
        seen = [day for rule in self.rules for day in rule.days]
        return range(min(seen), max(seen) + 1) if seen else range(0)

    @property
    def length_days(self) -> float:
        """Return how long the events run, in days of 24 h; 0 where there are none."""
        if self.streams.began is None or self.streams.ended is None:
            return 0.0
        return (self.streams.ended - self.streams.began) / DAY

    def quantile(self, share: float) -> int:
        """Return the messages of the person at this share (0 to 1, nearest rank) of those who got any; 0 for nobody."""
        rank = max(1, -int(-share * self.people // 1))
        for messages in sorted(self.per_customer):
            rank -= self.per_customer[messages]
            if rank <= 0:
                return messages
        return 0
