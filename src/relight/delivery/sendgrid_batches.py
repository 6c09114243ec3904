"""Which messages may share one request to SendGrid, and its JSON: equal but for recipient and the mail's own links.

Content stands at message level, so only mails that say the same letter for letter go together: an announcement, not a
letter with a name in it. Where the links carry each message's own tokens, a placeholder stands in the content and the
provider puts the token in its place; what it then says was compared with the message itself first (I19). Pure.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from relight.base.errors import RejectError
from relight.base.ids import digest
from relight.delivery.outgoing import OutgoingMessage
from relight.delivery.sendgrid_payload import (
    KEY_ARGUMENT,
    content_of,
    encode_request,
    frame_of,
    headers_of,
    recipient_of,
)
from relight.messages.identity import TOKEN_KEY_BYTES, occurrence_digest

#: Most messages of one request: as many become unknown where its answer is lost. The provider takes 1,000.
BATCH_MESSAGES_MAX = 100
#: Bytes of one recipient's substitutions (provider's API description).
SUBSTITUTION_BYTES_MAX = 10_000
#: A token as it stands in a link: 32 bytes in base64url.
_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharable:
    """A message as it would stand in a request with others."""

    message: OutgoingMessage
    #: The message with placeholders where its own tokens stood, and nothing of its recipient.
    common: OutgoingMessage
    #: placeholder -> token.
    substitutions: Mapping[str, str]
    recipient: Mapping[str, str]
    headers: Mapping[str, str]


def share(messages: Sequence[OutgoingMessage], most: int) -> list[list[OutgoingMessage]]:
    """Return the messages in groups of at most `most`, one request each; an address stands once in a group."""
    found: list[list[OutgoingMessage]] = []
    open_groups: dict[OutgoingMessage, tuple[list[OutgoingMessage], set[str]]] = {}
    for message in messages:
        one = sharable(message) if most > 1 else None
        if one is None:
            found.append([message])
            continue
        group, addresses = open_groups.get(one.common, ([], set()))
        if not group or len(group) >= most or one.recipient["email"] in addresses:
            group, addresses = [], set()
            open_groups[one.common] = (group, addresses)
            found.append(group)
        group.append(message)
        addresses.add(one.recipient["email"])
    return found


def sharable(message: OutgoingMessage) -> Sharable | None:
    """Return how a message stands among others, None where it can only go alone."""
    tokens = _own_tokens(message)
    seed = digest("placeholder", message.category, _without(message.text, tokens), _without(message.html, tokens))
    substitutions = {f"-{seed[:20]}-{number}-": token for number, token in enumerate(tokens)}
    text, html = _with_placeholders(message.text, substitutions), _with_placeholders(message.html, substitutions)
    is_too_long = sum(len(name) + len(token) for name, token in substitutions.items()) > SUBSTITUTION_BYTES_MAX
    if is_too_long or (_filled(text, substitutions), _filled(html, substitutions)) != (message.text, message.html):
        return None
    if any(name in message.subject for name in substitutions):
        return None
    try:
        recipient, headers = recipient_of(message), headers_of(message)
    except RejectError:
        return None  # it is refused by itself, with its own reason
    common = replace(
        message, occurrence_key="", to_address="", to_name=None, message_id="", list_unsubscribe=(), scheduled=0,
        text=text, html=html,
    )  # fmt: skip
    return Sharable(
        message=message, common=common, substitutions=substitutions, recipient=recipient, headers=headers
    )  # fmt: skip


def build_batch(messages: Sequence[OutgoingMessage], *, sandbox: bool = False) -> bytes:
    """Return the body of one request for messages that `share` put together; raises RejectError as `build_payload`."""
    ones = [sharable(message) for message in messages]
    first = ones[0]
    if first is None or any(one is None or one.common != first.common for one in ones):
        raise RejectError("these messages do not say the same")
    return encode_request(
        frame_of(first.common, sandbox=sandbox) | {
            "personalizations": [_personalization(one) for one in ones if one is not None],
            "subject": first.common.subject,
            "content": content_of(first.common),
        }
    )  # fmt: skip


def _personalization(one: Sharable) -> dict[str, object]:
    found: dict[str, object] = {
        "to": [one.recipient],
        "custom_args": {KEY_ARGUMENT: one.message.occurrence_key},
    }
    if one.headers:
        found["headers"] = one.headers
    if one.substitutions:
        found["substitutions"] = one.substitutions
    return found


def _own_tokens(message: OutgoingMessage) -> list[str]:
    """Return the tokens of a message's own links, each once, in order."""
    own = bytes.fromhex(occurrence_digest(message.occurrence_key))
    found: dict[str, None] = {}
    for body in (message.text, message.html):
        for match in _TOKEN.finditer(body):
            if _names(match[0], own):
                found[match[0]] = None
    return list(found)


def _names(token: str, own: bytes) -> bool:
    try:
        return base64.b64decode(token + "=", altchars=b"-_", validate=True)[1 : 1 + TOKEN_KEY_BYTES] == own
    except (binascii.Error, ValueError):
        return False


def _without(text: str, tokens: Sequence[str]) -> str:
    for token in tokens:
        text = text.replace(token, "")
    return text


def _with_placeholders(text: str, substitutions: Mapping[str, str]) -> str:
    for name, token in substitutions.items():
        text = text.replace(token, name)
    return text


def _filled(text: str, substitutions: Mapping[str, str]) -> str:
    """Return what the provider makes of a text: it replaces blindly, wherever a name stands."""
    for name, token in substitutions.items():
        text = text.replace(name, token)
    return text
