"""What a reader did by a link of a mail, as an event of theirs: a survey's answer, a click."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from relight.base.errors import RejectError
from relight.base.instants import SECOND
from relight.base.kinds import TEXT_KINDS
from relight.stores.inbox_words import Reply, read_reply
from relight.streams.envelope import Event
from relight.streams.surveys import answer_event

if TYPE_CHECKING:
    from relight.stores.inbox_interface import InboxEntry
    from relight.stores.interface import MessageStatus, Store
    from relight.streams.schema import Schema
    from relight.streams.surveys import Survey

#: Stream of clicks.
CLICK_STREAM = "clicks"
#: Name of the event of a click, and of one that came so soon that a scanner made it; each counts where it is declared.
CLICKED, SCANNED = "link_clicked", "link_scanned"
#: A click within so long (µs) after its message was due is a mail scanner's.
SCANNER_SPAN = 10 * SECOND


def event_of_reply(
    schema: Schema, surveys: Mapping[str, Survey], store: Store, entry: InboxEntry, now: int
) -> Event | None:
    """Return the event of an entry at `now` (µs), None for a click that no stream declares.

    Raises RejectError where its link leads to no message, or the survey is no more.
    """
    reply = read_reply(entry.body)
    found = None if entry.token is None else store.message_of_link(entry.token)
    if found is None:
        raise RejectError("the link belongs to no message that this store has")
    name = entry.key or str(entry.position)
    return _answer(surveys, reply, found, name, now) if reply.survey else _click(schema, reply, found, entry, now)


def _answer(surveys: Mapping[str, Survey], reply: Reply, found: MessageStatus, name: str, now: int) -> Event:
    survey = surveys.get(reply.survey)
    score, comment = reply.properties.get("score"), str(reply.properties.get("comment", ""))
    if survey is None or not isinstance(score, int):
        raise RejectError(f"there is no survey '{reply.survey}' that takes this answer")
    try:
        return answer_event(survey, customer=found.message.customer, id=name, score=score, comment=comment, at=now)
    except ValueError as error:
        raise RejectError(str(error)) from error


def _click(schema: Schema, reply: Reply, found: MessageStatus, entry: InboxEntry, now: int) -> Event | None:
    name = SCANNED if entry.received - found.due < SCANNER_SPAN else CLICKED
    declared = schema.events.get(name)
    if declared is None or declared.is_global:
        return None
    values = {**reply.properties, "rule": found.message.rule, "template": found.message.template}
    texts = {key for key, one in declared.properties.items() if one.kind in TEXT_KINDS}
    return Event(
        stream=CLICK_STREAM,
        id=entry.key or str(entry.position),
        customer=found.message.customer,
        name=name,
        event_time=min(entry.received, now),
        ingest_time=now,
        properties={key: value for key, value in values.items() if key in texts},
        position=entry.position,
    )
