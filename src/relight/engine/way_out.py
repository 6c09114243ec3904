"""Which way mails leave: the transport that a project's settings name. Nothing is connected yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.errors import ProjectError
from relight.base.instants import SECOND
from relight.delivery.extras import open_sendgrid
from relight.delivery.files import FilesTransport
from relight.delivery.routes import RoutedTransport
from relight.delivery.signing import DkimKey
from relight.delivery.smtp import SmtpTransport
from relight.delivery.smtp_session import CONNECT_SECONDS_MAX, SmtpSettings
from relight.delivery.verp import bounce_address
from relight.delivery.webhook import WebhookSettings, WebhookTransport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relight.config.settings import DeliverySettings, Settings
    from relight.config.settings import SmtpSettings as MailServer
    from relight.delivery.outgoing import Transport

#: Folder of mails where the config names none.
OUTBOX_DEFAULT = "outbox/"


def open_ways(settings: Settings, folder: Path) -> Transport:
    """Return the way out of every channel: where mails go to files, web requests do too, and nothing is sent."""
    mail = open_delivery(settings.delivery, folder)
    if isinstance(mail, FilesTransport) or not settings.webhooks:
        return mail
    found = settings.delivery.webhook
    webhook = WebhookTransport(
        WebhookSettings(
            addresses={name: address.reveal() for name, address in settings.webhooks.items()},
            secret=None if found.secret is None else found.secret.reveal().encode(),
            private=found.private,
            seconds=settings.delivery.timeout / SECOND,
        )
    )
    return RoutedTransport({"email": mail, "webhook": webhook})


def open_delivery(delivery: DeliverySettings, folder: Path) -> Transport:
    """Return the transport of mails; paths are relative to the project folder."""
    if delivery.smtp is not None:
        return SmtpTransport(_smtp_settings(delivery))
    if delivery.sendgrid is not None:
        grid = delivery.sendgrid
        try:
            return open_sendgrid(
                key=grid.key.reveal(),
                url=grid.url,
                sandbox=grid.sandbox,
                connections=grid.connections,
                batch=grid.batch,
                seconds=delivery.timeout / SECOND,
            )
        except (ImportError, ValueError) as error:
            raise ProjectError([], f"delivery.sendgrid: {error}") from error
    return FilesTransport(folder / (delivery.files or OUTBOX_DEFAULT))


def _envelope_of(smtp: MailServer) -> Callable[[str], str] | None:
    base, key = smtp.bounces, smtp.bounce_key
    if base is None or key is None:
        return None
    bounce_address(base, key, "")  # refuses a name that is too long
    return lambda occurrence_key: bounce_address(base, key, occurrence_key)


def _smtp_settings(delivery: DeliverySettings) -> SmtpSettings:
    """Return what the config says of the mail server; every answer of it may take as long as `timeout`."""
    smtp = delivery.smtp
    assert smtp is not None
    seconds = delivery.timeout / SECOND
    try:
        return SmtpSettings(
            host=smtp.host,
            port=smtp.port,
            user=smtp.user,
            password=None if smtp.password is None else smtp.password.reveal(),
            starttls=smtp.security == "starttls",
            tls=smtp.security == "tls",
            connections=smtp.connections,
            dkim=None
            if smtp.dkim is None
            else DkimKey(domain=smtp.dkim.domain, selector=smtp.dkim.selector, key=smtp.dkim.key.reveal().encode()),
            envelope_of=_envelope_of(smtp),
            connect_seconds=min(CONNECT_SECONDS_MAX, seconds),
            command_seconds=seconds,
            body_seconds=seconds,
        )
    except ValueError as error:
        raise ProjectError([], f"delivery.smtp: {error}") from error
