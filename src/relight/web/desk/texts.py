"""The words of the desk, by language; a test compares them. Reasons keep their names, which rules and logs use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from relight.config.measure_kinds import MEASURES
from relight.web.desk.texts_en import ENGLISH
from relight.web.desk.texts_tr import TURKISH, TURKISH_MEASURES

#: Language -> key -> text.
TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": ENGLISH | {f"measure_{one.name}": one.title for one in MEASURES.values()},
    "tr": TURKISH | {f"measure_{name}": title for name, title in TURKISH_MEASURES.items()},
}
