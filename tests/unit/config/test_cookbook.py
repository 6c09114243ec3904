"""docs/cookbook.md shows the rules that ship, as they are."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from relight.config.folder import FolderFiles, read_folder
from relight.config.loader import LoadedProject, load_files
from relight.config.markdown import yaml_blocks
from relight.streams.decode import decode_record
from tests.unit.config.recipe_needs import with_needs

ROOT = Path(__file__).resolve().parents[3]
COOKBOOK = ROOT / "docs" / "cookbook.md"
PAGE = COOKBOOK.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def project() -> LoadedProject:
    return load_files(read_folder(ROOT), env=dict(os.environ) | {"LINK_SECRET": "s"}, lint=False)


def test_each_recipe_says_what_it_reads(project: LoadedProject) -> None:
    """Under each block stand the events, with their properties, and the traits that the rule and its definitions name."""
    assert project.measures is not None
    definitions = (ROOT / "rules/definitions.yaml").read_text(encoding="utf-8")
    page = with_needs(PAGE, definitions, project.measures.schema)
    if os.environ.get("RELIGHT_UPDATE_EXPECTED"):
        COOKBOOK.write_text(page, encoding="utf-8")
    assert page == PAGE
    assert len(re.findall(r"^Reads ", page, re.MULTILINE)) == len(re.findall(r"^`rules/", page, re.MULTILINE))


def test_a_stream_of_other_names_gives_the_recipe_what_it_reads(project: LoadedProject) -> None:
    """The page's own stream, in the place of ours, compiles with its recipe, and a row in its words is the recipe's event."""
    (block,) = [block.text for block in yaml_blocks(PAGE) if "# file: streams/" in block.text]
    kept = {
        path: text
        for path, text in project.sources.items()
        if path.startswith(("config/default", "templates/how_was_it")) or path == "rules/how_was_it.yaml"
    }
    found = load_files(
        FolderFiles.of_texts(kept | {"streams/shop.yaml": block}),
        env=dict(os.environ) | {"LINK_SECRET": "s"},
        lint=False,
    )
    assert [one for one in found.problems if one.place.file.startswith(("streams/", "rules/"))] == []
    stream = found.streams["shop"]
    for name, event in (("Order Completed", "order_placed"), ("Order Refunded", "order_refunded")):
        row = {"messageId": "m1", "type": "track", "event": name, "userId": "u1", "timestamp": "2026-03-01T09:00:00Z",
               "properties": {"orderNumber": "o1"}}  # fmt: skip
        read = decode_record(stream, json.dumps(row).encode(), position=1, source="x:1", ingest_time=None)
        assert isinstance(read, list)
        assert [(one.name, one.customer, one.properties) for one in read] == [(event, "u1", {"order_id": "o1"})]


def test_each_block_is_a_rule_that_ships() -> None:
    """The page holds each file of rules/ once, word for word, under its name."""
    named = re.findall(r"^`rules/(\w+)\.yaml`:$", PAGE, re.MULTILINE)
    blocks = [block.text for block in yaml_blocks(PAGE) if "# file: streams/" not in block.text]
    shown = dict(zip(named, blocks, strict=True))
    shipped = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.yaml")}
    del shipped["definitions"]
    assert {name: text.strip() for name, text in shown.items()} == {n: t.strip() for n, t in shipped.items()}
    assert len(named) == len(set(named))


def test_recipes_are_in_the_order_of_the_capabilities() -> None:
    """A1, A2, … in ascending order."""
    ids = [int(number) for number in re.findall(r"^## A(\d+)\. ", PAGE, re.MULTILINE)]
    assert ids
    assert ids == sorted(set(ids))
