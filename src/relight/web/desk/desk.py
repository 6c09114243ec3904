"""What every page of the desk is given: the project as loaded, the store for reading, the inbox for its few words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from relight.engine.customer_past import AsksElsewhere
from relight.stores.listing import EPOCH_ORDINAL, utc_ordinal
from relight.web.open_store import OpenStore

if TYPE_CHECKING:
    from relight.config.loader import LoadedProject
    from relight.config.settings import Settings
    from relight.engine.customer_past import Past
    from relight.rules.plan import Plan
    from relight.stores.interface import Store
    from relight.web.desk.everybody import Everybody
    from relight.web.desk.figures import Figures
    from relight.web.desk.tested import RuleTests
    from relight.web.inbox_writer import InboxWriter

_Answer = TypeVar("_Answer")


@dataclass(slots=True, kw_only=True)
class Desk:
    """One project's desk."""

    loaded: LoadedProject
    plan: Plan
    settings: Settings
    folder: Path
    #: The audit log.
    audit: Path
    open_store: Callable[[], Store]
    inbox: InboxWriter
    #: The wall clock, µs UTC.
    clock: Callable[[], int]
    #: What signing in asks for; None where only this machine can reach the desk.
    token: str | None = field(default=None, repr=False)
    #: Signs sessions and forms.
    secret: bytes = field(repr=False)
    figures: Figures
    rule_tests: RuleTests
    #: Read on before each question.
    everybody: Everybody
    _pages: OpenStore = field(init=False)
    #: Logs of customers that are elsewhere, which take long: no other page waits for one.
    _logs: OpenStore = field(init=False)

    def __post_init__(self) -> None:
        """Open nothing yet."""
        self._pages, self._logs = (OpenStore(open_store=self.open_store) for _ in range(2))

    def ask(self, ask: Callable[[Store], _Answer]) -> _Answer:
        """Return what a function reads of the store; raises StoreError where it cannot be read."""

        def asked(store: Store) -> _Answer:
            before = self.everybody.erasures
            self.everybody.read_store(store)
            if self.everybody.erasures != before:
                self.figures.forget()
            return ask(store)

        return self._pages.ask(asked)

    def past_elsewhere(self, customer: str) -> Past | None:
        """Return a customer's log where it is elsewhere, None where the store has it; raises as `ask`."""
        if self.settings.kafka is None:
            return None
        return self._logs.ask(lambda store: store.past_of(customer) if isinstance(store, AsksElsewhere) else None)

    @property
    def zone(self) -> str:
        """The project's time zone, in which pages show instants."""
        return self.plan.policy.zone

    def not_in_force(self) -> dict[str, str] | None:
        """Return the version that is in force, and that of the folder which pages show, where they differ; else None.

        As of the last question.
        """
        in_force = self.everybody.in_force
        if in_force in ("", self.plan.version):
            return None
        return {"in_force": in_force, "shown": self.plan.version}

    @property
    def is_live(self) -> bool:
        """Whether anything still arrives: finished files are read at their own time, and the clock says nothing."""
        return any(not stream.source.is_finished for stream in self.loaded.streams.values())

    def today(self, store: Store) -> int:
        """Return the ordinal of the day that the store's time has come to."""
        reached = store.reached()
        return EPOCH_ORDINAL if reached is None else utc_ordinal(reached - 1)

    def close(self) -> None:
        """Close the store."""
        for one in (self._pages, self._logs):
            one.close()
        self.figures.close()
