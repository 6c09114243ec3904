"""YAML is read with places, as YAML 1.2 means it, and what people would misread is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relight.base.problems import Place
from relight.config.yaml_nodes import YamlNode, merge_nodes
from relight.config.yaml_reader import DEPTH_MAX, NODES_MAX, read_yaml


def read(text: str) -> YamlNode:
    node, problems = read_yaml(text, "f.yaml")
    assert problems == []
    assert node is not None
    return node


def codes(text: str) -> list[str]:
    return [problem.code for problem in read_yaml(text, "f.yaml")[1]]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("22:00", "22:00"),
        ("no", "no"),
        ("on", "on"),
        ("007", "007"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("2026-03-01", "2026-03-01"),
        (".5", ".5"),
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("1.50", Decimal("1.50")),
        ("1e3", Decimal("1e3")),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("1234567890123456789", "1234567890123456789"),
        ("${NAME}", "${NAME}"),
    ],
)
def test_scalars(written: str, meant: object) -> None:
    """A plain scalar is a number, true, false or null only where YAML 1.2 says so; a decimal number is exact."""
    found = read(f"a: {written}").value
    assert found == {"a": meant}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(meant)


def test_places() -> None:
    """Each value and each key is found at its line and column; quotes are no part of a value."""
    node = read('a: 1\nb:\n  - x: "ğ, y"\n    y: [p, q r]\nc: >\n  long\n  text\n')
    place = node.place_of(("b", 0, "x"))
    assert (place.line, place.column, place.end_column) == (3, 9, 13)
    assert str(node.place_of(("b", 0, "x"), key=True)) == "f.yaml:3:5"
    assert str(node.place_of(("b", 0, "y", 1))) == "f.yaml:4:12"
    assert str(node.place_of(("c",))) == "f.yaml:6:3"
    assert str(node.place_of(())) == "f.yaml:1:1"


def test_place_of_what_is_not_there() -> None:
    """The place of something missing is the key of what would hold it; below a scalar it is the scalar."""
    node = read("a: {b: 1}\nc: one\n")
    assert str(node.place_of(("a", "x"))) == "f.yaml:1:1"
    assert str(node.place_of(("c", 0))) == "f.yaml:2:4"
    assert node.at(("a", "x")) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: &x 1\n", "anchor"),
        ("a: !!str 1\n", "tag"),
        ("a: ! 1\n", "tag"),
        ("<<: {a: 1}\n", "merge-key"),
        ("1: a\n", "key-not-text"),
        ("true: a\n", "key-not-text"),
        ("? \n: a\n", "key-not-text"),
        ("? [a]\n: b\n", "key-not-text"),
        ("? {a: b}\n: b\n", "key-not-text"),
        ("a: 1\na: 2\n", "duplicate-key"),
        ("a: 1\n---\nb: 2\n", "second-document"),
        ("%YAML 1.2\n---\na: 1\n", "yaml-directive"),
        ("a: \x00\n", "control-character"),
        ("a: \u2028b\n", "control-character"),
        ("a: \U000f0003\n", "control-character"),
        ("a: \ufeffb\n", "control-character"),
        ("a: [1\n", "yaml-syntax"),
        ("a: 'x\n", "yaml-syntax"),
        ("\ta: 1\n", "yaml-syntax"),
        ("a:\n  - b\n c: d\n", "yaml-syntax"),
        ('a: "\\q"\n', "yaml-syntax"),
        ("a: @x\n", "yaml-syntax"),
    ],
)
def test_refusals(text: str, code: str) -> None:
    """What people would misread, or what is no YAML, is one problem with a place and advice."""
    node, problems = read_yaml(text, "f.yaml")
    assert [problem.code for problem in problems] == [code]
    assert problems[0].place.line >= 1
    assert problems[0].help
    if code in ("yaml-syntax", "control-character", "second-document"):
        assert node is None


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("audience: x == 1\n send: winback\n", "f.yaml:2:2", "this line is indented more"),
        ("traits:\n  email: email\n   first_name: text\n", "f.yaml:3:4", "this line is indented more"),
        ("name: x\n  trigger: {event: a}\n", "f.yaml:2:3", "this line is indented more"),
        ("a:\n  - b: c\n     d: e\n", "f.yaml:3:6", "this line is indented more"),
        ("a: x\n  and y\n  b: z\n", "f.yaml:3:3", "this line is indented more"),
        ("a: x\n  b: c: d\n", "f.yaml:2:3", "this line is indented more"),
        ("a: f(x, by: y)\n b: c\n", "f.yaml:2:2", "this line is indented more"),
        ("a: b: c\n", "f.yaml:1:5", "a second ': ' on this line"),
        ("a:\n  b: c: d\n", "f.yaml:2:7", "a second ': ' on this line"),
        ("foo\nbar: baz\n", "f.yaml:2:4", "a key without ':' stands before this"),
    ],
)
def test_a_line_indented_too_far_is_told_as_that(text: str, place: str, said: str) -> None:
    """A key that is indented too far is told at its first character; a second ': ' only where its line has two."""
    _, (problem,) = read_yaml(text, "f.yaml")
    assert (problem.code, str(problem.place)) == ("yaml-syntax", place)
    assert problem.message.startswith(said)
    assert ("check the indentation" in (problem.help or "")) is said.startswith("this line is indented")


def test_alias_is_refused() -> None:
    """An alias is refused where it stands, so nothing can be blown up by repetition."""
    assert codes("a: &x [1]\nb: [*x, *x]\n") == ["anchor", "alias"]


def test_every_duplicate_is_told() -> None:
    """All refusals of a file are told at once; of a key that stands twice the first value counts."""
    node, problems = read_yaml("a: 1\nb: 2\na: 3\nb: 4\n", "f.yaml")
    assert [str(problem.place) for problem in problems] == ["f.yaml:3:1", "f.yaml:4:1"]
    assert problems[0].other == Place(file="f.yaml", line=1, column=1, end_column=2)
    assert node is not None
    assert node.value == {"a": 1, "b": 2}


def test_depth_is_bounded() -> None:
    """The deepest file that is read has DEPTH_MAX levels; more are refused, however many."""
    assert codes("[" * DEPTH_MAX + "]" * DEPTH_MAX) == []
    assert codes("[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1)) == ["too-deep"]
    assert len(codes("[" * 1_000_000)) == 1
    assert codes("".join(" " * n + "a:\n" for n in range(DEPTH_MAX + 1))) == ["too-deep"]


def test_nodes_are_bounded() -> None:
    """The largest file that is read has NODES_MAX values; one more is refused."""
    assert codes("[" + "1," * (NODES_MAX - 1) + "]") == []
    assert codes("[" + "1," * NODES_MAX + "]") == ["too-large"]


def test_byte_order_mark_and_line_ends() -> None:
    """A byte order mark at the start and the line ends of other systems change neither value nor place."""
    node = read("\ufeffa: 1\r\nb: 2\r\n")
    assert node.value == {"a": 1, "b": 2}
    assert str(node.place_of(("b",), key=True)) == "f.yaml:2:1"


def test_an_empty_file_is_null() -> None:
    """A file with nothing but comments holds null."""
    assert read("# nothing\n").value is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("{affects: a == b and ever(c, 7 days), x: 1}", {"affects": "a == b and ever(c, 7 days)", "x": 1}),
        ("a: open(x, y, by: z)", {"a": "open(x, y, by: z)"}),
        ("[f(a, g(b, c)), d]", ["f(a, g(b, c))", "d"]),
        ('{when: plan in ("a, b", "c"), x: 1}', {"when": 'plan in ("a, b", "c")', "x": 1}),
        ('["a (", "b)"]', ["a (", "b)"]),
        ("{key: ${TOKEN}, file: ${DIR}/x.csv}", {"key": "${TOKEN}", "file": "${DIR}/x.csv"}),
        ("a: |\n  f(a, b: c)\n  ${X}\n", {"a": "f(a, b: c)\n${X}\n"}),
        ("a: b # (c, d: e)\n", {"a": "b"}),
        ("a: open (\nb: c, d\n", {"a": "open (", "b": "c, d"}),
    ],
)
def test_arguments_and_variables_need_no_quotes(text: str, meant: object) -> None:
    """Commas and colons between parentheses and `${NAME}` belong to the text around them, quoted or not."""
    assert read(text).value == meant


@given(st.text(alphabet="ab:,-[]{}()'\"#&*!|>%@` \n\t\\?0", max_size=60))
def test_any_text_gives_a_tree_or_problems(text: str) -> None:
    """Whatever a file holds, there is a tree or a problem, and every place lies in the file."""
    node, problems = read_yaml(text, "f.yaml")
    assert node is not None or problems
    lines = text.count("\n") + 1
    assert all(1 <= problem.place.line <= lines for problem in problems)


def test_merging() -> None:
    """An overlay replaces values key by key; one form of a choice takes the place of another; places stay true."""
    base = read("a: {x: 1, y: [1, 2]}\ndelivery: {smtp: {host: h}, on_unknown: hold}\n")
    over, _ = read_yaml("a: {y: [3]}\ndelivery: {files: out/}\n", "over.yaml")
    assert over is not None
    merged = merge_nodes(base, over, choices={"delivery": frozenset({"files", "smtp"})})
    assert merged.value == {"a": {"x": 1, "y": [3]}, "delivery": {"on_unknown": "hold", "files": "out/"}}
    assert str(merged.place_of(("a", "y"))) == "over.yaml:1:8"
    assert str(merged.place_of(("a", "x"))) == "f.yaml:1:8"
