"""What `relight doctor` says of SendGrid and of the volume guard."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING

from relight.messages.life import MessageCause, MessageState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relight.config.settings import DeliverySettings, SendgridSettings
    from relight.rules.plan import Plan
    from relight.stores.interface import Store

#: Seconds that SendGrid may take to answer.
SENDGRID_SECONDS = 10
#: What a key needs.
NEEDED_SCOPE = "mail.send"
#: Waiting messages whose last answer is looked at, the first ones.
LAST_ANSWERS_MAX = 100


def look_at_guard(plan: Plan | None, delivery: DeliverySettings) -> list[tuple[str, str, str]]:
    """Return (mark, text, fix): how many messages an hour the volume guard lets through, and who hears of its stop."""
    from relight.rules.guard_alerts import tells_of_guard

    if plan is None or delivery.per_hour is None:
        return []
    text = f"volume guard: {delivery.per_hour:,} messages an hour"
    tellers = [f"'{rule.id}'" for rule in plan.rules.values() if tells_of_guard(rule)]
    if not tellers:
        return [("warn", f"{text}; nobody is told when it stops", "relight check says how a rule tells the team")]
    return [("ok", f"{text}; {', '.join(tellers)} tells the team when it stops", "")]


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


def look_at_last_answers(store: Store) -> Iterator[tuple[str, str, str]]:
    """Yield (mark, text, fix) of the answer that most messages that wait got last; nothing where none was tried."""
    told: Counter[str] = Counter()
    for status in store.messages(state=MessageState.PENDING, limit=LAST_ANSWERS_MAX):
        key = status.message.occurrence_key
        answers = [one for one in store.attempts_of(status.message.customer) if one.occurrence_key == key]
        if answers and answers[-1].cause is MessageCause.RETRY:
            told[answers[-1].text] += 1
    for text, count in told.most_common(1):
        whose = f"{count:,} of the {LAST_ANSWERS_MAX:,} first" if told.total() == LAST_ANSWERS_MAX else f"{count:,}"
        yield "warn", f"outbox: not taken at the last try, {whose}: {text}", "each is tried again; look at who answered"
