"""The second look at what is about to leave, inside the transaction that sets `sending` (G1, S4).

What came after the gate: words in the inbox that no engine has read yet, and pauses and consents that the log knows. A
suppression that the log knows is the store's to see. Decides about no message before its gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.base.errors import RejectError
from relight.engine.inbox import INBOX_POSITION, resolve_word
from relight.engine.sending_brake import Found, leaf_of, read_brakes
from relight.messages.addresses import LIFTED, UNSUBSCRIBED, address_hash
from relight.messages.identity import occurrence_digest
from relight.messages.life import MessageCause
from relight.rules.world import ALL_RULES
from relight.stores.delivery_moves import is_refused
from relight.stores.inbox_interface import InboxKind
from relight.stores.inbox_words import read_word
from relight.stores.interface import Refusal

if TYPE_CHECKING:
    from relight.messages.ledger import OutboxMessage
    from relight.stores.inbox_interface import DurableInbox, InboxEntry
    from relight.stores.inbox_words import Word
    from relight.stores.interface import Store
    from relight.streams.envelope import Control

_SUPPRESSED = MessageCause.SUPPRESSED_BEFORE_SENDING
#: What the log knows: (customer, topic) -> was consent withdrawn; rule -> is it paused.
WasWithdrawn = Callable[[str, str], bool]
IsPaused = Callable[[str], bool]


@dataclass(slots=True)
class _Pending:
    """What the inbox says beyond the engine's place."""

    #: Position of the last word read.
    place: int = 0
    #: address hash -> (scope, cause), in order.
    suppressed: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    #: (customer, topic) -> given.
    consent: dict[tuple[str, str], bool] = field(default_factory=dict)
    #: rule, or `*` -> paused.
    paused: dict[str, bool] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class SecondLook:
    """See the module; an instance is a `stores.interface.LookAgain`."""

    inbox: DurableInbox
    store: Store
    was_withdrawn: WasWithdrawn
    is_paused: IsPaused
    _pending: _Pending = field(default_factory=_Pending)

    #: Class -> why the sending brake stopped it.
    _braked: Mapping[str, Found] = field(default_factory=dict)

    def __call__(self, messages: Sequence[OutboxMessage]) -> Mapping[str, Refusal]:
        """Return which of these messages may not leave, and why."""
        self._read_inbox()
        self._braked = read_brakes(self.store)
        found = ((message.occurrence_key, self._refusal(message)) for message in messages)
        return {key: refusal for key, refusal in found if refusal is not None}

    def _read_inbox(self) -> None:
        taken = int(self.store.positions().get(INBOX_POSITION, "0"))
        pending = self._pending
        if taken >= pending.place:
            pending = self._pending = _Pending(place=taken)  # all of it is in the log
        while entries := self.inbox.words_after(pending.place):
            for entry in entries:
                pending.place = entry.position
                if entry.kind is InboxKind.WORD:
                    self._note(entry)

    def _note(self, entry: InboxEntry) -> None:
        # What cannot be resolved becomes a dead letter; `_by_its_own_link` still holds the very mail back.
        with suppress(RejectError):
            _note_word(self._pending, resolve_word(self.store, read_word(entry.body), entry.token, entry.received))

    def _refusal(self, message: OutboxMessage) -> Refusal | None:
        return self._by_address(message) or self._by_consent(message) or self._by_pause(message)

    def _by_address(self, message: OutboxMessage) -> Refusal | None:
        keyed = getattr(self.store, "keyed", None)
        if keyed is not None:
            stands = self.store.suppression(keyed(address_hash(message.address)))
            if stands is not None and is_refused(message.message_class, stands.scope):
                return Refusal(cause=_SUPPRESSED, text="the address was erased")
        if not self._pending.suppressed:
            return self._by_its_own_link(message)
        standing = self._pending.suppressed.get(address_hash(message.address), ())
        scope = next((scope for scope, _ in standing if is_refused(message.message_class, scope)), None)
        if scope is not None:
            return Refusal(cause=_SUPPRESSED, text=f"the address is suppressed ({scope}): the inbox says so")
        return self._by_its_own_link(message)

    def _by_its_own_link(self, message: OutboxMessage) -> Refusal | None:
        """A store that was restored from a backup may decide again on a mail whose reader has unsubscribed since."""
        if message.message_class != "marketing":
            return None
        refusal = None
        for word in self._words_of(message):
            if word.kind == "suppression" and word.detail.get("scope") == LIFTED:
                refusal = None
            elif word.kind == "suppression":
                refusal = Refusal(cause=_SUPPRESSED, text="its own link was used to unsubscribe from everything")
            elif word.kind == "consent" and word.subject == message.topic:
                withdrawn = Refusal(cause=MessageCause.CONSENT_WITHDRAWN, text="its own link was used to unsubscribe")
                refusal = None if word.detail.get("given") is True else withdrawn
        return refusal

    def _words_of(self, message: OutboxMessage) -> Iterator[Word]:
        for entry in self.inbox.words_of(occurrence_digest(message.occurrence_key)):
            with suppress(RejectError):  # the engine made a dead letter of it
                yield read_word(entry.body)

    def _by_consent(self, message: OutboxMessage) -> Refusal | None:
        if not message.topic or message.message_class != "marketing":
            return None
        given = self._pending.consent.get((message.customer, message.topic))
        if given is None:
            given = not self.was_withdrawn(message.customer, message.topic)
        if given:
            return None
        return Refusal(cause=MessageCause.CONSENT_WITHDRAWN, text=f"consent to topic {message.topic} was withdrawn")

    def _by_pause(self, message: OutboxMessage) -> Refusal | None:
        braked = self._braked.get(message.message_class)
        if braked is not None:
            return Refusal(cause=MessageCause.RULE_PAUSED, text=f"the sending brake: {leaf_of(braked)} {braked.share}")
        told = self._pending.paused
        known = self.is_paused(message.rule)
        if ALL_RULES in told:
            known = told[ALL_RULES]
        if told.get(message.rule, known):
            return Refusal(cause=MessageCause.RULE_PAUSED, text=f"rule {message.rule} is paused")
        return None


def _note_word(pending: _Pending, word: Control) -> None:
    match word.kind:
        case "suppression":
            scope, cause = str(word.detail.get("scope", "all")), str(word.detail.get("cause", ""))
            standing = pending.suppressed.get(word.subject, [])
            if scope == LIFTED:
                pending.suppressed[word.subject] = [one for one in standing if one[1] != UNSUBSCRIBED]
            else:
                pending.suppressed[word.subject] = [*standing, (scope, cause)]
        case "consent" if word.customer is not None:
            pending.consent[word.customer, word.subject] = word.detail.get("given") is True
        case "pause" | "resume":
            if word.subject == ALL_RULES and word.kind == "resume":
                pending.paused.clear()
            pending.paused[word.subject] = word.kind == "pause"
        case _:
            pass
