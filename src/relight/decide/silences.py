"""Silences (R1, R2, H3): which starts are open, when each threshold falls due, and what it is called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from relight.base.instants import DAY, INSTANT_MAX
from relight.base.kinds import UNKNOWN
from relight.decide.due import Silence
from relight.decide.occurrences import Happening, occur

if TYPE_CHECKING:
    from relight.customers.profile import Profile, Start
    from relight.decide.turn import Turn
    from relight.rules.plan import Rule, Threshold
    from relight.rules.world import SilenceWait

#: How long it is remembered that a silence was judged (µs).
#: An edit that makes a threshold longer than this could repeat one.
JUDGED_KEEP = 800 * DAY
#: Judged silences of one customer that are remembered at the most; the oldest go first.
JUDGED_MAX = 2_000
#: Number from which old ones are looked for.
JUDGED_SCAN_FROM = 64
#: Name of the silence of somebody who was never active.
NEVER = "never"


def silence_deadlines(turn: Turn, wait: SilenceWait, latest: int = INSTANT_MAX) -> Iterator[Silence]:
    """Yield the silences of one threshold that are not judged yet and fall due at `latest` or before."""
    profile = turn.profile
    starts = profile.starts.get(wait.activity)
    if not starts and not wait.never:
        return
    judged, id_, begun = profile.judged, wait.id, wait.begun
    for start, name, due, late in _of_threshold(turn, wait, starts, latest) if starts else ():
        if due >= begun and f"{wait.mark}{name}:{id_}" not in judged:
            yield Silence(
                occurrence=f"silence:{name}:{id_}",
                start=str(name),
                deadline=due,
                length=due - start,
                threshold_id=id_,
                late=late,
            )
    if wait.never:
        first, occurrence = _first_seen(profile), f"silence:{NEVER}:{id_}"
        due_then = None if first is None else due_of(turn, wait.threshold, first)
        if first is None or due_then is None or due_then > latest:
            return
        if profile.first_activity.get(wait.activity, due_then + 1) <= due_then:
            return
        if due_then >= begun and f"{wait.rule.id}\x1f{occurrence}" not in judged:
            yield Silence(
                occurrence=occurrence,
                start=NEVER,
                deadline=due_then,
                length=due_then - first,
                threshold_id=id_,
                late=profile.first_on_time is None,
            )


def silence_of_one(profile: Profile, wait: SilenceWait, start: Start, latest: int) -> Silence | None:
    """Return what `silence_deadlines` yields for a threshold of fixed length where there is but one start of activity.

    That is the usual case: nothing cancels the only start.
    """
    assert wait.elapsed is not None
    when = start.event_time
    due = when + wait.elapsed
    if due > latest or due < wait.begun or due + wait.rule.settle < start.known_at:
        return None
    if f"{wait.mark}{when}:{wait.id}" in profile.judged:
        return None
    return Silence(
        occurrence=f"silence:{when}:{wait.id}",
        start=str(when),
        deadline=due,
        length=wait.elapsed,
        threshold_id=wait.id,
        late=start.late,
    )


def passed_silences(turn: Turn, rule: Rule) -> Iterator[Silence]:
    """Yield the thresholds of a rule that the silence of now passed before they stood (E5)."""
    profile, judged = turn.profile, turn.profile.judged
    for wait in turn.state.silences:
        if wait.rule.id != rule.id:
            continue
        starts = profile.starts.get(wait.activity)
        if starts:
            start, name, late = starts[-1].event_time, str(starts[-1].event_time), starts[-1].late
        else:
            first = _first_seen(profile) if wait.never else None
            if first is None:
                continue
            start, name, late = first, NEVER, profile.first_on_time is None
        due, occurrence = due_of(turn, wait.threshold, start), f"silence:{name}:{wait.id}"
        if due is not None and due <= turn.now and due < wait.begun and f"{rule.id}\x1f{occurrence}" not in judged:
            yield Silence(
                occurrence=occurrence, start=name, deadline=due, length=due - start, threshold_id=wait.id, late=late
            )


def _of_threshold(
    turn: Turn, wait: SilenceWait, starts: Sequence[Start], latest: int
) -> list[tuple[int, int, int, bool]]:
    """Return (start, its name, deadline, late) of the starts that were not cancelled and known in time (H3)."""
    elapsed, settle, last = wait.elapsed, wait.rule.settle, len(starts) - 1
    found = []
    for place in range(last if wait.threshold.personal is not None else 0, last + 1):
        start = starts[place]
        when = start.event_time
        due = due_of(turn, wait.threshold, when) if elapsed is None else when + elapsed
        if due is None or due > latest or due + settle < start.known_at:
            continue
        if place == last or starts[place + 1].event_time > due:
            found.append((when, when, due, start.late))
    return found


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
    for wait in turn.state.silences:
        for silence in list(silence_deadlines(turn, wait)):
            if turn.state.past_gaps(silence.deadline + wait.rule.settle) < turn.now:
                turn.profile.judged[f"{wait.rule.id}\x1f{silence.occurrence}"] = silence.deadline


def _forget_judged(profile: Profile) -> None:
    """Forget what was judged of silences too old for any edit to bring back (I11)."""
    judged = profile.judged
    if len(judged) < JUDGED_SCAN_FROM:
        return
    oldest = profile.now - JUDGED_KEEP
    for key in [key for key, due in judged.items() if due < oldest]:
        del judged[key]
    if len(judged) > JUDGED_MAX:
        for key in sorted(judged, key=lambda k: judged[k])[: len(judged) - JUDGED_MAX]:
            del judged[key]
