"""How long to wait before the next attempt: exponential with full jitter. Pure; the random number is given."""

from __future__ import annotations

from relight.base.instants import HOUR, SECOND

#: Attempts of one message; then it is rejected with `retries_exhausted`. About three days, as long as a message is
#: worth sending where its rule does not say `expires`; RFC 5321 4.5.4.1 asks for as much, and for hours between them.
ATTEMPTS_MAX = 48
#: Ceiling of the first wait (µs).
BACKOFF_FIRST = 10 * SECOND
#: Ceiling of every wait (µs).
BACKOFF_MAX = 4 * HOUR


def backoff(attempt: int, uniform: float) -> int:
    """Return the wait after a failed attempt in µs, spread evenly over [0, ceiling].

    Args:
        attempt: attempts made, from 1.
        uniform: a number in [0, 1).
    """
    if attempt < 1 or not 0.0 <= uniform < 1.0:
        raise ValueError("attempts count from 1, and the random number lies in [0, 1)")
    ceiling = min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** min(attempt - 1, 32))
    return int(ceiling * uniform)


def may_try_again(attempts: int) -> bool:
    """Return whether another attempt is allowed after this many."""
    return attempts < ATTEMPTS_MAX
