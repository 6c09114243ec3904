"""Whatever the documentation shows is true: each page's commands run in its order, its files pass `relight check`.

A new page is found by itself, and a block of a kind that nothing checks is refused.
"""

from __future__ import annotations

import ast
import re
import shlex
import shutil
from importlib import import_module
from pathlib import Path

import click
import pytest

from relight.cli.main import COMMANDS
from relight.config.markdown import _KINDS, check_markdown
from relight.config.yaml_reader import read_yaml
from tests.acceptance.cli_kit import copy_project, edit, relight
from tests.docs.page_parts import ROOT, Command, fences, file_of, name_of, pages, parts_of
from tests.docs.reader import Reader, is_as_shown, merged, reading_in
from tests.docs.start import begins_with_init

#: Pages whose commands another test runs: on a cluster, or all in one project.
ELSEWHERE = {
    "docs/kafka.md": "tests/cluster/test_docs.py",
    "docs/operations.md": "tests/cluster/test_docs.py",
    "docs/reference/cli.md": "tests/acceptance/test_cli_reference.py",
    "docs/rule-tests.md": "tests/acceptance/test_cli_rule_tests.py",
}
#: What a fence may hold, beside YAML and commands: text that nothing could run, and files that are written and checked.
LANGUAGES = {"console", "yaml", "text", "jinja", "json", "csv", "condition", "pattern", "python", "refused", "row"}
#: Every tutorial stays this short.
TUTORIAL_COMMANDS_MAX = 15

PAGES = {name_of(page): page.read_text(encoding="utf-8") for page in pages()}
RUN_HERE = sorted(
    name
    for name, text in PAGES.items()
    if name not in ELSEWHERE and any(isinstance(part, Command) for part in parts_of(text))
)


@pytest.fixture(scope="session")
def run_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop as `relight init` makes it, after one run."""
    folder = tmp_path_factory.mktemp("docs") / "shop"
    relight("init", str(folder), cwd=folder.parent)
    relight("run", cwd=folder)
    return folder


@pytest.mark.parametrize("name", RUN_HERE)
def test_commands_do_what_the_page_shows(
    name: str, run_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of the page each file is written and each command given; it leaves with the code and prints the text
    that the page shows, and at the end the project has no error.
    """
    for variable in ("RELIGHT_PROJECT", "RELIGHT_ENVIRONMENT", "RELIGHT_DATA"):
        monkeypatch.delenv(variable, raising=False)
    text = PAGES[name]
    if "$ curl " in text and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    starts_empty = begins_with_init(text)
    with reading_in(tmp_path if starts_empty else copy_project(run_shop, tmp_path / "shop")) as reader:
        for part in parts_of(text):
            if isinstance(part, Command):
                _follow(name, reader, part)
            else:
                reader.write(part)
        left = reader.run(Command(text="relight check", shown=[], leaves=0, line=0))
        assert left[0] == 0, left[1]


def _follow(name: str, reader: Reader, command: Command) -> None:
    code, printed = reader.run(command)
    at = f"{name}:{command.line}: {command.text}"
    assert code == command.leaves, f"{at} leaves with {code}\n{printed}"
    if command.shown:
        assert is_as_shown(command.shown, printed), f"{at} prints something else:\n{printed}"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_block_is_checked_by_something(name: str) -> None:
    """A block is of a known language; commands stand in `console` blocks, so that they are run; YAML is a whole file of a
    known kind, or a part that says of which file, so that it can be checked.
    """
    for fence in fences(PAGES[name]):
        at = f"{name}:{fence.line}"
        assert fence.language in LANGUAGES, f"{at}: nothing checks a block of '{fence.language}'"
        if fence.language == "text":
            assert not [line for line in fence.lines if line.startswith(("$ ", "relight "))], f"{at}: make it `console`"
        if fence.language == "python":  # it is a file of the project that the page's own commands run
            assert file_of(fence), f"{at}: name the file that it is"
            ast.parse("\n".join(fence.lines))
        if fence.language == "yaml" and fence.note != "fragment" and file_of(fence) is None:
            node, _ = read_yaml("\n".join(fence.lines) + "\n", name)
            keys = set() if node is None or node.entries is None else set(node.entries)
            assert any(kind[0] & keys for kind in _KINDS), f"{at}: neither a whole file nor a part of a named one"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_yaml_is_valid(name: str) -> None:
    """Each YAML block has the form of the file it shows; a mistake shown on purpose is a `yaml fragment`."""
    assert [str(problem.place) for problem in check_markdown(PAGES[name], name)] == []


@pytest.mark.parametrize("name", sorted(PAGES))
def test_parts_of_files_fit(name: str, run_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts of a config that a page shows give a config without errors, each laid over the shop's."""
    parts = [
        part
        for part in parts_of(PAGES[name])
        if not isinstance(part, Command) and part.is_part and not part.is_fragment
    ]
    if name in RUN_HERE or not parts:
        return
    for part in parts:
        folder = copy_project(run_shop, tmp_path / str(part.line), with_store=False)
        path = folder / part.path
        path.write_text(merged(path.read_text(encoding="utf-8"), part.text), encoding="utf-8")
        for pool in re.findall(r"codes/\w+\.csv", part.text):
            (folder / pool).parent.mkdir(exist_ok=True)
            (folder / pool).write_text("code\nA1\n", encoding="utf-8")
        for key in ("LINK_SECRET", *re.findall(r"\$\{(\w+)\}", part.text)):
            monkeypatch.setenv(key, "0" * 64)
        with reading_in(folder) as reader:
            # What leaves this machine needs links that are signed.
            edit(
                path,
                'web: {base_url: "https://mail.cornerbooks.example"',
                "web: {base_url: https://m.example, secret: '${LINK_SECRET}'",
            )
            code, printed = reader.run(Command(text="relight check config", shown=[], leaves=0, line=0))
        assert code == 0, f"{name}:{part.line}\n{printed}"


def _spoken_commands(text: str) -> list[str]:
    """Return every `relight …` of a page: in its blocks, at the beginning of a line, and between backticks."""
    lines = re.findall(r"^(?: {4}|\$ )(relight [^\n#]*)", text, re.MULTILINE)
    return [*lines, *re.findall(r"`(relight [^`\n]+)`", text)]


@pytest.mark.parametrize("name", [*sorted(PAGES), "CONTRIBUTING.md", "ARCHITECTURE.md"])
def test_every_command_named_exists(name: str) -> None:
    """Each command that a page names exists, with the options it names, also where it stands in a sentence."""
    for spoken in _spoken_commands((ROOT / name).read_text(encoding="utf-8")):
        words = re.findall(r"[\w./=:{}…-]+", spoken)[1:]
        if not words or words[0].startswith("--") or not re.fullmatch(r"[a-z-]+", words[0]):
            continue
        assert words[0] in COMMANDS, f"{name}: {spoken}"
        known = _options(words[0])
        assert {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)} <= known, f"{name}: {spoken}"


def _options(command: str) -> set[str]:
    found: click.Command = import_module(f"relight.cli.{COMMANDS[command][0]}").command
    known = {"--help"}
    group = [found, *(found.commands.values() if isinstance(found, click.Group) else ())]
    for one in group:
        known |= {name for option in one.params for name in (*option.opts, *option.secondary_opts)}
    return known


def test_the_tutorial_is_short() -> None:
    """At most fifteen commands lead from `relight init` to a rule that is tested, planned and applied."""
    given = [part.text for part in parts_of(PAGES["docs/tutorial.md"]) if isinstance(part, Command)]
    assert len(given) <= TUTORIAL_COMMANDS_MAX
    assert given[0].startswith("relight init")
    verbs = [shlex.split(text)[1] for text in given if text.startswith("relight ")]
    assert verbs.index("test") < verbs.index("plan") < verbs.index("apply") < len(verbs)


def test_the_readme_compares_as_its_source_does() -> None:
    """What README.md says of lost, doubled, stuck and unknown mails is what docs/comparison.md counted."""
    counted = PAGES["docs/comparison.md"]
    ours = {kind: counts for kind, *counts in re.findall(r"`on_unknown: (\w+)`.*?" + r"\| ([\d,]+) " * 5, counted)}
    theirs = {
        name: cells
        for name, *cells in re.findall(
            r"^\| (django-drip-campaigns).*?\| [\d,]+ \| (\d+) \| (\d) \| (\S) \|", counted, re.MULTILINE
        )
    }
    said = re.findall(
        r"^\| (?:relight, `on_unknown: )?(\w[\w-]+)\S*.*?\| (\d+) \| (\d+) \| (\S) \| (\S+) \|$",
        PAGES["README.md"],
        re.MULTILINE,
    )
    assert {name: [lost, doubled, stuck] for name, lost, doubled, stuck, _ in said} == {
        **{kind: counts[1:4] for kind, counts in ours.items()},
        **theirs,
    }
    assert {name: held for name, *_, held in said if name in ours} == {kind: counts[4] for kind, counts in ours.items()}


def test_the_pages_that_run_elsewhere_do() -> None:
    """A page is left to another test only where that test names it."""
    for page, test in ELSEWHERE.items():
        assert page in PAGES
        assert Path(page).name in (ROOT / test).read_text(encoding="utf-8")


# ---------------------------------------------------------------- the checks themselves
def test_a_wrong_text_is_found() -> None:
    """`…` stands for any text or lines, seconds may differ, anything else may not."""
    assert is_as_shown(
        ["Read 3 events in 0.1 s.", "…", "Done, version …"], "Read 3 events in 12 s.\na\nb\nDone, version 5\n"
    )
    assert is_as_shown(
        ["folded, less than a second here."], "  3,689 records (100%), 1 row, 5 s\nfolded, about 2 s here.\n"
    )
    assert not is_as_shown(["Read 3 events in 0.1 s."], "Read 4 events in 0.1 s.\n")
    assert not is_as_shown(["Read 3 events"], "Read 3 events\nand more\n")


def test_files_and_commands_are_found() -> None:
    """Files, parts, commands that go on over lines, what they print and their exit code."""
    text = (
        "`rules/a.yaml`:\n\n```yaml\na: 1\n```\n\n```yaml\n# file: config/default.yaml, a part\nb: 2\n```\n\n"
        "```console leaves 1\n$ relight check \\\n  --strict\nno\n$ relight test\n```\n"
    )
    first, second, third, fourth = parts_of(text)
    assert not isinstance(first, Command)
    assert (first.path, first.text, first.is_part) == ("rules/a.yaml", "a: 1\n", False)
    assert not isinstance(second, Command)
    assert (second.path, second.is_part) == ("config/default.yaml", True)
    assert isinstance(third, Command)
    assert (third.text, third.shown, third.leaves, third.line) == ("relight check \\\n  --strict", ["no"], 1, 13)
    assert isinstance(fourth, Command)
    assert fourth.text == "relight test"


def test_a_part_takes_the_place_of_its_keys() -> None:
    """Keys of a part replace those of the file, with what stands below them; others stay."""
    before = "a: 1\nb:\n  c: 2\n\n  # d\n  e: 3\nf: 4\n"
    assert merged(before, "# file: x.yaml, a part\nb: {c: 9}\n") == "a: 1\nf: 4\n\nb: {c: 9}\n"
