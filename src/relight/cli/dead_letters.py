"""`relight dead-letters`.

The records that could not be read, why, and reading them again once the stream was mended (V2), or dismissing them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.base.errors import ServiceError, UsageError
from relight.cli.exit_codes import ExitCode
from relight.cli.orders import engine_runs, put_entries, was_read
from relight.cli.output import count_of, note, say, say_json, table
from relight.cli.project import Project, day_maker_of, open_project, project_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relight.config.loader import LoadedProject
    from relight.engine.engine import Engine
    from relight.stores.interface import Store, StoredLetter
    from relight.streams.plan import StreamPlan

#: Letters that `list` tells one by one, unless told otherwise.
LISTED_DEFAULT = 50
#: Characters of a record's bytes that `show` prints.
SHOWN_CHARACTERS = 4_000
#: How a letter ended, in words.
_ENDS = {
    "replayed": "read again",
    "gone": "mended since, or taken out of its file",
    "dismissed": "dismissed",
}
#: Letters of one transaction of a replay.
REPLAY_BATCH = 500


@click.group("dead-letters", short_help="List, show, replay and dismiss records that could not be read.")
def command() -> None:
    """List, show, replay and dismiss records that could not be read."""


@command.command("list", short_help="Say which records could not be read, and why.")
@click.option("--stream", metavar="NAME", help="Only this stream's.")
@click.option("--all", "everything", is_flag=True, help="Also those that ended, with how.")
@click.option(
    "--limit", type=click.IntRange(1), default=LISTED_DEFAULT, show_default=True, help="Most letters to list."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def list_letters(
    *, stream: str | None, everything: bool, limit: int, as_json: bool, project: Path | None, environment: str | None
) -> None:
    """Say which records could not be read, and why.

    One ends, and is listed with --all only, when it was read again with success; when its file, read again from the
    beginning, has no such record any more, because it or its stream was mended; or when somebody dismissed it.
    """
    from relight.cli.history import reading
    from relight.streams.plan import shown_place

    found = open_project(project, environment)
    _known_stream(found, stream)
    with reading(found) as store:
        letters = [one for one in store.dead_letters(stream=stream) if everything or one.ended_at is None]
    if as_json:
        told = [_as_json(one, found.loaded.streams) for one in letters[:limit]]
        say_json("dead-letters", {"count": len(letters), "letters": told})
        return
    if not letters:
        say("no dead letters")
        return
    rows = [
        (
            str(one.number),
            shown_place(one.letter, found.loaded.streams),
            one.letter.code,
            one.letter.reason if one.end is None else f"{one.letter.reason} ({_ENDS[one.end.value]})",
        )
        for one in letters[:limit]
    ]
    for line in table(rows, right=frozenset({0})):
        say(line)
    if len(letters) > limit:
        say(f"… and {len(letters) - limit:,} more; --limit shows more of them")
    waiting = next((one.number for one in letters if one.ended_at is None), None)
    if waiting is not None:
        mended = "when the stream is mended: relight dead-letters replay"
        say(f"Try: relight dead-letters show {waiting}; {mended}; where nothing is to follow: … dismiss {waiting}")
    streams = sorted({one.letter.stream for one in letters})
    say(f"{count_of(len(letters), 'dead letter')} of {count_of(len(streams), 'stream')}: {', '.join(streams)}")


@command.command("show", short_help="Show one record as it came.")
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def show_letter(*, number: int, as_json: bool, project: Path | None, environment: str | None) -> None:
    """Show one record as it came, and why it could not be read."""
    from relight.base.instants import format_instant
    from relight.cli.history import reading
    from relight.streams.plan import shown_place

    found = open_project(project, environment)
    with reading(found) as store:
        one = store.dead_letter(number)
    if one is None:
        raise UsageError(f"there is no dead letter {number}", help_text="`relight dead-letters list` numbers them")
    if as_json:
        say_json("dead-letter", _as_json(one, found.loaded.streams))
        return
    letter, zone = one.letter, found.plan.policy.zone
    say(
        f"stream   {letter.stream} ({found.loaded.streams[letter.stream].place})"
        if letter.stream in found.loaded.streams
        else f"stream   {letter.stream}"
    )
    say(f"source   {shown_place(letter, found.loaded.streams)}")
    say(f"arrived  {format_instant(letter.ingest_time, zone)}" if letter.ingest_time > 0 else "arrived  unknown")
    if one.ended_at is not None and one.end is not None:
        say(f"ended    {format_instant(one.ended_at, zone)}: {_ENDS[one.end.value]}")
    text = letter.raw.decode("utf-8", "backslashreplace")
    shown = text if text.isprintable() else "\n".join(repr(line)[1:-1] for line in text.split("\n"))
    say(f"record   {shown[:SHOWN_CHARACTERS]}" + ("…" if len(shown) > SHOWN_CHARACTERS else ""))
    say(f"{letter.code}: {letter.reason}")


@command.command("replay", short_help="Read dead letters again, once their stream is mended.")
@click.argument("numbers", type=int, nargs=-1, metavar="[NUMBER…]")
@click.option("--stream", metavar="NAME", help="Only this stream's.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def replay_letters(
    *, numbers: tuple[int, ...], stream: str | None, as_json: bool, project: Path | None, environment: str | None
) -> int:
    """Read dead letters again, all of them or those named; what can be read now arrives now, the rest stays.

    A running engine reads them itself, by the streams it was started with; else they are read here, and mails that
    follow leave with the next `relight run`.
    """
    found = open_project(project, environment)
    _known_stream(found, stream)
    if found.settings.kafka is not None or engine_runs(found):
        return _replay_there(found, numbers, stream, as_json=as_json)
    taken, left, events = _replay(found, numbers, stream)
    if as_json:
        say_json("dead-letters-replay", {"ok": not left, "replayed": taken, "left": len(left), "events": events})
        return ExitCode.PROBLEMS if left else ExitCode.FINE
    for number, reason in left[:10]:
        say(f"{number}: {reason}")
    if taken:
        say("`relight run` hands over what follows from them.")
    read = f"{count_of(taken, 'dead letter')} read again as {count_of(events, 'event')}"
    say(f"{read}, {len(left):,} still cannot be read")
    return ExitCode.PROBLEMS if left else ExitCode.FINE


@command.command("dismiss", short_help="Let nothing become of dead letters any more.")
@click.argument("numbers", type=int, nargs=-1, metavar="NUMBER…", required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def dismiss_letters(*, numbers: tuple[int, ...], as_json: bool, project: Path | None, environment: str | None) -> None:
    """Let nothing become of dead letters any more: the record was given again in another way, or is not wanted.

    They are no longer listed, counted or read again. Their bytes are kept (`list --all`, `show`), and the audit log
    beside the store gets a line for each.
    """
    from relight.cli.history import reading
    from relight.cli.letter_dismissal import dismiss

    found = open_project(project, environment)
    with reading(found) as store:
        wanted = [one.number for one in _wanted(store, numbers, None)]
    dismiss(found, wanted)
    if as_json:
        say_json("dead-letters-dismiss", {"dismissed": wanted})
        return
    say(f"{count_of(len(wanted), 'dead letter')} dismissed; `relight dead-letters list --all` shows them still")


def _replay_there(project: Project, numbers: tuple[int, ...], stream: str | None, *, as_json: bool) -> int:
    """Have the running engine read dead letters again, and say what it could read."""
    from relight.cli.history import reading
    from relight.cli.run import wall_clock
    from relight.engine.operator_commands import ReplayOrder, replay_entry
    from relight.stores.interface import LetterEnd
    from relight.streams.plan import shown_place

    with reading(project) as store:
        wanted = [one.number for one in _wanted(store, numbers, stream)]
    if wanted:
        position = put_entries(project, [replay_entry(ReplayOrder(numbers=wanted), wall_clock())])
        if not was_read(project, position):
            raise ServiceError("the engine has not answered yet", help_text="the order stands in its inbox")
    with reading(project) as store:
        found = [store.dead_letter(number) for number in wanted]
    left = [one for one in found if one is not None and one.end is not LetterEnd.REPLAYED]
    if as_json:
        say_json("dead-letters-replay", {"ok": not left, "replayed": len(wanted) - len(left), "left": len(left)})
        return ExitCode.PROBLEMS if left else ExitCode.FINE
    for one in left[:10]:
        at = shown_place(one.letter, project.loaded.streams)
        say(f"{one.number}: {at}: {one.letter.code}: {one.letter.reason}")
    read = f"the running engine has read {count_of(len(wanted) - len(left), 'dead letter')} again"
    say(f"{read}, {len(left):,} still cannot be read")
    return ExitCode.PROBLEMS if left else ExitCode.FINE


def _replay(project: Project, numbers: tuple[int, ...], stream: str | None) -> tuple[int, list[tuple[int, str]], int]:
    """Return how many were read, (number, reason) of those that were not, and how many events they made."""
    from relight.cli.run import wall_clock
    from relight.engine.daily import days_of
    from relight.engine.engine import Engine
    from relight.engine.operator_commands import read_letters_again
    from relight.engine.plan_versions import keep_plan, known_plans
    from relight.stores.interface import LetterEnd
    from relight.stores.opening import open_store

    if not project.has_store:
        raise UsageError(f"there is no store {project.store_name} yet", help_text="`relight run` makes it")
    store = open_store(project.settings.store, project.folder)
    try:
        letters = _wanted(store, numbers, stream)
        if not letters:
            return 0, [], 0
        engine = Engine(store)
        engine.recover(known_plans(store, project.plan))
        loaded = _decided_by(project, engine, store)
        assert loaded.plan is not None
        engine.days = days_of(loaded.plan, day_maker_of(loaded))
        grows = any(not s.source.is_finished for s in loaded.streams.values())
        now = max(store.reached() or 0, wall_clock() if grows else 0)
        if loaded is project.loaded:
            keep_plan(store, loaded, loaded.plan)  # a later start and `plan` compile what the log names
            engine.follow_plan(loaded.plan, now)
        taken, events = 0, 0
        left: list[tuple[int, str]] = []
        for start in range(0, len(letters), REPLAY_BATCH):
            part = letters[start : start + REPLAY_BATCH]
            again = read_letters_again(part, loaded.streams, project.folder, now)
            engine.take(again.records, reached=now)
            store.end_letters(again.good, wall_clock(), LetterEnd.REPLAYED)
            taken, events, left = taken + len(again.good), events + len(again.records), left + again.bad
        engine.checkpoint()
        return taken, left, events
    finally:
        store.close()


def _decided_by(project: Project, engine: Engine, store: Store) -> LoadedProject:
    """Return the folder where it is in force or comes into force now, as with a run; else the version in force.

    Says on standard error which it is where they differ. Raises ProjectError where the version in force cannot be
    compiled any more.
    """
    from relight.cli.version_note import note_version
    from relight.engine.plan_commands import stream_sources
    from relight.engine.plan_versions import hold_of, project_of_version

    note_version(project)
    in_force = "" if engine.plan is None else engine.plan.version
    if not hold_of(store, in_force, project.plan.version, needs_apply=project.settings.needs_apply).stands:
        return project.loaded
    loaded = project_of_version(store, in_force)
    if stream_sources(loaded.sources) != stream_sources(project.loaded.sources):
        note("The folder's streams are not in force yet: `relight apply` first, then `relight dead-letters replay`.")
    return loaded


def _wanted(store: Store, numbers: tuple[int, ...], stream: str | None) -> list[StoredLetter]:
    if not numbers:
        return [one for one in store.dead_letters(stream=stream) if one.ended_at is None]
    found = []
    for number in numbers:
        one = store.dead_letter(number)
        if one is None:
            raise UsageError(f"there is no dead letter {number}", help_text="`relight dead-letters list` numbers them")
        if one.ended_at is None:
            found.append(one)
    return found


def _known_stream(project: Project, stream: str | None) -> None:
    from relight.base.suggest import suggest_words

    if stream is not None and stream not in project.loaded.streams:
        hint = suggest_words(stream, project.loaded.streams)
        raise UsageError(f"there is no stream '{stream}'" + (f"; {hint}" if hint else ""))


def _as_json(one: StoredLetter, streams: Mapping[str, StreamPlan]) -> dict[str, object]:
    from relight.base.instants import iso_utc
    from relight.streams.plan import shown_place

    letter = one.letter
    return {
        "number": one.number,
        "stream": letter.stream,
        "source": shown_place(letter, streams),
        "position": letter.position,
        "code": letter.code,
        "reason": letter.reason,
        "raw": letter.raw.decode("utf-8", "backslashreplace"),
        "arrived": iso_utc(letter.ingest_time) if letter.ingest_time > 0 else None,
        "ended": None if one.ended_at is None else iso_utc(one.ended_at),
        "end": None if one.end is None else one.end.value,
    }
