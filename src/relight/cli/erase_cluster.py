"""`relight erase` on a cluster: an order that waits, and `--apply`, which writes the log anew without those people."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from relight.base.errors import UsageError
from relight.base.instants import DAY, iso_utc
from relight.cli.exit_codes import ExitCode
from relight.cli.orders import inbox_of
from relight.cli.output import count_of, say, say_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relight.cli.project import Project
    from relight.engine.cluster_erasure import Erasure, Erasures
    from relight.stores.erasure import Erased, Person
    from relight.stores.interface import Store
    from relight.stores.postgres import PostgresStore

#: Offsets of a source that are shown one by one; --json has all.
SHOWN_MAX = 20
#: How long an order waits before `relight doctor` warns (µs): laws give about a month.
ORDER_WAITS_WARN = 20 * DAY
#: What a JSON answer says of one person.
TOLD = ("name", "records", "rows", "messages", "dead_letters", "addresses", "words")


def is_cluster(project: Project) -> bool:
    """Return whether a project's log is in Kafka: partitions of it have been decided on."""
    from relight.cli.history import reading

    if project.settings.kafka is None or project.settings.store.postgres is None:
        return False
    with reading(project) as store:
        partitions = getattr(store, "partitions", None)
        return partitions is not None and bool(partitions())


def order(project: Project, customer: str, *, yes: bool, as_json: bool) -> int:
    """Keep an order to erase somebody, and suppress their addresses from now on."""
    from relight.cli.run import wall_clock
    from relight.engine.erase_orders import ClusterOrder, keep_orders, suppressing_words, waiting_orders

    with closing(_writing(project)) as store:
        person = _person(project, store, customer)
        if not yes:
            raise UsageError(f"'{customer}' would be taken out for ever", help_text="say --yes; `relight export` first")
        now = wall_clock()
        with closing(inbox_of(project)) as inbox:
            inbox.put(suppressing_words(person, now))
        keep_orders(store, [ClusterOrder(customer=customer, ordered=now)])
        waiting = waiting_orders(store)
    if as_json:
        told = {"ok": True, "addresses": len(person.addresses), "waiting": len(waiting)}
        say_json("erase-order", told | {"since": iso_utc(waiting[0].ordered)})
        return ExitCode.FINE
    gets = "gets" if len(person.addresses) == 1 else "get"
    say(f"'{customer}' is to be erased; {count_of(len(person.addresses), 'address')} {gets} no mail from now on")
    say(
        f"`relight erase --apply` takes them out: {count_of(len(waiting), 'order')} since {iso_utc(waiting[0].ordered)}"
    )
    return ExitCode.FINE


def _writing(project: Project) -> PostgresStore:
    from relight.stores.postgres import PostgresStore

    assert project.settings.store.postgres is not None
    return PostgresStore.open(project.settings.store.postgres.reveal(), exclusive=False)


def _person(project: Project, store: PostgresStore, customer: str) -> Person:
    from relight.engine.cluster_people import find_on_cluster
    from relight.engine.log_generation import generation_of

    kafka = project.settings.kafka
    assert kafka is not None
    before = replace(kafka, generation=generation_of(store))
    found = find_on_cluster(store, before, project.settings.project, customer)
    if not found.records:
        raise UsageError(f"there is no customer '{customer}'", help_text="an id is written as the events write it")
    return found.person


def apply_orders(project: Project, *, ahead: bool, yes: bool, as_json: bool) -> int:
    """Take everybody who was ordered out of the cluster, and say what was taken out, with proof."""
    from relight.cli.progress import Progress
    from relight.engine.cluster_erasure import erase_from_cluster
    from relight.engine.erase_orders import waiting_orders
    from relight.metrics.cluster_daily import ClusterMeasures

    if not is_cluster(project):
        raise UsageError("--apply is for a cluster", help_text="`relight erase CUSTOMER --yes` does it at once here")
    with closing(_writing(project)) as store:
        waiting = waiting_orders(store)
    if waiting and not yes:
        raise UsageError(
            f"{count_of(len(waiting), 'customer')} would be taken out for ever, ordered since "
            f"{iso_utc(waiting[0].ordered)}",
            help_text="stop routers, workers and senders, and say --yes",
        )
    with Progress("Erasing", unit="steps") as progress:
        steps = iter(range(1, 2**31))
        done = erase_from_cluster(
            project.loaded,
            make_days=ClusterMeasures,
            ahead=ahead,
            on_step=lambda text: progress.update(next(steps), text),
        )
    if as_json:
        say_json("erase", _as_json(project, done))
    else:
        _say(project, done)
    return ExitCode.PROBLEMS if done.left else ExitCode.FINE


def look_at_orders(store: Store, now: int) -> list[tuple[str, str, str]]:
    """Return (mark, text, fix): who waits to be erased from a cluster, and since when; now: µs."""
    from relight.engine.erase_orders import waiting_orders
    from relight.stores.postgres import PostgresStore

    waiting = waiting_orders(store) if isinstance(store, PostgresStore) else []
    if not waiting:
        return []
    days = (now - waiting[0].ordered) // DAY
    mark = "warn" if days * DAY >= ORDER_WAITS_WARN else "ok"
    text = f"{count_of(len(waiting), 'customer')} to be erased, the first ordered {count_of(days, 'day')} ago"
    return [(mark, text, "relight erase --apply")]


def _as_json(project: Project, done: Erasures) -> Mapping[str, object]:
    people = [
        {name: getattr(one.erased, name) for name in TOLD}
        | {"sources": [{"topic": t, "partition": p, "offsets": list(found)} for t, p, found in _sources(project, one)]}
        for one in done.done
    ]
    return {
        "ok": not done.left,
        "erased": people,
        "generation": done.generation,
        "messages": done.messages,
        "removed": list(done.removed),
        "found": done.left,
        "short": done.short,
    }


def _sources(project: Project, one: Erasure) -> list[tuple[str, int, Sequence[int]]]:
    """Return (topic, partition, offsets) of what is theirs in the topics of whoever writes them."""
    streams = project.loaded.streams
    return [
        (streams[stream].source.channel, partition, offsets)
        for stream, partition, offsets in one.order.places
        if stream in streams
    ]


def erased_lines(erased: Erased) -> list[str]:
    """Return what was taken out of one person, a line each."""
    gone = [
        count_of(erased.rows, "ledger row"),
        count_of(erased.messages, "mail"),
        count_of(erased.dead_letters, "dead letter"),
    ]
    stays = "stays suppressed as a keyed hash" if erased.addresses == 1 else "stay suppressed as keyed hashes"
    return [
        f"{count_of(erased.records, 'record')} of the log are tombstones of {erased.name}",
        f"{', '.join(gone)} and {count_of(erased.words, 'word')} of the inbox are gone",
        f"{count_of(erased.addresses, 'address')} {stays}",
    ]


def _say(project: Project, done: Erasures) -> None:
    from relight.stores.erasure_key import KEY_VARIABLE, erasure_key_path
    from relight.stores.opening import SQLITE_DEFAULT

    for one in done.done:
        first, *others = erased_lines(one.erased)
        say(f"'{one.order.customer}': {first}")
        for line in others:
            say(f"  {line}")
        for topic, partition, offsets in _sources(project, one):
            shown = ", ".join(str(offset) for offset in offsets[:SHOWN_MAX])
            more = f" and {len(offsets) - SHOWN_MAX:,} more" if len(offsets) > SHOWN_MAX else ""
            say(f"  yours to clear: topic {topic} partition {partition}, offsets {shown}{more}")
    say(f"the log goes on in generation {done.generation}, {count_of(done.messages, 'pack')} written")
    if done.removed:
        say(f"taken away: {', '.join(done.removed)}")
    if done.short:
        which = "id or address is" if done.short == 1 else "ids and addresses are"
        say(f"not searched for: {done.short} {which} too short to be told from chance")
    say(f"proof: {done.left} occurrences of ids and addresses in topics, checkpoints and tables")
    if not os.environ.get(KEY_VARIABLE):
        say(f"give workers and senders {erasure_key_path(project.folder / SQLITE_DEFAULT)}, or {KEY_VARIABLE}")
    say("start routers, workers, senders and pages again")
