"""How the config names what lies outside: store, delivery, pages, engine, cluster."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from relight.config.secret import Secret
from relight.rules.field_kinds import ElapsedField, EmailField, UrlField, refusal
from relight.rules.file_model import FileModel

_SIZE = re.compile(r"(\d{1,6}) ?(KB|MB|GB)", re.IGNORECASE)
_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
_RATE = re.compile(r"(\d{1,6}) per (second|minute|hour)")
_RATE_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_LISTEN = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})")
_PORT_MAX = 65535


def _read_size(value: Any) -> int:
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise refusal("a size", "write it as 500 MB or 2 GB")
    return int(found[1]) * _UNITS[found[2].upper()]


def _read_rate(value: Any) -> float:
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[1]) == 0:
        raise refusal("a rate", "write it as 10 per second or 500 per hour")
    return int(found[1]) / _RATE_SECONDS[found[2]]


def _read_listen(value: Any) -> tuple[str, int]:
    found = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[2]) > _PORT_MAX:
        raise refusal("an address and a port", "write it as 127.0.0.1:8080")
    return found[1].strip("[]"), int(found[2])


SizeField = Annotated[int, PlainValidator(_read_size), WithJsonSchema({"type": "string", "examples": ["2 GB"]})]
RateField = Annotated[
    float, PlainValidator(_read_rate), WithJsonSchema({"type": "string", "examples": ["10 per second"]})
]
ListenField = Annotated[
    tuple[str, int], PlainValidator(_read_listen), WithJsonSchema({"type": "string", "examples": ["127.0.0.1:8080"]})
]


class StoreModel(FileModel):
    """Where state is kept."""

    noun: ClassVar[str] = "the store"
    one_of: ClassVar[tuple[str, ...]] = ("sqlite", "postgres")
    sqlite: str | None = Field(default=None, min_length=1, description="A file: `data/relight.db`.")
    postgres: Secret | None = Field(default=None, description="Address of a server: `${DATABASE_URL}`.")


class DkimModel(FileModel):
    """How mails are signed."""

    noun: ClassVar[str] = "the DKIM settings"
    domain: str = Field(min_length=1, description="The domain that signs; the sender's, or one above it.")
    selector: str = Field(min_length=1, description="The selector: `<selector>._domainkey.<domain>` holds the key.")
    key: Secret = Field(description="The private key as PEM text: `${DKIM_KEY}`.")


class SmtpModel(FileModel):
    """A mail server."""

    noun: ClassVar[str] = "the SMTP settings"
    host: str = Field(min_length=1, description="Its name.")
    port: int = Field(default=587, ge=1, le=_PORT_MAX, description="Its port.")
    user: str | None = Field(default=None, description="Login.")
    password: Secret | None = Field(default=None, description="Password: `${SMTP_PASSWORD}`.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="`none` only for a server on the same machine."
    )
    connections: int = Field(default=4, ge=1, le=100, description="Connections open at once.")
    dkim: DkimModel | None = Field(default=None, description="Signs each mail; left out: the server signs.")
    bounces: EmailField | None = Field(
        default=None,
        description="Where bounces go: `b@bounce.shop.example` becomes `b+<token>@…`, so that each says what bounced.",
    )


class SendgridModel(FileModel):
    """The provider SendGrid."""

    noun: ClassVar[str] = "the SendGrid settings"
    key: Secret = Field(description="API key: `${SENDGRID_API_KEY}`.")
    webhook_key: Secret | None = Field(default=None, description="Public key that signs its event webhooks.")
    url: UrlField | None = Field(
        default=None, description="Another address: `https://api.eu.sendgrid.com`, or that of a stand-in."
    )
    sandbox: bool = Field(default=False, description="SendGrid checks the shape only: nothing is delivered.")
    connections: int = Field(default=16, ge=1, le=200, description="Requests under way at once.")
    batch: int = Field(
        default=1,
        ge=1,
        le=100,
        description="Mails that may share one request where they say the same but for their own links.",
    )


class WebhookModel(FileModel):
    """How web addresses of `webhooks` are called."""

    noun: ClassVar[str] = "the webhook settings"
    secret: Secret | None = Field(
        default=None, description="Signs each call: `${WEBHOOK_SECRET}`; left out: calls are not signed."
    )
    private: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="Hosts that may have an address inside the network; every other one is refused there.",
    )


class WarmUpModel(FileModel):
    """A new sender begins slowly."""

    noun: ClassVar[str] = "the warm-up"
    start: int = Field(ge=1, description="Messages on the first day.")
    days: int = Field(ge=1, le=120, description="Days until the full volume.")


class DeliveryModel(FileModel):
    """How mails leave."""

    noun: ClassVar[str] = "the delivery"
    one_of: ClassVar[tuple[str, ...]] = ("files", "smtp", "sendgrid")
    files: str | None = Field(
        default=None, min_length=1, description="A folder that takes mails as files; nothing is sent."
    )
    smtp: SmtpModel | None = Field(default=None, description="A mail server.")
    sendgrid: SendgridModel | None = Field(default=None, description="The provider SendGrid.")
    on_unknown: Literal["hold", "retry"] = Field(
        default="hold", description="Marketing whose fate is unknown: hold it until it is settled, or send it again."
    )
    lease: ElapsedField | None = Field(
        default=None, description="How long one sender owns a message; longer than `timeout`; 2 minutes if left out."
    )
    timeout: ElapsedField | None = Field(
        default=None, description="How long the provider may take; 30 seconds if left out."
    )
    rate: RateField | None = Field(default=None, description="How fast mails leave: `10 per second`.")
    domains: dict[str, RateField] = Field(
        default_factory=dict,
        max_length=1000,
        description="How fast mails go to one domain: `{gmail.com: 20 per minute}`; `*` for each of the others.",
    )
    warm_up: WarmUpModel | None = Field(
        default=None, description="A new sender begins slowly and grows to what `rate` allows."
    )
    webhook: WebhookModel | None = Field(default=None, description="How web addresses of `webhooks` are called.")


class WebModel(FileModel):
    """The pages and links."""

    noun: ClassVar[str] = "the web settings"
    base_url: UrlField = Field(description="What links in mails begin with.")
    listen: ListenField = Field(default=("127.0.0.1", 8080), description="Address and port of the pages.")
    secret: Secret | None = Field(
        default=None, description="Signs unsubscribe links; needed as soon as mails leave: `${RELIGHT_LINK_SECRET}`."
    )
    old_secrets: list[Secret] = Field(
        default_factory=list,
        max_length=8,
        description="Secrets that `secret` replaced: links that they signed still work.",
    )
    token: Secret | None = Field(
        default=None,
        description="Opens the desk, at least 16 characters: `${WEB_TOKEN}`. Needed where the pages listen on another "
        "address than 127.0.0.1.",
    )


class EngineModel(FileModel):
    """What the engine may use."""

    noun: ClassVar[str] = "the engine settings"
    cache: SizeField = Field(default=2 * 10**9, description="Memory for profiles; `2 GB` if left out.")
    checkpoint_every: ElapsedField | None = Field(
        default=None, description="Time between checkpoints; 30 seconds if left out."
    )
    batch: int = Field(default=1000, ge=1, le=100_000, description="Records in one transaction.")
    metrics: ListenField | None = Field(
        default=None, description="Address and port at which Prometheus reads metrics: `127.0.0.1:9464`."
    )
    traces: bool = Field(default=False, description="`true`: spans for OpenTelemetry, exported as its variables say.")
    durability: Literal["full", "relaxed"] = Field(
        default="full", description="`relaxed` may lose the last seconds when the power fails."
    )


class KafkaModel(FileModel):
    """The cluster."""

    noun: ClassVar[str] = "the Kafka settings"
    brokers: list[str] = Field(min_length=1, description="Addresses of brokers.")
    partitions: int = Field(default=12, ge=1, le=1000, description="Partitions of the topics that relight makes.")
    replication: int = Field(default=1, ge=1, le=10, description="Copies of each of those topics; 3 in production.")
    standbys: int = Field(
        default=0,
        ge=0,
        le=10,
        description="Other workers that keep each partition's checkpoint at hand, to take it over without reading it.",
    )
    generation: int = Field(
        default=1, ge=1, le=1000, description="Of the log topic: one more each time that `partitions` changes."
    )
    max_wait: ElapsedField | None = Field(
        default=None, description="How long a silent partition may hold time back; 15 minutes if left out."
    )
    user: str | None = Field(default=None, description="Login.")
    password: Secret | None = Field(default=None, description="Password: `${KAFKA_PASSWORD}`.")
    security: Literal["none", "tls", "sasl_tls", "sasl"] = Field(
        default="none", description="How connections are made."
    )
