"""An anonymous profile becomes a known one (V4): folded in as state, it triggers nothing.

The control record carries the anonymous customer's events, so that the known one's ledger stays a function of its own
log (H). Two known profiles are never merged; who is known is decided before the record is made.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from relight.customers.fold import write_account, write_consent
from relight.customers.revive import revive_record
from relight.decide.edits import refold, runs_of
from relight.decide.silences import spend_past_silences
from relight.decide.watches import look
from relight.streams.envelope import Control, Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from relight.customers.layout import Layout
    from relight.decide.turn import Turn
    from relight.streams.envelope import Record

#: Events that one merge carries: the newest ones.
MERGED_EVENTS_MAX = 10_000


def merge_detail(events: Iterable[Event], done: Mapping[str, Iterable[str]]) -> dict[str, object]:
    """Return the detail of a merge record.

    Args:
        events: the anonymous customer's events, in log order.
        done: the occurrences of that customer that are done for ever: rule -> texts.
    """
    newest = list(events)[-MERGED_EVENTS_MAX:]
    return {
        "events": [msgspec.to_builtins(event) for event in newest],
        "done": {rule: sorted(texts) for rule, texts in done.items()},
    }


def merged_events(control: Control, layout: Layout) -> Iterator[Event]:
    """Yield the events that a merge brought, in memory form, as the known customer's own."""
    listed = control.detail.get("events")
    for one in listed if isinstance(listed, list) else ():
        event = msgspec.convert(one, Event)
        event.customer = control.customer
        revived = revive_record(layout, event)
        assert isinstance(revived, Event)
        yield revived


def own_events(records: Iterable[Record], layout: Layout) -> Iterator[Event]:
    """Yield the events of a customer's log, those that merges brought at the place of the merge.

    Events of the log are expected in memory form already.
    """
    for record in records:
        if isinstance(record, Event):
            yield record
        elif record.kind == "merge":
            yield from merged_events(record, layout)


def merge_profile(turn: Turn, control: Control, history: Iterable[Event]) -> None:
    """Fold what a merge brings into the customer as state.

    Silences of the past are spent, and what is watched is looked at anew without a change being seen: nothing fires.
    """
    layout = turn.plan.layout
    _keep_what_was_said(turn, control)
    refold(turn, chain(history, merged_events(control, layout)), runs=runs_of(turn.plan))
    spend_past_silences(turn)
    for rule in turn.index.watched:
        turn.profile.flags.pop(rule.id, None)
        look(turn, rule)
    turn.rearm = True


def _keep_what_was_said(turn: Turn, control: Control) -> None:
    """Take over consent, with its event's time, and the occurrences that are done."""
    profile = turn.profile
    for event in merged_events(control, turn.plan.layout):
        for topic, given in event.consent.items():
            write_consent(profile, topic, given=given, order=event.order)
        if event.account is not None:
            write_account(profile, event)
        if profile.first_any is None or event.event_time < profile.first_any:
            profile.first_any = event.event_time
        if not event.late and (profile.first_on_time is None or event.event_time < profile.first_on_time):
            profile.first_on_time = event.event_time
    done = control.detail.get("done")
    for rule, texts in (done if isinstance(done, dict) else {}).items():
        profile.done.setdefault(rule, set()).update(texts)
