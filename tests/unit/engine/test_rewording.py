"""What `check`, dead letters and templates say in English has words in each other language of the pages; new sentences, too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import relight
from relight.base.problems import Place, Problem
from relight.engine.log_copy import LONG_LOG
from relight.engine.rewording import CATALOGUES, REWORDED_CHARACTERS_MAX, reword
from relight.web.desk.figures import NOTHING_DECLARED, PENDING
from relight.web.desk.texts import TEXTS

SOURCES = Path(relight.__file__).parent
#: What is put into a sentence at run time.
FILLED = "‹7›"
#: Parts of a record whose refusals share one sentence: `missing-id`, `bad-customer` …
IDENTIFIERS = ("id", "customer", "account", "name", "topic")
INBOX_CODES = ("event-refused", "reply-refused", "word-refused", "command-refused")
#: Where entries of the inbox are refused.
INBOX_FILES = ("engine/*.py", "stores/inbox_words.py")
#: A sentence without a word of its own: an exception's, or one that was made elsewhere.
BORROWED = re.compile(rf"(?:{FILLED}|[:;, ])*")


def code_and_text(call: ast.Call, function: str) -> tuple[ast.expr, ast.expr] | None:
    """Return where a call stands for a sentence: its code and its text; None for other calls."""
    named = {word.arg: word.value for word in call.keywords}
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    warns = isinstance(severity := named.get("severity"), ast.Constant) and severity.value == "warning"
    if name == "Problem" and warns and function != "_always":
        return named["code"], named["message"]
    if name == "_found" and warns:
        return call.args[0], call.args[1]
    if name == "_always":
        return ast.Constant("always-holds"), call.args[0]
    if name in ("RefusalError", "Unreadable"):
        return call.args[0], call.args[1]
    if name == "DeadLetter":
        return named["code"], named["reason"]
    return None


def texts(node: ast.expr, said: dict[str, list[ast.expr]]) -> list[str]:
    """Return the texts an expression can be; said: what was assigned to a name so far."""
    match node:
        case ast.Constant(value=str() as text):
            return [text]
        case ast.JoinedStr(values=values):
            return ["".join(part.value if isinstance(part, ast.Constant) else FILLED for part in values)]  # type: ignore[misc]
        case ast.IfExp(body=body, orelse=other):
            return texts(body, said) + texts(other, said)
        case ast.Name(id=name) if name in said:
            return [text for one in said[name] for text in texts(one, {})]
    return [FILLED]


def sentences() -> Iterator[tuple[str, str, str]]:
    """Yield (where, code, sentence) of everything that a page would have to tell."""
    for path in sorted(SOURCES.rglob("*.py")):
        where = path.relative_to(SOURCES).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                yield from ((where, code, text) for code, text in _said_by(function, where))


def _said_by(function: ast.FunctionDef, where: str) -> Iterator[tuple[str, str]]:
    said: dict[str, list[ast.expr]] = {}
    inner = [node for node in ast.walk(function) if isinstance(node, ast.Call | ast.Assign | ast.Raise)]
    for node in sorted(inner, key=lambda one: one.lineno):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            said[node.targets[0].id] = [node.value]
        elif isinstance(node, ast.Call) and (found := code_and_text(node, function.name)) is not None:
            for code in texts(found[0], said):
                parts = IDENTIFIERS if FILLED in code else ("",)
                for text in texts(found[1], said):
                    yield from ((code.replace(FILLED, part), text) for part in parts)
        elif isinstance(node, ast.Call) and _is_inbox_refusal(node, where):
            for text in texts(node.args[0], said):
                yield from ((code, text) for code in INBOX_CODES)


def _is_inbox_refusal(node: ast.Call, where: str) -> bool:
    is_there = any(Path(where).match(pattern) for pattern in INBOX_FILES)
    return is_there and isinstance(node.func, ast.Name) and node.func.id == "RejectError" and bool(node.args)


def test_every_sentence_has_words_in_every_language() -> None:
    """A warning, a refusal of a record or of an inbox entry that is new or says something else fails here until the
    catalogue tells it.
    """
    found = [one for one in sentences() if not BORROWED.fullmatch(one[2]) and one[1] != FILLED]
    codes = {code for _, code, _ in found}
    assert {"no-cap", "missing-test", "long-subject", "always-holds", "not-json", "bad-time"} <= codes
    assert {"missing-customer", "ragged-row", "known-profile", "word-refused"} <= codes
    assert len(found) > 100
    for language in CATALOGUES:
        untold = [one for one in found if reword(one[2], one[1], language) in (None, one[2])]
        assert untold == []


def test_what_is_wrong_in_rule_tests_has_words() -> None:
    """What the readers of rule tests report, which a rule's page shows, is told in every language, with its hint."""
    found = [
        text + hint
        for name in ("controls", "given", "reading", "setting")
        for text in reported(ast.parse((SOURCES / f"simulate/rule_tests/{name}.py").read_text()))
        for hint in ("", "; did you mean 'x'?")
        if not hint or text.startswith(("there is no", "no stream"))
    ]
    assert len(found) > 20
    for language in CATALOGUES:
        assert [text for text in found if reword(text, "rule-test", language) in (None, text)] == []
    assert reword("there is no rule 'x'; did you mean 'y'?", "rule-test", "tr") == (
        "'x' diye bir kural yok; şunu mu demek istediniz: 'y'?"
    )


def reported(tree: ast.AST) -> Iterator[str]:
    """Yield what is assigned to `message`, and what a call of `report` says outright, without the hint behind it."""
    for node in ast.walk(tree):
        told = None
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "message":
            told = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "report":
            told = node.args[1] if isinstance(node.args[1], ast.Constant) else None
        if isinstance(told, ast.BinOp):
            told = told.left
        yield from () if told is None else (text for text in texts(told, {}) if not BORROWED.fullmatch(text))


def test_every_page_language_but_english_has_a_catalogue() -> None:
    """English is as it was written; every other language of the pages has its words for it."""
    assert set(CATALOGUES) == set(TEXTS) - {"en"}
    assert reword("no test names the rule 'x'", "missing-test", "en") == "no test names the rule 'x'"


def test_a_new_code_is_found_untold() -> None:
    """The net holds: a warning of a code that no catalogue knows stays untold."""
    problem = Problem(code="brand-new", message="something new", place=Place(file="x"), severity="warning")
    assert reword(problem.message, problem.code, "tr") is None


@pytest.mark.parametrize("language", sorted(CATALOGUES))
def test_a_sentence_keeps_its_places(language: str) -> None:
    """Nothing that was found or expected is lost: each place of the English sentence stands in the other."""
    place = re.compile(r"\{([a-z]+)\}")
    for code, pairs in CATALOGUES[language].items():
        for english, told in pairs:
            assert sorted(place.findall(english)) == sorted(place.findall(told)), (code, english)
            assert not re.search(r"\}['’]?[a-zçğıöşü]", told), f"an ending behind a place: {told}"


@pytest.mark.parametrize(
    ("code", "text", "turkish"),
    [
        ("bad-value", 'property total is "free", expected a number', 'total özelliği: "free"; beklenen bir sayı'),
        ("bad-value", "trait plan is an object, expected one of a, b", "plan özelliği: bir nesne; beklenen şunlardan biri: a, b"),
        ("not-an-object", "the record is a list of 1, expected a JSON object", "kayıt: 1 öğeli bir liste; beklenen bir JSON nesnesi"),
        ("row-place", "data/tickets.csv row 3", "data/tickets.csv, kayıt 3"),
        ("missing-customer", "the record has no customer", "kayıtta customer yok"),
        (
            "bad-time",
            'at: "2026-13-45T99:00:00Z" names a day or a time of day that does not exist',
            'at: "2026-13-45T99:00:00Z" var olmayan bir gün ya da saat',
        ),
        ("bad-value", 'property paid: "x" names no zone; declare the stream\'s: `time: {zone: …}`',
         'paid özelliği: "x" saat dilimi söylemiyor; akışınkini bildirin: `time: {zone: …}`'),
        ("code-unused", "templates/a/ does not print {{ code }}: each of its mails would use up a code unseen",
         "templates/a/ {{ code }} yazmıyor: her iletisi bir kodu kimse görmeden tüketir"),
        ("never-rendered", "not even a customer who has everything gets this mail: the subject is missing",
         "her şeyi olan bir müşteri bile bu iletiyi alamaz; eksik olan: konu"),
        ("always-holds", "'count(a) >= 0' always holds; 'count(a)' is never below 0",
         "'count(a) >= 0' her zaman doğru; 'count(a)' hiçbir zaman 0 altına inmez"),
        ("template_error", "a text of more than 4000 characters", "4000 karakterden uzun bir metin"),
        ("template_error", "this prints a list; print a text or a number", "bu, list türünden bir değer yazar; bir metin ya da sayı yazın"),
        ("missing_data", "a link ('ftp://x' is no https or mailto address)", "bir bağlantı ('ftp://x' https ya da mailto adresi değil)"),
    ],
)  # fmt: skip
def test_a_sentence_is_told_whole(code: str, text: str, turkish: str) -> None:
    """What was found stands in it as it is, what was expected in the reader's words."""
    assert reword(text, code, "tr") == turkish


def test_what_a_template_says_has_words() -> None:
    """Each error that a template can meet while it renders, with the line that it points to, has words."""
    missing: list[str] = []
    for path in sorted((SOURCES / "templates").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            reason = {
                "LimitError": "template_error",
                "TemplateRuntimeError": "template_error",
                "MissingDataError": "missing_data",
            }
            if name in reason:
                missing += [
                    text
                    for text in texts(node.args[0], {})
                    if text != FILLED and reword(text, reason[name], "tr") is None
                ]
    assert missing == []


@pytest.mark.parametrize(
    "raw", [b'{"a": 1', b"{x}", b'{"a": 1}x', b'{"a": [1,]}', b'{"a" 1}', b'{"a": "\\q"}', b"1e999999999", b"[1 2]"]
)
def test_what_the_json_reader_says_has_words(raw: bytes) -> None:
    """The reader's own complaints are told, too, as far as they are its own sentences."""
    with pytest.raises(msgspec.DecodeError) as said:
        msgspec.json.decode(raw)
    told = reword(str(said.value), "not-json", "tr")
    assert told is not None
    assert not re.search(r"expected|invalid|trailing", told)


@pytest.mark.parametrize("text", [PENDING, NOTHING_DECLARED, LONG_LOG])
def test_why_there_are_no_figures_has_words(text: str) -> None:
    """The first thing that somebody sees of a page whose figures are not there yet is told in their language."""
    assert reword(text, "figures", "tr") not in (None, text)


def test_a_long_text_is_left_as_it_is() -> None:
    """REWORDED_CHARACTERS_MAX bounds what is looked up: a text of somebody else's program cannot hold a page up."""
    text = "RuntimeError: " + " is x, expected " * 400
    assert len(text) > REWORDED_CHARACTERS_MAX
    assert reword(text, "map-failed", "tr") is None
    assert reword(text[:REWORDED_CHARACTERS_MAX], "map-failed", "tr") is not None
