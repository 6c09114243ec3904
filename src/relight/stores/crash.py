"""Named crash points: a process told by RELIGHT_CRASH_AT=name:n kills itself with signal 9 on the n-th pass of a name.

No-ops otherwise. RELIGHT_CRASH_LOG=file appends each name passed, so that a clean run lists what a sweep visits.
The environment is read once, at import.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from dataclasses import dataclass, field

#: Every crash point there is; a test finds the names in the code and compares.
CRASH_POINTS: tuple[str, ...] = (
    "inside_append",
    "before_append_commit",
    "after_append_commit",
    "before_segment_commit",
    "after_segment_commit",
    "before_merge_commit",
    "after_merge_commit",
    "before_checkpoint_commit",
    "after_checkpoint_commit",
    "before_claim_commit",
    "after_claim_commit",
    "before_settle_commit",
    "after_settle_commit",
    "before_note_commit",
    "after_note_commit",
    "before_migration_commit",
    "after_migration_commit",
    "before_batch",
    "after_batch",
    "after_plan_record",
    "after_recovery",
    "before_inbox_commit",
    "after_inbox_commit",
    "before_inbox_batch",
    "after_inbox_batch",
    "before_handing_over",
    "after_handing_over",
    "before_topic_replaced",
    "inside_topic_replaced",
    "before_log_followed",
    "after_log_followed",
)


@dataclass(frozen=True, slots=True)
class _CrashPlan:
    #: The point that kills; None for none.
    name: str | None
    #: On which pass, counted from 1.
    nth: int
    #: File that gets each name passed; None for none.
    log: str | None
    passes: Counter[str] = field(default_factory=Counter)


def _read_plan() -> _CrashPlan | None:
    wish, log = os.environ.get("RELIGHT_CRASH_AT"), os.environ.get("RELIGHT_CRASH_LOG")
    if not wish and not log:
        return None
    name, _, nth = (wish or "").partition(":")
    if name and (name not in CRASH_POINTS or not (nth or "1").isdigit()):
        message = f"RELIGHT_CRASH_AT={wish} names no crash point; there are: {', '.join(CRASH_POINTS)}"
        raise ValueError(message)
    return _CrashPlan(name=name or None, nth=int(nth or 1), log=log or None)


_PLAN = _read_plan()


def crash_point(name: str) -> None:
    """Do nothing, unless the environment asked for a crash here."""
    if _PLAN is None:
        return
    assert name in CRASH_POINTS, name
    if _PLAN.log:
        handle = os.open(_PLAN.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(handle, f"{name}\n".encode())
        os.close(handle)
    _PLAN.passes[name] += 1
    if name == _PLAN.name and _PLAN.passes[name] == _PLAN.nth:
        os.kill(os.getpid(), signal.SIGKILL)
