"""The optional Python of a stream: `map: shop.py:from_row` turns one raw row into rows of the declared shape."""

from __future__ import annotations

import importlib.util
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from relight.base.errors import ProjectError
from relight.base.problems import Place, Problem
from relight.base.suggest import suggest_words
from relight.streams.refusals import RefusalError, show_value

#: One raw row to rows of the declared shape.
RowMap = Callable[[dict[str, object]], Iterable[Mapping[str, object]]]

#: Rows that one raw row may become.
MAPPED_ROWS_MAX = 1000


def load_map(text: str, folder: Path, place: Place) -> RowMap:
    """Return the function that `shop.py:from_row` names in `folder`; raises ProjectError with its place.

    The file is run once for each load and is not put in sys.modules.
    """
    file, _, name = text.partition(":")
    path = folder / file
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        raise _refusal("missing-map", f"there is no file {file} in {folder.name}/", place)
    spec = importlib.util.spec_from_file_location(f"relight_project_{path.stem}", path)
    assert spec is not None and spec.loader is not None  # noqa: PT018 -- both hold for a .py file
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a team's code: whatever it raises is shown
        raise _refusal("map-broken", f"{file} cannot be loaded: {type(error).__name__}: {error}", place) from error
    function = getattr(module, name, None)
    if not callable(function):
        words = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise _refusal("missing-map", f"{file} has no function '{name}'", place, suggest_words(name, words))
    return function  # type: ignore[no-any-return]  # its result is checked at each call


def _refusal(code: str, message: str, place: Place, help_text: str | None = None) -> ProjectError:
    return ProjectError([Problem(code=code, message=message, place=place, help=help_text)])


def call_map(function: RowMap, row: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return the rows a map makes of one; raises RefusalError `map-failed` with the line and what went wrong."""
    try:
        found: Any = function(dict(row))
        rows = _as_rows(found)
    except RefusalError:
        raise
    except Exception as error:  # noqa: BLE001 -- a team's code: one bad row must not stop the stream
        raise RefusalError("map-failed", f"{_where(error)}{type(error).__name__}: {error}") from None
    return rows


def _where(error: Exception) -> str:
    """Return `orders.py:6: `, the innermost line of the team; or nothing if no line of theirs failed."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    theirs = [frame for frame in frames if Path(frame.filename).parent == Path(frames[0].filename).parent]
    return f"{Path(theirs[-1].filename).name}:{theirs[-1].lineno}: " if theirs else ""


def _as_rows(found: Any) -> list[Mapping[str, object]]:
    if found is None:
        return []
    if isinstance(found, Mapping):
        raise RefusalError("map-failed", "the map returned one dictionary, expected a list of them")
    rows: list[Mapping[str, object]] = []
    for row in found:
        if not isinstance(row, Mapping) or not all(isinstance(key, str) for key in row):
            raise RefusalError(
                "map-failed", f"the map returned {show_value(row)}, expected a dictionary with text keys"
            )
        if len(rows) == MAPPED_ROWS_MAX:
            raise RefusalError("map-failed", f"the map made more than {MAPPED_ROWS_MAX} rows of one")
        rows.append(dict(row))
    return rows
