"""Which way mails leave: the transport that a project's settings name. Nothing is connected yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.errors import ProjectError
from relight.base.instants import SECOND
from relight.delivery.files import FilesTransport
from relight.delivery.smtp import SmtpTransport
from relight.delivery.smtp_session import CONNECT_SECONDS_MAX, SmtpSettings

if TYPE_CHECKING:
    from pathlib import Path

    from relight.config.settings import DeliverySettings
    from relight.delivery.outgoing import Transport

#: Folder of mails where the config names none.
OUTBOX_DEFAULT = "outbox/"


def open_delivery(delivery: DeliverySettings, folder: Path) -> Transport:
    """Return the transport of the settings; paths are relative to the project folder."""
    if delivery.smtp is not None:
        return SmtpTransport(_smtp_settings(delivery))
    if delivery.sendgrid is not None:
        raise ProjectError([], "delivery through SendGrid is not part of this version; use `files` or `smtp`")
    return FilesTransport(folder / (delivery.files or OUTBOX_DEFAULT))


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
            connect_seconds=min(CONNECT_SECONDS_MAX, seconds),
            command_seconds=seconds,
            body_seconds=seconds,
        )
    except ValueError as error:
        raise ProjectError([], f"delivery.smtp: {error}") from error
