"""Folding one event or control record into a profile, in place.

What happened becomes what we know; nothing is decided here.

Every fold is over event-time order (H4), so profiles do not depend on the order of arrival. Instants are int µs UTC.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from relight.customers.profile import Start, Trace, TraitWrite
from relight.customers.rhythm import SLOT
from relight.customers.series import Series, insert_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from relight.customers.layout import ActivitySpec, EventFold, Layout, SlotSpec, ThingSpec
    from relight.customers.profile import Order, Profile
    from relight.streams.envelope import Event

#: Things by id that one customer may have; beyond, the longest closed are forgotten.
THINGS_MAX = 1_000
#: Traces of one customer; beyond, the oldest are forgotten.
TRAIL_MAX = 5_000


def fold_event(layout: Layout, profile: Profile, event: Event, past_gaps: Callable[[int], int]) -> None:
    """Fold one of the customer's own events into the profile, in place.

    past_gaps: moves an instant inside a gap to its end; starts of silences are kept until a gap is over (H3).
    """
    if event.traits or event.consent or event.account is not None:
        _fold_said(layout, profile, event)
    when = event.event_time
    if profile.first_any is None or when < profile.first_any:
        profile.first_any = when
    if (profile.first_on_time is None or when < profile.first_on_time) and not event.late:
        profile.first_on_time = when
    fold = layout.folds.get(event.name)
    if fold is None:
        return
    for activity, shortest in fold.timed_activities:
        _fold_start(activity, shortest, profile, event, past_gaps)
    if fold.series:
        _fold_series(fold, profile, event)
    for thing in fold.things:
        _fold_thing(thing, profile, event)
    for slot in fold.slots:
        if slot.predicate is None or slot.predicate(event.properties) is True:
            _fold_slot(slot, profile, event)
    if fold.trail is not None:
        _fold_trace(layout, fold, profile, event)


def _fold_said(layout: Layout, profile: Profile, event: Event) -> None:
    """Note what an event says of the customer: traits, consent, the account."""
    if event.traits:
        _fold_traits(layout, profile, event)
    if event.consent:
        for topic, given in event.consent.items():
            write_consent(profile, topic, given=given, order=event.order)
    if event.account is not None:
        write_account(profile, event)


def write_account(profile: Profile, event: Event) -> None:
    """Note the account that an event names; the last by event time stands (H4)."""
    if profile.account_order is None or tuple(profile.account_order) <= event.order:
        profile.account, profile.account_order = event.account, event.order


def _fold_series(fold: EventFold, profile: Profile, event: Event) -> None:
    held, properties = profile.series, event.properties
    for spec in fold.series:
        if spec.predicate is None or spec.predicate(properties) is True:
            series = held.get(spec.key)
            if series is None:
                series = held[spec.key] = Series()
            tie = f"{event.stream}\x1f{event.id}" if spec.ordered else ""
            insert_event(spec, series, event.event_time, tie, properties, event.ingest_time)


def _fold_traits(layout: Layout, profile: Profile, event: Event) -> None:
    for name, value in event.traits.items():
        if name in layout.traits:
            write_trait(profile, name, value, order=event.order, ingest_time=event.ingest_time, keep=layout.slack)


def write_trait(  # noqa: PLR0913 - one write, all of it by keyword
    profile: Profile, name: str, value: object, *, order: Order, ingest_time: int, keep: int
) -> None:
    """Note one write of a trait in event-time order.

    Older writes are kept for `keep` µs, and the newest of them for ever.
    """
    writes = profile.traits.setdefault(name, [])
    insort(writes, TraitWrite(order, value, ingest_time), key=lambda w: w.order)
    while len(writes) > 1 and writes[1].order[0] <= ingest_time - keep:
        if writes[0].value == writes[1].value:
            # The same value again: it has been known since the first write, which is what made its deadline.
            writes[1].ingest_time = min(writes[0].ingest_time, writes[1].ingest_time)
        del writes[0]


def write_consent(profile: Profile, topic: str, *, given: bool, order: Order) -> None:
    """Note a grant or a withdrawal of a topic; the last by event time stands."""
    old = profile.consent.get(topic)
    if old is None or tuple(old[0]) <= order:
        profile.consent[topic] = (order, given)


def _fold_start(
    activity: ActivitySpec, shortest: int, profile: Profile, event: Event, past_gaps: Callable[[int], int]
) -> None:
    """Keep the starts of silences that can still make a deadline (R1, H3)."""
    when, known_at = event.event_time, event.ingest_time
    key = activity.key
    first = profile.first_activity.get(key)
    if first is None or when < first:
        profile.first_activity[key] = when
    starts = profile.starts.get(key)
    if starts is None:
        starts = profile.starts[key] = []
    elif len(starts) == 1 and activity.settle == 0 and 0 < when - starts[0].event_time <= shortest:
        # The usual case, by the rule of _open_starts: this one cancels every threshold of the only one before it.
        starts[0] = Start(when, known_at, event.late)
        return
    at = bisect_left(starts, when, key=lambda s: s.event_time)
    if at < len(starts) and starts[at].event_time == when:
        starts[at].late = starts[at].late and event.late
        return
    starts.insert(at, Start(when, known_at, event.late))
    if len(starts) > 1:
        profile.starts[key] = _open_starts(activity, starts, known_at, past_gaps)


def _open_starts(activity: ActivitySpec, starts: list[Start], now: int, past_gaps: Callable[[int], int]) -> list[Start]:
    """Drop the oldest starts that no deadline can come from any more.

    A start is over when each threshold was cancelled by the next activity, or judged; a cancelled one only when
    nothing that arrives in time could still lie between the two. Only from the front: a start cancels the silences of
    those before it.
    """
    over = 0
    while over < len(starts) - 1:
        begin, following = starts[over].event_time, starts[over + 1].event_time
        settled = following + activity.settle < now or activity.settle == 0
        for low, high in activity.lengths:
            cancelled = settled and following <= begin + low
            if not cancelled and past_gaps(begin + high + activity.settle) >= now:
                return starts[over:]
        over += 1
    return starts[over:]


def _fold_thing(spec: ThingSpec, profile: Profile, event: Event) -> None:
    name = event.properties.get(spec.by)
    if name is None:
        return
    tie = f"{event.stream}\x1f{event.id}"
    things = profile.things.setdefault(spec.key, {})
    for kind, accepts, opened in ((spec.opened, spec.opened_filter, True), (spec.closed, spec.closed_filter, False)):
        if event.name == kind and (accepts is None or accepts(event.properties) is True):
            insort(things.setdefault(str(name), []), (event.event_time, tie, opened))
    if len(things) > THINGS_MAX:
        closed = [k for k, moves in things.items() if moves and not moves[-1][2]]
        oldest = min(closed or things, key=lambda k: (things[k][-1], k) if things[k] else ((0, "", False), k))
        del things[oldest]


def _fold_slot(spec: SlotSpec, profile: Profile, event: Event) -> None:
    slots = profile.slots.setdefault(spec.key, {})
    when = event.event_time
    quarter = when // SLOT
    if quarter in slots:
        first, last = slots[quarter]
        slots[quarter] = (min(first, when), max(last, when))
        return
    slots[quarter] = (when, when)
    oldest = (event.ingest_time - spec.keep) // SLOT
    if min(slots) < oldest:
        profile.slots[spec.key] = {q: span for q, span in slots.items() if q >= oldest}


def _fold_trace(layout: Layout, fold: EventFold, profile: Profile, event: Event) -> None:
    shown = {p: event.properties[p] for p in fold.trail or () if p in event.properties}
    trace = Trace(event.event_time, event.stream, event.id, event.name, shown)
    if not profile.trail or profile.trail[-1].event_time < event.event_time:
        profile.trail.append(trace)
    else:
        insort(profile.trail, trace, key=lambda t: t.order)
    oldest = event.ingest_time - layout.trail_keep
    if layout.looking_back:
        oldest = min([oldest, *(e.since for e in profile.entries if e.rule in layout.looking_back)])
    if profile.trail[0].event_time < oldest or len(profile.trail) > TRAIL_MAX:
        cut = max(bisect_left(profile.trail, oldest, key=lambda t: t.event_time), len(profile.trail) - TRAIL_MAX)
        del profile.trail[:cut]
