"""Files, SMTP and SendGrid keep the promises of every way out."""

from __future__ import annotations

import contextlib
import email
import email.policy
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from relight.delivery import OutgoingMessage, Transport
from relight.delivery.files import FilesTransport
from relight.delivery.smtp import SmtpTransport
from relight.delivery.smtp_session import SmtpSettings
from tests.adapters.delivery.conformance import DeliveryConformance, Seat
from tests.adapters.delivery.sendgrid_kit import logged, standing_in
from tests.adapters.delivery.sendgrid_kit import transport as sendgrid_transport
from tests.adapters.delivery.test_smtp import capturing


def _read(mail: bytes) -> tuple[str, str, str]:
    parsed = email.message_from_bytes(mail, policy=email.policy.default)
    return (str(parsed["Message-ID"]), str(parsed["To"].addresses[0].addr_spec), str(parsed["Subject"]))


@dataclass
class FoundSeat(Seat):
    transport: Transport
    find: Callable[[], list[tuple[str, str, str]]]
    take_away: Callable[[], object]

    def received(self) -> list[tuple[str, str, str]]:
        return sorted(self.find())

    async def lose(self) -> None:
        self.take_away()


class TestFiles(DeliveryConformance):
    @contextlib.asynccontextmanager
    async def open_seat(self, folder: Path) -> AsyncIterator[Seat]:
        outbox = folder / "outbox"

        def find() -> list[tuple[str, str, str]]:
            return [_read(path.read_bytes()) for path in outbox.rglob("*.eml")]

        yield FoundSeat(FilesTransport(outbox, durable=False), find, lambda: outbox.write_text("in the way"))


class TestSmtp(DeliveryConformance):
    @contextlib.asynccontextmanager
    async def open_seat(self, folder: Path) -> AsyncIterator[Seat]:
        del folder
        async with contextlib.AsyncExitStack() as stack:
            capture, port = await stack.enter_async_context(capturing())
            settings = SmtpSettings(host="127.0.0.1", port=port, starttls=False, connections=3, connect_seconds=2.0)
            found = SmtpTransport(settings)

            def lose() -> None:
                found.settings = SmtpSettings(host="127.0.0.1", port=1, starttls=False, connect_seconds=2.0)

            yield FoundSeat(found, lambda: [_read(content) for _, _, content in capture.received], lose)


class TestSendgrid(DeliveryConformance):
    def received_as(self, one: OutgoingMessage) -> tuple[str, str, str]:
        return (one.occurrence_key, one.to_address, one.subject)

    @contextlib.asynccontextmanager
    async def open_seat(self, folder: Path) -> AsyncIterator[Seat]:
        async with standing_in(folder / "log") as (_, port):
            found = sendgrid_transport(port)

            def lose() -> None:
                found._url = sendgrid_transport(1)._url

            def find() -> list[tuple[str, str, str]]:
                return [
                    (line["custom_args"]["relight_key"], line["to"][0], line["payload"]["subject"])
                    for line in logged(folder / "log")
                ]

            yield FoundSeat(found, find, lose)
