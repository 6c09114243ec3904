"""Says before a run which rules decide: the folder's, or those in force while the folder waits for `relight apply`.

Reads the store; the engine decides by the same two facts when it starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.errors import StoreError
from relight.base.ids import short_version
from relight.cli.output import note

if TYPE_CHECKING:
    from relight.cli.project import Project


def note_version(found: Project) -> None:
    """Tell on standard error what an edited folder changes, and whether this start puts it in force.

    Says nothing where nothing stands in the store yet, or the folder is what is in force.
    """
    from relight.cli.plan import change_lines
    from relight.cli.planning import has_store, version_in_force
    from relight.engine.plan_versions import hold_of, kept_sources
    from relight.simulate.forecast.difference import compare_sources

    if not has_store(found):
        return
    from relight.cli.history import reading

    try:
        with reading(found) as store:
            base = version_in_force(store)
            if base in ("", found.plan.version):
                return
            hold = hold_of(store, base, found.plan.version, needs_apply=found.settings.needs_apply)
            before = kept_sources(store, base) or {}
    except StoreError:
        return  # an older form, which the engine is about to upgrade, or one that it will refuse with the reason
    old, new = short_version(base), short_version(found.plan.version)
    if hold.stands:
        note(f"The folder differs from version {old}, which stays in force:")
    else:
        note(f"The folder has changed: version {new} comes into force now, after {old}:")
    for line in change_lines(compare_sources(before, found.loaded.sources)):
        note(line)
    if hold.rolled_back:
        note("It was rolled back. See whom it touches with `relight plan`; `relight apply` puts it in force.")
    elif hold.unapplied:
        note("`plan: {needs_apply: true}` says so. See whom it touches with `relight plan`, then `relight apply`.")
    else:
        note("No rule test was asked. `relight rollback` takes it back; `plan: {needs_apply: true}` waits for `apply`.")
