"""A rule's funnel from the trigger to the goal, with what keeps people back; each number leads to its people."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from relight.messages.life import MessageState
from relight.messages.reasons import Reason, RowState
from relight.metrics.effect_people import CLICKED_STEP, GOAL_STEP
from relight.metrics.effects import ACCEPTED_STATES, DELIVERED_STATES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relight.metrics import RuleEffect
    from relight.web.desk.ledger_figures import RuleCounts

#: What is always told of the gate, also where it kept nobody back.
TOLD_ALWAYS = (Reason.NO_CONSENT.value, Reason.FREQUENCY_CAP.value, Reason.QUIET_HOURS.value, Reason.HOLDOUT.value)
#: Where a message is that passed the gate and that no provider has.
_NOT_TAKEN = tuple(state for state in MessageState if state not in ACCEPTED_STATES)


def funnel(
    rule: str, counts: RuleCounts, messages: Mapping[MessageState, int], effect: RuleEffect | None
) -> list[dict[str, object]]:
    """Return the steps from the trigger to the goal; each has what became of the others since the one before.

    messages: how many of the rule's messages are in each state. A link leads to the people; None where nobody can be
    listed. `unit` says what a step counts: an occurrence can send several messages, and a goal is a person's.
    """
    others = counts.gate + counts.ended + Counter({Reason.HOLDOUT.value: counts.held_out})
    gate = {reason: others.get(reason, 0) for reason in TOLD_ALWAYS} | dict(others.most_common())
    before = [
        _reason(rule, reason, count, rowless=counts.rowless[reason]) for reason, count in counts.before.most_common()
    ]
    taken, arrived = (sum(messages.get(one, 0) for one in states) for states in (ACCEPTED_STATES, DELIVERED_STATES))
    steps = [
        _step("matched", "occurrences", counts.occurred, rows_link(rule, step=ENTRY), []),
        _step("entered", "occurrences", counts.entered, rows_link(rule, state=RowState.ENTERED.value), before),
        _step("sent", "messages", counts.sent, rows_link(rule, state=RowState.PENDING.value),
              [_reason(rule, reason, count) for reason, count in gate.items()]),
        _step("accepted", "messages", taken, messages_link(rule, ACCEPTED_STATES),
              [_state(rule, state, messages[state]) for state in _NOT_TAKEN if messages.get(state)]),
        _step("delivered", "messages", arrived, messages_link(rule, DELIVERED_STATES),
              [_state(rule, state, messages[state]) for state in (MessageState.ACCEPTED, MessageState.BOUNCED)
               if messages.get(state)]),
    ]  # fmt: skip
    if effect is not None and effect.sent.clicked is not None:
        steps.append(_step("clicked", "people", effect.sent.clicked, people_link(rule, CLICKED_STEP), []))
    if effect is not None and effect.sent.reached is not None:
        steps.append(_step("goal", "people", effect.sent.reached, people_link(rule, GOAL_STEP), []))
    return steps


def _step(step: str, unit: str, count: int, people: str, others: list[dict[str, object]]) -> dict[str, object]:
    return {"step": step, "unit": unit, "count": count, "people": people, "others": others}


def _reason(rule: str, reason: str, count: int, *, rowless: int = 0) -> dict[str, object]:
    people = rows_link(rule, reason=reason) if count > rowless else None
    return {"reason": reason, "count": count, "people": people}


def _state(rule: str, state: MessageState, count: int) -> dict[str, object]:
    return {"reason": state.value, "count": count, "people": messages_link(rule, (state,))}


# ---------------------------------------------------------------- addresses
#: In an address: the rows of an entry, which have no step.
ENTRY = "-"


def rows_link(rule: str, **narrowed: str) -> str:
    """Return the address of a rule's ledger rows."""
    return f"/desk/messages?{urlencode({'rule': rule, **narrowed})}"


def messages_link(rule: str, states: tuple[MessageState, ...]) -> str:
    """Return the address of a rule's messages in some states."""
    delivery = ",".join(state.value for state in states)
    return f"/desk/messages?{urlencode({'rule': rule, 'delivery': delivery}, safe=',')}"


def people_link(rule: str, step: str) -> str:
    """Return the address of the people who came to a step that only the log knows of."""
    return f"/desk/rules/{quote(rule, safe='')}/people/{step}"
