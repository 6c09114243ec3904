"""English sentences said in another language: findings of `check`, why a record or a mail is refused.

They are made far below, kept in stores and compared by tests, so they stay English there. For a reader of another
language the catalogue gives each sentence of a code, with its places, in theirs. Whatever it does not know stays
English. The command line does not come here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from relight.engine.rewording_turkish import TURKISH

#: Language -> code -> pairs of (English, that language), the first that fits first. A place is `{name}`.
CATALOGUES: Final[Mapping[str, Mapping[str, tuple[tuple[str, str], ...]]]] = MappingProxyType({"tr": TURKISH})
#: Characters of a sentence that is looked up; a longer one, of somebody else's making, stays as it is.
REWORDED_CHARACTERS_MAX = 1000

_PLACE: Final = re.compile(r"\{([a-z]+)\}")


@lru_cache(maxsize=8)
def _patterns(language: str) -> Mapping[str, tuple[tuple[re.Pattern[str], str], ...]]:
    return {
        code: tuple((_pattern(english), told) for english, told in pairs)
        for code, pairs in CATALOGUES[language].items()
    }


def _pattern(english: str) -> re.Pattern[str]:
    parts = _PLACE.split(english)
    made = [f"(?P<{part}>.+?)" if number % 2 else re.escape(part) for number, part in enumerate(parts)]
    return re.compile("".join(made), re.DOTALL)


def reword(text: str, code: str, language: str) -> str | None:
    """Return a sentence in a language; None where the language has no words for it.

    text: the sentence in English. code: of the problem, of the dead letter, or the reason not to send; what stands at a
    place whose name is itself a code (`{expected}`) is told as well.
    """
    if language not in CATALOGUES:
        return text
    if len(text) > REWORDED_CHARACTERS_MAX:
        return None
    fits = ((pattern.fullmatch(text), told) for pattern, told in _patterns(language).get(code, ()))
    found, told = next(((one, told) for one, told in fits if one is not None), (None, ""))
    if found is None:
        return None
    values = {name: _inner(value, name, language) for name, value in found.groupdict().items()}
    return _PLACE.sub(lambda place: values[place[1]], told)


def _inner(text: str, name: str, language: str) -> str:
    if name not in CATALOGUES[language]:
        return text
    return reword(text, name, language) or text
