"""`relight preview`: each mail has files of its own, whatever step sends it and whatever language it is asked for in."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.cli_kit import copy_project, relight, relight_json

TWICE = """\
name: Twice
trigger: {event: order_placed}
steps: [{send: winback}, {wait: 10 days}, {send: winback}]
"""


def shop(source: Path, folder: Path) -> Path:
    project = copy_project(source, folder / "shop")
    (project / "rules/twice.yaml").write_text(TWICE, encoding="utf-8")
    return project


def test_a_language_has_files_of_its_own(new_project: Path, tmp_path: Path) -> None:
    """A mail asked for in two languages leaves both: the language is in the names, and what stands there is in it."""
    project = shop(new_project, tmp_path)
    relight("preview", "welcome", cwd=project)
    folder = project / "out/preview/welcome"
    before = (folder / "welcome.html").read_bytes()
    told = relight("preview", "welcome", "--locale", "tr", cwd=project).stdout
    assert "out/preview/welcome/welcome.tr.html\n" in told
    assert "out/preview/welcome/welcome.tr.txt\n" in told
    assert (folder / "welcome.html").read_bytes() == before
    assert 'lang="tr"' in (folder / "welcome.tr.html").read_text(encoding="utf-8")


def test_each_step_has_files_of_its_own(new_project: Path, tmp_path: Path) -> None:
    """Two steps that send one template are two mails: no file is listed twice, and each is there."""
    project = shop(new_project, tmp_path)
    mails = relight_json("preview", "twice", "--locale", "en-GB", cwd=project)["mails"]
    files = [Path(mail[kind]).name for mail in mails for kind in ("html", "text")]
    assert files == [f"winback.{step}.en-GB.{form}" for step in ("send-0", "send-2") for form in ("html", "txt")]
    assert all((project / "out/preview/twice" / name).is_file() for name in files)
    pictures = [path for mail in mails for path in mail["pictures"]]
    assert len(set(pictures)) == len(pictures)


def test_a_language_that_no_file_can_be_called_after_is_refused(new_project: Path, tmp_path: Path) -> None:
    """A language goes into a file's name, so nothing that would lead elsewhere is taken for one; nothing is written."""
    project = shop(new_project, tmp_path)
    told = relight("preview", "welcome", "--locale", "../tr", cwd=project, code=64).stderr
    assert "'../tr' is no language code; write one such as tr or en-GB" in told
    assert not (project / "out").exists()
