"""Did-you-mean: the nearest of the allowed words, or the list of them when it is short."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Least similarity (0 to 1) of a word that is suggested.
SUGGEST_SIMILARITY_MIN = 0.7
#: Most allowed words that are listed in full.
SUGGEST_WORDS_MAX = 8


def nearest_word(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word most like `word`, or None when none is similar enough."""
    found = difflib.get_close_matches(word, list(allowed), n=1, cutoff=SUGGEST_SIMILARITY_MIN)
    return found[0] if found else None


def suggest_words(word: str, allowed: Iterable[str]) -> str | None:
    """Return "did you mean 'x'?", "expected one of …" for a short list, or None."""
    words = sorted(set(allowed))
    near = nearest_word(word, words)
    if near is not None:
        return f"did you mean '{near}'?"
    if words and len(words) <= SUGGEST_WORDS_MAX:
        return "expected one of " + ", ".join(f"'{w}'" for w in words)
    return None
