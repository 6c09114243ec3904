"""The line by which a mail says who sent it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from relight.config.folder import read_folder
from relight.config.loader import LoadedProject, load_files

GOOD = read_folder(Path(__file__).parent / "good")
ENV = {"SMTP_PASSWORD": "hush-hush", "RELIGHT_LINK_SECRET": "a secret of the tests", "WEB_TOKEN": "let me in"}
OLD = 'postal_address: "1 Example Street"'


def loaded(more: str) -> LoadedProject:
    text = GOOD.config["config/default.yaml"]
    assert OLD in text
    files = replace(GOOD, config={**GOOD.config, "config/default.yaml": text.replace(OLD, OLD + more)})
    return load_files(files, env=ENV)


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("", "1 Example Street"),
        (", title: Shop Ltd.", "Shop Ltd., 1 Example Street · shop@shop.example"),
        (
            ', title: Shop A.Ş., mersis: "0123456789012345", phone: "+90 232 000 00 00"',
            "Shop A.Ş., 1 Example Street · MERSİS 0123456789012345 · +90 232 000 00 00",
        ),
        (', mersis: "0123456789012345", reply_to: a@shop.example', "1 Example Street · MERSİS 0123456789012345 · a@shop.example"),
    ],
)  # fmt: skip
def test_the_line_holds_what_the_config_gives(more: str, line: str) -> None:
    """Name, address, number and a contact stand in one line; a sender with a postal address alone shows that alone."""
    project = loaded(more)
    assert project.settings is not None
    assert project.settings.sender.identity == line


@pytest.mark.parametrize("number", ['"012345678901234"', '"01234567890123456"', '"O123456789012345"', "123"])
def test_a_mersis_number_has_sixteen_digits(number: str) -> None:
    """Any other number is refused at its place, with what was expected."""
    problems = [one for one in loaded(f", mersis: {number}").problems if one.severity == "error"]
    assert [one.place.line for one in problems] == [2]
    assert "a MERSİS number of 16 digits" in problems[0].message
