"""The stand-in's event webhook: what would have become of an accepted message, signed and posted to an address of ours.

The name before the @ says how it ends: `bounce…`, `blocked…`, `dropped…`, `spam…`, `unsubscribe…`, `click…`; everybody
else gets it. Each post goes out twice, as the real one may.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from relight.base.ids import digest
from relight.delivery.sendgrid_events import SIGNATURE_HEADER, TIMESTAMP_HEADER

#: Tries of one post; the real one goes on for a day.
POST_TRIES_MAX = 240
#: Seconds between two of them.
RETRY_SECONDS = 0.5
#: Seconds that a post may take.
POST_SECONDS = 10.0
#: Beginning of the name before the @ -> the reports of such a message, in order.
ENDINGS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "bounce": ({"event": "processed"}, {"event": "bounce", "type": "bounce", "status": "5.1.1",
                                        "bounce_classification": "Invalid Address", "reason": "550 5.1.1 nobody"}),
    "blocked": ({"event": "processed"}, {"event": "bounce", "type": "blocked", "status": "5.7.1",
                                         "bounce_classification": "Reputation", "reason": "550 5.7.1 not wanted"}),
    "dropped": ({"event": "dropped", "reason": "Bounced Address"},),
    "spam": ({"event": "processed"}, {"event": "delivered"}, {"event": "spamreport"}),
    "unsubscribe": ({"event": "processed"}, {"event": "delivered"}, {"event": "unsubscribe"}),
    "click": ({"event": "processed"}, {"event": "delivered"}, {"event": "click", "url": "https://shop.example/"}),
}  # fmt: skip
_DELIVERED = ({"event": "processed"}, {"event": "delivered", "response": "250 OK"})


def reports_of(payload: Mapping[str, Any], message_id: str, now_seconds: int) -> list[dict[str, Any]]:
    """Return what the provider would report of a message: one report an ending and recipient."""
    found = []
    for one in payload["personalizations"]:
        for box in one["to"]:
            name = box["email"].partition("@")[0]
            ending = next((found for start, found in ENDINGS.items() if name.startswith(start)), _DELIVERED)
            for number, report in enumerate(ending):
                found.append(
                    {
                        "email": box["email"],
                        "timestamp": now_seconds,
                        "sg_event_id": digest("standin-event", message_id, box["email"], str(number)),
                        "sg_message_id": f"{message_id}.standin-0001",
                        "category": payload.get("categories", []),
                        **payload.get("custom_args", {}),
                        **one.get("custom_args", {}),
                        **report,
                    }
                )
    return found


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a key pair to sign reports with."""
    return ec.generate_private_key(ec.SECP256R1())


def public_key_of(private: ec.EllipticCurvePrivateKey) -> str:
    """Return the key to verify with, as the provider shows it: base64 of the DER SubjectPublicKeyInfo."""
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def kept_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key pair of a PEM file, made where there is none; `<path>.pub` holds the key to verify with.

    Raises ValueError where the file holds something else, OSError where it cannot be read or written.
    """
    if path.exists():
        private = load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
            raise ValueError("not a key of the curve P-256")
    else:
        private = new_key()
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    path.with_name(path.name + ".pub").write_text(public_key_of(private) + "\n", encoding="ascii")
    return private


@dataclass(slots=True)
class Feed:
    """Posts reports to one address."""

    url: str
    private: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    clock: Callable[[], float] = time.time
    #: Told why reports are not taken, once until one is taken again.
    on_trouble: Callable[[str], object] = lambda _text: None
    #: Posts that were answered with 2xx, and those given up.
    posted: int = 0
    failed: int = 0
    _trouble: str = ""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def public_key(self) -> str:
        """The key to verify with, as the provider shows it."""
        return public_key_of(self.private)

    async def on_accepted(self, payload: Mapping[str, Any], message_id: str) -> None:
        """Report a message that was accepted, without holding up the answer."""
        body = json.dumps(reports_of(payload, message_id, int(self.clock()))).encode() + b"\r\n"
        task = asyncio.create_task(self._post_twice(body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Return once every post is through or given up."""
        await asyncio.gather(*self._tasks)

    async def _post_twice(self, body: bytes) -> None:
        for _ in range(2):
            for _try in range(POST_TRIES_MAX):
                trouble = await asyncio.to_thread(self._post, body)
                if trouble and trouble != self._trouble:
                    self.on_trouble(trouble)
                self._trouble = trouble
                if not trouble:
                    self.posted += 1
                    break
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self.failed += 1

    def _post(self, body: bytes) -> str:
        """Post once; return why it was not taken, nothing where it was."""
        timestamp = str(int(self.clock()))
        signature = self.private.sign(timestamp.encode() + body, ec.ECDSA(SHA256()))
        headers = {
            "Content-Type": "application/json",
            SIGNATURE_HEADER: base64.b64encode(signature).decode(),
            TIMESTAMP_HEADER: timestamp,
        }
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        line = kind(parts.hostname or "", parts.port, timeout=POST_SECONDS)
        try:
            line.request("POST", parts.path or "/", body, headers)
            answer = line.getresponse()
            return "" if answer.status in range(200, 300) else f"{answer.status} {answer.reason}"
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
        finally:
            line.close()
