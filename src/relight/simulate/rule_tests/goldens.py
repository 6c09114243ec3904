"""Golden mails: whole mails kept as text beside the tests, compared, and written anew by `--update`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: Below tests/rules/.
GOLDEN_FOLDER = Path("tests") / "rules" / "golden"
#: Lines of a difference that a failure shows.
LINES_MAX = 12


@dataclass(slots=True, kw_only=True)
class Goldens:
    """The golden mails of one project."""

    folder: Path
    update: bool = False
    #: Names written in this run.
    written: list[str] = field(default_factory=list)

    def compare(self, name: str, parts: Mapping[str, str]) -> tuple[str, str] | None:
        """Return what stands and what came where they differ; with `update`, what came stands from now on."""
        path = self.folder / GOLDEN_FOLDER / f"{name}.txt"
        came = golden_text(parts)
        stands = path.read_text(encoding="utf-8") if path.is_file() else None
        if stands == came:
            return None
        if self.update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(came, encoding="utf-8")
            self.written.append(name)
            return None
        where = (GOLDEN_FOLDER / f"{name}.txt").as_posix()
        if stands is None:
            return name, f"there is no {where} yet; `relight test --update` writes it"
        lines = list(difflib.unified_diff(stands.splitlines(), came.splitlines(), where, "this mail", lineterm="", n=1))
        cut = [*lines[:LINES_MAX], f"… {len(lines) - LINES_MAX} more lines"] if len(lines) > LINES_MAX else lines
        return name, "another mail; --update takes it over\n" + "\n".join(cut)


def golden_text(parts: Mapping[str, str]) -> str:
    """Return a mail as it is kept: subject, text, HTML."""
    return f"Subject: {parts['subject']}\n\n{parts['text'].rstrip()}\n\n--- html\n{parts['html'].rstrip()}\n"
