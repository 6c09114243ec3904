"""Log lines of a running process: one JSON object or one text line each, mail addresses masked, secrets never in them.

Uses the standard library's logging under the name `relight`; what others log is not changed.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal, TextIO

from relight.base.masking import mask_addresses

#: Where the process's own lines go.
LOGGER = logging.getLogger("relight")
#: Characters of one value.
VALUE_CHARACTERS_MAX = 2_000
#: Loggers whose lines below WARNING hold keys or whole mails.
_TALKATIVE = ("python_http_client", "aiosmtplib", "aiohttp", "urllib3")


def _clean(value: object) -> object:
    if isinstance(value, bool | int | float) or value is None:
        return value
    text = mask_addresses(str(value))
    return text if len(text) <= VALUE_CHARACTERS_MAX else text[:VALUE_CHARACTERS_MAX] + "…"


class _Formatter(logging.Formatter):
    def __init__(self, form: Literal["json", "text"]) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        facts: dict[str, object] = getattr(record, "facts", {})
        shown = {name: _clean(value) for name, value in facts.items()}
        message = str(_clean(record.getMessage()))
        if record.exc_info:
            shown["exception"] = mask_addresses(self.formatException(record.exc_info))
        if self._form == "json":
            line = {"at": at, "level": record.levelname.lower(), "event": message, **shown}
            return json.dumps(line, ensure_ascii=False, default=str)
        rest = "".join(f" {name}={json.dumps(value, ensure_ascii=False)}" for name, value in shown.items())
        return f"{at} {record.levelname.lower():7} {message}{rest}"


def start_log(form: Literal["json", "text"], stream: TextIO | None = None) -> None:
    """Write the process's lines to a stream (default: standard error) from now on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Formatter(form))
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def log(event: str, /, *, level: int = logging.INFO, **facts: object) -> None:
    """Write one line: what happened, and what is known of it. Nothing where no log was started.

    event: a short sentence that stays the same; facts: values by name, of customers at most an id.
    """
    if LOGGER.handlers:
        LOGGER.log(level, event, extra={"facts": facts})
