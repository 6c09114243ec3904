"""The public YAML test suite: nothing crashes the reader, and it accepts no text that the parser refuses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from relight.config.yaml_reader import read_yaml

SUITE = Path(os.environ.get("RELIGHT_DATA", "")) / "suites" / "yaml-test-suite" / "src"
#: What we refuse although it is YAML.
OURS = {
    "alias", "anchor", "tag", "merge-key", "key-not-text", "duplicate-key", "second-document", "yaml-directive",
    "control-character", "too-deep", "too-large",
}  # fmt: skip
#: The suite's marks for what cannot be seen (its README).
MARKS = str.maketrans({"␣": " ", "»": "\t", "↵": "", "∎": "", "←": "\r", "⇔": "\ufeff", "—": ""})

pytestmark = [
    pytest.mark.recorded,
    pytest.mark.skipif(not SUITE.is_dir(), reason="RELIGHT_DATA holds no suites/yaml-test-suite"),
]


def cases() -> Iterator[tuple[str, str, bool]]:
    """Yield (name, text, whether the suite calls it an error)."""
    for path in sorted(SUITE.glob("*.yaml")) if SUITE.is_dir() else []:
        inherited: dict[str, Any] = {}
        for number, one in enumerate(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)):
            inherited = {**inherited, "fail": False, **one}
            text = str(inherited["yaml"])
            text = text.removesuffix("∎\n").translate(MARKS) if "∎" in text else text.translate(MARKS)
            yield f"{path.stem}/{number}", text, bool(inherited["fail"])


def test_the_suite_is_complete() -> None:
    """Over four hundred texts are read, a good many of them errors."""
    found = list(cases())
    assert len(found) > 400
    assert sum(fails for _, _, fails in found) > 80


def test_the_reader_agrees_with_its_parser() -> None:
    """A text that the parser refuses has a problem; one that it takes has none but those of our own refusals."""
    wrong = []
    for name, text, _ in cases():
        node, problems = read_yaml(text, name)
        codes = {problem.code for problem in problems}
        try:
            list(yaml.parse(text, yaml.CSafeLoader))
            is_sound = True
        except yaml.YAMLError:
            is_sound = False
        if is_sound and codes - OURS:
            wrong.append(f"{name}: refused, {codes}")
        if not is_sound and not codes:
            wrong.append(f"{name}: taken as {node and node.value!r}")
    assert wrong == []


def test_what_the_suite_calls_an_error_is_mostly_refused() -> None:
    """Of the suite's errors the reader takes only those that its parser is known to take (libyaml's own list)."""
    taken = [name for name, text, fails in cases() if fails and not read_yaml(text, name)[1]]
    assert len(taken) <= TAKEN_MAX, taken


#: Errors of YAML 1.2 that libyaml, which reads YAML 1.1, does not see.
TAKEN_MAX = 12
