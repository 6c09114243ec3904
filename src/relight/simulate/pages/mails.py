"""Which mails a page shows, and how they are shut in: masked address, a frame of their own, nothing fetched."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from relight.messages.ledger import OutboxMessage
from relight.simulate.pages.model import MailShown

#: Mails shown of each rule, template and language.
SAMPLES_EACH = 2
#: The policy inside a mail's frame: no script, no form, no picture but those in the mail itself.
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'"

_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)
# A link opens nowhere: the frame's sandbox allows no new window, and the target is a new window.
_SEAL = f'<meta http-equiv="Content-Security-Policy" content="{MAIL_POLICY}"><base target="_blank">'


def mask_address(address: str) -> str:
    """Return `e…@customers.example`; `…` for what has no @."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}" if at and local else "…"


def seal_mail(html: str) -> str:
    """Return a mail's HTML for `srcdoc`, its policy before anything that could be fetched.

    What stands right after the doctype begins the head; the mail's own `<html>` still adds its attributes, and its
    `<head>` goes on in the one begun (HTML standard, 13.2.6.4.3 and 13.2.6.4.4, "in head").
    """
    doctype = _DOCTYPE.match(html)
    start = doctype.end() if doctype else 0
    return f"{html[:start] or '<!DOCTYPE html>'}{_SEAL}{html[start:]}"


def choose_mails(
    messages: Iterable[OutboxMessage], *, eml_of: Callable[[OutboxMessage], str | None], each: int = SAMPLES_EACH
) -> tuple[MailShown, ...]:
    """Return at most `each` mails of every rule, template and language, the same ones for the same messages.

    Those with the smallest occurrence keys are taken: keys are hashes, so this is a fair draw. `eml_of` gives a mail's
    file relative to the page. One pass; only the chosen are kept.
    """
    chosen: dict[tuple[str, str, str], list[OutboxMessage]] = {}
    for message in messages:
        group = chosen.setdefault((message.rule, message.template, message.locale), [])
        if len(group) == each and message.occurrence_key >= group[-1].occurrence_key:
            continue
        group.append(message)
        group.sort(key=lambda one: one.occurrence_key)
        del group[each:]
    return tuple(
        MailShown(
            rule=one.rule,
            template=one.template,
            locale=one.locale,
            subject=one.subject,
            to=mask_address(one.address),
            scheduled=one.scheduled,
            html=one.html,
            eml=eml_of(one),
        )
        for _, group in sorted(chosen.items())
        for one in sorted(group, key=lambda one: one.scheduled)
    )
