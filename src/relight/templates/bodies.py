"""The body of a web request: JSON in which every value of a customer is text that JSON cannot be broken with.

Rendered in the same sandbox as mails. What comes out is read as JSON again and written in one form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jinja2

from relight.templates.bounded import print_value
from relight.templates.letters import (
    CompiledLetter,
    Rendered,
    RenderPolicy,
    RenderRefusal,
    choose_language,
    render_text,
    rendering,
    say_refusal,
)
from relight.templates.sandbox import LetterEnvironment
from relight.templates.values import MissingDataError

if TYPE_CHECKING:
    from relight.rules.plan import Condition
    from relight.streams.schema import PropertyType
    from relight.templates.scan import LetterScan
    from relight.templates.values import Reading

#: Bytes of a rendered body.
RENDERED_BODY_MAX = 64 * 1024


class BodyEnvironment(LetterEnvironment):
    """Prints every value as the inside of a JSON string."""

    def __init__(self, sources: Mapping[str, str], *, root: str) -> None:
        super().__init__(sources, escapes=False, root=root)
        self.finalize = jinja2.pass_context(_print_json)


def _print_json(context: object, value: object) -> str:
    return json.dumps(str(print_value(context, value)), ensure_ascii=False)[1:-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledBody:
    """One web request's body in its languages."""

    name: str
    variants: Mapping[str, jinja2.Template]
    #: Gives names and policy.
    letter: CompiledLetter

    def render(self, reading: Reading, extra: Mapping[str, object]) -> Rendered | RenderRefusal:
        """Return the body as the text of a message without subject, or why there is none."""
        language = choose_language(self.letter.language_of(reading), self.variants)
        part = self.variants[language]
        names = self.letter.names(reading, extra)
        names["locale"] = names["lang"] = language or self.letter.policy.locale
        try:
            with rendering(self.letter.policy, reading, language or self.letter.policy.locale):
                text = render_text(part, names, RENDERED_BODY_MAX)
            body = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
        except MissingDataError as error:
            return say_refusal("missing_data", error, part)
        except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
            return say_refusal("template_error", error, part)
        return Rendered(subject="", preheader="", html="", text=body, locale=language or self.letter.policy.locale)


def compile_bodies(
    scan: LetterScan,
    *,
    expressions: Mapping[str, Condition],
    policy: RenderPolicy,
    traits: Mapping[str, PropertyType],
) -> dict[str, CompiledBody]:
    """Return the bodies by name; those whose source does not parse are left out, the scan has reported them."""
    broken = {p.place.file for p in scan.problems if p.code in {"template-syntax", "template-size"}}
    environment = BodyEnvironment(scan.sources, root=scan.root)
    bodies: dict[str, CompiledBody] = {}
    for name, variants in scan.bodies.items():
        if any(f"{scan.root}/{path}" in broken for path in variants.values()):
            continue
        letter = CompiledLetter(name=name, variants={}, policy=policy, traits=traits, expressions=expressions)
        try:
            compiled = {language: environment.get_template(path) for language, path in variants.items()}
        except jinja2.TemplateError:
            continue  # the scan has reported it
        bodies[name] = CompiledBody(name=name, variants=compiled, letter=letter)
    return bodies
