"""What a recipe of docs/cookbook.md reads of the streams: the line under its block, made from the rule and its definitions.

`RELIGHT_UPDATE_EXPECTED=1 pytest tests/unit/config/test_cookbook.py` writes the lines into the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from relight.streams.schema import Schema

#: Keys of a rule that are for people.
_PROSE = ("name", "notes", "owner")
_BLOCK = re.compile(r"^`rules/(\w+)\.yaml`:\n\n```yaml\n(.*?)^```\n(?:\nReads [^\n]*\n)?", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"[a-z_]\w*")
_QUOTED = re.compile(r'"[^"]*"')


def with_needs(page: str, definitions: str, schema: Schema) -> str:
    """Return the page with what each recipe reads under its block."""

    def told(found: re.Match[str]) -> str:
        block = found[0].partition("\nReads ")[0]
        return f"{block}\n{needs_line(found[2], definitions, schema)}\n"

    return _BLOCK.sub(told, page)


def needs_line(rule: str, definitions: str, schema: Schema) -> str:
    """Return `Reads the events …; the traits …` of a rule."""
    known = {name: str(text) for part in _plain(definitions).values() for name, text in part.items()}
    parts = _plain(rule)
    texts = list(_texts({key: value for key, value in parts.items() if key not in (*_PROSE, "trigger")}))
    # What the entry keeps is the trigger's: `entry.order_id`, and what it is one entry a value of.
    kept = [word for text in texts for word in re.findall(r"\bentry\.(\w+)", text)]
    reentry = parts.get("reentry")
    kept += [reentry["per"]] if isinstance(reentry, Mapping) and "per" in reentry else []
    texts.insert(0, " ".join([*_texts(parts["trigger"]), *kept]))
    words: set[str] = set()
    for text in texts:  # grows by the definitions that are met
        for word in _WORD.findall(_QUOTED.sub("", text)):
            if word in known and known[word] not in texts:
                texts.append(known[word])
            words.add(word)
    events = []
    for name in sorted(words & schema.events.keys()):
        near = " ".join(text for text in texts if re.search(rf"\b{name}\b", text))
        read = sorted(set(_WORD.findall(_QUOTED.sub("", near))) & schema.events[name].properties.keys() - {name})
        events.append(f"`{name}`" + (f" ({', '.join(f'`{one}`' for one in read)})" if read else ""))
    traits = sorted(words & schema.traits.keys())
    found = [f"the event{'s' if len(events) > 1 else ''} {', '.join(events)}"] if events else []
    if traits:
        found.append(f"the trait{'s' if len(traits) > 1 else ''} {', '.join(f'`{one}`' for one in traits)}")
    return f"Reads {'; '.join(found) or 'no event of the streams'}."


def _plain(text: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key != "send":
                yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
    elif value is not None:
        yield str(value)
