"""Compiles letters and renders them for one reading: subject, preheader, HTML and text, or the reason why not.

One template failing affects only itself. Whether the mail may leave is the gate's question, not asked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal, DecimalException
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Literal

import jinja2
import msgspec
from jinja2.runtime import Context

from relight.base.durations import Span
from relight.base.kinds import UNKNOWN
from relight.base.problems import Problem
from relight.templates.css import inline_sources
from relight.templates.filters import find_locale
from relight.templates.html_text import html_to_text
from relight.templates.questions import PRODUCT_QUESTIONS
from relight.templates.sandbox import TEMPLATE_GLOBALS, LetterEnvironment
from relight.templates.values import (
    LINK_NAMES,
    RENDER,
    CustomerView,
    LimitError,
    LinkMaker,
    MissingDataError,
    NamedView,
    Question,
    RenderState,
    SurveyChoices,
)

if TYPE_CHECKING:
    from relight.rules.plan import Condition
    from relight.streams.schema import PropertyType
    from relight.templates.scan import LetterScan
    from relight.templates.values import Reading

#: Bytes (UTF-8) of a rendered HTML part.
RENDERED_HTML_MAX = 256 * 1024
#: Bytes (UTF-8) of a rendered text part.
RENDERED_TEXT_MAX = 64 * 1024
#: Characters of a subject.
SUBJECT_CHARACTERS_MAX = 200
#: Characters of a preheader.
PREHEADER_CHARACTERS_MAX = 400
#: Pieces that one render may yield.
RENDER_PIECES_MAX = 100_000
#: Pieces that are taken before their length is looked at.
PIECES_AT_ONCE = 256
#: Languages that customers want whose folders and regions are kept.
LANGUAGES_KEPT = 1_024
_EMPTY_LINES = re.compile(r"\n{3,}")
_HEADER_REFUSED = re.compile(r"=\?|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderPolicy:
    """What the config says about all letters."""

    project: str = "project"
    zone: str = "UTC"
    #: Language of the template folders themselves, where no language folder fits.
    locale: str = "en"
    currency: str = "EUR"
    #: `name`, `address`, `reply_to`, `postal_address`, `title`, `mersis`, `phone`, `identity`.
    sender: Mapping[str, str] = field(default_factory=dict)
    base_url: str = ""
    #: Survey -> its scores, lowest first.
    surveys: Mapping[str, range] = field(default_factory=dict)


class Rendered(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One mail's content."""

    subject: str
    preheader: str
    html: str
    text: str
    #: Language of the templates used: `tr`.
    locale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderRefusal:
    """Why a letter was not rendered."""

    reason: Literal["missing_data", "template_error"]
    #: `customer.first_name`, or what went wrong.
    what: str
    file: str = ""
    #: 0 where unknown.
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One language of a letter, compiled."""

    #: "" for the letter's own folder.
    language: str
    subject: jinja2.Template
    html: jinja2.Template
    #: None: made from the HTML.
    text: jinja2.Template | None
    preheader: jinja2.Template | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledLetter:
    """One template folder, compiled in all its languages."""

    name: str
    variants: Mapping[str, Variant]
    policy: RenderPolicy
    traits: Mapping[str, PropertyType]
    expressions: Mapping[str, Condition]

    def render(self, reading: Reading, extra: Mapping[str, object]) -> Rendered | RenderRefusal:
        """Return the mail for a customer at an instant, or why there is none. Raises nothing that a template does.

        Args:
            reading: the customer as known now.
            extra: what the rule gives: request, release, threshold, milestone, unsubscribe_url, preferences_url …
        """
        wanted = self.language_of(reading)
        variant = self.variants[choose_language(wanted, self.variants)]
        language = variant.language or self.policy.locale
        names = self.names(reading, extra)
        names["locale"] = names["lang"] = language
        part = variant.subject
        token = RENDER.set(_render_state(self.policy, reading, wanted, language))
        try:
            subject = _header_text(render_text(part, names, 4 * SUBJECT_CHARACTERS_MAX), "subject")
            names["subject"] = subject
            preheader = ""
            if variant.preheader is not None:
                part = variant.preheader
                preheader = " ".join(render_text(part, names, 4 * PREHEADER_CHARACTERS_MAX).split())
                names["preheader"] = preheader
            part = variant.html
            html = render_text(part, names, RENDERED_HTML_MAX)
            if variant.text is None:
                text = html_to_text(html)
            else:
                part = variant.text
                text = render_text(part, names, RENDERED_TEXT_MAX)
        except MissingDataError as error:
            return say_refusal("missing_data", error, part)
        except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
            return say_refusal("template_error", error, part)
        finally:
            RENDER.reset(token)
        return Rendered(subject=subject, preheader=preheader, html=html, text=_paragraphs(text), locale=language)

    def language_of(self, reading: Reading) -> str:
        """Return the language that the customer wants."""
        trait = reading.trait("locale")
        return trait if isinstance(trait, str) and trait else self.policy.locale

    def names(self, reading: Reading, extra: Mapping[str, object]) -> dict[str, object]:
        """Return everything that a template may name."""
        customer = CustomerView(reading=reading, traits=self.traits, expressions=self.expressions)
        names: dict[str, object] = {
            **TEMPLATE_GLOBALS,
            "customer": customer,
            "project": NamedView(
                name="project", values={"name": self.policy.project, "base_url": self.policy.base_url}
            ),
            "sender": NamedView(name="sender", values=self.policy.sender),
            "entry": NamedView(name="entry", values=reading.entry or {}),
            "event": NamedView(name="event", values=reading.event or {}),
        }
        for name in PRODUCT_QUESTIONS:
            names[name] = Question(function=name, view=customer)
        of_reading = {name: getattr(reading, name, UNKNOWN) for name in ("milestone", "threshold", "arm")}
        for name, value in {**of_reading, **extra}.items():
            if name == "sender" and isinstance(value, Mapping):
                names[name] = NamedView(name=name, values={**self.policy.sender, **value})
            elif name in LINK_NAMES and callable(value):
                names[name] = LinkMaker(name=name, make=value)
            elif name == "survey" and callable(value):
                names[name] = SurveyChoices(links=value)
            elif value is not None and value is not UNKNOWN:
                names[name] = _given(name, value)
        return names


def _given(name: str, value: object) -> object:
    """Return what a template sees of a thing the rule gives: a milestone is a number, a threshold reads `30 days`."""
    if not isinstance(value, (str, int)) and isinstance(value, Mapping):
        return NamedView(name=name, values=value)
    if name == "threshold" and isinstance(value, int):
        return str(Span(elapsed=value))
    if name == "milestone" and isinstance(value, str):
        try:
            number = Decimal(value)
        except DecimalException:
            return value
        return int(number) if number == number.to_integral_value() else number
    return value


def compile_letters(
    scan: LetterScan,
    *,
    expressions: Mapping[str, Condition],
    policy: RenderPolicy,
    traits: Mapping[str, PropertyType],
) -> tuple[Mapping[str, CompiledLetter], list[Problem]]:
    """Return the letters by name, CSS inlined, and what was found wrong beyond the scan's problems.

    Args:
        scan: what `scan_letters` found; letters whose sources do not parse are left out.
        expressions: text of each scanned expression -> its compiled form.
        policy: what the config says.
        traits: the declared traits.
    """
    broken = {p.place.file for p in scan.problems if p.code in {"template-syntax", "template-size"}}
    plain = LetterEnvironment(scan.sources, escapes=False, root=scan.root, bytecode=scan.bytecode)
    pages = inline_sources(scan)
    letters: dict[str, CompiledLetter] = {}
    problems: list[Problem] = list(pages.problems)
    for name, variants in scan.letters.items():
        files = {f"{scan.root}/{path}" for parts in variants.values() for path in parts.values()}
        if files & broken:
            continue
        try:
            compiled = {
                language: Variant(
                    language=language,
                    subject=plain.get_template(parts["subject.txt"]),
                    html=pages.environments[parts["body.html"]].get_template(parts["body.html"]),
                    text=plain.get_template(parts["body.txt"]) if "body.txt" in parts else None,
                    preheader=plain.get_template(parts["preheader.txt"]) if "preheader.txt" in parts else None,
                )
                for language, parts in variants.items()
            }
        except jinja2.TemplateError:
            continue  # the scan has reported it
        letters[name] = CompiledLetter(
            name=name, variants=compiled, policy=policy, traits=traits, expressions=expressions
        )
    return letters, problems


def choose_language(wanted: str, available: Mapping[str, object]) -> str:
    """Return the language folder for a customer: `tr-TR`, then `tr`, then the letter's own folder ("")."""
    return _choose(wanted, tuple(available))


@lru_cache(maxsize=LANGUAGES_KEPT)
def _choose(wanted: str, available: tuple[str, ...]) -> str:
    normal = wanted.replace("_", "-")
    folded = {name.lower(): name for name in available}
    while normal:
        found = folded.get(normal.lower())
        if found:
            return found
        normal = normal.rpartition("-")[0]
    return ""


@lru_cache(maxsize=LANGUAGES_KEPT)
def _regional(wanted: str, language: str) -> str:
    """Return how dates and numbers are written: the customer's region where it is of the template's language."""
    same = wanted.replace("_", "-").split("-")[0].lower() == language.replace("_", "-").split("-")[0].lower()
    return wanted if same and wanted != language and find_locale(wanted) else language


@contextmanager
def rendering(policy: RenderPolicy, reading: Reading, language: str) -> Iterator[None]:
    """Let filters know the customer's language and zone while a template of `language` renders."""
    trait = reading.trait("locale")
    wanted = trait if isinstance(trait, str) and trait else policy.locale
    token = RENDER.set(_render_state(policy, reading, wanted, language))
    try:
        yield
    finally:
        RENDER.reset(token)


def _render_state(policy: RenderPolicy, reading: Reading, wanted: str, language: str) -> RenderState:
    return RenderState(
        locale=_regional(wanted, language), zone=reading.zone or policy.zone,
        currency=policy.currency, base_url=policy.base_url,
    )  # fmt: skip


def render_text(template: jinja2.Template, names: dict[str, object], most: int) -> str:
    """Return what a template makes of the names, which hold the environment's globals too.

    The template's own `generate` would copy the names and the globals for each part of each mail.
    """
    pieces: list[str] = []
    size = 0
    try:
        environment = template.environment
        made = iter(template.root_render_func(Context(environment, names, template.name, template.blocks)))
        while some := list(islice(made, PIECES_AT_ONCE)):
            size += sum(map(len, some))
            pieces += some
            if size > most or len(pieces) > RENDER_PIECES_MAX:
                raise _too_long(most)  # noqa: TRY301 - told with the others
    except Exception:  # noqa: BLE001 - raised again, with the lines of the template in its traceback
        template.environment.handle_exception()
    text = "".join(pieces)
    if not text.isascii() and len(text.encode("utf-8", "replace")) > most:
        raise _too_long(most)
    return text


def _too_long(most: int) -> LimitError:
    return LimitError(f"more than {most} bytes of output")


def _paragraphs(text: str) -> str:
    """Return a text part without trailing blanks and with at most one empty line between paragraphs."""
    lines = "\n".join(map(str.rstrip, text.split("\n")))
    return _EMPTY_LINES.sub("\n\n", lines).strip() + "\n"


def _header_text(text: str, what: str) -> str:
    single = " ".join(text.split())
    if _HEADER_REFUSED.search(single):
        raise MissingDataError(f"a value in the {what} that a header may hold")
    if len(single) > SUBJECT_CHARACTERS_MAX:
        raise LimitError(f"a {what} of more than {SUBJECT_CHARACTERS_MAX} characters")
    if not single:
        raise MissingDataError(f"the {what}")
    return single


def say_refusal(
    reason: Literal["missing_data", "template_error"], error: Exception, part: jinja2.Template
) -> RenderRefusal:
    """Return the refusal of an error, with the line of the template it came from."""
    file, line = part.filename or "", 0
    trace = error.__traceback__
    root = file.split("/", 1)[0] + "/"
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith(root):
            file, line = name, trace.tb_lineno
        trace = trace.tb_next
    what = str(error) if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: {error}"
    return RenderRefusal(reason=reason, what=what, file=file, line=line)
