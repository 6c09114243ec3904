"""Where bounces of one message go: `b+<token>@bounce.example`. Pure.

The token is signed, so that nobody can silence a person with a forged bounce.
"""

from __future__ import annotations

from collections.abc import Sequence

from relight.messages.identity import TOKEN_CHARACTERS_MAX, TokenKey, TokenPurpose, make_token, verify_token

#: Characters of a local part (RFC 5321 4.5.3.1.1); what is left of them beside `+` and the token.
BASE_CHARACTERS_MAX = 64 - 1 - TOKEN_CHARACTERS_MAX


def bounce_address(base: str, key: TokenKey, occurrence_key: str) -> str:
    """Return the envelope sender of a message; raises ValueError where the base's name is too long for a token."""
    local, _, domain = base.rpartition("@")
    if not local or len(local) > BASE_CHARACTERS_MAX:
        raise ValueError(
            f"the name of '{base}' has more than {BASE_CHARACTERS_MAX} characters; a token must fit beside"
        )
    return f"{local}+{make_token(key, TokenPurpose.BOUNCE, occurrence_key)}@{domain}"


def read_bounce_address(address: str, keys: Sequence[TokenKey]) -> str | None:
    """Return the digest of the occurrence that a bounce went to, None where its token is not ours."""
    token = address.rpartition("@")[0].partition("+")[2]
    return verify_token(tuple(keys), TokenPurpose.BOUNCE, token) if token else None
