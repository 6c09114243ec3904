"""What to know before an effect is believed, as data: which sentence, and the numbers in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from relight.engine.explain_lines import Line, Part, say
from relight.engine.explain_telling import tell
from relight.metrics.definitions import SENTENCES


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence of `definitions.SENTENCES` by its name, with what stands in its places."""

    sentence: str
    values: Mapping[str, Part]


def remark(sentence: str, **values: Part) -> Remark:
    """Return a remark."""
    return Remark(sentence, values)


def remark_text(one: Remark, language: str = "en") -> str:
    """Return a remark in a language."""
    values = {name: tell(say(Line.CODE, text=value), language) for name, value in one.values.items()}
    return SENTENCES[language][one.sentence].format(**values)
