"""Silences (R1, R2, H3): which starts are open, when each threshold falls due, and what it is called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from relight.base.instants import DAY
from relight.base.kinds import UNKNOWN
from relight.decide.occurrences import Happening, occur
from relight.rules.plan import InactiveTrigger

if TYPE_CHECKING:
    from relight.customers.profile import Profile, Start
    from relight.decide.turn import Turn
    from relight.rules.plan import Rule, Threshold

#: How long it is remembered that a silence was judged (µs).
#: An edit that makes a threshold longer than this could repeat one.
JUDGED_KEEP = 800 * DAY
#: Judged silences of one customer that are remembered at the most; the oldest go first.
JUDGED_MAX = 2_000
#: Number from which old ones are looked for.
JUDGED_SCAN_FROM = 64
#: Name of the silence of somebody who was never active.
NEVER = "never"


class Silence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One silence and threshold."""

    occurrence: str
    #: The start's text: µs, or `never`.
    start: str
    deadline: int
    #: Length of the threshold in µs, for `threshold` in conditions.
    length: int
    threshold_id: str
    late: bool


def silence_deadlines(turn: Turn, rule: Rule) -> Iterator[Silence]:
    """Yield the silences of an inactive rule that are not judged yet."""
    trigger = rule.trigger
    assert isinstance(trigger, InactiveTrigger)
    key = turn.index.activity_keys[rule.id]
    starts = turn.profile.starts.get(key, ())
    if not starts and not trigger.include_never_active:
        return
    ids = turn.state.threshold_ids or {}
    since = turn.state.threshold_since or {}
    judged = turn.profile.judged
    for threshold in trigger.thresholds:
        id_ = ids[rule.id, threshold.position]
        begun = since[rule.id, id_]
        for start, name, due, late in _of_threshold(turn, rule, threshold, starts):
            occurrence = f"silence:{name}:{id_}"
            if due >= begun and f"{rule.id}\x1f{occurrence}" not in judged:
                yield Silence(
                    occurrence=occurrence,
                    start=str(name),
                    deadline=due,
                    length=due - start,
                    threshold_id=id_,
                    late=late,
                )
        if trigger.include_never_active:
            first, occurrence = _first_seen(turn.profile), f"silence:{NEVER}:{id_}"
            due_then = None if first is None else due_of(turn, threshold, first)
            if first is None or due_then is None or turn.profile.first_activity.get(key, due_then + 1) <= due_then:
                continue
            if due_then >= begun and f"{rule.id}\x1f{occurrence}" not in judged:
                late = turn.profile.first_on_time is None
                yield Silence(
                    occurrence=occurrence,
                    start=NEVER,
                    deadline=due_then,
                    length=due_then - first,
                    threshold_id=id_,
                    late=late,
                )


def _of_threshold(
    turn: Turn, rule: Rule, threshold: Threshold, starts: Sequence[Start]
) -> Iterator[tuple[int, int, int, bool]]:
    """Yield (start, its name, deadline, late) of the starts that were not cancelled and known in time (H3)."""
    last = len(starts) - 1
    for place in range(max(last, 0) if threshold.personal is not None else 0, last + 1):
        start = starts[place]
        when = start.event_time
        due = due_of(turn, threshold, when)
        if due is None or due + rule.settle < start.known_at:
            continue
        if place == last or starts[place + 1].event_time > due:
            yield when, when, due, start.late


def due_of(turn: Turn, threshold: Threshold, start: int) -> int | None:
    """Return start + threshold (µs); None while a personal threshold is unknown or not positive."""
    if threshold.span is not None:
        if not threshold.span.is_calendar:
            return start + threshold.span.elapsed
        return threshold.span.after(start, turn.zone)
    assert threshold.personal is not None
    length = threshold.personal.evaluate(turn.reading(start))
    if length is UNKNOWN or int(str(length).split(".", maxsplit=1)[0]) <= 0:
        return None
    return start + int(length)  # type: ignore[call-overload,no-any-return]  # a duration: a number of µs


def _first_seen(profile: Profile) -> int | None:
    return profile.first_on_time if profile.first_on_time is not None else profile.first_any


def judge_silence(turn: Turn, rule: Rule, silence: Silence) -> None:
    """A silence is judged once: an entry or the reason why not; the profile remembers it while its start is kept."""
    judged = turn.profile.judged
    judged[f"{rule.id}\x1f{silence.occurrence}"] = silence.deadline
    _forget_judged(turn.profile)
    occur(
        turn,
        rule,
        Happening(
            occurrence=silence.occurrence,
            instant=silence.deadline,
            anchor=silence.deadline,
            late=silence.late,
            is_deadline=True,
            threshold=silence.length,
            threshold_id=silence.threshold_id,
            silence=silence.start,
        ),
    )


def spend_past_silences(turn: Turn) -> None:
    """After a refold.

    What fell due before this plan record was judged then, although its mark was forgotten with its start (I11).
    """
    for rule in turn.index.inactive:
        for silence in list(silence_deadlines(turn, rule)):
            if turn.state.past_gaps(silence.deadline + rule.settle) < turn.now:
                turn.profile.judged[f"{rule.id}\x1f{silence.occurrence}"] = silence.deadline


def _forget_judged(profile: Profile) -> None:
    """Forget what was judged of silences too old for any edit to bring back (I11)."""
    judged = profile.judged
    if len(judged) < JUDGED_SCAN_FROM:
        return
    oldest = profile.now - JUDGED_KEEP
    for key in [key for key, due in judged.items() if due < oldest]:
        del judged[key]
    for key in sorted(judged, key=lambda k: judged[k])[: max(0, len(judged) - JUDGED_MAX)]:
        del judged[key]
