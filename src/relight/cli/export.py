"""`relight export`: everything the store knows of one customer, for that customer (B5)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from relight.base.errors import UsageError
from relight.cli.history import reading
from relight.cli.output import say_json
from relight.cli.project import open_project, project_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relight.stores.interface import Store


@click.command("export", short_help="Print everything the store knows of a customer.")
@click.argument("customer")
@project_options
def command(*, customer: str, project: Path | None, environment: str | None) -> None:
    """Print everything the store knows of a CUSTOMER as one JSON object.

    Log, decisions with their reasons, mails, attempts and suppressions.
    """
    from relight.base.instants import iso_utc
    from relight.messages.addresses import address_hash

    found = open_project(project, environment)
    with reading(found) as store:
        log = [_plain(record) for _, record in store.customer_log(customer)]
        if not log:
            raise UsageError(f"there is no customer '{customer}'", help_text="an id is written as the events write it")
        mails = list(_mails(store, customer))
        addresses = sorted({str(mail["address"]) for mail in mails} | set(_addresses(log)))
        suppressed = {one: store.suppression(address_hash(one)) for one in addresses}
        body = {
            "customer": customer,
            "log": log,
            "decisions": [_plain(row) for row in store.ledger(customer=customer)],
            "mails": mails,
            "attempts": [_plain(one) for one in store.attempts() if one.customer == customer],
            "suppressions": [
                {"address": one, "scope": s.scope, "cause": s.cause, "at": iso_utc(s.at)}
                for one, s in suppressed.items()
                if s is not None
            ],
        }
    say_json("export", body)


def _plain(value: object) -> dict[str, object]:
    """Return a record as its fields by name."""
    fields: tuple[str, ...] = getattr(value, "__struct_fields__", ()) or getattr(type(value), "__slots__", ())
    return {name: msgspec.to_builtins(getattr(value, name), builtin_types=()) for name in fields}


def _mails(store: Store, customer: str) -> Iterator[dict[str, object]]:
    for row in store.ledger(customer=customer):
        status = store.message(row.occurrence_key)
        if status is not None:
            yield {"state": status.state.value, **_plain(status.message)}


def _addresses(log: list[dict[str, object]]) -> Iterator[str]:
    for record in log:
        traits = record.get("traits")
        if isinstance(traits, dict) and isinstance(traits.get("email"), str):
            yield traits["email"]
