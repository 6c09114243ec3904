"""Which customers one partition of a cluster decides on where people of one account are decided together (G2, R8).

Theory of operation. The log topic follows customers, and a decision reads nothing but the log. So a partition decides
on all people who are connected with its accounts, from the records of all partitions, in log order, as one machine
does: an account belongs to the partition that its name falls to. Whoever names an account is housed where that account
is from this record on; what they did before is decided again here from the log, alone or with those whose account they
shared. Whoever has named none is housed where their records are. Somebody who names accounts of several partitions
connects these: each of them then decides on all people of both. Who is decided on in several places comes to the same
in each, and one place keeps what follows: that of the account which they named first; before it, that of their records.

All of it is a pure function of the log, so that no worker waits for another, and a takeover or a crash changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from relight.stores.placed_log import decode_body
from relight.streams.envelope import DeadLetter
from relight.transports.log_pack import partition_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from relight.engine.whole_log import WholeLog
    from relight.stores.placed_log import Place
    from relight.streams.envelope import Event, Record
    from relight.transports.pack_queue import LogPlace, Taken

#: Customers housed elsewhere who are kept in mind (customers); beyond, they are looked up in the log again.
GONE_KEPT_MAX = 1_000_000


@dataclass(slots=True, kw_only=True)
class Coming:
    """What a record asks for before it is decided on."""

    #: It is decided on here; else somebody who was here is let go.
    is_here: bool
    #: Somebody who was kept here is kept elsewhere from this record on.
    is_handed_over: bool = False
    #: People whose past is to be decided again first, and those of whom others keep what follows.
    newcomers: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)


_PLAIN = Coming(is_here=True)


class Housing:
    """The customers of one partition."""

    def __init__(self, whole: WholeLog, number: int, partitions: int) -> None:
        """Know nobody before `begin`."""
        self._whole, self._number, self._partitions = whole, number, partitions
        self.is_begun = False
        #: Who is decided on here, and those among them who named no account yet, up to the last of `records`.
        self._here: set[str] = set()
        self._alone: set[str] = set()
        #: Those of whom others keep what follows, up to the last record that was decided on.
        self.elsewhere: set[str] = set()
        #: Accounts of other partitions whose people are here.
        self._joined: set[str] = set()
        #: Customers of this partition's records who are housed elsewhere for ever, as far as they were met and kept.
        self._gone: set[str] = set()
        #: Copies of events of this partition that stand among the records at hand: (the first, the copy) (V1).
        self.copies: list[tuple[Event, Event]] = []
        #: Of the records at hand: where they stand, and what those ask for that ask for something.
        self._places: dict[int, LogPlace] = {}
        self._comings: dict[Place, Coming] = {}

    # ------------------------------------------------------------ records
    def begin(self, reached: int) -> None:
        """Know who is here as of an instant (µs): what `meet` came to by the records before it."""
        self.is_begun = True
        self._whole.follow(reached)
        placed, end = self._whole.placed, (reached, -1, "", 0, 0, 0, 0, 0)
        ours = [one for one in placed.accounts(reached) if self._home_of(one) == self._number]
        people, accounts = placed.connected((), ours, end)
        self._joined = {one for one in accounts if self._home_of(one) != self._number}
        self.elsewhere = {one for one in people if self._is_kept_elsewhere(one)}
        homes = (one for one in placed.customers(reached) if self._home_of(one) == self._number and one not in people)
        self._alone = {one for one in homes if not placed.accounts_of(one, end)}
        self._here = people | self._alone

    def records(self, own: Sequence[tuple[LogPlace, Taken]], begin: int, until: int) -> list[tuple[LogPlace, Taken]]:
        """Return what is due here from an instant to before another (µs), in log order.

        own: what this partition's queue gives: of it, what concerns everybody, and dead letters. Raises as `WholeLog`.
        """
        self._whole.follow(until)
        found: list[tuple[LogPlace, Taken]] = [
            (place, one) for place, one in own if isinstance(one, DeadLetter) or one.customer is None
        ]
        self._places.clear()
        self._comings.clear()
        for place, customer, named, is_control, body in self._whole.placed.between(begin, until):
            coming = self._meet(customer, named, place)
            if coming is None:
                continue
            if coming is not _PLAIN:
                self._comings[place] = coming
            found.append((place, decode_body(body, is_control=is_control)))
        copies = self._whole.placed.copies(begin, until)
        self.copies = [pair for pair in copies if self._home_of(pair[1].customer or "") == self._number]
        return sorted(found, key=lambda one: one[0][:6])

    def note_place(self, record: Record, place: LogPlace) -> None:
        """Remember where a customer's record of `records` stands, until the next ones."""
        self._places[id(record)] = place

    def place_of(self, record: Record) -> Place:
        """Return where a record that is at hand stands."""
        return cast("Place", self._places[id(record)])

    def coming_of(self, record: Record) -> Coming:
        """Return what a record at hand asks for."""
        return self._comings.get(self.place_of(record), _PLAIN)

    # ------------------------------------------------------------ who is here
    def _meet(self, customer: str, named: Sequence[str], place: Place) -> Coming | None:
        """Return what a record asks for, and count its customer among those here, or no more; None: nothing."""
        is_ours = any(self._is_ours(one) for one in named)
        if customer in self._here:
            return self._meet_known(customer, named, place, is_ours=is_ours) if named else _PLAIN
        if is_ours:
            return self._join(named, {customer}, place)
        if named or self._home_of(customer) != self._number or customer in self._gone:
            return None
        if self._whole.placed.accounts_of(customer, place):
            self._let_go(customer)
            return None
        self._here.add(customer)
        self._alone.add(customer)
        return _PLAIN

    def _meet_known(self, customer: str, named: Sequence[str], place: Place, *, is_ours: bool) -> Coming:
        foreign = [one for one in named if not self._is_ours(one)]
        if customer not in self._alone:
            return self._join(foreign, set(), place) if foreign else _PLAIN
        self._alone.discard(customer)
        if not is_ours:
            self._here.discard(customer)
            self._let_go(customer)
            return Coming(is_here=False, is_handed_over=True)
        coming = self._join(foreign, set(), place)
        if self._is_kept_elsewhere(customer):
            coming.is_handed_over = True
            coming.elsewhere.add(customer)
        return coming

    def _let_go(self, customer: str) -> None:
        """Keep in mind that somebody is housed elsewhere: what they named before says so, too."""
        if len(self._gone) >= GONE_KEPT_MAX:
            self._gone.clear()
        self._gone.add(customer)

    def _join(self, accounts: Sequence[str], people: set[str], place: Place) -> Coming:
        """Count all people connected with these among those here."""
        found, connected = self._whole.placed.connected(people, accounts, place)
        newcomers = found - self._here
        self._here |= found
        self._joined |= {one for one in connected if self._home_of(one) != self._number}
        elsewhere = {one for one in newcomers if self._is_kept_elsewhere(one)}
        return Coming(is_here=True, newcomers=newcomers, elsewhere=elsewhere)

    def _is_kept_elsewhere(self, customer: str) -> bool:
        first = self._whole.placed.first_account(customer)
        return first is not None and self._home_of(first) != self._number

    def _is_ours(self, account: str) -> bool:
        return account in self._joined or self._home_of(account) == self._number

    def _home_of(self, name: str) -> int:
        return partition_of(name, self._partitions)

    def past_of(self, people: Iterable[str], before: Place) -> list[tuple[Place, Record]]:
        """Return the records of some customers that stand before a place, in log order."""
        return self._whole.placed.of_people(people, before)
