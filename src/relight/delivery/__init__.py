"""Adapters that hand a message to the outside: files, SMTP, SendGrid and web addresses."""

from relight.delivery.backoff import ATTEMPTS_MAX, backoff, may_try_again
from relight.delivery.outgoing import Delivery, Outcome, OutgoingMessage, Transport

__all__ = [
    "ATTEMPTS_MAX",
    "Delivery",
    "Outcome",
    "OutgoingMessage",
    "Transport",
    "backoff",
    "may_try_again",
]
