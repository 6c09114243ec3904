"""What SendGrid's send call refuses, as the stand-in enforces it: shape, types and limits of a request. Pure.

Written from the published API description (twilio sendgrid-oai, MIT) and the provider's documentation as of November
2026, in our own words. Stricter than the provider where that finds our mistakes: unknown fields are refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

#: Bytes of a request, attachments included.
REQUEST_BYTES_MAX = 30_000_000
#: To, cc and bcc of one request together.
RECIPIENTS_MAX = 1_000
#: Bytes of the custom arguments of a request.
CUSTOM_ARGUMENT_BYTES_MAX = 10_000
#: Bytes of the substitutions of one personalization.
SUBSTITUTION_BYTES_MAX = 10_000
#: How far ahead a send may be scheduled, seconds.
SEND_AHEAD_SECONDS_MAX = 72 * 3_600
#: Headers that a request may not set, in lower case.
HEADERS_REFUSED = frozenset({
    "x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding", "to", "from",
    "subject", "reply-to", "cc", "bcc",
})  # fmt: skip
_ADDRESS = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;]+")
_PATH = re.compile(r"\[(\d+|\.\.\.)\]")

_Filled = Annotated[str, Meta(min_length=1)]


class _Strict(Struct, forbid_unknown_fields=True, kw_only=True):
    """What the API description names, and nothing else."""


class Mailbox(_Strict):
    """An address with its name."""

    email: str
    name: str | None = None


class Personalization(_Strict):
    """One envelope."""

    to: Annotated[list[Mailbox], Meta(min_length=1, max_length=1000)]
    cc: Annotated[list[Mailbox], Meta(max_length=1000)] = []
    bcc: Annotated[list[Mailbox], Meta(max_length=1000)] = []
    from_: Mailbox | None = msgspec.field(default=None, name="from")
    subject: _Filled | None = None
    headers: dict[str, str] = {}
    substitutions: Annotated[dict[str, str], Meta(max_length=10_000)] = {}
    dynamic_template_data: dict[str, object] = {}
    custom_args: dict[str, str] = {}
    send_at: int | None = None


class Content(_Strict):
    """One form of the body."""

    type: _Filled
    value: _Filled


class Attachment(_Strict):
    """A file."""

    content: _Filled
    filename: str
    type: _Filled | None = None
    disposition: Annotated[str, Meta(pattern="^(inline|attachment)$")] = "attachment"
    content_id: str | None = None


class Asm(_Strict):
    """An unsubscribe group."""

    group_id: int
    groups_to_display: Annotated[list[int], Meta(max_length=25)] = []


class Switch(_Strict):
    """Something that is on or off."""

    enable: bool | None = None


class Footer(Switch):
    """A footer of the provider's."""

    text: str | None = None
    html: str | None = None


class MailSettings(_Strict):
    """How this mail is handled."""

    bypass_list_management: Switch | None = None
    bypass_spam_management: Switch | None = None
    bypass_bounce_management: Switch | None = None
    bypass_unsubscribe_management: Switch | None = None
    footer: Footer | None = None
    sandbox_mode: Switch | None = None


class ClickTracking(Switch):
    """Whether links are counted."""

    enable_text: bool | None = None


class OpenTracking(Switch):
    """Whether openings are counted."""

    substitution_tag: str | None = None


class SubscriptionTracking(Footer):
    """The provider's own unsubscribe link."""

    substitution_tag: str | None = None


class Ganalytics(Switch):
    """Marks on links."""

    utm_source: str | None = None
    utm_medium: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None
    utm_campaign: str | None = None


class TrackingSettings(_Strict):
    """What is counted."""

    click_tracking: ClickTracking | None = None
    open_tracking: OpenTracking | None = None
    subscription_tracking: SubscriptionTracking | None = None
    ganalytics: Ganalytics | None = None


class SendRequest(_Strict):
    """A whole request."""

    personalizations: Annotated[list[Personalization], Meta(min_length=1, max_length=1000)]
    from_: Mailbox = msgspec.field(name="from")
    reply_to: Mailbox | None = None
    reply_to_list: Annotated[list[Mailbox], Meta(max_length=1000)] | None = None
    subject: _Filled | None = None
    content: list[Content] = []
    attachments: list[Attachment] = []
    template_id: str | None = None
    headers: dict[str, str] = {}
    categories: Annotated[list[Annotated[str, Meta(max_length=255)]], Meta(max_length=10)] = []
    custom_args: dict[str, str] = {}
    send_at: int | None = None
    batch_id: str | None = None
    asm: Asm | None = None
    ip_pool_name: Annotated[str, Meta(min_length=2, max_length=64)] | None = None
    mail_settings: MailSettings | None = None
    tracking_settings: TrackingSettings | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """One sentence of a 400: the field as `personalizations.0.to`, None where none is named."""

    field: str | None
    message: str


def read_request(
    body: bytes, *, now_seconds: int, batch_ids: frozenset[str] = frozenset()
) -> SendRequest | list[Refusal]:  # fmt: skip
    """Return the request, or everything that is wrong with it.

    Args:
        body: JSON as it came.
        now_seconds: the time, in unix seconds, that `send_at` is compared with.
        batch_ids: what `POST /v3/mail/batch` gave out.
    """
    try:
        found = msgspec.json.decode(body, type=SendRequest)
    except msgspec.ValidationError as error:
        return [_shape_refusal(str(error))]
    except (msgspec.DecodeError, RecursionError):
        return [Refusal(None, "Bad Request")]
    refusals = [
        *_recipient_refusals(found),
        *_sender_refusals(found),
        *_content_refusals(found),
        *_argument_refusals(found),
        *_schedule_refusals(found, now_seconds, batch_ids),
        *_setting_refusals(found),
    ]
    return refusals or found


def is_sandboxed(request: SendRequest) -> bool:
    """Return whether only the shape is to be checked."""
    settings = request.mail_settings
    return settings is not None and settings.sandbox_mode is not None and settings.sandbox_mode.enable is True


def recipients_of(request: SendRequest) -> list[str]:
    """Return every address of a request, in order."""
    return [box.email for one in request.personalizations for box in (*one.to, *one.cc, *one.bcc)]


def _shape_refusal(text: str) -> Refusal:
    """Return what msgspec says in the API's words: `… - at `$.content[0].value``."""
    message, _, path = text.partition(" - at ")
    field = _PATH.sub(r".\1", path.strip("`").removeprefix("$").removeprefix("."))
    # A number among the custom arguments gets an answer that names no field.
    return Refusal(None if "custom_args" in field or not field else field, message)


def _recipient_refusals(request: SendRequest) -> Iterator[Refusal]:
    everybody = recipients_of(request)
    if len(everybody) > RECIPIENTS_MAX:
        yield Refusal("personalizations", f"{len(everybody)} recipients in one request; {RECIPIENTS_MAX} are allowed")
    repeated = [address for address, count in Counter(one.lower() for one in everybody).items() if count > 1]
    if repeated:
        yield Refusal("personalizations", "each address may stand once among to, cc and bcc")
    for number, one in enumerate(request.personalizations):
        for kind, boxes in (("to", one.to), ("cc", one.cc), ("bcc", one.bcc)):
            for place, box in enumerate(boxes):
                where = f"personalizations.{number}.{kind}.{place}"
                if not _ADDRESS.fullmatch(box.email):
                    yield Refusal(f"{where}.email", "Does not contain a valid address.")
                if box.name and set(box.name) & set(";,"):
                    yield Refusal(f"{where}.name", "a name may not hold ';' or ','")


def _sender_refusals(request: SendRequest) -> Iterator[Refusal]:
    senders = [("from", request.from_)]
    senders += [(f"personalizations.{n}.from", p.from_) for n, p in enumerate(request.personalizations) if p.from_]
    for where, box in senders:
        if not box.email.isascii() or not _ADDRESS.fullmatch(box.email):
            yield Refusal(f"{where}.email", "The from address must be a valid address of ASCII characters.")
    if request.reply_to is not None and request.reply_to_list is not None:
        yield Refusal("reply_to_list", "reply_to and reply_to_list may not stand together")
    for number, box in enumerate(request.reply_to_list or ()):
        if box.email in {other.email for other in (request.reply_to_list or ())[:number]}:
            yield Refusal(f"reply_to_list.{number}", "an address may stand once")
    answers = [*((request.reply_to,) if request.reply_to else ()), *(request.reply_to_list or ())]
    for box in answers:
        if not _ADDRESS.fullmatch(box.email):
            yield Refusal("reply_to.email", "Does not contain a valid address.")


def _content_refusals(request: SendRequest) -> Iterator[Refusal]:
    if request.template_id is None:
        if request.subject is None and any(one.subject is None for one in request.personalizations):
            yield Refusal("subject", "The subject is required, here or in every personalization.")
        if not request.content:
            yield Refusal("content", "The content is required unless a template is named.")
    kinds = [part.type for part in request.content]
    if "text/plain" in kinds[1:]:
        yield Refusal("content", "text/plain comes first")
    if "text/html" in kinds and kinds.index("text/html") > ("text/plain" in kinds):
        yield Refusal("content", "text/html follows text/plain, before other types")
    if len(set(kinds)) != len(kinds):
        yield Refusal("content", "a type may stand once")
    sets = [("headers", request.headers)]
    sets += [(f"personalizations.{n}.headers", one.headers) for n, one in enumerate(request.personalizations)]
    for where, headers in sets:
        for name, value in headers.items():
            if name.lower() in HEADERS_REFUSED:
                yield Refusal(f"{where}.{name}", "this header may not be set")
            elif not re.fullmatch(r"[!-9;-~]+", name) or any(c in value for c in "\r\n\x00"):
                yield Refusal(f"{where}.{name}", "a header's name is ASCII and its value one line")


def _argument_refusals(request: SendRequest) -> Iterator[Refusal]:
    if len(set(request.categories)) != len(request.categories):
        yield Refusal("categories", "a category may stand once")
    for number, one in enumerate(request.personalizations):
        arguments = request.custom_args | one.custom_args
        if sum(len(name.encode()) + len(value.encode()) for name, value in arguments.items()) >= (
            CUSTOM_ARGUMENT_BYTES_MAX
        ):
            yield Refusal("custom_args", f"custom arguments stay under {CUSTOM_ARGUMENT_BYTES_MAX:,} bytes")
        if sum(len(tag.encode()) + len(value.encode()) for tag, value in one.substitutions.items()) > (
            SUBSTITUTION_BYTES_MAX
        ):
            where = f"personalizations.{number}.substitutions"
            yield Refusal(where, f"substitutions have at most {SUBSTITUTION_BYTES_MAX:,} bytes")
        if one.substitutions and (request.template_id or "").startswith("d-"):
            yield Refusal(f"personalizations.{number}.substitutions", "not together with a dynamic template")


def _schedule_refusals(request: SendRequest, now: int, batch_ids: frozenset[str]) -> Iterator[Refusal]:
    instants = [("send_at", request.send_at)]
    instants += [(f"personalizations.{n}.send_at", one.send_at) for n, one in enumerate(request.personalizations)]
    for where, instant in instants:
        if instant is not None and instant > now + SEND_AHEAD_SECONDS_MAX:
            yield Refusal(where, "a send may be scheduled at most 72 hours ahead")
    if request.batch_id is not None and request.batch_id not in batch_ids:
        yield Refusal("batch_id", "invalid batch id")


def _setting_refusals(request: SendRequest) -> Iterator[Refusal]:
    settings = request.mail_settings
    if settings is None or not (settings.bypass_list_management and settings.bypass_list_management.enable):
        return
    others = (
        settings.bypass_spam_management, settings.bypass_bounce_management, settings.bypass_unsubscribe_management,
    )  # fmt: skip
    if any(one is not None and one.enable for one in others):
        yield Refusal("mail_settings", "bypass_list_management stands alone")
