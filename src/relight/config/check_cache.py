"""What `relight check` found before, kept in the project's .relight_cache/: what nobody touched is not read anew.

An answer is kept under a digest of all that it depends on: the texts, the variables and files of codes that were asked
for, the options, relight and its libraries, Python and the zone data. Whatever of it changes asks for another answer,
so none is ever out of date. A file that is damaged, of another version or of another user is as good as none, and
where nothing can be written, nothing is kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from relight.base.ids import hash_bytes
from relight.base.problems import Problem
from relight.config.engine_digest import digest_of, engine_digest
from relight.config.folder import FolderFiles
from relight.config.letter_facts import LetterFacts, LetterFindings, UsedLetters

CACHE_FOLDER = ".relight_cache"
#: Bytes of the answers of one project; those asked for longest ago go first.
CACHE_BYTES_MAX = 4 * 1024 * 1024
#: Checks in a row that found something new and did not ask for an answer, after which it goes.
UNASKED_CHECKS_MAX = 8
_FILE = "check"
#: What the file begins with; a checksum of the rest follows.
_HEAD = b"relight check 1\n"
_CHECKSUM_CHARACTERS = 32
_ABSENT = "absent"
_Answer = TypeVar("_Answer")


class ProjectFindings(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a project, and what the answer rests on beside the texts of its folder."""

    problems: list[Problem]
    rules: int
    templates: int
    #: Variables of the environment that were asked for -> a digest of the value, or `absent`.
    variables: dict[str, str]
    #: Files of codes -> a digest of their bytes, or `absent`.
    codes: dict[str, str]


class _Kept(msgspec.Struct, kw_only=True):
    answer: bytes
    unasked: int = 0


class _CacheFile(msgspec.Struct, kw_only=True):
    engine: str
    answers: dict[str, _Kept]


class AskedVariables(Mapping[str, str]):
    """The environment, which notes what it is asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """Ask `variables`."""
        self._variables = variables
        #: Name -> value, or None for one that does not exist.
        self.asked: dict[str, str | None] = {}

    def __getitem__(self, name: str) -> str:
        """Return a value; raises KeyError for a variable that does not exist."""
        self.asked[name] = self._variables.get(name)
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._variables)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._variables)


class CheckCache:
    """The answers of one project folder under one environment."""

    def __init__(self, folder: Path, environment: str | None, variables: Mapping[str, str]) -> None:
        """Read what is kept."""
        self.folder, self.environment = folder, environment
        self.variables = AskedVariables(variables)
        self._engine = engine_digest()
        self._answers = self._read()
        self._asked: set[str] = set()
        self._has_new = False

    # ------------------------------------------------------------ answers
    def project(self, files: FolderFiles) -> ProjectFindings | None:
        """Return what is wrong with a project of these files, where nothing else that counted has changed."""
        found = self._get(self._project_key(files), ProjectFindings)
        if found is None:
            return None
        variables = {name: _mark_of(self.variables.get(name)) for name in found.variables}
        same = variables == found.variables and self.codes_marks(found.codes) == found.codes
        return found if same else None

    def keep_project(self, files: FolderFiles, findings: ProjectFindings) -> None:
        """Keep what is wrong with a project of these files."""
        self._keep(self._project_key(files), findings)

    def variable_marks(self) -> dict[str, str]:
        """Return the variables that were asked for, each with a mark that changes with its value."""
        return {name: _mark_of(value) for name, value in self.variables.asked.items()}

    def codes_marks(self, files: Iterable[str]) -> dict[str, str]:
        """Return the marks of files of codes, which change with their bytes; files: paths below the folder."""
        return {file: _mark_of_file(self.folder / file) for file in files}

    def letters(self, texts: Mapping[str, str]) -> KeptLetters:
        """Return what is kept of the templates among these texts; texts: everything that they depend on, by path."""
        asked = [part for name, value in sorted(self.variables.asked.items()) for part in (name, _mark_of(value))]
        told = [part for path in sorted(texts) for part in (path, texts[path])]
        environment = _ABSENT if self.environment is None else f"={self.environment}"
        return KeptLetters(self, digest_of("letters", environment, str(len(asked)), *asked, *told))

    def document(self, name: str, text: str) -> list[Problem] | None:
        """Return what is wrong with the blocks of a Markdown file."""
        return self._get(digest_of("document", name, text), list[Problem])

    def keep_document(self, name: str, text: str, problems: list[Problem]) -> None:
        """Keep it."""
        self._keep(digest_of("document", name, text), problems)

    def _project_key(self, files: FolderFiles) -> str:
        environment = _ABSENT if self.environment is None else f"={self.environment}"
        texts = [part for path, text in files.texts().items() for part in (path, text)]
        return digest_of("project", str(self.folder), environment, repr(files.problems), *texts)

    def _get(self, key: str, kind: type[_Answer]) -> _Answer | None:
        kept = self._answers.get(key)
        if kept is None:
            return None
        try:
            found = msgspec.msgpack.decode(kept.answer, type=kind)
        except msgspec.DecodeError:
            return None
        self._asked.add(key)
        return found

    def _keep(self, key: str, answer: object) -> None:
        self._answers[key] = _Kept(answer=msgspec.msgpack.encode(answer))
        self._asked.add(key)
        self._has_new = True

    # ------------------------------------------------------------ the file
    def _read(self) -> dict[str, _Kept]:
        path = self.folder / CACHE_FOLDER / _FILE
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_size > 2 * CACHE_BYTES_MAX or status.st_uid != os.geteuid():
                    return {}
                raw = file.read()
        except OSError:
            return {}
        body = raw[len(_HEAD) + _CHECKSUM_CHARACTERS :]
        if raw[: -len(body) or None] != _HEAD + hash_bytes(body).encode():
            return {}
        try:
            found = msgspec.msgpack.decode(body, type=_CacheFile)
        except msgspec.DecodeError:
            return {}
        return found.answers if found.engine == self._engine else {}

    def save(self) -> None:
        """Write the answers where there is a new one; where that cannot be done, nothing is kept."""
        if not self._has_new:
            return
        body = msgspec.msgpack.encode(_CacheFile(engine=self._engine, answers=self._worth_keeping()))
        folder = self.folder / CACHE_FOLDER
        new = folder / f"{_FILE}.{os.getpid()}.new"
        try:
            if not folder.is_dir():
                folder.mkdir(mode=0o700)
                (folder / ".gitignore").write_text("*\n", encoding="ascii")
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 - nobody else reads it
                file.write(_HEAD + hash_bytes(body).encode() + body)
            new.replace(folder / _FILE)
        except OSError:
            _forget(new)

    def _worth_keeping(self) -> dict[str, _Kept]:
        for key, kept in self._answers.items():
            kept.unasked = 0 if key in self._asked else kept.unasked + 1
        kept_now: dict[str, _Kept] = {}
        size = 0
        for key, kept in sorted(self._answers.items(), key=lambda item: (item[1].unasked, len(item[1].answer))):
            size += len(key) + len(kept.answer)
            if kept.unasked <= UNASKED_CHECKS_MAX and size <= CACHE_BYTES_MAX:
                kept_now[key] = kept
        return kept_now


class KeptLetters:
    """What is kept of the templates of one state of a project."""

    def __init__(self, cache: CheckCache, key: str) -> None:
        """Answer for templates whose texts, and all they depend on, have this digest."""
        self._cache, self._key = cache, key

    def facts(self) -> LetterFacts | None:
        """Return what rules must know of them, or None where nothing is kept."""
        return self._cache._get(self._key, LetterFacts)  # noqa: SLF001 - a part of the cache

    def keep_facts(self, facts: LetterFacts) -> None:
        """Keep it."""
        self._cache._keep(self._key, facts)  # noqa: SLF001 - a part of the cache

    def _key_of(self, used: UsedLetters) -> str:
        return digest_of(self._key, repr(used))

    def findings(self, used: UsedLetters) -> LetterFindings | None:
        """Return what is wrong where rules use them so, or None where nothing is kept."""
        return self._cache._get(self._key_of(used), LetterFindings)  # noqa: SLF001 - a part of the cache

    def keep_findings(self, used: UsedLetters, findings: LetterFindings) -> None:
        """Keep it."""
        self._cache._keep(self._key_of(used), findings)  # noqa: SLF001 - a part of the cache


def _mark_of(value: str | None) -> str:
    return _ABSENT if value is None else digest_of(value)


def _mark_of_file(path: Path) -> str:
    try:
        return hash_bytes(path.read_bytes())
    except FileNotFoundError:
        return _ABSENT
    except OSError as error:
        return f"unreadable {error.errno}"


def _forget(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
