"""Runs the independent model and the engine's decide on one log and tells where their ledgers differ."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from relight.customers.profile import Profile
from relight.decide import Effects, live_until, take_record
from relight.rules.world import World
from relight.streams.envelope import SKEW_MAX, Control, Event, Rank
from tests.model.translate import occurrence_text, translate_log

COUNTED = ("already_entered", "reentry_gap")


def in_rank_order(log: Sequence[Any]) -> list[Any]:
    """Return the model's log ordered as semantics.md H1 wants ties.

    Control records, global events, the customer's events.
    """

    def rank(r: Any) -> Rank:
        return Rank.EVENT if r.kind == "event" else Rank.GLOBAL if r.kind == "global" else Rank.CONTROL

    return sorted(log, key=lambda r: (r.t, rank(r), r.customer is not None))


def our_ledger(log: Sequence[Any], until: int, customers: Sequence[str]) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of decide over a log in the model's shape.

    (rule, occurrence, step, state, reason, instant, scheduled).
    """
    records, plans = translate_log(log)
    world = World()
    for plan in plans.values():
        world.register(plan)
    profiles = {c: Profile(customer=c) for c in customers}
    effects = {c: Effects() for c in customers}
    histories: dict[str, list[Event]] = {c: [] for c in customers}
    seen: set[tuple[str, str | None, str]] = set()
    for record, raw in zip(records, log, strict=True):
        if isinstance(record, Event):
            key = (record.stream, record.customer, record.id)
            is_dead = record.customer is not None and raw.et - raw.t > SKEW_MAX
            if key in seen or is_dead:
                continue
            seen.add(key)
        if record.customer is None:
            world.append(record)
            continue
        customer = record.customer
        take_record(world, profiles[customer], record, effects[customer], history=partial(list, histories[customer]))
        if isinstance(record, Event):
            histories[customer].append(record)
    for c in customers:
        live_until(world, profiles[c], until, effects[c], rank=Rank.EVENT, history=partial(list, histories[c]))
    return {
        c: [(r.rule, r.occurrence, r.step, _state(r.state), r.reason, r.instant, r.scheduled) for r in effects[c].rows]
        for c in customers
    }


def _state(state: str) -> str:
    return "send" if state == "pending" else str(state)


def model_ledger(
    reference: Any, log: Sequence[Any], until: int, customers: Sequence[str]
) -> dict[str, list[tuple[Any, ...]]]:
    """Return the model's rows in the same shape, with what semantics.md changed since the model was written."""

    class Customer(reference.Customer):  # type: ignore[misc]  # loaded by path
        def matched(self, e: Any, ev: Any, step: Any) -> None:
            super().matched(e, ev, step)
            e.awaited = True

        def wait_over(self, e: Any, d: int, r: Any) -> None:
            step, _ = reference.settle_path(self.steps(e), e.path)
            e.awaited = getattr(e, "awaited", False) or "wait_for" in step
            super().wait_over(e, d, r)

        def exit_at_gate(self, e: Any, minute: int) -> bool:
            exits = self.plan["rules"][e.rid].get("exit", ())
            if e.rid in self.paused or not any(callable(x) and x(self.view()) is True for x in exits):
                return False
            step, path = reference.settle_path(self.steps(e), e.path)
            self.row(e.rid, e.occ, reference.step_id(step, path), "ended", "exit", e.cand["born"], minute)
            self.entries.remove(e)
            return True

        def release(self, rid: str, tr: Any, q: Any, g: Any, late: bool) -> None:
            """R7: keyed by the value and the release, not by the request."""
            if q.name == tr["asked"] and q.et < g.et and q.props.get(tr["by"]) == g.props.get(tr["by"]) is not None:
                occ = ("released", q.props[tr["by"]], g.stream, g.id)
                self.occur(rid, occ, self.now, late=late, anchor=self.now, props=q.props)

    found = {}
    for c in customers:
        event_rules: set[str] = set()
        for r in log:
            if r.kind == "plan":
                event_rules |= {
                    k for k, v in r.data["rules"].items() if "event" in v["trigger"] and "milestone" not in v["trigger"]
                }
        rows = Customer(c).run(reference.own_log(log, c), until)
        found[c] = [
            (r[0], occurrence_text(r[2]), *r[3:])
            for r in rows
            # R6: re-entry of an event trigger is counted, not written.
            if not (r[2][0] in ("event", "per") and r[3] == "" and r[5] in COUNTED)
        ]
    return found


def first_difference(ours: dict[str, list[Any]], model: dict[str, list[Any]]) -> str | None:
    """Return where two ledgers part, or None."""
    for c, rows in model.items():
        if ours[c] != rows:
            place = next(i for i in range(max(len(rows), len(ours[c])) + 1) if rows[i : i + 1] != ours[c][i : i + 1])
            return f"{c} row {place}:\n model {rows[place : place + 3]}\n ours  {ours[c][place : place + 3]}"
    return None


def shown(log: Sequence[Control]) -> str:
    """Return a log as text, for a failing case."""
    return "\n".join(map(str, log))
