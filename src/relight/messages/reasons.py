"""The closed list of reasons why a message was not sent (G6). Never written as text anywhere else."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why not. The last five enter the ledger only as folded outcomes of sending."""

    AUDIENCE_FALSE = "audience_false"
    ALREADY_ENTERED = "already_entered"
    REENTRY_GAP = "reentry_gap"
    GROUP = "group"
    HOLDOUT = "holdout"
    SUPPRESSED = "suppressed"
    NO_CONSENT = "no_consent"
    NO_ADDRESS = "no_address"
    SENSITIVE_HOLD = "sensitive_hold"
    FREQUENCY_CAP = "frequency_cap"
    ACCOUNT_CAP = "account_cap"
    QUIET_HOURS = "quiet_hours"
    EXIT = "exit"
    GOAL_MET = "goal_met"
    TEMPLATE_ERROR = "template_error"
    MISSING_DATA = "missing_data"
    LATE_EVENT = "late_event"
    EXPIRED = "expired"
    RULE_PAUSED = "rule_paused"
    RULE_REMOVED = "rule_removed"
    POOL_EMPTY = "pool_empty"
    SUNSET = "sunset"
    UNLESS = "unless"
    OUTSIDE_DATES = "outside_dates"
    REJECTED = "rejected"
    RETRIES_EXHAUSTED = "retries_exhausted"
    UNKNOWN_OUTCOME = "unknown_outcome"
    VOLUME_GUARD = "volume_guard"


class RowState(StrEnum):
    """The state of a ledger row when it is written; `pending` goes on by the life of a message (S2)."""

    ENTERED = "entered"
    SUPPRESSED = "suppressed"
    ENDED = "ended"
    PENDING = "pending"
    HELD_OUT = "held_out"
