"""Everything the store knows of one customer, for that customer (B5): plain values, ready for JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from relight.base.instants import iso_utc
from relight.messages.addresses import address_hash

if TYPE_CHECKING:
    from relight.stores.interface import Store


def export_customer(store: Store, customer: str) -> dict[str, object] | None:
    """Return log, decisions with their reasons, mails, attempts and suppressions; None for somebody unknown."""
    log = [_plain(record) for _, record in store.customer_log(customer)]
    if not log:
        return None
    mails = list(_mails(store, customer))
    addresses = sorted({str(mail["address"]) for mail in mails} | set(_addresses(log)))
    suppressed = {one: store.suppression(address_hash(one)) for one in addresses}
    return {
        "customer": customer,
        "log": log,
        "decisions": [_plain(row) for row in store.ledger(customer=customer)],
        "mails": mails,
        "attempts": [_plain(one) for one in store.attempts_of(customer)],
        "suppressions": [
            {"address": one, "scope": s.scope, "cause": s.cause, "at": iso_utc(s.at)}
            for one, s in suppressed.items()
            if s is not None
        ],
    }


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
