"""What concerns everybody, kept for pages and read on: pauses, plan versions, and what a customer's fold needs.

Suppressions of other people's addresses are left out of a fold: they decide nothing for this customer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.base.errors import RelightError, ServiceError
from relight.engine.customer_past import AsksElsewhere
from relight.engine.log_generation import generation_of
from relight.engine.plan_versions import plan_of_version, told_versions
from relight.rules.world import VOLUME_GUARD
from relight.stores.erasure import CAUSE
from relight.streams.envelope import Control

if TYPE_CHECKING:
    from relight.rules.plan import Plan
    from relight.stores.interface import Store
    from relight.streams.envelope import Record

#: What stands for all rules in a pause.
ALL = "*"
#: How long a log elsewhere is left alone after it did not answer (s): each question waits, and with it every page.
ASK_AGAIN_SECONDS = 60.0
_log = logging.getLogger("relight.web")
_Placed = tuple[int, "Record"]


@dataclass(slots=True, kw_only=True)
class Everybody:
    """The global records of one store."""

    #: The plan of the folder.
    plan: Plan
    #: A clock that only goes forward (s).
    seconds: Callable[[], float] = time.monotonic
    #: Position of the last record, and of the whole log when it was read.
    _position: int = 0
    _last: int = 0
    #: The log was read to its end once, and when it may be asked again after it did not answer (s).
    _is_known: bool = False
    _ask_again: float = 0.0
    _records: list[_Placed] = field(default_factory=list)
    #: Hash of an address -> what was said of it.
    _suppressions: dict[str, list[_Placed]] = field(default_factory=dict)
    _paused: set[str] = field(default_factory=set)
    _is_guarded: bool = False
    #: Version in force; empty for none.
    in_force: str = ""
    #: The log itself names a version.
    _is_in_log: bool = False
    #: How often somebody may have been erased: who keeps names forgets them. Told by a word that keeps an address
    #: suppressed, or by a log elsewhere that goes on in another topic.
    erasures: int = 0
    #: Where a log elsewhere stands.
    _generation: int = 0
    #: Versions that the log names -> their plans; None for one that cannot be compiled any more.
    _plans: dict[str, Plan | None] = field(default_factory=dict)

    def read_store(self, store: Store) -> None:
        """Read what is new; where a log elsewhere does not answer, what was known stays.

        Raises ServiceError where nothing is known yet, or where the store itself does not answer.
        """
        last = store.last_position()
        if last < self._last:  # another store stands there
            self._position, self._records, self._suppressions = 0, [], {}
            self._paused, self._is_guarded = set(), False
            self._is_known, self._is_in_log, self.in_force = False, False, ""
        if isinstance(store, AsksElsewhere):
            before, self._generation = self._generation, generation_of(store)
            self.erasures += before not in (0, self._generation)
            self._read_elsewhere(store)
        else:
            self._read_on(store)
        self._is_known, self._last = True, last
        if not self._is_in_log and (told := told_versions(store)):  # a cluster's store remembers them
            self.in_force = told[-1][1]

    def _read_on(self, store: Store) -> None:
        for position, record in store.global_log(after=self._position):
            self._take(store, position, record)
            self._position = position

    def _read_elsewhere(self, store: Store) -> None:
        if self.seconds() < self._ask_again:
            if not self._is_known:
                raise ServiceError("the log that is elsewhere did not answer a moment ago")
            return
        try:
            self._read_on(store)
        except ServiceError as error:
            self._ask_again = self.seconds() + ASK_AGAIN_SECONDS
            if not self._is_known:
                raise
            _log.warning("pages show pauses and plans as last known: %s", error)

    def _take(self, store: Store, position: int, record: Record) -> None:
        if isinstance(record, Control) and record.kind == "suppression":
            self._suppressions.setdefault(record.subject, []).append((position, record))
            self.erasures += record.detail.get("cause") == CAUSE
            return
        self._records.append((position, record))
        if not isinstance(record, Control):
            return
        if record.kind == "plan":
            self.in_force, self._is_in_log = record.subject, True
        match record.kind:
            case "pause" | "resume" if record.detail.get("cause") == VOLUME_GUARD:
                self._is_guarded = record.kind == "pause"
            case "pause":
                self._paused.add(record.subject)
            case "resume":
                self._paused = set() if record.subject == ALL else self._paused - {record.subject}
                self._is_guarded = self._is_guarded and record.subject != ALL
            case "plan" if record.subject != self.plan.version and record.subject not in self._plans:
                try:
                    self._plans[record.subject] = plan_of_version(store, record.subject)
                except RelightError:
                    self._plans[record.subject] = None
            case _:
                pass

    def paused(self) -> frozenset[str]:
        """Return the rules that are paused; ALL for all."""
        return frozenset(self._paused | {ALL} if self._is_guarded else self._paused)

    def plans(self) -> list[Plan]:
        """Return the plans that the log names, as far as they can be compiled, and that of the folder."""
        return [self.plan, *(one for one in self._plans.values() if one is not None)]

    def records_for(self, address_hashes: Collection[str]) -> list[Record]:
        """Return the records that can matter to who has had these addresses, in the order of the log."""
        own = [placed for hashed in address_hashes for placed in self._suppressions.get(hashed, ())]
        if not own:
            return [record for _, record in self._records]
        return [record for _, record in sorted([*self._records, *own], key=lambda placed: placed[0])]
