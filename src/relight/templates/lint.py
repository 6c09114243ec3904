"""The content checks of `relight check`: every letter is rendered for made-up customers in each language and read back.

Syntax and names are the scan's; here is what only a rendered mail shows. Nothing here stops a mail from leaving.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from relight.base.kinds import Kind
from relight.base.problems import Place, Problem, Severity, sort_problems
from relight.templates.letters import Rendered, RenderRefusal
from relight.templates.page import contrast, read_page
from relight.templates.samples import sample_letter

if TYPE_CHECKING:
    from relight.templates.letters import CompiledLetter
    from relight.templates.page import Page
    from relight.templates.scan import LetterScan

#: Bytes of HTML from which a mail is near the size that Gmail clips (102 kB).
HTML_BYTES_WARNING = 90 * 1024
#: Characters of a subject that mail apps show.
SUBJECT_CHARACTERS_WARNING = 60
#: Least contrast of text, and of large text (WCAG 2.2, 1.4.3).
CONTRAST_MIN, CONTRAST_LARGE_MIN = 4.5, 3.0
#: Least share of the words of the HTML that the text part must have.
TEXT_SHARE_MIN = 0.5
#: Letters of a subject from which all capitals are shouting.
SHOUTING_LETTERS_MIN = 6

_PLACEHOLDER = re.compile(r"lorem ipsum|\b(?:TODO|FIXME|TBD|XXX)\b|\{\{|\{%|\[(?:first ?name|name)\]", re.IGNORECASE)
_EMOJI = re.compile("[\u2600-\u27bf\U0001f000-\U0001faff]")
_SUFFIX_AFTER_VARIABLE = re.compile(r"\}\}(?:</\w+>)?['\u2019]\w")
_LINK_VALUE = re.compile(r"(?:href|src)\s*=\s*[\"']\s*(\{\{.*?\}\})", re.DOTALL | re.IGNORECASE)
_BARE = re.compile(r"\{\{-?\s*((?P<whose>entry|event|request|release|customer)\.(?P<name>\w+)|now)\s*-?\}\}")
#: Kinds that are for programs as they stand -> (what they are called, the filter that makes words of them).
_FILTERS_OF = {Kind.MONEY: ("money", "money"), Kind.TIME: ("a time", "datetime"), Kind.DATE: ("a date", "date")}
#: A MERSİS number with its name before it, in either case of the dotted letter.
_MERSIS = re.compile(r"MERS[Iİiı]S\D{0,20}[0-9]{16}(?![0-9])", re.IGNORECASE)
#: What of the sender reaches somebody.
_CONTACTS = ("phone", "reply_to", "address")
_FROM_DATA = re.compile(r"\b(?:customer|entry|event|request|release)\b")


def lint_letters(
    scan: LetterScan,
    letters: Mapping[str, CompiledLetter],
    *,
    marketing: Collection[str] | None = None,
    kinds: Mapping[str, Kind] | None = None,
    properties: Mapping[str, Kind] | None = None,
) -> list[Problem]:
    """Return what is wrong with the letters' content, by place.

    Args:
        scan: the sources.
        letters: compiled.
        marketing: letters that marketing rules send; None takes all.
        kinds: expression text -> kind of its value; a number where unknown.
        properties: property of an event -> its kind; text where unknown.
    """
    problems = [problem for path, text in scan.sources.items() for problem in _lint_source(f"{scan.root}/{path}", text)]
    traits = {name: declared.kind for letter in letters.values() for name, declared in letter.traits.items()}
    answers = {**(kinds or {}), **traits}
    for path, text in scan.sources.items():
        if path.endswith((".html", ".txt")):
            problems += _lint_values(f"{scan.root}/{path}", text, properties or {}, answers)
    for name, letter in letters.items():
        for language in letter.variants:
            folder = f"{scan.root}/{name}" + (f"/{language}" if language else "")
            wanted = language or letter.policy.locale
            for sample in sample_letter(letter, wanted, kinds=kinds or {}, properties=properties or {}):
                made = sample.letter.render(sample.reading, sample.extra)
                if isinstance(made, RenderRefusal):
                    problems += _refused(made, sample.name)
                elif sample.name == "typical":
                    is_marketing = marketing is None or name in marketing
                    problems += _lint_mail(made, folder, letter, marketing=is_marketing)
                elif sample.name == "hostile":
                    problems += _lint_hostile(made, folder)
    return sort_problems(problems)


def _lint_values(
    file: str, text: str, properties: Mapping[str, Kind], answers: Mapping[str, Kind]
) -> Iterator[Problem]:
    """Find money and times that would be shown as programs write them: `1234.5`, `2026-03-01T12:00:00+03:00`."""
    for found in _BARE.finditer(text):
        kinds = answers if found["whose"] == "customer" else properties
        kind = kinds.get(found["name"]) if found["name"] else Kind.TIME
        if kind is None or kind not in _FILTERS_OF:
            continue
        noun, wanted = _FILTERS_OF[kind]
        line, column = text.count("\n", 0, found.start()) + 1, found.start() - text.rfind("\n", 0, found.start())
        yield Problem(
            code="unformatted", message=f"'{found[1]}' is {noun} and would be shown as programs write it",
            place=Place(file=file, line=line, column=column), severity="warning",
            help=f"write {{{{ {found[1]} | {wanted} }}}}",
        )  # fmt: skip


def _refused(refusal: RenderRefusal, sample: str) -> Iterator[Problem]:
    place = Place(file=refusal.file, line=refusal.line)
    if refusal.reason == "template_error":
        yield Problem(code="template-error", message=f"for a {sample} customer: {refusal.what}", place=place)
    elif sample == "typical":
        message = f"not even a customer who has everything gets this mail: {refusal.what} is missing"
        yield Problem(code="never-rendered", message=message, place=place, severity="warning")


def _lint_source(file: str, text: str) -> Iterator[Problem]:
    turkish = re.search(r"(^|/)tr(-TR)?/", file) is not None
    for number, line in enumerate(text.split("\n"), start=1):
        found = _SUFFIX_AFTER_VARIABLE.search(line) if turkish else None
        if found:
            yield Problem(
                code="suffix-after-variable", message="a suffix after a variable cannot follow vowel harmony",
                place=Place(file=file, line=number, column=found.start() + 1), severity="warning",
                help="word the sentence so that the name stands without a suffix",
            )  # fmt: skip
    for found in _LINK_VALUE.finditer(text):
        if _FROM_DATA.search(found[1]) and "safe_url" not in found[1]:
            above = text.count("\n", 0, found.start(1))
            column = found.start(1) - text.rfind("\n", 0, found.start(1))
            yield Problem(
                code="unsafe-link", message="a link made of data needs the filter safe_url",
                place=Place(file=file, line=above + 1, column=column), help="write {{ … | safe_url }}",
            )  # fmt: skip


def _lint_mail(made: Rendered, folder: str, letter: CompiledLetter, *, marketing: bool) -> Iterator[Problem]:
    page, body, text = read_page(made.html), f"{folder}/body.html", f"{folder}/body.txt"
    if marketing:
        for part, file in ((" ".join(page.links), body), (made.text, text)):
            if "/u/sample" not in part:
                yield _found(
                    "no-unsubscribe-link", "a marketing mail has no unsubscribe link", file, "{{ unsubscribe_url }}"
                )
        address = " ".join(str(letter.policy.sender.get("postal_address", "")).split())
        for part, file in ((page.text, body), (" ".join(made.text.split()), text)):
            if not address or address not in part:
                yield _found("no-postal-address", "a marketing mail lacks the sender's postal address", file,
                             "{{ sender.identity }}, set under `sender` in the config")  # fmt: skip
        if made.locale.replace("_", "-").partition("-")[0].lower() == "tr":
            for part, file in ((page.text, body), (" ".join(made.text.split()), text)):
                yield from _lint_identity(part, file, letter.policy.sender)
    yield from _lint_subject(made, folder)
    yield from _lint_page(page, made, body)
    for part, file in ((page.text, body), (made.text, text), (made.subject, f"{folder}/subject.txt")):
        if placeholder := _PLACEHOLDER.search(part):
            yield _found("placeholder-text", f"'{placeholder[0]}' was left over", file)
    if len(made.text.split()) < TEXT_SHARE_MIN * len(page.text.split()):
        yield _found("text-differs", "the text part says much less than the HTML", text, severity="warning")


def _lint_identity(shown: str, file: str, sender: Mapping[str, str]) -> Iterator[Problem]:
    """Find what a commercial mail to Turkey must show of its sender and this one does not.

    An address in which everything was written by hand passes by its MERSİS number alone: what else it holds is unknown.
    """
    if not _MERSIS.search(shown):
        yield _found("no-mersis", "a marketing mail in Turkish lacks the sender's MERSİS number", file,
                     'set `sender: {mersis: "…"}` in the config, and show {{ sender.identity }}',
                     severity="warning")  # fmt: skip
    if not sender.get("mersis"):
        return
    title, contacts = " ".join(sender.get("title", "").split()), [sender.get(one, "") for one in _CONTACTS]
    if not title or title not in shown:
        yield _found("no-trade-name", "a marketing mail in Turkish lacks the sender's trade name", file,
                     "set `sender: {title: …}` in the config, and show {{ sender.identity }}",
                     severity="warning")  # fmt: skip
    if not any(one and one in shown for one in contacts):
        yield _found("no-contact", "a marketing mail in Turkish shows no phone or e-mail address of the sender", file,
                     "show {{ sender.identity }}", severity="warning")  # fmt: skip


def _lint_subject(made: Rendered, folder: str) -> Iterator[Problem]:
    file, subject = f"{folder}/subject.txt", made.subject
    letters = [c for c in subject if c.isalpha()]
    if len(letters) >= SHOUTING_LETTERS_MIN and "".join(letters).isupper():
        yield _found("shouting-subject", "the subject is all capitals", file, severity="warning")
    if "!!" in subject or _EMOJI.search(subject):
        yield _found("loud-subject", "the subject has an emoji or '!!'", file, severity="warning")
    if len(subject) > SUBJECT_CHARACTERS_WARNING:
        message = f"the subject has {len(subject)} characters; mail apps show {SUBJECT_CHARACTERS_WARNING}"
        yield _found("long-subject", message, file, severity="warning")
    if made.preheader and made.preheader.casefold() == subject.casefold():
        yield _found("preheader-repeats", "the preheader only repeats the subject", f"{folder}/preheader.txt",
                     severity="warning")  # fmt: skip


def _lint_page(page: Page, made: Rendered, body: str) -> Iterator[Problem]:
    size = len(made.html.encode("utf-8"))
    if size > HTML_BYTES_WARNING:
        message = f"the HTML has {size // 1024} kB; Gmail cuts off near 102 kB"
        yield _found("mail-size", message, body, severity="warning")
    if not page.lang or page.lang.split("-")[0] != made.locale.split("-")[0]:
        message = f"<html lang> is '{page.lang or ''}', the mail is in '{made.locale}'"
        yield _found("page-language", message, body)
    for source in page.pictures_without_alt:
        yield _found("no-alt", f"the picture '{source}' has no alt text", body, 'alt="" for mere decoration')
    own = made.html.count("http://127.0.0.1")
    for link in dict.fromkeys(page.links):
        if not link or link == "#":
            yield _found("bad-link", "a link leads nowhere", body)
        elif not link.startswith(("https://", "mailto:")) and not (own and link.startswith("http://127.0.0.1")):
            yield _found("bad-link", f"'{link}' is no https or mailto link", body, "write the whole address")
    seen: set[tuple[str, str]] = set()
    for one in page.colours:
        ratio = contrast(one.colour, one.background)
        least = CONTRAST_LARGE_MIN if one.large else CONTRAST_MIN
        if ratio < least and one.text.strip("\xa0 ") and (one.colour, one.background) not in seen:
            seen.add((one.colour, one.background))
            message = (
                f"'{one.text[:30]}' has a contrast of {ratio:.1f}, {least} is needed ({one.colour} on {one.background})"
            )
            yield _found("low-contrast", message, body, severity="warning")


def _lint_hostile(made: Rendered, folder: str) -> Iterator[Problem]:
    if "<script>alert(1)" in made.html:
        yield _found("unescaped-data", "a customer's value reaches the page as markup", f"{folder}/body.html")
    for link in read_page(made.html).links:
        if link.lower().startswith(("javascript:", "data:", "vbscript:")):
            yield _found("unsafe-link", f"'{link[:40]}' reaches a link", f"{folder}/body.html", "{{ … | safe_url }}")


def _found(
    code: str, message: str, file: str, help_text: str | None = None, *, severity: Severity = "error"
) -> Problem:  # fmt: skip
    return Problem(code=code, message=message, place=Place(file=file), help=help_text, severity=severity)
