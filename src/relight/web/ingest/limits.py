"""How large a request may be, and what its sender is told when it is refused (clients.md: codes that clients read)."""

from __future__ import annotations

from relight.base.errors import RejectError

#: Bytes of one request as it comes over the line.
REQUEST_BYTES_MAX = 4 * 2**20
#: Bytes of one request after gzip was taken off.
INFLATED_BYTES_MAX = 16 * 2**20
#: Items of one request; Segment's own limit.
ITEMS_MAX = 2_500
#: Seconds that a request's body may take to arrive.
BODY_SECONDS_MAX = 30.0
#: Items that an answer names as parked.
PARKED_SHOWN_MAX = 100
#: Characters of an `Idempotency-Key`; Stripe's own limit.
IDEMPOTENCY_KEY_CHARACTERS_MAX = 255
#: A client's clock within so many µs of ours is taken as right, and its times as they are.
CLOCK_SKEW_MIN = 60 * 1_000_000


class RequestRefusedError(RejectError):
    """This request was refused."""

    def __init__(
        self, status: int, code: str, message: str, *, detail: str = "", retry_after: int | None = None
    ) -> None:
        """Hold the answer.

        Args:
            status: HTTP status.
            code: a word that programs read.
            message: a sentence for people.
            detail: what to do about it.
            retry_after: seconds after which the same request may succeed.
        """
        super().__init__(message)
        self.status, self.code, self.detail, self.retry_after = status, code, detail or message, retry_after
