"""`relight erase`: a customer is taken out of the store, and what stays says only that somebody was (V5)."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.base.errors import StoreError, UsageError
from relight.cli.erase_cluster import TOLD, apply_orders, erased_lines, is_cluster, order
from relight.cli.exit_codes import ExitCode
from relight.cli.orders import inbox_of
from relight.cli.output import say, say_json
from relight.cli.project import Project, open_project, project_options

if TYPE_CHECKING:
    from relight.stores.erasure import Erased, Person
    from relight.stores.interface import Store

#: Seconds that the command waits for the engine's answer.
ANSWER_SECONDS_MAX = 60.0
#: Seconds between two looks.
LOOK_SECONDS = 0.2


@click.command("erase", short_help="Take a customer out of the store, with proof.")
@click.argument("customer", required=False)
@click.option("--apply", "is_apply", is_flag=True, help="On a cluster: write the log anew without those who wait.")
@click.option("--ahead", is_flag=True, help="With --apply: write while everything runs, then wait until it is stopped.")
@click.option("--yes", is_flag=True, help="Do it; without this nothing is changed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; needs --yes.")
@project_options
def command(  # options are keywords
    *,
    customer: str | None,
    is_apply: bool,
    ahead: bool,
    yes: bool,
    as_json: bool,
    project: Path | None,
    environment: str | None,
) -> int:
    """Take a CUSTOMER out of the store: events, traits, ledger, mails, dead letters and what they said by links.

    Tombstones stay with a keyed hash, so that the same events again are known, and the addresses stay suppressed as
    keyed hashes; the key is a file beside the store. A running engine does it between two batches. Proof is a search
    for ids and addresses: in the bytes of the files, or in every table of a server, whose backups and old row versions
    are yours to clear, as are recorded input files and mails written as files.

    On a cluster it is an order: their addresses get no mail from then on, and --apply, for which routers, workers and
    senders are stopped, writes the topics anew without everybody who was ordered, with the same proof.
    """
    found = open_project(project, environment)
    if is_apply or ahead or customer is None:
        if customer is not None or not is_apply:
            raise UsageError("who is to be erased?", help_text="`relight erase CUSTOMER`, or `relight erase --apply`")
        return apply_orders(found, ahead=ahead, yes=yes, as_json=as_json)
    if is_cluster(found):
        return order(found, customer, yes=yes, as_json=as_json)
    person = _person(found, customer, yes=yes)
    done = _erase(found, person)
    if done is None:
        raise UsageError(
            "the order waits: an engine has the store and has not answered",
            help_text="give the order where that engine runs; it is carried out once the engine reads this inbox",
        )
    left, short = _count_left(found, person)
    if as_json:
        told = {name: getattr(done, name) for name in TOLD}
        say_json("erase", {"ok": not left, **told, "found": left, "short": short})
    else:
        _say(found, done, left, short)
    return ExitCode.PROBLEMS if left else ExitCode.FINE


def _person(project: Project, customer: str, *, yes: bool) -> Person:
    from relight.cli.history import reading
    from relight.stores.erasure import find_person

    if not project.has_store:
        raise UsageError(f"there is no store {project.store_name} yet", help_text="`relight run` makes it")
    with reading(project) as store:
        if next(store.customer_log(customer), None) is None:
            raise UsageError(f"there is no customer '{customer}'", help_text="an id is written as the events write it")
        person = find_person(store, customer)
    if not yes:
        raise UsageError(f"'{customer}' would be taken out for ever", help_text="say --yes; `relight export` first")
    return person


def _erase(project: Project, person: Person) -> Erased | None:
    """Return what was taken out; None where an engine that has the store does not answer."""
    from relight.engine.erasing import erase_everywhere
    from relight.stores.opening import open_store

    try:
        store = open_store(project.settings.store, project.folder)
    except StoreError as error:
        if "in use" not in str(error):
            raise
        return _order(project, person)
    with closing(store), closing(inbox_of(project)) as inbox:
        last = inbox.last_position()
        _require_read(store, last)
        return erase_everywhere(store, inbox, person, last + 1)


def _require_read(store: Store, last: int) -> None:
    """Raise UsageError where the inbox holds something that no engine has read: it might be this customer's."""
    from relight.engine.inbox import INBOX_POSITION

    if last > int(store.positions().get(INBOX_POSITION, "0")):
        raise UsageError("the inbox holds what no engine has read yet", help_text="`relight run --once` reads it")


def _order(project: Project, person: Person) -> Erased | None:
    from relight.cli.history import reading
    from relight.cli.run import wall_clock
    from relight.engine.erasing import EraseOrder, erase_entry, read_answer
    from relight.engine.inbox import INBOX_POSITION

    with closing(inbox_of(project)) as inbox:
        (place,) = inbox.put([erase_entry(EraseOrder(customer=person.customer), wall_clock())])
        ends = time.monotonic() + ANSWER_SECONDS_MAX
        while time.monotonic() < ends:
            with reading(project) as store:
                taken = int(store.positions().get(INBOX_POSITION, "0")) >= place
                answer = read_answer(store, place) if taken else None
            # The engine takes the order itself out of the inbox after its place is durable.
            if answer is not None and all(entry.position != place for entry in inbox.words_after(place - 1, 1)):
                return answer
            time.sleep(LOOK_SECONDS)
    return None


def _count_left(project: Project, person: Person) -> tuple[int, int]:
    """Return how often the person is still found, and how many of their names are too short to search for."""
    from relight.cli.history import reading
    from relight.stores.erasure import CanErase, count_in_files, searched
    from relight.stores.inbox import inbox_path

    with reading(project) as store:
        assert isinstance(store, CanErase)
        left = store.count_words(person.words)
    if project.settings.store.sqlite is not None:
        left += count_in_files([inbox_path(project.store_path)], person.words)
    return left, len(person.words) - len(searched(person.words))


def _say(project: Project, done: Erased, left: int, short: int) -> None:
    for line in erased_lines(done):
        say(line)
    if short:
        say(f"{short} of the words searched for are too short to be told from chance")
    where = "the store's files" if project.settings.store.sqlite is not None else "the server's tables"
    say(f"proof: {left} occurrences of id and addresses in {where}")
