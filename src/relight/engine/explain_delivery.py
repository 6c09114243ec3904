"""What became of a message after its decision, in words: the delivery journal beside the ledger (H7, S2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from relight.engine.explain_words import Finding, Mark
from relight.messages.life import MessageState
from relight.messages.reasons import Reason

if TYPE_CHECKING:
    from relight.engine.explain_words import RuleStory

#: State -> (outcome, headline of a customer and a rule, what it means; empty where the headline says it).
_WORDS: Mapping[
    MessageState, tuple[Literal["sent", "waiting", "not_sent", "unknown"], str, str]
] = {
    MessageState.PENDING: ("waiting", "{who} has not got {rule} yet", "Its mail is decided and waits to be sent."),
    MessageState.SENDING: ("waiting", "{who} has not got {rule} yet", "Its mail is being sent."),
    MessageState.BOUNCED: ("not_sent", "{who} did NOT get {rule}", "the mail bounced"),
    MessageState.REJECTED: ("not_sent", "{who} did NOT get {rule}", "the provider refused the mail"),
    MessageState.SUPPRESSED: ("not_sent", "{who} did NOT get {rule}", "suppressed at sending"),
    MessageState.EXPIRED: ("not_sent", "{who} did NOT get {rule}", "expired before it could be sent"),
    MessageState.UNKNOWN: (
        "unknown",
        "it is unknown whether {who} got {rule}",
        "The line broke while the mail left; a report of the provider or `relight settle` decides.",
    ),
    MessageState.COMPLAINED: ("sent", "{headline}, and complained about it", ""),
}  # fmt: skip


#: What stopped a mail between the gate and its leaving, by the reason of its outcome.
_STOPPED: Mapping[str, str] = {
    Reason.POOL_EMPTY: "no code was left in the pool",
    Reason.RULE_PAUSED: "the rule was paused when the mail was to leave",
    Reason.NO_CONSENT: "consent was withdrawn before the mail could leave",
    Reason.SUPPRESSED: "the address was suppressed before the mail could leave",
    Reason.RETRIES_EXHAUSTED: "the mail was tried as often as allowed, and not taken",
}


def after_sending(story: RuleStory, state: MessageState | None, customer: str, reason: str = "") -> RuleStory:
    """Return the story of a message that passed the gate as the delivery journal goes on with it.

    state: where the message is; None where no journal is kept, as in a simulation. reason: of its outcome, where the
    log has it.
    """
    if state is None or state not in _WORDS:
        return story
    outcome, headline, meaning = _WORDS[state]
    headline = headline.format(who=customer, rule=story.rule, headline=story.headline)
    if outcome == "not_sent":
        why = Finding(mark=Mark.NO, text=_STOPPED.get(reason, meaning), reason=reason or state.value)
        return replace(story, outcome=outcome, headline=headline, why=why)
    return replace(story, outcome=outcome, headline=headline, next=meaning or story.next)
