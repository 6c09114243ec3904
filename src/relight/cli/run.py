"""`relight run`: reads the project's inputs to their end, or on while they grow.

Decides, hands over mails, and says what came of it.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from relight.base.errors import ServiceError, UsageError
from relight.cli.exit_codes import ExitCode
from relight.cli.output import count_of, note, say, say_json
from relight.cli.project import Project, day_maker_of, open_project, project_options, relative
from relight.cli.stopping import stopping
from relight.cli.times import instant_of
from relight.cli.version_note import note_version
from relight.cli.web import pages_beside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relight.engine.run_summary import RunProgress, RunSummary
    from relight.engine.telemetry.exposition import Exposition
    from relight.streams.refusals import Counts

#: Names of undeclared events that a run tells of each stream.
UNDECLARED_SHOWN_MAX = 5


@click.command("run", short_help="Read events, decide, and hand over mails.")
@project_options
@click.option("--until", metavar="TIME", help="End recorded time here, inclusive.")
@click.option("--once", is_flag=True, help="Read what growing inputs hold now, and end.")
@click.option("--no-web", is_flag=True, help="Do not start `relight web` beside it.")
@click.option("--log", "log_form", type=click.Choice(["text", "json"]), help="Write log lines instead of progress.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--engine",
    type=click.Choice(["embedded", "kafka"]),
    default="embedded",
    show_default=True,
    help="`kafka`: router, worker and sender of a cluster in one command.",
)
def command(
    *,
    project: Path | None,
    environment: str | None,
    until: str | None,
    once: bool,
    no_web: bool,
    log_form: Literal["text", "json"] | None,
    as_json: bool,
    engine: Literal["embedded", "kafka"],
) -> int:
    """Read events, decide, and hand over mails.

    Finished files run at the time their records carry; growing ones and standard input run on, with `relight web`
    beside them where the config has `web`. Ctrl-C stops after the batch at hand, loses nothing and exits with 130; the
    next start continues.
    """
    found = open_project(project, environment)
    if engine == "kafka":
        from relight.cli.run_cluster import run_cluster

        if until is not None or once or as_json:
            raise UsageError("--engine kafka runs on until Ctrl-C; --until, --once and --json belong to one machine")
        with stopping() as stop:
            return run_cluster(found, environment, stop)
    end = None if until is None else instant_of(until, found.plan.policy.zone, "--until")
    if log_form is not None:
        from relight.engine.telemetry.log_lines import start_log

        start_log(log_form)
    note_version(found)
    began = time.monotonic()
    has_pages = found.settings.web.base_url is not None and _can_grow(found) and not (once or no_web)
    with pages_beside(found, environment) if has_pages else nullcontext():
        summary = carry_out(found, until=end, once=once, shows_progress=log_form is None)
    seconds = time.monotonic() - began
    page = None if summary.stopped or summary.trouble else _write_index(found, summary)
    if as_json:
        say_json("run", _as_json(found, summary, seconds) | {"index": None if page is None else str(page)})
    else:
        _say_summary(found, summary, seconds)
        if page is not None:
            say(f"Look at them: {relative(page)}")
    return ExitCode.INTERRUPTED if summary.stopped else ExitCode.UNREACHABLE if summary.trouble else ExitCode.FINE


def _can_grow(project: Project) -> bool:
    return any(not stream.source.is_finished for stream in project.loaded.streams.values())


def wall_clock() -> int:
    """Return now in µs UTC."""
    return time.time_ns() // 1_000


def carry_out(
    project: Project,
    *,
    until: int | None = None,
    once: bool = False,
    total: int | None = None,
    shows_progress: bool = True,
) -> RunSummary:
    """Run a project with progress on stderr; Ctrl-C and SIGTERM stop it after the batch at hand."""
    from relight.cli.progress import Progress
    from relight.engine.run import run_project
    from relight.engine.telemetry.tracing import no_spans, open_tracing

    zone = project.plan.policy.zone
    span = open_tracing() if project.settings.engine.traces else no_spans
    with ExitStack() as stack:
        stop = stack.enter_context(stopping())
        exposition = _exposition(project, stack)
        progress = Progress(f"Running {project.plan.policy.project}", total=total)
        if shows_progress:
            stack.enter_context(progress)

        def show(done: RunProgress) -> None:
            progress.update(done.events + done.duplicates + done.dead, lambda: told_of(done, zone))

        return run_project(
            project.loaded,
            until=until,
            once=once,
            on_progress=show if shows_progress else None,
            clock=wall_clock,
            stop=stop,
            exposition=exposition,
            span=span,
            day_maker=day_maker_of(project.loaded),
        )


def told_of(done: RunProgress, zone: str) -> str:
    """Return what is said beside the events: what left, also of what an earlier run decided, and why nothing does."""
    from relight.base.instants import to_local

    day = to_local(done.reached, zone).strftime("%d %b %Y")
    why = done.trouble or done.held()
    waits = f"; mails wait: {why}" if why else ""
    return f"time is at {day}, {count_of(done.handed_over, 'mail')} handed over{waits}"


def _exposition(project: Project, stack: ExitStack) -> Exposition | None:
    """Serve metrics while the stack is open, where the config names an address."""
    address = project.settings.engine.metrics
    if address is None:
        return None
    from relight.engine.telemetry.exposition import Exposition, exposed

    exposition = Exposition()
    try:
        stack.enter_context(exposed(exposition, *address))
    except OSError as error:
        message = f"metrics cannot be served at {address[0]}:{address[1]}: {error.strerror}"
        raise ServiceError(message, help_text="name a free address under `engine: {metrics: …}`") from None
    return exposition


def _write_index(project: Project, summary: RunSummary) -> Path | None:
    """Write an HTML index beside the mails where they go to files and the inputs have ended; return its path."""
    from relight.cli.figures import figures_of_store, outbox_folder
    from relight.cli.history import reading
    from relight.simulate.pages import write_index

    folder = outbox_folder(project)
    if folder is None or _can_grow(project):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    with reading(project) as store:
        return write_index(folder, figures_of_store(project, store, duplicates=summary.duplicates))


def note_undeclared(project: Project, counts: Mapping[str, Counts]) -> None:
    """Say which events no stream declares: they are counted and decide nothing."""
    from relight.base.suggest import nearest_word

    for stream, count in sorted(counts.items()):
        for name, number in count.undeclared.most_common(UNDECLARED_SHOWN_MAX):
            near = nearest_word(name, project.plan.schema.events)
            hint = f"; did you mean '{near}'?" if near else ""
            note(f"stream '{stream}': {count_of(number, 'record')} of the undeclared event '{name}'{hint}")


def _as_json(project: Project, summary: RunSummary, seconds: float) -> dict[str, object]:
    from relight.base.instants import MINUTE, iso_utc

    return {
        "ok": not summary.stopped and not summary.trouble,
        "stopped": summary.stopped,
        "events": summary.events,
        "duplicates": summary.duplicates,
        "duplicates_differing": summary.differing,
        "dead_letters": summary.dead,
        "recovered": summary.recovered,
        "ledger_rows": summary.rows,
        "mails": summary.mails,
        "handed_over": summary.handed_over,
        "outcomes": {outcome.value: count for outcome, count in sorted(summary.outcomes.items())},
        "expired_at_sending": summary.expired,
        "held_back_at_sending": summary.held_back,
        "reached": iso_utc(summary.end) if summary.end > MINUTE else None,
        "version": summary.version or None,
        "caught_up": summary.caught_up,
        "unapplied": summary.unapplied or summary.rolled_back,
        "store": project.store_name,
        "trouble": summary.trouble,
        "held": summary.held,
        "empty_pools": list(summary.empty_pools),
        "low_pools": dict(summary.low_pools),
        "seconds": round(seconds, 3),
    }


def _say_unsent(summary: RunSummary) -> None:
    """Say what was decided and did not leave after all."""
    if summary.expired:
        had = "had expired before it" if summary.expired == 1 else "had expired before they"
        note(f"{count_of(summary.expired, 'mail')} {had} could leave; `expires` of a rule says how long it is worth")
    if summary.held_back:
        why = "suppressed, paused or without consent since its decision"
        note(f"{count_of(summary.held_back, 'mail')} did not leave ({why}); `relight explain CUSTOMER` says why")


def _say_summary(project: Project, summary: RunSummary, seconds: float) -> None:
    from relight.base.instants import DAY, MINUTE, format_instant
    from relight.delivery.outgoing import Outcome

    parts = [count_of(summary.events, "event")]
    parts += [count_of(summary.duplicates, "duplicate")] if summary.duplicates else []
    parts += [count_of(summary.dead, "record") + " that could not be read"] if summary.dead else []
    if summary.recovered:
        say(f"Went on where the last run stopped: {count_of(summary.recovered, 'record')} folded again.")
    say(f"Read {', '.join(parts)} in {seconds:.1f} s.")
    if summary.rolled_back or summary.unapplied:
        why = "The folder's rules were rolled back" if summary.rolled_back else "The folder's rules were not applied"
        say(f"{why}; those before them go on. `relight apply` puts the folder's in force.")
    if summary.caught_up:
        late = count_of(summary.caught_up, "row")
        note(f"{late} came into the recorded files before the place up to which they were read: taken as arriving now")
    if summary.dead:
        say("See why with: relight dead-letters list")
    note_undeclared(project, summary.counts)
    where = project.settings.delivery.files
    target = f" to {relative(project.folder / where)}/".replace("//", "/") if where else ""
    rows = f"{count_of(summary.rows, 'row')} in the ledger"
    if summary.stopped:
        say(f"Decided {rows}, handed over {count_of(summary.handed_over, 'mail')}{target}.")
        say("Stopped; nothing is lost, `relight run` continues.")
        return
    reached = (
        format_instant(summary.end - summary.end % 1_000_000, project.plan.policy.zone)
        if summary.end > MINUTE  # records that nobody could read bring time nowhere, which is the beginning of 1970
        else "nowhere"
    )
    say(f"Time has come to {reached}.")
    ahead = (summary.end - wall_clock()) // DAY
    if ahead > 0:
        note(f"that is {count_of(ahead, 'day')} ahead of this machine's clock; is a date in the events wrong?")
    refused = summary.outcomes.get(Outcome.REJECTED, 0)
    handed = count_of(summary.handed_over - refused, "mail")
    say(f"Decided {rows}, handed over {handed}{target}.")
    if refused:
        note(f"{count_of(refused, 'mail')} could not be delivered for good; `relight explain CUSTOMER` says why")
    _say_unsent(summary)
    for pool in summary.empty_pools:
        file = project.settings.codes.get(pool, "its file")
        note(f"the pool of codes '{pool}' is empty, so mails were not sent; add codes to {file} and start again")
    for pool, left in summary.low_pools.items():
        file = project.settings.codes.get(pool, "its file")
        note(f"the pool of codes '{pool}' has {count_of(left, 'code')} left; add codes to {file} before the next start")
    if summary.trouble:
        say(f"Mails wait: {summary.trouble}. Nothing is lost: once it is mended, `relight run` hands them over.")
    elif summary.held:
        say(f"Mails wait: {summary.held}.")
