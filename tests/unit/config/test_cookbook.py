"""docs/cookbook.md shows the rules that ship, as they are."""

from __future__ import annotations

import re
from pathlib import Path

from relight.config.markdown import yaml_blocks

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "cookbook.md").read_text(encoding="utf-8")


def test_each_block_is_a_rule_that_ships() -> None:
    """The page holds each file of rules/ once, word for word, under its name."""
    named = re.findall(r"^`rules/(\w+)\.yaml`:$", PAGE, re.MULTILINE)
    shown = dict(zip(named, [block.text for block in yaml_blocks(PAGE)], strict=True))
    shipped = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.yaml")}
    del shipped["definitions"]
    assert {name: text.strip() for name, text in shown.items()} == {n: t.strip() for n, t in shipped.items()}
    assert len(named) == len(set(named))


def test_recipes_are_in_the_order_of_the_capabilities() -> None:
    """A1, A2, … in ascending order."""
    ids = [int(number) for number in re.findall(r"^## A(\d+)\. ", PAGE, re.MULTILINE)]
    assert ids
    assert ids == sorted(set(ids))
