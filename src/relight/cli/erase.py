"""`relight erase`: a customer is taken out of the store, and what stays says only that somebody was (V5)."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.base.errors import UsageError
from relight.cli.exit_codes import ExitCode
from relight.cli.orders import engine_runs, inbox_of
from relight.cli.output import count_of, say, say_json
from relight.cli.project import Project, open_project, project_options

if TYPE_CHECKING:
    from relight.stores.erasure import Erased

_TOLD = ("name", "records", "rows", "messages", "dead_letters", "addresses")


@click.command("erase", short_help="Take a customer out of the store, with proof.")
@click.argument("customer")
@click.option("--yes", is_flag=True, help="Do it; without this nothing is changed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; needs --yes.")
@project_options
def command(*, customer: str, yes: bool, as_json: bool, project: Path | None, environment: str | None) -> int:
    """Take a CUSTOMER out of the store: events, traits, ledger, mails, dead letters and what they said by links.

    Tombstones stay with a keyed hash, so that the same events again are known, and the addresses stay suppressed as
    keyed hashes; the key is a file beside the store. The engine must not run meanwhile. Proof is that the store's files
    hold neither id nor address any more. Recorded input files and mails written as files are yours to clear.
    """
    from relight.stores.erasure import erase_customer

    found = open_project(project, environment)
    _check(found, customer, yes=yes)
    _check_read(found)
    done = erase_customer(found.store_path, customer)
    words = _forget_words(found, done)
    if as_json:
        told = {
            name: getattr(done, name) for name in ("name", "records", "rows", "messages", "dead_letters", "addresses")
        }
        say_json("erase", {"ok": not done.found, **told, "words": words, "found": done.found, "short": done.unsearched})
    else:
        _say(done, words)
    return ExitCode.PROBLEMS if done.found else ExitCode.FINE


def _check(project: Project, customer: str, *, yes: bool) -> None:
    from relight.cli.history import reading

    if project.settings.store.sqlite is None:
        raise UsageError("erase works on a store that is a file; this project's is a server")
    if not project.has_store:
        raise UsageError(f"there is no store {project.store_name} yet", help_text="`relight run` makes it")
    if engine_runs(project):
        raise UsageError("an engine has the store", help_text="stop it, erase, and start it again: nothing is lost")
    with reading(project) as store:
        if next(store.customer_log(customer), None) is None:
            raise UsageError(f"there is no customer '{customer}'", help_text="an id is written as the events write it")
    if not yes:
        raise UsageError(f"'{customer}' would be taken out for ever", help_text="say --yes; `relight export` first")


def _check_read(project: Project) -> None:
    """Raise UsageError where the inbox holds something that no engine has read: it might be this customer's."""
    from relight.cli.history import reading
    from relight.engine.inbox import INBOX_POSITION

    with reading(project) as store:
        taken = int(store.positions().get(INBOX_POSITION, "0"))
    with closing(inbox_of(project)) as inbox:
        if inbox.last_position() > taken:
            raise UsageError("the inbox holds what no engine has read yet", help_text="`relight run --once` reads it")
        inbox.forget_events(taken)


def _forget_words(project: Project, done: Erased) -> int:
    from relight.messages.identity import occurrence_digest

    with closing(inbox_of(project)) as inbox:
        return inbox.forget_words(done.customers, {occurrence_digest(key) for key in done.keys})


def _say(done: Erased, words: int) -> None:
    say(f"{count_of(done.records, 'record')} of the log are tombstones of {done.name}")
    gone = [
        count_of(done.rows, "ledger row"),
        count_of(done.messages, "mail"),
        count_of(done.dead_letters, "dead letter"),
    ]
    say(f"{', '.join(gone)} and {count_of(words, 'word')} of the inbox are gone")
    say(f"{count_of(done.addresses, 'address')} stay suppressed as keyed hashes")
    if done.unsearched:
        say(f"{done.unsearched} of the words searched for are too short to be told from chance")
    say(f"proof: {done.found} occurrences of id and addresses in the store's files")
