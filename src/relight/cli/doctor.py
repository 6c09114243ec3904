"""`relight doctor`: looks at the surroundings, not at the rules: Python, store, inputs, mails, disk, browser."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight import __version__
from relight.base.errors import RelightError
from relight.cli.doctor_accounts import look_at_accounts
from relight.cli.doctor_delivery import look_at_guard, look_at_last_answers, look_at_sendgrid
from relight.cli.erase_cluster import look_at_orders
from relight.cli.exit_codes import ExitCode
from relight.cli.output import count_of, marked, say, say_json
from relight.cli.project import find_folder, project_options, read_project

if TYPE_CHECKING:
    from relight.config.loader import LoadedProject
    from relight.config.settings import Settings, SmtpSettings
    from relight.stores.interface import Store

#: Free bytes on the disk of the store below which doctor warns.
FREE_WARN = 1_000_000_000
#: Seconds that a mail server may take to answer.
SMTP_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding."""

    #: `ok`, `warn`, `FAIL` or `skip`.
    mark: str
    text: str
    #: What to do.
    fix: str = ""


@click.command("doctor", short_help="Look at the surroundings: store, inputs, mail server.")
@click.option("--offline", is_flag=True, help="Connect to nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def command(*, offline: bool, as_json: bool, project: Path | None, environment: str | None) -> int:
    """Look at the surroundings: Python, store, inputs, mail server, disk, browser.

    Changes nothing and sends nothing.
    """
    folder = find_folder(project)
    loaded, _ = read_project(folder, environment)
    checks = [_python(), _project(loaded)]
    if loaded.settings is not None:
        checks += [
            *_inputs(loaded),
            *_store(loaded, loaded.settings, offline=offline),
            *_delivery(folder, loaded.settings, offline=offline),
            *_guard(loaded, loaded.settings),
            *_cluster(loaded, loaded.settings, offline=offline),
        ]
    checks.append(_browser())
    failed = sum(c.mark == "FAIL" for c in checks)
    if as_json:
        say_json(
            "doctor",
            {
                "ok": not failed,
                "checks": [{"mark": c.mark.lower(), "text": c.text, "fix": c.fix or None} for c in checks],
            },
        )
    else:
        for check in checks:
            say(f"{marked(check.mark)}  {check.text}")
            if check.fix:
                say(f"      fix: {check.fix}")
        warned = sum(c.mark == "warn" for c in checks)
        say(f"{count_of(failed, 'failure')}, {count_of(warned, 'warning')} in {count_of(len(checks), 'check')}")
    return ExitCode.PROBLEMS if failed else ExitCode.FINE


def _python() -> Check:
    from importlib.metadata import PackageNotFoundError, version

    try:
        zones = version("tzdata")
    except PackageNotFoundError:
        zones = "of the system"
    return Check(mark="ok", text=f"Python {platform.python_version()}, relight {__version__}, time zones {zones}")


def _project(loaded: LoadedProject) -> Check:
    errors = sum(p.severity == "error" for p in loaded.problems)
    found = ((loaded.rules_found, "rule"), (loaded.templates_found, "template"), (len(loaded.streams), "stream"))
    text = ", ".join(count_of(number, noun) for number, noun in found)
    if errors:
        return Check(mark="FAIL", text=f"{text}: {count_of(errors, 'error')}", fix="relight check")
    return Check(mark="ok", text=text)


def _inputs(loaded: LoadedProject) -> Iterator[Check]:
    from relight.transports.files import find_files

    for name, stream in loaded.streams.items():
        source = stream.source
        if source.kind == "file" and not source.follow:
            try:
                files = find_files(stream, loaded.folder)
            except RelightError as error:
                yield Check(
                    mark="FAIL", text=str(error), fix=f"put it there, or change `source` in {stream.place.file}"
                )
                continue
            unreadable = [f for f in files if not os.access(f, os.R_OK)]
            size = sum(f.stat().st_size for f in files)
            if unreadable:
                yield Check(mark="FAIL", text=f"stream '{name}': {unreadable[0]} may not be read", fix="chmod +r")
            else:
                yield Check(mark="ok", text=f"stream '{name}': {count_of(len(files), 'file')}, {size / 1e6:.1f} MB")
        elif source.kind == "file":
            path = loaded.folder / source.files[0]
            there = path.is_file()
            text = f"stream '{name}': {source.files[0]} " + ("grows" if there else "is not there yet")
            yield Check(mark="ok" if there else "warn", text=text)
        elif source.kind == "stdin":
            yield Check(mark="ok", text=f"stream '{name}': standard input")
        elif source.kind == "kafka":
            yield Check(mark="ok", text=f"stream '{name}': topic {source.channel}, read by `relight router`")
        else:
            yield Check(mark="ok", text=f"stream '{name}': events over HTTP, taken by `relight web`")


# ---------------------------------------------------------------- store
def _store(loaded: LoadedProject, settings: Settings, *, offline: bool) -> Iterator[Check]:
    from relight.stores.sqlite import SqliteStore

    if settings.store.sqlite is None:
        yield from _postgres(loaded, settings, offline=offline)
        return
    path = loaded.folder / settings.store.sqlite
    if not path.is_file():
        parent = next(p for p in path.absolute().parents if p.is_dir())
        writable = os.access(parent, os.W_OK)
        text = f"store {path}: not there yet, {parent} is " + ("writable" if writable else "not writable")
        yield Check(mark="ok" if writable else "FAIL", text=text, fix="" if writable else f"chmod u+w {parent}")
    else:
        try:
            store = SqliteStore.open(path, read_only=True)
        except RelightError as error:
            yield Check(mark="FAIL", text=str(error), fix=error.help_text or "")
            return
        try:
            size = sum(f.stat().st_size for f in path.parent.glob(f"{path.name}*") if f.is_file())
            yield Check(
                mark="ok",
                text=f"store {path}: {store.last_position():,} records, WAL, synchronous FULL, {size / 1e6:.0f} MB",
            )
            yield from _outbox(store, settings)
            yield from _codes(store, settings)
            yield from _accounts(store, loaded)
        finally:
            store.close()
        if not os.access(path, os.W_OK):
            yield Check(mark="FAIL", text=f"store {path} may not be written", fix=f"chmod u+w {path}")
    place = next(p for p in path.absolute().parents if p.is_dir())
    free = shutil.disk_usage(place).free
    yield Check(mark="ok" if free >= FREE_WARN else "warn", text=f"disk: {free / 1e9:.1f} GB free")


def _postgres(loaded: LoadedProject, settings: Settings, *, offline: bool) -> Iterator[Check]:
    from relight.stores.opening import open_store

    if offline:
        yield Check(mark="skip", text="store PostgreSQL: not asked, --offline")
        return
    try:
        store = open_store(settings.store, loaded.folder, read_only=True)
    except RelightError as error:
        # A reachable server without tables is as well as a file that is not there yet.
        is_new = "no store of relight yet" in str(error)
        yield Check(mark="ok" if is_new else "FAIL", text=f"store PostgreSQL: {error}", fix=error.help_text or "")
        return
    try:
        yield Check(mark="ok", text=f"store PostgreSQL: {store.last_position():,} records")
        yield from _outbox(store, settings)
        yield from _codes(store, settings)
        yield from _accounts(store, loaded)
        yield from (
            Check(mark=mark, text=text, fix=fix) for mark, text, fix in look_at_orders(store, time.time_ns() // 1_000)
        )
    finally:
        store.close()


def _outbox(store: Store, settings: Settings) -> Iterator[Check]:
    from relight.engine.sending_brake import look_at_brakes
    from relight.engine.volume_guard import read_stop, told

    counts = {state.value: n for state, n in store.message_counts().items()}
    dead = sum(1 for one in store.dead_letters() if one.ended_at is None)
    wait = counts.get("pending", 0) + counts.get("sending", 0)
    # A provider's report moves a mail on: without these words it would seem that nothing had left.
    reported = "".join(f", {counts[one]:,} {one}" for one in ("delivered", "bounced", "complained") if counts.get(one))
    yield Check(mark="ok", text=f"outbox: {wait:,} waiting, {counts.get('accepted', 0):,} accepted{reported}")
    stop = read_stop(store)
    for mark, text, fix in look_at_last_answers(store) if stop is None else ():
        yield Check(mark=mark, text=text, fix=fix)
    if stop is not None:
        yield Check(mark="FAIL", text=told(stop), fix="relight release")
    for mark, text in look_at_brakes(store, settings.delivery.brakes, time.time_ns() // 1_000):
        yield Check(mark=mark, text=text, fix="relight release" if mark == "FAIL" else "")
    unknown = counts.get("unknown", 0)
    if unknown:
        text = f"{count_of(unknown, 'message')} may or may not have left"
        yield Check(mark="warn", text=text, fix="ask the provider; see docs")
    if dead:
        yield Check(mark="warn", text=count_of(dead, "dead letter"), fix="relight dead-letters list")


def _codes(store: Store, settings: Settings) -> Iterator[Check]:
    """Say of each pool in the config how many codes are left; the file's new ones are loaded when a run starts."""
    counts = {one.pool: one for one in store.code_counts()}
    for pool, file in settings.codes.items():
        found = counts.get(pool)
        if found is None:
            yield Check(mark="ok", text=f"codes '{pool}': not loaded yet; `relight run` does")
        else:
            text = f"codes '{pool}': {found.left:,} of {found.left + found.given:,} left"
            is_low = found.left <= settings.codes_low
            fix = f"add codes to {file}, then start the run again" if is_low else ""
            yield Check(mark="warn" if is_low else "ok", text=text, fix=fix)


def _accounts(store: Store, loaded: LoadedProject) -> Iterator[Check]:
    for mark, text, fix in look_at_accounts(store, loaded.plan):
        yield Check(mark=mark, text=text, fix=fix)


# ---------------------------------------------------------------- cluster
def _cluster(loaded: LoadedProject, settings: Settings, *, offline: bool) -> Iterator[Check]:
    if settings.kafka is None:
        return
    where = ", ".join(settings.kafka.brokers)
    if offline:
        yield Check(mark="skip", text=f"Kafka {where}: not asked, --offline")
        return
    from relight.transports.kafka_clients import open_admin
    from relight.transports.kafka_topics import check_topics, needed_topics

    try:
        admin = open_admin(settings.kafka)
    except RelightError as error:
        yield Check(mark="FAIL", text=str(error), fix=error.help_text or "")
        return
    try:
        brokers = len(admin.describe_cluster()["brokers"])
        wrong = check_topics(admin, needed_topics(settings.project, settings.kafka, loaded.streams))
    finally:
        admin.close()
    yield Check(mark="ok", text=f"Kafka {where}: {count_of(brokers, 'broker')}")
    for text in wrong:
        yield Check(mark="FAIL", text=text, fix="relight topics check")
    if not wrong:
        yield Check(mark="ok", text="topics: as they must be")


# ---------------------------------------------------------------- mails
def _delivery(folder: Path, settings: Settings, *, offline: bool) -> Iterator[Check]:
    delivery = settings.delivery
    if delivery.files is not None:
        path = folder / delivery.files
        parent = next(p for p in (path, *path.absolute().parents) if p.is_dir())
        if os.access(parent, os.W_OK):
            yield Check(mark="ok", text=f"mails go to files in {path}; nothing is sent")
        else:
            yield Check(mark="FAIL", text=f"mails go to {path}, which may not be written", fix=f"chmod u+w {parent}")
    elif delivery.smtp is not None:
        where = f"SMTP {delivery.smtp.host}:{delivery.smtp.port}"
        if offline:
            yield Check(mark="skip", text=f"{where}: --offline")
        else:
            yield _smtp(delivery.smtp, where)
    elif delivery.sendgrid is not None:
        if offline:
            yield Check(mark="skip", text="SendGrid: --offline")
        else:
            mark, text, fix = look_at_sendgrid(delivery.sendgrid)
            yield Check(mark=mark, text=text, fix=fix)


def _guard(loaded: LoadedProject, settings: Settings) -> Iterator[Check]:
    for mark, text, fix in look_at_guard(loaded.plan, settings.delivery):
        yield Check(mark=mark, text=text, fix=fix)


def _smtp(smtp: SmtpSettings, where: str) -> Check:
    import aiosmtplib

    async def knock() -> str:
        client = aiosmtplib.SMTP(
            hostname=smtp.host,
            port=smtp.port,
            timeout=SMTP_SECONDS,
            use_tls=smtp.security == "tls",
            start_tls=smtp.security == "starttls",
        )
        await client.connect()
        try:
            if smtp.user is not None and smtp.password is not None:
                await client.login(smtp.user, smtp.password.reveal())
                return "login accepted"
            return "it answers"
        finally:
            await client.quit()

    try:
        told = asyncio.run(knock())
    except aiosmtplib.SMTPAuthenticationError as error:
        return Check(
            mark="FAIL",
            text=f"{where}: login refused ({error.code})",
            fix="set the password, or use `delivery: {files: outbox/}`",
        )
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        return Check(
            mark="FAIL", text=f"{where}: {first}", fix="check host, port and `security` in config/default.yaml"
        )
    return Check(mark="ok", text=f"{where}: {told}")


def _browser() -> Check:
    from relight.cli.pictures import find_browser

    browser = find_browser()
    if browser is None:
        return Check(mark="skip", text="Chromium: not installed; `relight preview` makes no pictures")
    return Check(mark="ok", text=f"Chromium: {browser}")
