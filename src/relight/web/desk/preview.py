"""What a rule sends, rendered for a made-up person: a document of its own in a sandboxed frame, nothing loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from relight.engine.trial import FIXTURES, fixture_mails
from relight.templates.letters import Rendered

if TYPE_CHECKING:
    from relight.web.desk.desk import Desk

#: Mails are full of inline styles; nothing else may happen in them.
PREVIEW_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'"
)


def sample_mail(desk: Desk, rule: str, template: str, language: str) -> Rendered | None:
    """Return a rule's mail for somebody made up who has everything; None for one that the rule does not send."""
    if rule not in desk.plan.rules:
        return None
    for one in fixture_mails(desk.plan, rule, FIXTURES[0], language or None):
        if one.template == template and isinstance(one.found, Rendered):
            return one.found
    return None


def sample_subject(desk: Desk, rule: str, template: str, language: str) -> str:
    """Return the subject of a rule's mail for somebody made up; empty where there is none."""
    found = sample_mail(desk, rule, template, language)
    return "" if found is None else found.subject


def preview_response(desk: Desk, rule: str, template: str, language: str) -> Response | None:
    """Return the mail as an HTML document for the frame of its page; None for one that the rule does not send."""
    found = sample_mail(desk, rule, template, language)
    if found is None:
        return None
    headers = {"content-security-policy": PREVIEW_POLICY, "x-frame-options": "SAMEORIGIN"}
    return Response(found.html, media_type="text/html; charset=utf-8", headers=headers)
