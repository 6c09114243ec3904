"""The repository keeps its own rules: sizes, docstrings, reasons beside exceptions, nothing of a machine in a file."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.longest_first import SECONDS

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "relight"

#: Lines of one module: the limit that fails. Aim at 250.
MODULE_LINES_MAX = 400
#: Lines of one function, from `def` (or its first decorator) to its end: the limit that fails. Aim at 40.
FUNCTION_LINES_MAX = 70

#: What a committed file may not name: folders of one machine, and the hosts of package registries.
MACHINE_PATTERNS = (
    r"(?<![\w.])/work/",
    r"(?<![\w.])/root/",
    r"(?<![\w.])/opt/wheels",
    r"(?<![\w.])/Users/",
    r"pypi\.org",
    r"pythonhosted\.org",
    r"registry\.npmjs",
    r"crates\.io",
    r"proxy\.golang",
    r"repo1?\.maven",
    r"deb\.debian\.org",
    r"--(extra-)?index-url",
)

EXTRAS = {"dev", "fast", "kafka", "otel", "postgres", "sendgrid"}


def tracked_files() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in listing.split("\0") if name and (path := ROOT / name).is_file()]


def machine_words(text: str) -> list[str]:
    """Return `line: word` for everything in `text` that belongs to one machine or names a registry."""
    pattern = re.compile("|".join(f"(?:{one})" for one in MACHINE_PATTERNS))
    return [
        f"{number}: {match.group()}"
        for number, line in enumerate(text.splitlines(), 1)
        for match in pattern.finditer(line)
    ]


def long_functions(source: str) -> Iterator[str]:
    """Yield `name: lines` for each function of `source` over the limit."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            lines = (node.end_lineno or node.lineno) - first + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{node.name}: {lines} lines"


def exceptions_without_reason(ruff_section: str) -> list[str]:
    """Return the codes that a list of ruff exceptions names without `# reason` of two words or more beside them."""
    codes = re.finditer(r'^\s*"([A-Z]+[0-9]*)",?[ \t]*(?:#[ \t]*(.*))?$', ruff_section, re.MULTILINE)
    return [code.group(1) for code in codes if len((code.group(2) or "").split()) < 2]


def ruff_exceptions() -> str:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    start = text.index("\nignore = [")
    return text[start : text.index("[tool.ruff.lint.flake8-", start)]


def modules() -> list[Path]:
    found = sorted(SOURCE.rglob("*.py"))
    assert found
    return found


def test_no_file_names_a_machine_or_a_registry() -> None:
    """No tracked file holds a path of one machine or the host of a package registry."""
    found = [
        f"{path.relative_to(ROOT)}:{word}"
        for path in tracked_files()
        if path != Path(__file__).resolve()
        for word in machine_words(path.read_bytes().decode(errors="replace"))
    ]
    assert found == []


def test_machine_words_are_found() -> None:
    """A machine's folder or a registry's host is found wherever it stands; a path inside the project is not."""
    assert machine_words("a\nsee /root/x and pypi.org") == ["2: /root/", "2: pypi.org"]
    assert machine_words("docs/work/x.md frame.work/ network/roots") == []


def test_every_package_says_what_it_is_for() -> None:
    """Each package and module opens with a docstring of one to five lines, or a longer theory of operation."""
    silent = [
        str(path.relative_to(ROOT))
        for path in modules()
        if not (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").strip()
    ]
    assert silent == []


def test_every_folder_of_modules_is_a_package() -> None:
    """A folder that holds modules holds an `__init__.py`: import-linter sees no namespace packages."""
    bare = sorted(
        {str(path.parent.relative_to(ROOT)) for path in modules() if not (path.parent / "__init__.py").exists()}
    )
    assert bare == []


def test_modules_stay_small() -> None:
    """No module exceeds the hard limit of lines."""
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {str(path.relative_to(ROOT)): lines for path, lines in sizes.items() if lines > MODULE_LINES_MAX} == {}


def test_functions_stay_small() -> None:
    """No function exceeds the hard limit of lines."""
    found = [
        f"{path.relative_to(ROOT)}: {function}"
        for path in modules()
        for function in long_functions(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_a_long_function_is_found() -> None:
    """A function one line over the limit is named, one at the limit is not; decorators count."""
    body = "    pass\n"
    at_limit = "def at_limit():\n" + body * (FUNCTION_LINES_MAX - 1)
    over = "@staticmethod\ndef over():\n" + body * (FUNCTION_LINES_MAX - 1)
    assert list(long_functions(at_limit + over)) == [f"over: {FUNCTION_LINES_MAX + 1} lines"]


def test_extras_exist() -> None:
    """The package offers the extras that the documentation names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(project["optional-dependencies"]) == EXTRAS
    assert project["scripts"]["relight"] == "relight.cli:main"


def test_every_ruff_exception_has_its_reason() -> None:
    """Each exception from ruff's rules stands on its own line, with its reason beside it."""
    section = ruff_exceptions()
    assert exceptions_without_reason(section) == []
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    counted = len(ruff["ignore"]) + sum(len(codes) for codes in ruff["per-file-ignores"].values())
    assert counted == len(re.findall(r'^\s*"[A-Z]+[0-9]*",?[ \t]*#', section, re.MULTILINE))


def test_a_missing_reason_is_found() -> None:
    """An exception without a reason, or with a single word for one, is named."""
    assert exceptions_without_reason('  "A1",  # because it is\n  "B2",\n  "C3",  # noise\n') == ["B2", "C3"]


@pytest.mark.parametrize("lock", ["run", "cluster", "dev", "build"])
def test_locks_are_hashed(lock: str) -> None:
    """Each locked requirement has an exact version and at least one hash."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    entries = [line for line in text.splitlines() if line.strip()]
    assert entries
    assert [line[:40] for line in entries if not re.match(r"[a-z0-9.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)] == []


@pytest.mark.parametrize("lock", ["run", "cluster", "build"])
def test_locks_agree(lock: str) -> None:
    """What two locks share has the same versions in both, so that any two install side by side."""
    shared = pins(lock).keys() & pins("dev").keys()
    assert shared
    assert {name: pins(lock)[name] for name in shared} == {name: pins("dev")[name] for name in shared}


def test_the_development_lock_holds_the_runtime_lock() -> None:
    """Everything that runs the program is in the development lock."""
    assert pins("run").items() <= pins("dev").items()


def pins(lock: str) -> dict[str, list[str]]:
    """Return the versions of each name in a lock: several where they depend on the version of Python."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    versions: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE):
        versions.setdefault(name, []).append(version)
    return versions


def judge(tmp_path: Path, report: str) -> subprocess.CompletedProcess[str]:
    log = tmp_path / "pytest.log"
    log.write_text(report, encoding="utf-8")
    return subprocess.run(
        ["bash", str(ROOT / ".ci" / "run"), "judge", str(log)],
        env={"PATH": "/usr/bin:/bin", "RELIGHT_DATA": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_order_of_long_files_names_files_that_exist() -> None:
    """A file that is renamed or taken out leaves the table of the longest, too."""
    assert [name for name in SECONDS if not (ROOT / "tests" / name).is_file()] == []


def test_ci_refuses_a_skipped_test(tmp_path: Path) -> None:
    """CI fails on any skip, also on one for recorded data where the data is at hand, and names it."""
    report = (
        "SKIPPED [2] tests/browser/test_mail.py:7: no chromium\nSKIPPED [1] tests/a.py:3: RELIGHT_DATA is not set\n"
    )
    verdict = judge(tmp_path, report)
    assert verdict.returncode == 1
    assert verdict.stderr.splitlines() == [
        "ci: skipped without leave: tests/browser/test_mail.py:7: no chromium",
        "ci: skipped without leave: tests/a.py:3: RELIGHT_DATA is not set",
    ]


def test_ci_passes_a_run_without_skips(tmp_path: Path) -> None:
    """CI passes a report in which nothing was skipped."""
    assert judge(tmp_path, "....\n4 passed in 0.01s\n").returncode == 0
