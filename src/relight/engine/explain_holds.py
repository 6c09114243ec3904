"""What keeps a decided mail from leaving now: unread words, the warm-up's share of the day, the volume guard."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from relight.base.instants import DAY
from relight.engine.explain_lines import Line, Moment, Said, say
from relight.engine.explain_words import Finding, Mark
from relight.engine.volume_guard import read_stop
from relight.messages.addresses import address_hash
from relight.messages.life import MessageCause, MessageState
from relight.messages.reasons import Reason
from relight.rules.plan import MessageClass
from relight.stores.delivery_moves import is_refused
from relight.streams.guard_events import GUARD_CUSTOMER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relight.config.settings import DeliverySettings
    from relight.decide.turn import Turn
    from relight.rules.plan import Rule
    from relight.stores.inbox_interface import DurableInbox
    from relight.stores.interface import MessageStatus, Store

#: What keeps a mail back -> for good, as a finding; or for a while, as a sentence.
Hold = Finding | Said
_STOPS: Mapping[MessageCause, tuple[Line, Reason]] = MappingProxyType({
    MessageCause.SUPPRESSED_BEFORE_SENDING: (Line.STOPS_FOR_ADDRESS, Reason.SUPPRESSED),
    MessageCause.CONSENT_WITHDRAWN: (Line.STOPS_FOR_CONSENT, Reason.NO_CONSENT),
    MessageCause.RULE_PAUSED: (Line.STOPS_FOR_PAUSE, Reason.RULE_PAUSED),
})  # fmt: skip


def holds_of(
    store: Store, inbox: DurableInbox | None, delivery: DeliverySettings, statuses: Sequence[MessageStatus], now: int
) -> Mapping[str, Hold]:
    """Return occurrence key -> what keeps it from leaving at `now` (µs), of messages that are decided and wait.

    inbox: what the sender asks before it takes a message; None where there is none.
    """
    waiting = [one.message for one in statuses if one.state is MessageState.PENDING]
    if not waiting:
        return {}
    holds: dict[str, Hold] = {}
    until = None if delivery.files is not None else _warm_up_until(store, delivery, now)
    if until is not None:
        used = say(Line.WARM_UP_USED, count=f"{until[1]:,}", when=Moment(until[0], "UTC"))
        holds = {one.occurrence_key: used for one in waiting if one.channel == "email" and one.scheduled <= now}
    stop = read_stop(store)
    if stop is not None:
        stopped = say(Line.GUARD_STOPPED, when=Moment(stop.at, "UTC"))
        holds |= {one.occurrence_key: stopped for one in waiting if one.customer != GUARD_CUSTOMER}
    for one in waiting:
        stands = store.suppression(address_hash(one.address)) if one.channel == "email" else None
        if stands is not None and is_refused(one.message_class, stands.scope):
            holds[one.occurrence_key] = _stop(MessageCause.SUPPRESSED_BEFORE_SENDING)
    if inbox is not None:
        from relight.engine.second_look import SecondLook  # noqa: PLC0415 - only where something waits

        look = SecondLook(inbox=inbox, store=store, was_withdrawn=lambda *_: False, is_paused=lambda _: False)
        for key, refusal in look(waiting).items():
            holds[key] = _stop(refusal.cause)
    return holds


def stopped_by_log(turn: Turn, rule: Rule) -> Finding | None:
    """Return why a rule's decided mail that waits will not be sent, by what the log has learned since; else None."""
    given = None if rule.topic is None else turn.profile.consent.get(rule.topic)
    if rule.message_class is MessageClass.MARKETING and given is not None and not given[1]:
        return _stop(MessageCause.CONSENT_WITHDRAWN)
    return _stop(MessageCause.RULE_PAUSED) if turn.state.is_paused(rule.id) else None


def _stop(cause: MessageCause) -> Finding:
    line, reason = _STOPS[cause]
    return Finding(mark=Mark.NO, text=say(line), reason=reason.value)


def _warm_up_until(store: Store, delivery: DeliverySettings, now: int) -> tuple[int, int] | None:
    """Return (when the next mail may leave, how many left today) where the warm-up's share of the day is used up."""
    if delivery.warm_up is None:
        return None
    from relight.engine.open_pace import open_pace  # noqa: PLC0415 - only where a config warms up

    pace = open_pace(store, delivery, now)
    return (pace.today + DAY, pace.sent_today) if pace is not None and pace.is_day_used_up(now) else None
