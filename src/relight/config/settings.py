"""What the config says about the outside: store, delivery, pages, engine. Frozen; adapters read it, rules do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from relight.base.instants import MINUTE, SECOND
from relight.base.problems import Problem
from relight.config.brake_settings import BRAKES_DEFAULT, BrakeSettings, read_brake_settings
from relight.config.links import link_keys
from relight.config.models import ConfigModel
from relight.config.secret import Secret
from relight.config.sender_identity import identity_line
from relight.messages.identity import TokenKey
from relight.rules.texts import PlaceOf

#: Default lease of a sender on a message (µs).
LEASE_DEFAULT = 2 * MINUTE
#: Default time a provider may take (µs).
TIMEOUT_DEFAULT = 30 * SECOND
#: Default time between checkpoints (µs).
CHECKPOINT_DEFAULT = 30 * SECOND
#: Default time a silent partition may hold time back (µs).
MAX_WAIT_DEFAULT = 15 * MINUTE
#: Codes left from which on a pool runs low, where the config says nothing.
CODES_LOW_DEFAULT = 100
STORE_DEFAULT = "data/relight.db"
OUTBOX_DEFAULT = "outbox/"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderSettings:
    """Whom mails come from."""

    name: str
    address: str
    reply_to: str
    #: The line that says who sent a mail: see `identity_line`.
    identity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimSettings:
    """How mails are signed."""

    domain: str
    selector: str
    key: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """A mail server."""

    host: str
    port: int
    user: str | None
    password: Secret | None
    security: Literal["starttls", "tls", "none"]
    connections: int = 4
    dkim: DkimSettings | None = None
    #: Address of bounces, without token; None uses the sender's.
    bounces: str | None = None
    #: Signs the addresses of bounces; None where the config has no `web` with its secret.
    bounce_key: TokenKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendgridSettings:
    """The provider SendGrid."""

    key: Secret
    webhook_key: Secret | None
    url: str | None
    sandbox: bool = False
    connections: int = 16
    #: Messages that may share one request where they say the same.
    batch: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """How web addresses are called."""

    secret: Secret | None = None
    #: Hosts that may have an address inside the network.
    private: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """How mails leave: exactly one of files, smtp and sendgrid is set."""

    files: str | None = None
    smtp: SmtpSettings | None = None
    sendgrid: SendgridSettings | None = None
    on_unknown: Literal["hold", "retry"] = "hold"
    #: µs; longer than `timeout` (S5).
    lease: int = LEASE_DEFAULT
    #: µs.
    timeout: int = TIMEOUT_DEFAULT
    #: Messages a second; None for as fast as it goes.
    rate: float | None = None
    #: (messages on the first day, days until the full volume).
    warm_up: tuple[int, int] | None = None
    #: Domain -> messages a second; `*` for each of the others.
    domains: Mapping[str, float] = field(default_factory=dict)
    webhook: WebhookSettings = WebhookSettings()
    #: Most messages an hour (volume guard); None for no guard.
    per_hour: int | None = None
    brakes: BrakeSettings = BRAKES_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where state is kept: exactly one of the two is set."""

    sqlite: str | None = None
    postgres: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What the engine may use."""

    #: Bytes of profiles in memory.
    cache: int
    #: µs.
    checkpoint_every: int
    #: Records in one transaction.
    batch: int
    durability: Literal["full", "relaxed"]
    #: Address and port for Prometheus; None for none.
    metrics: tuple[str, int] | None = None
    traces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """The pages and links."""

    #: None where the config has no `web`: mails carry no links of ours.
    base_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    token: Secret | None = None
    #: The key that links are signed with, and those it replaced.
    keys: tuple[TokenKey, ...] = ()
    #: Topic -> language -> what the pages call it; "" for every language that is not there.
    topics: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """The cluster."""

    brokers: tuple[str, ...]
    partitions: int
    #: Copies of each topic that relight makes.
    replication: int
    #: Other workers with a partition's checkpoint at hand; generation of the log topic that is followed.
    standbys: int
    generation: int
    #: µs.
    max_wait: int
    user: str | None
    password: Secret | None
    security: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What `plan` refuses beyond."""

    #: Most messages a customer, and in which time (µs).
    per_customer: tuple[int, int] | None = None
    #: Most messages an hour.
    per_hour: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the config says about the outside."""

    project: str
    zone: str
    locale: str
    currency: str
    sender: SenderSettings
    store: StoreSettings
    delivery: DeliverySettings
    web: WebSettings
    engine: EngineSettings
    kafka: KafkaSettings | None = None
    webhooks: Mapping[str, Secret] = field(default_factory=dict)
    alerts: Mapping[str, str] = field(default_factory=dict)
    #: Pool of codes -> file.
    codes: Mapping[str, str] = field(default_factory=dict)
    #: A pool with so many codes left, or fewer, runs low.
    codes_low: int = CODES_LOW_DEFAULT
    budget: Budget = Budget()
    #: Only `relight apply` puts an edited folder in force; a start of the engine does not.
    needs_apply: bool = False


def read_settings(model: ConfigModel, place_of: PlaceOf) -> tuple[Settings, list[Problem]]:
    """Return the settings and what breaks a promise in them (I18)."""
    project, sender = model.project, model.sender
    delivery = _delivery(model)
    settings = Settings(
        project=project.name,
        zone=project.zone,
        locale=project.locale,
        currency=project.currency,
        sender=SenderSettings(
            name=sender.name,
            address=sender.address,
            reply_to=sender.reply_to or sender.address,
            identity=identity_line(sender),
        ),
        store=StoreSettings(sqlite=model.store.sqlite, postgres=model.store.postgres)
        if model.store
        else StoreSettings(sqlite=STORE_DEFAULT),
        delivery=delivery,
        web=_web(model),
        engine=EngineSettings(
            cache=model.engine.cache,
            checkpoint_every=model.engine.checkpoint_every.elapsed
            if model.engine.checkpoint_every
            else CHECKPOINT_DEFAULT,
            batch=model.engine.batch,
            durability=model.engine.durability,
            metrics=model.engine.metrics,
            traces=model.engine.traces,
        ),
        kafka=_kafka(model),
        webhooks=model.webhooks,
        alerts=model.alerts,
        codes=model.codes,
        codes_low=model.codes_low or CODES_LOW_DEFAULT,
        budget=_budget(model),
        needs_apply=model.plan is not None and model.plan.needs_apply,
    )
    problems = [*_delivery_problems(delivery, place_of), *_promise_problems(settings, place_of)]
    return settings, problems + _needs_apply_problems(model, place_of)


def _delivery(model: ConfigModel) -> DeliverySettings:
    per_hour, brakes = model.volume.per_hour if model.volume else None, read_brake_settings(model)
    found = model.delivery
    if found is None:
        return DeliverySettings(files=OUTBOX_DEFAULT, per_hour=per_hour, brakes=brakes)
    smtp, grid = found.smtp, found.sendgrid
    return DeliverySettings(
        files=found.files,
        smtp=SmtpSettings(
            host=smtp.host,
            port=smtp.port,
            user=smtp.user,
            password=smtp.password,
            security=smtp.security,
            connections=smtp.connections,
            dkim=DkimSettings(domain=smtp.dkim.domain, selector=smtp.dkim.selector, key=smtp.dkim.key)
            if smtp.dkim
            else None,
            bounces=smtp.bounces,
            bounce_key=next(iter(link_keys(model)), None),
        )
        if smtp
        else None,
        sendgrid=SendgridSettings(
            key=grid.key,
            webhook_key=grid.webhook_key,
            url=grid.url,
            sandbox=grid.sandbox,
            connections=grid.connections,
            batch=grid.batch,
        )
        if grid
        else None,
        on_unknown=found.on_unknown,
        lease=found.lease.elapsed if found.lease else LEASE_DEFAULT,
        timeout=found.timeout.elapsed if found.timeout else TIMEOUT_DEFAULT,
        rate=found.rate,
        domains={domain.lower(): rate for domain, rate in found.domains.items()},
        webhook=WebhookSettings(secret=found.webhook.secret, private=tuple(h.lower() for h in found.webhook.private))
        if found.webhook
        else WebhookSettings(),
        warm_up=(found.warm_up.start, found.warm_up.days) if found.warm_up else None,
        per_hour=per_hour,
        brakes=brakes,
    )


def _web(model: ConfigModel) -> WebSettings:
    if model.web is None:
        return WebSettings()
    host, port = model.web.listen
    return WebSettings(
        base_url=model.web.base_url.rstrip("/"),
        host=host,
        port=port,
        token=model.web.token,
        keys=link_keys(model),
        topics={name: topic.titles(name) for name, topic in model.topics.items()},
    )


def _budget(model: ConfigModel) -> Budget:
    found = model.plan.budget if model.plan else None
    if found is None:
        return Budget()
    cap = found.per_customer
    return Budget(per_customer=None if cap is None else (cap.most, cap.window or 0), per_hour=found.per_hour)


def _kafka(model: ConfigModel) -> KafkaSettings | None:
    found = model.kafka
    if found is None:
        return None
    return KafkaSettings(
        brokers=tuple(found.brokers),
        partitions=found.partitions,
        replication=found.replication,
        standbys=found.standbys,
        generation=found.generation,
        max_wait=found.max_wait.elapsed if found.max_wait else MAX_WAIT_DEFAULT,
        user=found.user,
        password=found.password,
        security=found.security,
    )


def _needs_apply_problems(model: ConfigModel, place_of: PlaceOf) -> list[Problem]:
    if model.plan is None or not model.plan.needs_apply or model.kafka is None:
        return []
    message = "on a cluster the router puts the folder that it starts with in force: nothing would wait for `apply`"
    place = place_of(("plan", "needs_apply"))
    help_text = "leave it out; stop the router before the folder changes"
    return [Problem(code="apply-on-cluster", message=message, place=place, help=help_text)]


def _delivery_problems(delivery: DeliverySettings, place_of: PlaceOf) -> list[Problem]:
    problems = []
    if delivery.lease <= delivery.timeout:
        message = "the lease runs out while the provider may still answer, so two senders could send one message"
        place = place_of(("delivery", "lease"))
        problems.append(
            Problem(code="lease-too-short", message=message, place=place, help="let `lease` be longer than `timeout`")
        )
    if delivery.smtp and delivery.smtp.security == "none" and delivery.smtp.host not in _LOOPBACK:
        message = f"mail to '{delivery.smtp.host}' would leave unencrypted"
        place = place_of(("delivery", "smtp", "security"))
        problems.append(
            Problem(code="unencrypted-smtp", message=message, place=place, help="write `starttls` or `tls`")
        )
    if delivery.warm_up is not None and delivery.rate is None:
        message = "the warm-up grows to what `rate` allows in a day, and there is no `rate`"
        place = place_of(("delivery", "warm_up"))
        problems.append(
            Problem(code="warm-up-without-rate", message=message, place=place, help="add `rate: 10 per second`")
        )
    if delivery.smtp and delivery.smtp.bounces and delivery.smtp.bounce_key is None:
        message = "addresses of bounces are signed, and there is nothing to sign them with"
        place = place_of(("delivery", "smtp", "bounces"))
        help_text = "add `web: {base_url: …, secret: ${RELIGHT_LINK_SECRET}}`"
        problems.append(Problem(code="bounces-without-secret", message=message, place=place, help=help_text))
    url = delivery.sendgrid.url if delivery.sendgrid else None
    if url is not None and url.startswith("http://") and urlsplit(url).hostname not in _LOOPBACK:
        message = f"the API key would go to '{urlsplit(url).hostname}' unencrypted"
        place = place_of(("delivery", "sendgrid", "url"))
        problems.append(Problem(code="unencrypted-sendgrid", message=message, place=place, help="write `https://`"))
    return problems


def _promise_problems(settings: Settings, place_of: PlaceOf) -> list[Problem]:
    problems = []
    if settings.web.host not in _LOOPBACK and settings.web.token is None:
        message = f"the pages would be open to everybody who reaches {settings.web.host}"
        place = place_of(("web", "listen"))
        help_text = "listen on 127.0.0.1, or set `token: ${WEB_TOKEN}`"
        problems.append(Problem(code="open-pages", message=message, place=place, help=help_text))
    if settings.engine.durability == "relaxed":
        message = "with relaxed durability a power failure may lose the last seconds"
        place = place_of(("engine", "durability"))
        problems.append(
            Problem(
                code="relaxed-durability",
                message=message,
                place=place,
                severity="warning",
                help="remove it where events cannot be had again",
            )
        )
    return problems
