"""Finds and reads the files of a project folder as text. Knows where things stand, not what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from relight.base.problems import Place, Problem
from relight.base.suggest import nearest_word

#: Bytes of one file of a project folder.
FILE_BYTES_MAX = 4 * 1024 * 1024
#: Files of one folder of a project.
FILES_MAX = 20_000
DEFINITIONS_FILE = "rules/definitions.yaml"
MEASURES_FILE = "config/measures.yaml"
_TEMPLATE_ENDINGS = frozenset({".txt", ".html", ".css", ".j2", ".json"})
_FOLDERS = ("config", "rules", "streams", "templates", "tests")


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderFiles:
    """The texts of a project folder, by their paths below it (`rules/winback.yaml`)."""

    streams: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)
    #: Paths below templates/.
    templates: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)
    #: Python beside the streams.
    mappings: Mapping[str, str] = field(default_factory=dict)
    rule_tests: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @classmethod
    def of_texts(cls, texts: Mapping[str, str]) -> FolderFiles:
        """Return the files of texts by path, as `texts` gave them."""
        found: dict[str, dict[str, str]] = {name: {} for name in _TEXTS}
        for path, text in texts.items():
            if path.startswith("templates/"):
                found["templates"][path.removeprefix("templates/")] = text
            elif path.endswith(".py"):
                found["mappings"][path] = text
            elif path.startswith("tests/"):
                found["rule_tests"][path] = text
            else:
                found[path.partition("/")[0]][path] = text
        return cls(
            streams=found["streams"],
            rules=found["rules"],
            templates=found["templates"],
            config=found["config"],
            mappings=found["mappings"],
            rule_tests=found["rule_tests"],
        )

    def texts(self) -> dict[str, str]:
        """Return all texts by path, for showing lines."""
        templates = {f"templates/{path}": text for path, text in self.templates.items()}
        return {**self.streams, **self.rules, **templates, **self.config, **self.mappings, **self.rule_tests}


def read_folder(folder: Path) -> FolderFiles:
    """Return every file of a project; what cannot be read is a problem."""
    if not folder.is_dir():
        message = f"there is no folder '{folder.name}'"
        return FolderFiles(problems=(Problem(code="missing-folder", message=message, place=Place(file=str(folder))),))
    reader = _Reader(folder)
    files = FolderFiles(
        streams=reader.texts(_yaml_of(folder, "streams")),
        rules=reader.texts(_yaml_of(folder, "rules")),
        templates={path.removeprefix("templates/"): text for path, text in reader.texts(_templates_of(folder)).items()},
        config=reader.texts(_yaml_of(folder, "config")),
        mappings=reader.texts(sorted(p for p in (folder / "streams").glob("*.py") if p.name != APP_FILE)),
        rule_tests=reader.texts(sorted((folder / "tests" / "rules").glob("*.yaml"))),
    )
    problems = [*reader.problems, *_missing(folder, files)]
    return FolderFiles(**{name: getattr(files, name) for name in _TEXTS}, problems=tuple(problems))


#: The Faust app of a project beside its streams: it carries the plan and is no part of it.
APP_FILE = "app.py"
_TEXTS = ("streams", "rules", "templates", "config", "mappings", "rule_tests")


class _Reader:
    """Reads files and collects what is wrong with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []

    def texts(self, paths: Iterable[Path]) -> dict[str, str]:
        found: dict[str, str] = {}
        above = len(self.folder.parts)
        for path in paths:
            name = "/".join(path.parts[above:])
            if len(found) >= FILES_MAX:
                self.report("too-large", f"more than {FILES_MAX:,} files", name)
                break
            text = self.text(path, name)
            if text is not None:
                found[name] = text
        return found

    def text(self, path: Path, name: str) -> str | None:
        try:
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - Path reads through three layers more
                raw = file.read()
        except OSError as error:
            self.report("unreadable-file", f"it cannot be read: {error.strerror or error}", name)
            return None
        if len(raw) > FILE_BYTES_MAX:
            self.report("too-large", f"more than {FILE_BYTES_MAX // 2**20} MB", name, "split the file")
            return None
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            message = f"byte 0x{raw[error.start]:02x} is no UTF-8"
            place = Place(file=name, line=line)
            self.problems.append(Problem(code="not-utf-8", message=message, place=place, help="save the file as UTF-8"))
            return None

    def report(self, code: str, message: str, name: str, help_text: str | None = None) -> None:
        self.problems.append(Problem(code=code, message=message, place=Place(file=name), help=help_text))


def _yaml_of(folder: Path, name: str) -> list[Path]:
    return sorted(path for path in (folder / name).glob("*.yaml") if path.is_file())


def _templates_of(folder: Path) -> list[Path]:
    root = folder / "templates"
    return sorted(path for path in root.rglob("*") if path.is_file() and path.suffix in _TEMPLATE_ENDINGS)


def _missing(folder: Path, files: FolderFiles) -> list[Problem]:
    problems = []
    if "config/default.yaml" not in files.config:
        message = "a project needs config/default.yaml"
        near = next((p.name for p in folder.iterdir() if p.is_dir() and nearest_word(p.name, ["config"])), None)
        help_text = f"is it in {near}/?" if near and near != "config" else "`relight init` writes one"
        problems.append(
            Problem(code="missing-config", message=message, place=Place(file="config/default.yaml"), help=help_text)
        )
    if not files.streams:
        message = "a project needs a stream: a file in streams/ that says what happens"
        problems.append(
            Problem(
                code="missing-stream", message=message, place=Place(file="streams/"), help="`relight init` writes one"
            )
        )
    problems += _unread(folder)
    return problems


def _unread(folder: Path) -> list[Problem]:
    """Return what lies where nobody reads it, though its name says that it was meant to be read."""
    problems = []
    for name in ("streams", "rules", "config"):
        for path in sorted((folder / name).glob("*/**/*.yaml")):
            place = Place(file=path.relative_to(folder).as_posix())
            message = f"files of {name}/ stand in it directly; this one is not read"
            help_text = f"move it to {name}/{path.name}"
            problems.append(Problem(code="not-read", message=message, place=place, help=help_text))
    for name in _FOLDERS:
        for path in sorted((folder / name).glob("*.yml")) if name != "tests" else ():
            place = Place(file=path.relative_to(folder).as_posix())
            problems.append(
                Problem(
                    code="wrong-ending",
                    message="files here end in .yaml; this one is not read",
                    place=place,
                    help=f"rename it to {path.stem}.yaml",
                )
            )
    return problems
