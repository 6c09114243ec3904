"""Opens the transport that the config names. Secrets come from the environment mapping that is given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from relight.base.errors import UsageError
from relight.base.suggest import suggest_words
from relight.delivery.files import FilesTransport
from relight.delivery.outgoing import Transport
from relight.delivery.smtp import SmtpTransport
from relight.delivery.smtp_session import SmtpSettings

#: Keys of `delivery:` that are the sender's, not a transport's.
_SENDER_KEYS = frozenset({"on_unknown", "lease", "timeout", "rate", "warm_up"})
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def open_transport(settings: Mapping[str, object], env: Mapping[str, str], *, folder: Path | None = None) -> Transport:
    """Return the transport of a `delivery:` section; nothing is connected yet.

    Args:
        settings: `{files: path}` or `{smtp: {host, port, user, password, starttls, …}}`, with the sender's keys beside.
        env: where `${NAME}` is looked up.
        folder: what a relative path of `files` is relative to; None is the working directory.

    Raises:
        UsageError: no or more than one transport, an unknown key, a missing `${NAME}`.
    """
    named = {key: value for key, value in settings.items() if key not in _SENDER_KEYS}
    if len(named) != 1:
        raise UsageError("delivery names one of 'files' and 'smtp'")
    kind, value = next(iter(named.items()))
    if kind == "files" and isinstance(value, str):
        return FilesTransport((folder or Path()) / _resolve(value, env))
    if kind == "smtp" and isinstance(value, Mapping):
        return SmtpTransport(_smtp_settings(value, env))
    raise UsageError(f"delivery: '{kind}' is no transport", help_text=suggest_words(kind, ("files", "smtp")))


def _smtp_settings(value: Mapping[str, object], env: Mapping[str, str]) -> SmtpSettings:
    known = {field.name: field for field in fields(SmtpSettings)}
    given: dict[str, object] = {}
    for key, one in value.items():
        if key not in known:
            raise UsageError(f"delivery.smtp: '{key}' is not known", help_text=suggest_words(key, known))
        given[key] = _resolve(one, env) if isinstance(one, str) else one
    if "host" not in given:
        raise UsageError("delivery.smtp: 'host' is needed")
    if isinstance(given.get("port"), str):
        given["port"] = int(str(given["port"]))
    try:
        return SmtpSettings(**given)  # type: ignore[arg-type]  # config has checked the types
    except (TypeError, ValueError) as error:
        raise UsageError(f"delivery.smtp: {error}") from error


def _resolve(text: str, env: Mapping[str, str]) -> str:
    def look(found: re.Match[str]) -> str:
        if found[1] not in env:
            raise UsageError(f"delivery: ${{{found[1]}}} is not set in the environment")
        return env[found[1]]

    return _REFERENCE.sub(look, text)
