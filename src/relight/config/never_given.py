"""What a rule's letters read of its occasion and never get: such a mail would be kept back for everybody.

Each letter is rendered for somebody made up of whom everything is known that this rule can know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from relight.base.kinds import UNKNOWN, Kind
from relight.config.letter_facts import Missing, Occasion
from relight.config.letter_uses import GIVEN_BY, root_of
from relight.templates import CompiledBody, CompiledLetter, RenderRefusal, sample_letter


def missing_data(
    occasions: Iterable[Occasion],
    letters: Mapping[str, CompiledLetter | CompiledBody],
    *,
    kinds: Mapping[str, Kind],
    properties: Mapping[str, Kind],
) -> list[Missing]:
    """Return what letters read on these occasions and never get.

    Args:
        occasions: of rules.
        letters: compiled, by name; bodies of web requests by path.
        kinds: expression text -> kind of its value.
        properties: property of any event -> its kind.
    """
    missing = []
    for occasion in occasions:
        letter = letters.get(occasion.letter)
        found = None if letter is None else _first_missing(letter, occasion, kinds, properties)
        if found is not None:
            missing.append(Missing(occasion=occasion, what=found.what, file=found.file, line=found.line))
    return missing


def _first_missing(
    letter: CompiledLetter | CompiledBody,
    occasion: Occasion,
    kinds: Mapping[str, Kind],
    properties: Mapping[str, Kind],
) -> RenderRefusal | None:
    """Return why a letter is not rendered for want of what the rule never gives; None where nothing is wanting."""
    asked = letter.letter if isinstance(letter, CompiledBody) else letter
    for language in letter.variants:
        sample = next(sample_letter(asked, language or asked.policy.locale, kinds=kinds, properties=properties))
        known = sample.reading.properties
        entry = {name: known[name] for name in occasion.entry}
        release = {name: known[name] for name in occasion.release}
        reading = replace(
            sample.reading,
            properties=entry,
            milestone=sample.reading.milestone if "milestone" in occasion.names else UNKNOWN,
        )
        extra = {
            k: v
            for k, v in sample.extra.items()
            if k not in {"threshold", "milestone", "arm"}.difference(occasion.names)
        }
        extra |= {"event": release or entry, "request": entry, "release": release}
        if "arm" in occasion.names:
            extra["arm"] = "a"
        shown = replace(letter, letter=sample.letter) if isinstance(letter, CompiledBody) else sample.letter
        made = shown.render(reading, extra)
        if isinstance(made, RenderRefusal) and made.reason == "missing_data" and root_of(made.what) in GIVEN_BY:
            return made
    return None
