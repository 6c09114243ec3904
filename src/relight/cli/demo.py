"""`relight demo`, and what `make run` runs.

A year of a made-up shop, decided from nothing, with an HTML index of the mails.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.cli.exit_codes import ExitCode
from relight.cli.main import run_and_exit
from relight.cli.output import note, say
from relight.cli.project import Project, find_folder, open_project, relative

if TYPE_CHECKING:
    from relight.cli.demo_data import DemoSummary
    from relight.simulate.pages import PageData

#: Seed of the made-up year.
SEED = 2026
#: Remembers what the generated files are, so that a second run need not make them again.
STAMP = "demo.json"
_BLEMISHES = (("duplicates", "repeated"), ("malformed", "broken"), ("late", "late"))


@click.command("demo", short_help="A year of a made-up shop, decided, with mails to look at.")
@click.option(
    "--folder", type=click.Path(path_type=Path), metavar="DIR", help="The shop's project folder; default: this one."
)
@click.option(
    "--customers", type=click.IntRange(1, 1_000_000), default=5000, show_default=True, help="How many sign up."
)
@click.option("--seed", type=int, default=SEED, show_default=True, help="The same seed gives the same year.")
def command(*, folder: Path | None, customers: int, seed: int) -> int:
    """Make a year of customers of a small shop, run the project on it from nothing, and leave mails to look at.

    Writes data/ and outbox/ in the project folder. An older run's store and mails there are removed first.
    """
    began = time.monotonic()
    where = find_folder(folder)
    made = generate(where, seed=seed, customers=customers)
    project = open_project(where, None)
    _clear(project)
    from relight.cli.run import carry_out

    summary = carry_out(project, total=made["events"] + made["identifies"] + made["duplicates"] + made["malformed"])
    if summary.stopped:
        note("stopped; `relight run` goes on from here, `relight demo` begins again")
        return ExitCode.INTERRUPTED
    data = _figures(project, time.monotonic() - began, summary.duplicates)
    page = _write_page(project, data)
    _say(project, data, page, time.monotonic() - began)
    return ExitCode.FINE


def generate(folder: Path, *, seed: int, customers: int) -> dict[str, int]:
    """Write the demo's files unless they are there, complete and of this seed.

    Return how many rows of each sort they hold.
    """
    stamp = folder / "data" / STAMP
    wanted = {"seed": seed, "customers": customers, "made_by": _generator_digest()}
    try:
        known = json.loads(stamp.read_text(encoding="utf-8"))
        files = known["files"]
        if known["wanted"] == wanted and all((folder / f).stat().st_size == size for f, size in files.items()):
            counts: dict[str, int] = known["counts"]
            note(f"The made-up year is there already: {counts['events']:,} events of {customers:,} customers.")
            return counts
    except (OSError, ValueError, KeyError):
        pass
    from relight.cli.demo_data import write_demo
    from relight.cli.progress import Progress

    with Progress(f"Making a year of {customers:,} customers"):
        stamp.unlink(missing_ok=True)
        summary = write_demo(folder, seed=seed, customers=customers)
    counts = _counts(summary)
    files = {f.relative_to(folder).as_posix(): f.stat().st_size for f in summary.files}
    stamp.write_text(json.dumps({"wanted": wanted, "counts": counts, "files": files}, indent=1), encoding="utf-8")
    blemishes = ", ".join(f"{counts[name]:,} {word}" for name, word in _BLEMISHES)
    note(f"Made {counts['events']:,} events, with {blemishes} lines.")
    return counts


def _counts(summary: DemoSummary) -> dict[str, int]:
    return {name: value for name, value in asdict(summary).items() if isinstance(value, int)}


def _generator_digest() -> str:
    """Return a digest of the generator's code: another version of it makes another year."""
    from relight.base.ids import hash_bytes

    sources = sorted(Path(__file__).parent.glob("demo_*.py"))
    return hash_bytes(b"".join(path.read_bytes() for path in sources))


def _clear(project: Project) -> None:
    """Remove the last demo's store and mails; nothing else in the folder is touched."""
    for path in project.store_path.parent.glob(f"{project.store_path.name}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    outbox = project.settings.delivery.files
    if outbox is not None:
        for path in (project.folder / outbox).glob("????-??-??"):
            shutil.rmtree(path)


def _figures(project: Project, seconds: float, duplicates: int) -> PageData:
    from relight.cli.figures import figures_of_store
    from relight.stores.sqlite import SqliteStore

    store = SqliteStore.open(project.store_path, read_only=True)
    try:
        return figures_of_store(project, store, seconds=seconds, duplicates=duplicates)
    finally:
        store.close()


def _write_page(project: Project, data: PageData) -> Path:
    from relight.cli.figures import outbox_folder
    from relight.simulate.pages import write_index

    folder = outbox_folder(project) or project.folder
    folder.mkdir(parents=True, exist_ok=True)
    return write_index(folder, data)


def _say(project: Project, data: PageData, page: Path, seconds: float) -> None:
    from relight.cli.figures import outbox_folder
    from relight.simulate.pages import funnel_text

    say(funnel_text(data))
    say()
    folder = outbox_folder(project)
    example = next(
        ((r, c) for rule in data.rules for r, c in [(rule.id, next(iter(rule.examples.values()), ""))] if c), None
    )
    if folder is not None:
        written = sum(1 for _ in folder.glob("????-??-??/*.eml"))
        say(f"Mails        {relative(folder)}/  ({written:,} .eml files by day; nothing was sent)")
    say(f"Ledger       {relative(project.store_path)}")
    if shutil.which("relight") is None:
        say(f"First        . {relative(Path(sys.prefix))}/bin/activate  (after that, `relight` is a command)")
    if example is not None:
        say(f"Why not?     relight explain {example[1]} {example[0]}")
    say("Unreadable   relight dead-letters list")
    say("Change       edit a file in rules/, then: relight check; relight simulate")
    say(f"Done in {seconds:.0f} s. Open {relative(page)} in a browser.")


if __name__ == "__main__":
    run_and_exit(command, name="relight demo")
