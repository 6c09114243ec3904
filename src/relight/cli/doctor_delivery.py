"""What `relight doctor` says of SendGrid and of the volume guard."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relight.config.settings import SendgridSettings

#: Seconds that SendGrid may take to answer.
SENDGRID_SECONDS = 10
#: What a key needs.
NEEDED_SCOPE = "mail.send"


def look_at_sendgrid(grid: SendgridSettings) -> tuple[str, str, str]:
    """Return (mark, text, fix): whether the extra is there, the key is taken and may send. Sends nothing."""
    from relight.delivery.extras import install_command, require_sendgrid

    try:
        require_sendgrid()
    except ImportError as error:
        return "FAIL", str(error), install_command("sendgrid")
    import aiohttp

    from relight.delivery.sendgrid import URL_DEFAULT

    url = (grid.url or URL_DEFAULT).rstrip("/")

    async def ask() -> tuple[int, bytes]:
        timeout = aiohttp.ClientTimeout(total=SENDGRID_SECONDS)
        headers = {"Authorization": f"Bearer {grid.key.reveal()}"}
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.get(f"{url}/v3/scopes", allow_redirects=False) as answer,
        ):
            return answer.status, await answer.read()

    try:
        status, body = asyncio.run(ask())
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        return "FAIL", f"SendGrid {url}: {first}", "check the network and `delivery: {sendgrid: {url: …}}`"
    return _judge(url, status, body, is_sandbox=grid.sandbox)


def _judge(url: str, status: int, body: bytes, *, is_sandbox: bool) -> tuple[str, str, str]:
    if status != 200:  # noqa: PLR2004 - HTTP's word for fine
        return "FAIL", f"SendGrid {url}: the key was refused ({status})", "set SENDGRID_API_KEY to a key that may send"
    try:
        scopes = json.loads(body).get("scopes", [])
    except (ValueError, AttributeError):
        return "FAIL", f"SendGrid {url}: what answers is not SendGrid", "check `delivery: {sendgrid: {url: …}}`"
    if NEEDED_SCOPE not in scopes:
        return "FAIL", f"SendGrid {url}: the key may not send", f"give the key the permission {NEEDED_SCOPE}"
    if is_sandbox:
        return (
            "warn",
            f"SendGrid {url}: the key may send, but sandbox mode delivers nothing",
            "take out `sandbox: true`",
        )
    return "ok", f"SendGrid {url}: the key may send", ""
