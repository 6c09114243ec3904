"""The few words that the desk may say, each asked for twice and noted in the audit log.

Pause, resume, read a dead letter again, dismiss it and erase go through the durable inbox; the engine carries them out.
A test mail leaves from here, by the project's own way out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relight.delivery.addresses import normalise_address
from relight.engine.erasing import EraseOrder, erase_entry
from relight.engine.inbox import ERASE
from relight.engine.operator_commands import DismissOrder, ReplayOrder, dismiss_entry, replay_entry
from relight.engine.trial import FIXTURES, fixture_mails, send_trial
from relight.messages.addresses import address_hash
from relight.stores.audit import write_audit
from relight.stores.inbox_words import Word, word_entry
from relight.templates import Rendered

if TYPE_CHECKING:
    from relight.stores.inbox_interface import NewEntry
    from relight.stores.interface import Store
    from relight.web.desk.desk import Desk

#: Characters of an order's subject, and of an address.
SUBJECT_CHARACTERS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An order as a form gave it."""

    subject: str
    #: Where a test mail goes; empty for other orders.
    to: str = ""
    #: Language of the page.
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of an order."""

    #: Key of the sentence that tells it.
    told: str
    #: More of it, in the words of whoever carried it out.
    detail: str = ""
    is_good: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Something that may be asked for."""

    name: str
    #: Key of the sentence that asks once more.
    question: str
    #: Whether the order can have this subject; asked in a thread.
    is_sound: Callable[[Desk, Said], bool]
    give: Callable[[Desk, Said], Awaitable[Done]]
    #: Where its page leads back to.
    back: Callable[[Said], str]


def _through_inbox(entry: Callable[[str, int], NewEntry]) -> Callable[[Desk, Said], Awaitable[Done]]:
    async def give(desk: Desk, said: Said) -> Done:
        await desk.inbox.put([entry(said.subject, desk.clock())])
        return Done(told="done")

    return give


def _pause(subject: str, now: int) -> NewEntry:
    return word_entry(Word(kind="pause", subject=subject), received=now)


def _resume(subject: str, now: int) -> NewEntry:
    return word_entry(Word(kind="resume", subject=subject), received=now)


def _replay(subject: str, now: int) -> NewEntry:
    return replay_entry(ReplayOrder(numbers=[int(subject)]), now)


def _dismiss(subject: str, now: int) -> NewEntry:
    return dismiss_entry(DismissOrder(numbers=[int(subject)]), now)


def _erase(subject: str, now: int) -> NewEntry:
    return erase_entry(EraseOrder(customer=subject), now)


def _is_rule_or_all(desk: Desk, said: Said) -> bool:
    return said.subject == "*" or said.subject in desk.plan.rules


def _is_number(_desk: Desk, said: Said) -> bool:
    return said.subject.isascii() and said.subject.isdigit()


def _is_customer(desk: Desk, said: Said) -> bool:
    return desk.ask(lambda store: may_erase(store) and next(store.customer_log(said.subject), None) is not None)


def may_erase(store: Store) -> bool:
    """Return whether a customer can be taken out of a store: not on a cluster, whose log is in Kafka."""
    partitions = getattr(store, "partitions", None)
    return partitions is None or not partitions()


# ---------------------------------------------------------------- a test mail
def _is_trial(desk: Desk, said: Said) -> bool:
    return said.subject in desk.plan.rules and normalise_address(said.to) is not None


async def _send_test(desk: Desk, said: Said) -> Done:
    to = normalise_address(said.to)
    assert to is not None
    why = desk.ask(lambda store: store.suppression(address_hash(to)))
    if why is not None:
        return Done(told="trial_suppressed", detail=f"{why.scope}: {why.cause}", is_good=False)
    shown = list(fixture_mails(desk.plan, said.subject, FIXTURES[0], said.language or None))
    mails = [one.found for one in shown if isinstance(one.found, Rendered)]
    if not mails or len(mails) < len(shown):
        return Done(told="trial_unrendered", is_good=False)
    sent = await send_trial(desk.settings, desk.folder, rule=said.subject, to=to, mails=mails, now=desk.clock())
    told = ", ".join(f"{one.outcome.value} {one.provider_text}".strip() for one in sent)
    is_good = all(one.outcome.value == "accepted" for one in sent)
    return Done(told="trial_sent" if is_good else "trial_failed", detail=told, is_good=is_good)


def _to_system(_said: Said) -> str:
    return "/desk/system"


def _to_search(_said: Said) -> str:
    return "/desk/customers"


def _to_rule(said: Said) -> str:
    return "/desk/system" if said.subject == "*" else f"/desk/rules/{said.subject}"


ORDERS: Mapping[str, Order] = {
    one.name: one
    for one in (
        Order(name="pause", question="ask_pause", is_sound=_is_rule_or_all, give=_through_inbox(_pause), back=_to_rule),
        Order(
            name="resume", question="ask_resume", is_sound=_is_rule_or_all, give=_through_inbox(_resume), back=_to_rule
        ),
        Order(name="replay", question="ask_replay", is_sound=_is_number, give=_through_inbox(_replay), back=_to_system),
        Order(
            name="dismiss", question="ask_dismiss", is_sound=_is_number, give=_through_inbox(_dismiss), back=_to_system
        ),
        Order(name="erase", question="ask_erase", is_sound=_is_customer, give=_through_inbox(_erase), back=_to_search),
        Order(name="send-test", question="ask_send_test", is_sound=_is_trial, give=_send_test, back=_to_rule),
    )
}


def is_sound(desk: Desk, order: Order, said: Said) -> bool:
    """Return whether an order can be given so."""
    if not said.subject or max(len(said.subject), len(said.to)) > SUBJECT_CHARACTERS_MAX:
        return False
    return order.is_sound(desk, said)


def note_order(desk: Desk, order: Order, said: Said) -> None:
    """Write an order into the audit log, before it is given; who was erased is left out."""
    subject = "a customer" if order.name == ERASE else said.subject
    write_audit(desk.audit, at=desk.clock(), order=order.name, subject=subject, by="desk", to=said.to)
