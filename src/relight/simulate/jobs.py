"""`simulate --jobs N`: the same simulation by N processes, each with its share of the customers; the same ledger.

The processes agree on two instants only: when the plan comes into force, and where time ends. Whatever one process
would have refused (a file that is missing, a brake that trips) is left to one process, to be told in the same words.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

import msgspec

from relight.base.errors import RelightError
from relight.base.instants import INSTANT_MIN
from relight.engine.engine import Engine
from relight.engine.feed import BATCH_RECORDS_DEFAULT, feed_finished
from relight.engine.progress import Progress
from relight.messages.ledger import LedgerRow, OutboxMessage
from relight.simulate.log_figures import LogFigures, add_figures, figures_of_log
from relight.simulate.shares import ShareFeed
from relight.stores.interface import Batch
from relight.stores.listing import Tally
from relight.stores.memory import MemoryStore
from relight.streams.envelope import DeadLetter
from relight.streams.refusals import Counts

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from relight.rules.plan import Plan
    from relight.streams.plan import StreamPlan

#: Rows and mails of one message between the processes.
ROWS_AT_ONCE = 2_000


class ShareRefusedError(Exception):
    """One process has to read the files: it will say what is wrong with them."""


class _Told(msgspec.Struct, array_like=True):
    """What a share found, beside its rows and mails."""

    counts: dict[str, dict[str, Any]]
    progress: dict[str, int]
    tallies: list[tuple[str, str, int, int]]
    letters: list[DeadLetter]
    figures: LogFigures
    differing: int
    end: int


@dataclass(slots=True, kw_only=True)
class Merged:
    """What all shares found together."""

    store: MemoryStore
    counts: dict[str, Counts]
    progress: Progress
    figures: LogFigures
    end: int


def simulate_shares(  # noqa: PLR0913 - one simulation, all of it by keyword
    plan: Plan,
    streams: dict[str, StreamPlan],
    folder: Path,
    *,
    jobs: int,
    until: int | None,
    on_progress: Callable[[Progress], None] | None,
) -> Merged:
    """Run the shares side by side and return what they found together, rows by (judged, customer).

    Raises ShareRefusedError where one process has to tell what is wrong.
    """
    context = multiprocessing.get_context("fork")  # a plan is made of closures, which only a copy of memory carries
    shares: list[tuple[BaseProcess, Connection]] = []
    try:
        for number in range(jobs):
            ours, theirs = context.Pipe()
            share = ShareFeed(streams, folder, share=number, of=jobs)
            process: BaseProcess = context.Process(target=_work, args=(theirs, plan, share, until), daemon=True)
            process.start()
            theirs.close()
            shares.append((process, ours))
        found = _Listener([pipe for _, pipe in shares], on_progress).listen()
    finally:
        for process, pipe in shares:
            pipe.close()
            process.terminate()
            process.join()
    _look_at_brakes(streams, found.counts)
    return found


def _look_at_brakes(streams: dict[str, StreamPlan], counts: dict[str, Counts]) -> None:
    """A brake counts over all shares: where one could have tripped, one process finds out."""
    for name, found in counts.items():
        if found.dead.total() > streams[name].brake.most:
            raise ShareRefusedError


# ---------------------------------------------------------------- one share
def _work(pipe: Connection, plan: Plan, feed: ShareFeed, until: int | None) -> None:
    """Decide one share and tell what came of it; runs in a process of its own."""
    try:
        _decide(pipe, plan, feed, until)
    except (RelightError, OSError) as error:
        pipe.send(("refused", str(error)))
    pipe.close()


def _decide(pipe: Connection, plan: Plan, feed: ShareFeed, until: int | None) -> None:
    engine = Engine(MemoryStore(), cached_profiles=2**31)
    begun: list[int] = []

    def begin(first: int) -> None:
        if begun:
            return
        begun.append(first)
        pipe.send(("first", first))
        engine.follow_plan(plan, pipe.recv())

    def agree(last: int) -> int:
        if not begun:
            begun.append(last)
            pipe.send(("first", None))
            pipe.recv()
        pipe.send(("last", last))
        return int(pipe.recv())

    def after_batch() -> None:
        pipe.send(("progress", (engine.progress.events, engine.progress.mails)))

    end = feed_finished(
        engine,
        feed,
        until=until,
        batch_records=BATCH_RECORDS_DEFAULT,
        begin=begin,
        after_batch=after_batch,
        agree=agree,
    )
    store = engine.store
    _send_many(pipe, "rows", list(store.ledger()))
    _send_many(pipe, "mails", [status.message for status in store.messages()])
    figures = figures_of_log(store, with_global=feed.share == 0)
    done = engine.progress
    told = _Told(
        counts={
            name: {one.name: getattr(counts, one.name) for one in fields(Counts)}
            for name, counts in feed.own_counts().items()
        },
        progress={
            "events": figures.events, "duplicates": done.duplicates, "differing": done.differing, "dead": done.dead,
            "rows": done.rows, "mails": done.mails, "batches": done.batches, "reached": done.reached,
        },
        tallies=[(t.rule, t.reason, t.day, t.count) for t in store.tallies()],
        letters=[kept.letter for kept in store.dead_letters()],
        figures=figures,
        differing=store.duplicates_differing(),
        end=end,
    )  # fmt: skip
    pipe.send(("done", msgspec.msgpack.encode(told)))


def _send_many(pipe: Connection, kind: str, items: Sequence[LedgerRow | OutboxMessage]) -> None:
    for start in range(0, len(items), ROWS_AT_ONCE):
        pipe.send((kind, msgspec.msgpack.encode(items[start : start + ROWS_AT_ONCE])))


# ---------------------------------------------------------------- all of them
class _Listener:
    """What the shares say, put together."""

    def __init__(self, pipes: list[Connection], on_progress: Callable[[Progress], None] | None) -> None:
        self._pipes = pipes
        self._on_progress = on_progress
        self._firsts: dict[Connection, int | None] = {}
        self._lasts: dict[Connection, int] = {}
        self._reached: dict[Connection, tuple[int, int]] = {}
        self._rows: list[LedgerRow] = []
        self._mails: list[OutboxMessage] = []
        self._told: list[_Told] = []

    def listen(self) -> Merged:
        """Answer the shares until all are done."""
        open_pipes = list(self._pipes)
        while open_pipes:
            for pipe in wait(open_pipes):
                assert isinstance(pipe, Connection)
                try:
                    kind, said = pipe.recv()
                except EOFError:
                    raise ShareRefusedError from None
                self._hear(pipe, kind, said)
                if kind == "done":
                    open_pipes.remove(pipe)
        return self._merged()

    def _hear(self, pipe: Connection, kind: str, said: Any) -> None:
        match kind:
            case "first":
                self._firsts[pipe] = said
                if len(self._firsts) == len(self._pipes):
                    first = min((at for at in self._firsts.values() if at is not None), default=INSTANT_MIN)
                    self._answer(first)
            case "last":
                self._lasts[pipe] = said
                if len(self._lasts) == len(self._pipes):
                    self._answer(max(self._lasts.values()))
            case "progress":
                self._reached[pipe] = said
                if self._on_progress is not None:
                    events, mails = map(sum, zip(*self._reached.values(), strict=True))
                    self._on_progress(Progress(events=events, mails=mails))
            case "rows":
                self._rows += msgspec.msgpack.decode(said, type=list[LedgerRow])
            case "mails":
                self._mails += msgspec.msgpack.decode(said, type=list[OutboxMessage])
            case "done":
                self._told.append(msgspec.msgpack.decode(said, type=_Told))
            case _:
                raise ShareRefusedError(said)

    def _answer(self, instant: int) -> None:
        for pipe in self._pipes:
            pipe.send(instant)

    def _merged(self) -> Merged:
        store = MemoryStore()
        # Within one customer the order of deciding is that of the judgement instants: sorting is stable.
        self._rows.sort(key=lambda row: (row.judged, row.customer))
        self._mails.sort(key=lambda mail: (mail.scheduled, mail.customer))
        letters = sorted(
            (one for told in self._told for one in told.letters), key=lambda one: (one.stream, one.position)
        )
        tallies = [
            Tally(rule=rule, reason=reason, day=day, count=count)
            for told in self._told
            for rule, reason, day, count in told.tallies
        ]
        end = max(told.end for told in self._told)
        differing = sum(told.differing for told in self._told)
        store.append(
            Batch(
                rows=self._rows, outbox=self._mails, dead=letters, tallies=tallies, duplicates_differing=differing,
                reached=end + 1 if end > INSTANT_MIN else None,
            )
        )  # fmt: skip
        progress = Progress()
        for told in self._told:
            for name, value in told.progress.items():
                total = max(progress.reached, value) if name == "reached" else getattr(progress, name) + value
                setattr(progress, name, total)
        figures = add_figures([told.figures for told in self._told])
        return Merged(store=store, counts=_add_counts(self._told), progress=progress, figures=figures, end=end)


def _add_counts(told: Sequence[_Told]) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for one in told:
        for name, values in one.counts.items():
            total = found.setdefault(name, Counts())
            for field_name, value in values.items():
                held = getattr(total, field_name)
                if isinstance(held, Counter):
                    held.update(value)
                else:
                    setattr(total, field_name, held + value)
    return found
