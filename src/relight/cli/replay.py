"""`relight replay`.

The stored log decided again in memory, and its ledger compared row by row with the stored one (I9).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.cli.exit_codes import ExitCode
from relight.cli.output import count_of, say, say_json
from relight.cli.project import open_project, project_options
from relight.cli.times import instant_or_span
from relight.engine.customer_past import AsksElsewhere

if TYPE_CHECKING:
    from collections.abc import Iterable

    from relight.engine.engine import Engine
    from relight.messages.ledger import LedgerRow
    from relight.stores.interface import Store

#: Differing rows that are told in full.
TOLD_MAX = 10
#: Times that log and ledger are read again because a running engine wrote between them.
STEADY_TRIES_MAX = 20


@click.command("replay", short_help="Decide the stored log again and compare the ledgers.")
@click.option("--since", metavar="TIME", help="Compare only rows judged since: a time, or 90d.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def command(*, since: str | None, as_json: bool, project: Path | None, environment: str | None) -> int:
    """Decide the stored log again from nothing and compare the ledgers row by row.

    Works in memory beside a running engine. There is no way to send from here.
    """
    from relight.cli.history import asking
    from relight.cli.progress import Progress
    from relight.engine.plan_versions import known_plans
    from relight.simulate.from_log import replay_log

    found = open_project(project, environment)
    with asking(found) as store, Progress("Deciding again", total=store.last_position(), unit="records") as progress:
        last, reached = _steady(store)
        least = None if since is None else instant_or_span(since, found.plan.policy.zone, "--since", end=reached)
        rows, last, reached = _rows_of_a_moment(store, least, last, reached)

        def show(engine: Engine) -> None:
            progress.update(engine.store.last_position(), count_of(engine.progress.rows, "row"))

        engine = replay_log(
            known_plans(store, found.plan),
            (r for _, r in store.read_log(limit=last)),
            reached=reached,
            on_progress=show,
            keyed=getattr(store, "keyed", None),
        )
        again = list(engine.store.ledger(since=least))
        seconds = progress.seconds
    missing, extra, differing = compare(rows, again)
    equal = len(rows) - len(missing) - len(differing)
    bad = len(missing) + len(extra) + len(differing)
    if as_json:
        body = {
            "ok": not bad,
            "equal": equal,
            "missing": len(missing),
            "extra": len(extra),
            "differing": len(differing),
        }
        say_json("replay", body | {"rows": [_told(*one) for one in _all(missing, extra, differing)[:TOLD_MAX]]})
    else:
        for kind, row, text in _all(missing, extra, differing)[:TOLD_MAX]:
            say(f"{kind}: {row.rule} {row.customer} {row.occurrence} {row.step or '(entry)'}: {text}")
        told = f"{count_of(engine.progress.events, 'event')} decided again in {seconds:.1f} s; nothing was sent."
        say(told)
        unequal = f"{len(missing):,} missing, {len(extra):,} extra, {len(differing):,} differing"
        say(f"{count_of(equal, 'row')} equal, {unequal}")
    return ExitCode.PROBLEMS if bad else ExitCode.FINE


def _steady(store: Store) -> tuple[int | None, int]:
    # A cluster's log is read up to the instant that all of it has come to.
    return None if isinstance(store, AsksElsewhere) else store.last_position(), store.reached() or 0


def _rows_of_a_moment(
    store: Store, least: int | None, last: int | None, reached: int
) -> tuple[list[LedgerRow], int | None, int]:
    """Return the ledger with the last position and the instant of the log that it is of."""
    rows = list(store.ledger(since=least))
    if last is None:  # parts that are further have rows of later
        return [row for row in rows if row.judged < reached], last, reached
    for _ in range(STEADY_TRIES_MAX):
        if (last, reached) == _steady(store):
            break
        # A running engine wrote meanwhile: rows and log must be of one moment.
        last, reached = _steady(store)
        rows = list(store.ledger(since=least))
    return rows, last, reached


def compare(
    stored: Iterable[LedgerRow], again: Iterable[LedgerRow]
) -> tuple[list[LedgerRow], list[LedgerRow], list[tuple[LedgerRow, LedgerRow]]]:
    """Return the rows that only the store has, those that only the replay has, and pairs of one key that differ."""
    by_key = {row.occurrence_key: row for row in again}
    missing, differing = [], []
    for row in stored:
        other = by_key.pop(row.occurrence_key, None)
        if other is None:
            missing.append(row)
        elif other != row:
            differing.append((row, other))
    return missing, list(by_key.values()), differing


def _all(
    missing: list[LedgerRow], extra: list[LedgerRow], differing: list[tuple[LedgerRow, LedgerRow]]
) -> list[tuple[str, LedgerRow, str]]:
    told = [("differing", row, _difference(row, other)) for row, other in differing]
    told += [("missing", row, f"the store has it as {row.state.value}, the replay does not") for row in missing]
    return told + [("extra", row, f"the replay has it as {row.state.value}, the store does not") for row in extra]


def _difference(row: LedgerRow, other: LedgerRow) -> str:
    names = [name for name in row.__struct_fields__ if getattr(row, name) != getattr(other, name)]
    return "; ".join(f"{name} was {getattr(row, name)}, is {getattr(other, name)}" for name in names)


def _told(kind: str, row: LedgerRow, text: str) -> dict[str, object]:
    return {
        "kind": kind,
        "rule": row.rule,
        "customer": row.customer,
        "occurrence": row.occurrence,
        "step": row.step,
        "text": text,
    }
