"""Which generation of the log topic a cluster's store follows, and whether people are being taken out of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.errors import UsageError

if TYPE_CHECKING:
    from relight.config.settings import KafkaSettings
    from relight.stores.interface import Store

#: Note of the generation of the log topic that a store follows.
GENERATION_NOTE = "log generation"
#: Note of what is there while topics are written anew in their place: topic -> settings, of those whose copy is whole.
ERASING_NOTE = "topics being written anew"


def generation_of(store: Store) -> int:
    """Return the generation of the log topic that a store follows."""
    return int(store.note(GENERATION_NOTE) or 1)


def note_generation(store: Store, generation: int) -> None:
    """Let a store follow another generation of the log topic."""
    store.set_note(GENERATION_NOTE, str(generation))


def check_that_none_is_erased(store: Store, *, is_begun: bool = False) -> None:
    """Raise UsageError while people are being taken out of the log; is_begun: or once that was begun at all."""
    if is_begun or store.note(ERASING_NOTE):
        raise UsageError(
            "people are being taken out of the log, and that is not finished",
            help_text="`relight erase --apply --yes` goes on with it",
        )


def check_generation(store: Store, kafka: KafkaSettings) -> None:
    """Raise UsageError where the config names another generation of the log topic than the store follows.

    Nothing of a cluster runs either while its control topic is written anew.
    """
    check_that_none_is_erased(store)
    followed = generation_of(store)
    if followed != kafka.generation:
        raise UsageError(
            f"the store follows generation {followed} of the log topic, and the config names {kafka.generation}",
            help_text=f"kafka: {{generation: {followed}}}; `relight topics repartition` moves to the next, `erase "
            "--apply` too",
        )
