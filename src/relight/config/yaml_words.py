"""What to do about each refusal of the YAML reader, one sentence by code."""

from __future__ import annotations

#: Help by code.
ADVICE = {
    "alias": "write the value out where it is used; a condition that several rules share belongs into definitions.yaml",
    "anchor": "remove it, and write the value out where it is used",
    "merge-key": "write the keys out",
    "tag": "remove it; put the value in quotes where it must be text",
    "yaml-directive": "remove the line",
    "second-document": "put it into a file of its own",
    "duplicate-key": "keep one of the two",
    "key-not-text": "put the key in quotes",
    "too-deep": "use fewer levels",
    "too-large": "split the file",
    "control-character": "remove it; copying from a document or a web page often brings such characters along",
    "yaml-syntax": "check the indentation and the quotes",
}
