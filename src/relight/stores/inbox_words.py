"""Words in the inbox: what becomes a control record (H1) once the engine reads it, and the one form it is kept in.

A word that came by a link names the message by its token; whose it is, the engine finds where the message stands.
"""

from __future__ import annotations

import msgspec

from relight.base.errors import RejectError
from relight.base.ids import digest
from relight.stores.inbox_interface import InboxKind, NewEntry

#: Kinds of control records that may come through the inbox; the others are the engine's own.
WORD_KINDS = frozenset({"consent", "suppression", "pause", "resume", "erase", "merge", "trait", "outcome", "release"})


class Word(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A control record without its ingest time."""

    kind: str
    #: None where it concerns everybody, or where a token leads to the customer.
    customer: str | None = None
    #: As in `streams.envelope.Control`: topic, address hash, rule …; empty for a suppression that came by a link.
    subject: str = ""
    detail: dict[str, object] = msgspec.field(default_factory=dict)


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a reader did by a link: an event of the customer whose message it was."""

    #: Name of the event.
    event: str
    #: The survey that it answers; empty for a click.
    survey: str = ""
    properties: dict[str, object] = msgspec.field(default_factory=dict)


_DECODER = msgspec.json.Decoder(Word)
_REPLY = msgspec.json.Decoder(Reply)


def word_entry(word: Word, *, received: int, key: str | None = None, token: str | None = None) -> NewEntry:
    """Return the entry of a word; without a key, the same word at the same instant is the same entry."""
    if word.kind not in WORD_KINDS:
        raise ValueError(f"'{word.kind}' is no word of the inbox")
    body = msgspec.json.encode(word, order="deterministic")
    own = key if key is not None else digest("word", body.decode(), token or "", str(received))
    return NewEntry(kind=InboxKind.WORD, name=word.kind, body=body, received=received, key=own, token=token)


def read_word(body: bytes) -> Word:
    """Return the word of an entry's body; raises RejectError for one that this program does not know."""
    try:
        word = _DECODER.decode(body)
    except msgspec.MsgspecError as error:
        raise RejectError(f"a word of the inbox cannot be read: {error}") from error
    if word.kind not in WORD_KINDS:
        raise RejectError(f"'{word.kind}' is no word of the inbox that this version knows")
    return word


def reply_entry(reply: Reply, *, received: int, token: str, key: str | None = None) -> NewEntry:
    """Return the entry of a reply; with a key, the same reply again is the same entry."""
    body = msgspec.json.encode(reply, order="deterministic")
    own = key if key is not None else digest("reply", body.decode(), token, str(received))
    return NewEntry(kind=InboxKind.REPLY, name=reply.event, body=body, received=received, key=own, token=token)


def read_reply(body: bytes) -> Reply:
    """Return the reply of an entry's body; raises RejectError for one that cannot be read."""
    try:
        return _REPLY.decode(body)
    except msgspec.MsgspecError as error:
        raise RejectError(f"a reply in the inbox cannot be read: {error}") from error
