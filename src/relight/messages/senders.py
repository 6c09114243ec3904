"""A person of the team as the sender (A24): whose name stands in From, and who gets the answers.

The address in From stays the project's: its domain is what providers check. Pure text work.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from relight.messages.addresses import looks_like_address

if TYPE_CHECKING:
    from relight.rules.plan import Sender

#: Characters of a name in From.
SENDER_NAME_CHARACTERS_MAX = 78
_NAMED = re.compile(r"\s*(?P<name>[^<>]*?)\s*<(?P<address>[^<>]+)>\s*")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def personal_sender(base: Sender, value: object) -> Sender | None:
    """Return the sender for what a trait says: `Deniz Ak <deniz@shop.example>`, an address, or a name.

    A name alone leaves answers where they went; an address alone leaves the name. None where it says none of these.
    """
    if not isinstance(value, str) or _CONTROLS.search(value):
        return None
    named = _NAMED.fullmatch(value)
    if named is not None:
        name, address = named["name"].strip('" '), named["address"].strip()
    elif "@" in value:
        name, address = "", value.strip()
    else:
        name, address = value.strip(), ""
    if "<" in name or ">" in name or (not name and not address) or len(name) > SENDER_NAME_CHARACTERS_MAX:
        return None
    if address and not looks_like_address(address):
        return None
    return replace(base, name=name or base.name, reply_to=address or base.reply_to)
