"""Records read back from the log in their memory form: values by the kinds that the streams declare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.kinds import revive_value
from relight.customers.codec import revive_properties
from relight.streams.envelope import Event

if TYPE_CHECKING:
    from relight.customers.layout import Layout
    from relight.streams.envelope import Record


def revive_record(layout: Layout, record: Record) -> Record:
    """Return the record with its properties and traits in memory form; control records come back as they are."""
    if type(record) is not Event:
        return record
    changed = layout.changed.get(record.name)
    if changed is not None and not changed.isdisjoint(record.properties):
        record.properties = revive_properties(layout.kinds[record.name], record.properties)
    if record.traits:
        record.traits = {
            name: revive_value(value, layout.trait_kinds[name])
            if value is not None and name in layout.trait_kinds
            else value
            for name, value in record.traits.items()
        }
    return record
