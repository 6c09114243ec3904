"""What a rule sends, rendered for a made-up person: a document of its own in a sandboxed frame, nothing loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from relight.templates.bodies import CompiledBody
from relight.templates.letters import CompiledLetter, Rendered
from relight.templates.samples import sample_letter

if TYPE_CHECKING:
    from relight.web.desk.desk import Desk

#: Mails are full of inline styles; nothing else may happen in them.
PREVIEW_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'"
)


def preview_response(desk: Desk, rule: str, template: str, language: str) -> Response | None:
    """Return a rule's mail as an HTML document for the frame of its page; None for one it does not send."""
    found = desk.plan.rules.get(rule)
    if found is None or template not in {step.template for step in found.program.steps.values()}:
        return None
    compiled = desk.plan.letters.get(template)
    letter = compiled.letter if isinstance(compiled, CompiledBody) else compiled
    if not isinstance(letter, CompiledLetter):
        return None
    properties = {
        name: declared.kind for event in desk.plan.schema.events.values() for name, declared in event.properties.items()
    }
    for sample in sample_letter(letter, language or desk.settings.locale, kinds={}, properties=properties):
        if sample.name != "typical":
            continue
        shown = sample.letter.render(sample.reading, sample.extra)
        html = shown.html if isinstance(shown, Rendered) else ""
        headers = {"content-security-policy": PREVIEW_POLICY, "x-frame-options": "SAMEORIGIN"}
        return Response(html, media_type="text/html; charset=utf-8", headers=headers)
    return None
