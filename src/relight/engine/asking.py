"""Which store answers questions about the log: the project's own, or on a cluster the one that asks Kafka as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.stores.opening import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from relight.config.settings import Settings
    from relight.stores.interface import Store


def open_to_ask(settings: Settings, folder: Path, *, records_max: int | None = None) -> Store:
    """Open a project's store for reading with its log, wherever that is.

    records_max: most records of a log elsewhere that are read as a whole; None for all.

    Raises UsageError where a file to be read is not there yet, ServiceError where a server cannot be reached.
    """
    if settings.kafka is None or settings.store.postgres is None:
        return open_store(settings.store, folder, read_only=True)
    from relight.engine.cluster_store import ClusterStore  # noqa: PLC0415  # an extra

    return ClusterStore.open_beside(settings, folder, records_max=records_max)
