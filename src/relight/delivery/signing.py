"""DKIM (RFC 6376): signs the bytes of a mail, both List-Unsubscribe fields among what is signed (RFC 8058 4)."""

from __future__ import annotations

from dataclasses import dataclass, field

import dkim

#: Fields that are signed, those of them that a mail has.
SIGNED_FIELDS = (
    b"from", b"to", b"subject", b"date", b"message-id", b"reply-to", b"mime-version", b"content-type",
    b"list-unsubscribe", b"list-unsubscribe-post", b"feedback-id", b"auto-submitted",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    """What mails are signed with; raises ValueError for a key that cannot sign."""

    domain: str
    selector: str
    #: PEM text of an RSA private key.
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        try:
            sign_mail(b"From: a@b.example\r\n\r\n\r\n", self)
        except (dkim.DKIMException, ValueError, TypeError, UnicodeError) as error:
            raise ValueError("the DKIM key is no private key in PEM text, or its names are none") from error


def sign_mail(content: bytes, key: DkimKey) -> bytes:
    """Return a mail with its signature in front."""
    present = {line.partition(b":")[0].lower() for line in content.partition(b"\r\n\r\n")[0].split(b"\r\n")}
    signature: bytes = dkim.sign(
        content, key.selector.encode("ascii"), key.domain.encode("ascii"), key.key,
        canonicalize=(b"relaxed", b"relaxed"), include_headers=[one for one in SIGNED_FIELDS if one in present],
    )  # fmt: skip
    return signature + content
