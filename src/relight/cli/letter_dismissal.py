"""Dismissing dead letters: noted in the audit log, then ended by the running engine, or here where none runs."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from relight.base.errors import ServiceError, StoreError
from relight.cli.orders import engine_runs, put_entries, was_read
from relight.cli.run import wall_clock
from relight.engine.operator_commands import DismissOrder, dismiss_entry
from relight.stores.audit import audit_path, write_audit
from relight.stores.interface import LetterEnd
from relight.stores.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relight.cli.project import Project


def dismiss(project: Project, numbers: Sequence[int]) -> None:
    """Dismiss waiting letters by their numbers.

    Raises StoreError where the audit log cannot be written, ServiceError where the engine does not answer.
    """
    now, path = wall_clock(), audit_path(project.settings.store, project.folder)
    for number in numbers:
        try:
            write_audit(path, at=now, order="dismiss", subject=str(number), by="command line")
        except OSError as error:
            raise StoreError(f"the audit log cannot be written: {error}") from error
    if not numbers:
        return
    if project.settings.kafka is not None or engine_runs(project):
        position = put_entries(project, [dismiss_entry(DismissOrder(numbers=list(numbers)), now)])
        if not was_read(project, position):
            raise ServiceError("the engine has not answered yet", help_text="the order stands in its inbox")
        return
    with closing(open_store(project.settings.store, project.folder)) as store:
        store.end_letters(numbers, now, LetterEnd.DISMISSED)
