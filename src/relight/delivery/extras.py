"""Adapters whose libraries are an extra: imported only when the config asks for them; an error names the fix."""

from __future__ import annotations

import shlex
import shutil
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relight.delivery.outgoing import Transport

#: What the `sendgrid` extra brings.
SENDGRID_PACKAGES = ("sendgrid", "aiohttp", "cryptography")


def install_command(extra: str) -> str:
    """Return what installs an extra where this program runs: by pip, by uv where there is no pip, else both steps."""
    python, wanted = shlex.quote(sys.executable), f"'relight[{extra}]'"
    if find_spec("pip") is not None:
        return f"{python} -m pip install {wanted}"
    if shutil.which("uv") is not None:
        return f"uv pip install --python {python} {wanted}"
    return f"{python} -m ensurepip && {python} -m pip install {wanted}"


def require_sendgrid() -> None:
    """Raise ImportError naming what is missing for SendGrid and how to install it."""
    missing = [name for name in SENDGRID_PACKAGES if find_spec(name) is None]
    if missing:
        raise ImportError(f"SendGrid needs {', '.join(missing)}, not installed yet: {install_command('sendgrid')}")


def open_sendgrid(  # noqa: PLR0913 - one account, by keyword
    *, key: str, url: str | None, sandbox: bool, connections: int, batch: int, seconds: float
) -> Transport:
    """Return the SendGrid transport; raises ImportError where the extra is missing, ValueError for a bad key."""
    require_sendgrid()
    from relight.delivery.sendgrid import URL_DEFAULT, SendgridAccount, SendgridTransport

    return SendgridTransport(
        SendgridAccount(
            key=key, url=url or URL_DEFAULT, sandbox=sandbox, connections=connections, batch=batch, seconds=seconds
        )
    )
