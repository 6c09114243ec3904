"""Hides from a YAML parser what people may write without quotes here: `${NAME}`, and `,` and `:` between parentheses.

    {affects: region == event.region and ever(api_called, 7 days)}      {key: ${SENDGRID_API_KEY}}

Each character is replaced by one of a private plane, so that every place stays, and put back in the scalars. Other YAML
tools want quotes around such values; quoted values read the same here.
"""

from __future__ import annotations

import re

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_TOKEN = re.compile(r"""[()]|"(?:[^"\\\n]|\\.)*"|'(?:[^'\n]|'')*'""")
_HIDE = str.maketrans({",": "\U000f0003", ":": "\U000f0004"})
_SHOW = str.maketrans(
    {"\U000f0000": "$", "\U000f0001": "{", "\U000f0002": "}", "\U000f0003": ",", "\U000f0004": ":"}
)  # fmt: skip
#: The characters that stand for others; a file may not contain them itself.
DISGUISES = "\U000f0000-\U000f0004"


def disguise(text: str) -> str:
    """Return the text, as long as before, in a form that a YAML parser reads as we mean it."""
    if "${" in text:
        text = _VARIABLE.sub("\U000f0000\U000f0001\\1\U000f0002", text)
    if "(" in text:
        text = "\n".join(_hide_arguments(line) if "(" in line else line for line in text.split("\n"))
    return text


def reveal(text: str) -> str:
    """Return a scalar's text as it was written."""
    return text.translate(_SHOW)


def _hide_arguments(line: str) -> str:
    if ("," not in line and ":" not in line) or ")" not in line:
        return line
    parts, done, depth, start = [], 0, 0, 0
    for token in _TOKEN.finditer(line):
        if token[0] == "(":
            start = token.start() if depth == 0 else start
            depth += 1
        elif token[0] == ")" and depth:
            depth -= 1
            if depth == 0:
                parts += [line[done:start], line[start : token.end()].translate(_HIDE)]
                done = token.end()
    return "".join([*parts, line[done:]])
