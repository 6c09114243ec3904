"""What a provider reports of a message later, in our words: the same for webhooks and for bounce mails. Pure."""

from __future__ import annotations

import msgspec

#: Characters of an identity; a longer one is hashed.
EVENT_ID_CHARACTERS_MAX = 100


class ProviderEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One report."""

    #: Equal for every copy of the report.
    id: str
    #: The provider's word, in lower case.
    word: str
    #: When it happened (µs UTC).
    at: int
    #: Occurrence key of the message; empty where the report names none.
    key: str = ""
    #: Digest of the occurrence, for reports that name it so (`messages.identity.occurrence_digest`).
    digest: str = ""
    #: Hash of the address it is about.
    address: str = ""
    #: What moves the message (`messages.life.MessageCause`); empty for nothing.
    cause: str = ""
    #: `all` or `marketing` where the address may not be written to any more; empty else.
    suppress: str = ""
    #: The message's own topic is not wanted any more.
    withdraws: bool = False
    #: What the provider said, for people.
    text: str = ""
    #: The provider's name for the message.
    provider_id: str = ""
    #: A click or an opening by a machine counts for nothing.
    by_machine: bool = False
    #: Address of the link that was followed.
    url: str = ""
