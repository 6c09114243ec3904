"""Pictures of mails: one for each width, of that width, by a browser that reaches nothing."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from relight.cli.pictures import PICTURE_HEIGHT, WIDTHS, find_browser, take_pictures


@pytest.mark.browser
def test_a_picture_for_each_width(tmp_path: Path) -> None:
    """Each picture is as wide as its name says, a phone's, too. Nothing else is left behind."""
    if find_browser() is None:
        pytest.skip("chromium is not installed")
    page = tmp_path / "hello.html"
    page.write_text("<!DOCTYPE html><title>Hello</title><p>Hello", encoding="utf-8")
    pictures = list(take_pictures(page))
    assert [_size(one) for one in pictures] == [(width, PICTURE_HEIGHT) for width in WIDTHS]
    assert sorted(tmp_path.iterdir()) == sorted([page, *pictures])


def test_without_a_browser_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says so, and is no error."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(take_pictures(tmp_path / "hello.html")) == []
    assert "No Chromium" in capsys.readouterr().err


def _size(picture: Path) -> tuple[int, int]:
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    return width, height
