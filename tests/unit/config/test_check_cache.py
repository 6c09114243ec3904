"""The file of answers that `relight check` keeps: what they rest on beside the project, and how large it grows."""

from __future__ import annotations

import os
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest

from relight.base.problems import Place, Problem
from relight.config.check_cache import CACHE_BYTES_MAX, CACHE_FOLDER, UNASKED_CHECKS_MAX, CheckCache, ProjectFindings
from relight.config.engine_digest import digest_of, engine_digest
from relight.config.folder import FolderFiles

FILES = FolderFiles(rules={"rules/a.yaml": "send: a"})
FINDINGS = ProjectFindings(
    problems=[Problem(code="x", message="wrong", place=Place(file="rules/a.yaml", line=1), severity="warning")],
    rules=1, templates=0, variables={}, codes={},
)  # fmt: skip


@pytest.fixture
def zones(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "zones"
    (folder / "Europe").mkdir(parents=True)
    (folder / "Europe" / "Berlin").write_bytes(b"TZif2 one")
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[str(folder)])
    yield folder
    zoneinfo.reset_tzpath(to=before)


def test_other_zone_data_ask_for_other_answers(tmp_path: Path, zones: Path) -> None:
    """An answer goes when a zone's file changes, in place and with as many bytes as before."""
    cache = CheckCache(tmp_path, None, {})
    cache.keep_project(FILES, FINDINGS)
    cache.save()
    assert CheckCache(tmp_path, None, {}).project(FILES) == FINDINGS
    before = engine_digest()
    (zones / "Europe" / "Berlin").write_bytes(b"TZif2 two")
    os.utime(zones / "Europe" / "Berlin", ns=(1, 1))
    assert engine_digest() != before
    assert CheckCache(tmp_path, None, {}).project(FILES) is None


def test_other_libraries_ask_for_other_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another digest where a library was installed or left, and the same where nothing happened."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = engine_digest()
    assert engine_digest() == before
    (folder / "jinja2-9.9.9.dist-info").mkdir()
    assert engine_digest() != before


def test_parts_of_a_digest_do_not_run_together() -> None:
    """Two parts have another digest than the same characters in one, whatever characters they are."""
    parts = [("ab", "c"), ("a", "bc"), ("abc",), ("ab\x1fc",), ("ab", "", "c"), ("2:ab1:c",), ("\udc80",), ("\udc81",)]
    assert len({digest_of(*one) for one in parts}) == len(parts)


def test_a_code_file_and_a_variable_take_part(tmp_path: Path) -> None:
    """An answer that rests on a variable and a file of codes holds as long as both are what they were."""
    codes = tmp_path / "codes.csv"
    codes.write_text("A1\n", encoding="utf-8")
    cache = CheckCache(tmp_path, None, {"NAME": "one"})
    assert cache.variables.get("NAME") == "one"
    assert cache.variables.get("OTHER") is None
    findings = ProjectFindings(
        problems=[], rules=1, templates=0, variables=cache.variable_marks(), codes=cache.codes_marks(["codes.csv"])
    )
    cache.keep_project(FILES, findings)
    cache.save()

    def holds(**variables: str) -> bool:
        return CheckCache(tmp_path, None, variables).project(FILES) is not None

    assert holds(NAME="one", UNASKED="x")
    assert not holds(NAME="two")
    assert not holds()
    assert not holds(NAME="one", OTHER="")
    codes.write_text("A2\n", encoding="utf-8")
    assert not holds(NAME="one")
    codes.unlink()
    assert not holds(NAME="one")


def test_what_is_kept_has_a_limit(tmp_path: Path) -> None:
    """However much is found, the file stays under its limit, and what was asked for just now stays in it."""
    big = [Problem(code="x", message="m" * 100_000, place=Place(file="a.md"))]
    for number in range(CACHE_BYTES_MAX // 100_000 + 20):
        cache = CheckCache(tmp_path, None, {})
        cache.document("small.md", "text")
        if number == 0:
            cache.keep_document("small.md", "text", [])
        cache.keep_document(f"{number}.md", "text", big)
        cache.save()
    assert (tmp_path / CACHE_FOLDER / "check").stat().st_size < CACHE_BYTES_MAX + 100_000
    assert CheckCache(tmp_path, None, {}).document("small.md", "text") == []
    at_once = CheckCache(tmp_path, None, {})
    for number in range(CACHE_BYTES_MAX // 100_000 + 20):
        at_once.keep_document(f"more {number}.md", "text", big)
    at_once.save()
    assert CACHE_BYTES_MAX // 2 < (tmp_path / CACHE_FOLDER / "check").stat().st_size < CACHE_BYTES_MAX + 100_000


def test_what_nobody_asks_for_goes(tmp_path: Path) -> None:
    """An answer goes after so many checks that found something new and did not ask for it, and not before."""
    first = CheckCache(tmp_path, None, {})
    first.keep_document("old.md", "text", [])
    first.save()
    for number in range(UNASKED_CHECKS_MAX + 1):
        before = (tmp_path / CACHE_FOLDER / "check").read_bytes()
        assert b"\xc4\x01\x90" in before  # the answer "no problems" in MessagePack
        cache = CheckCache(tmp_path, None, {})
        cache.keep_document("new.md", f"text {number}", [])
        cache.save()
    assert CheckCache(tmp_path, None, {}).document("old.md", "text") is None


def test_a_check_that_finds_nothing_new_writes_nothing(tmp_path: Path) -> None:
    """Answers that were only asked for leave the file alone."""
    cache = CheckCache(tmp_path, None, {})
    cache.keep_project(FILES, FINDINGS)
    cache.save()
    written = (tmp_path / CACHE_FOLDER / "check").stat().st_mtime_ns
    again = CheckCache(tmp_path, None, {})
    assert again.project(FILES) == FINDINGS
    again.save()
    assert (tmp_path / CACHE_FOLDER / "check").stat().st_mtime_ns == written
    assert again.project(FolderFiles(rules={"rules/a.yaml": "send: b"})) is None
    assert CheckCache(tmp_path, "staging", {}).project(FILES) is None
