"""`relight suppressions`: addresses that get nothing, taken from a list or shown; kept as hashes alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.base.errors import UsageError
from relight.cli.exit_codes import ExitCode
from relight.cli.orders import put_entries, reading_or_empty, say_when, waiting_words
from relight.cli.output import count_of, say, say_json, table
from relight.cli.project import open_project, project_options

if TYPE_CHECKING:
    from relight.stores.interface import Store
    from relight.streams.envelope import Control

#: Addresses of one file.
ADDRESSES_MAX = 5_000_000
#: Suppressions, and lines that are no address, that are shown one by one.
SHOWN_MAX = 50
#: Columns that may hold the address.
_ADDRESS_COLUMNS = ("address", "email", "e-mail", "recipient")


@click.group("suppressions", short_help="Import a list of addresses that get nothing, or show it.")
def command() -> None:
    """Import a list of addresses that get nothing, or show it."""


@command.command("import", short_help="Suppress every address of a file.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--scope",
    type=click.Choice(["marketing", "all"]),
    default="marketing",
    show_default=True,
    help="`all` also stops transactional mail: for addresses that are dead.",
)
@click.option("--cause", default="import", show_default=True, help="Why, as `explain` shall say it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def import_list(
    *, file: Path, scope: str, cause: str, as_json: bool, project: Path | None, environment: str | None
) -> int:
    """Suppress every address of a FILE: one a line, or CSV with a column address, email or recipient.

    A CSV in the form of İYS is read by its columns: `type` other than EPOSTA and `status` other than RET are passed
    over. The same file again changes nothing. Lines that hold no address are told; the others are taken.
    """
    from relight.cli.run import wall_clock
    from relight.messages.addresses import UNSUBSCRIBED, address_hash, looks_like_address
    from relight.rules.world import SOFT_BOUNCES
    from relight.stores.inbox_words import Word, word_entry

    if cause in {UNSUBSCRIBED, SOFT_BOUNCES}:
        whose = "people's own links, which they may lift" if cause == UNSUBSCRIBED else "full mailboxes, and lapses"
        raise UsageError(f"'{cause}' is the cause of {whose}; name another")
    found = open_project(project, environment)
    now = wall_clock()
    entries, bad = [], []
    for number, address in read_addresses(file):
        if not looks_like_address(address):
            bad.append(number)
            continue
        hashed = address_hash(address)
        word = Word(kind="suppression", subject=hashed, detail={"scope": scope, "cause": cause})
        entries.append(word_entry(word, received=now, key=f"suppressed {scope} {hashed}"))
        if len(entries) > ADDRESSES_MAX:
            raise UsageError(f"{file} has more than {ADDRESSES_MAX:,} addresses; split it")
    position = put_entries(found, entries) if entries else 0
    if as_json:
        say_json("suppressions-import", {"ok": not bad, "taken": len(entries), "bad_lines": bad, "position": position})
        return ExitCode.PROBLEMS if bad else ExitCode.FINE
    for number in bad[:SHOWN_MAX]:
        say(f"{file}:{number}: no address")
    if entries:
        say_when(found, position)
    told = f"{count_of(len(entries), 'address')} suppressed ({scope}: {cause})"
    say(told + (f", {count_of(len(bad), 'line')} passed over" if bad else ""))
    return ExitCode.PROBLEMS if bad else ExitCode.FINE


@command.command("list", short_help="Show which addresses get nothing, as hashes, or ask for one address.")
@click.option("--address", metavar="ADDRESS", help="Only what is known of this address.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def show_list(*, address: str | None, as_json: bool, project: Path | None, environment: str | None) -> None:
    """Show which addresses get nothing, as hashes, with cause and time; or ask for one ADDRESS.

    What the inbox holds and no engine has read yet counts, as it does for every mail that has not left.
    """
    from relight.base.instants import format_instant, iso_utc
    from relight.cli.run import wall_clock
    from relight.messages.addresses import address_hash

    found = open_project(project, environment)
    waiting = waiting_words(found)
    with reading_or_empty(found) as store:
        standing = standing_suppressions(store, waiting, wall_clock())
    wanted = None if address is None else address_hash(address)
    rows = [(hashed, *one) for hashed, one in standing.items() if wanted in (None, hashed)]
    if as_json:
        listed = [{"hash": h, "scope": s, "cause": c, "at": iso_utc(at)} for h, s, c, at in rows]
        say_json("suppressions", {"count": len(rows), "suppressions": listed})
        return
    zone = found.plan.policy.zone
    shown = [(h, s, c, format_instant(at - at % 1_000_000, zone)) for h, s, c, at in rows[:SHOWN_MAX]]
    for line in table(shown) if shown else []:
        say(line)
    if len(rows) > SHOWN_MAX:
        say(f"… and {len(rows) - SHOWN_MAX:,} more; --json shows all")
    if address is not None and not rows:
        say("this address is not suppressed")
        return
    say(f"{len(rows):,} suppressed")


def standing_suppressions(store: Store, waiting: Iterable[Control], now: int) -> dict[str, tuple[str, str, int]]:
    """Return address hash -> (scope, cause, since when in µs) as of now (µs), as the log has it and the inbox adds."""
    from relight.stores.delivery_moves import has_lapsed, is_lifted, is_wider, suppression_of
    from relight.stores.interface import Suppression

    standing: dict[str, Suppression] = {}
    for record in (*(record for _, record in store.global_log()), *waiting):
        one = suppression_of(record)
        if one is None:
            continue
        hashed, new = one
        old = standing.get(hashed)
        if new.scope == "none":
            if is_lifted(old):
                del standing[hashed]
        elif is_wider(new, old):
            standing[hashed] = new
    holds = {hashed: one for hashed, one in standing.items() if not has_lapsed(one, now)}
    return {hashed: (one.scope, one.cause, one.at) for hashed, one in holds.items()}


def read_addresses(file: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, address) of a list; raises UsageError for bytes that are no text."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 (byte {error.start})") from error
    lines = text.splitlines()
    head = lines[0] if lines else ""
    separator = ";" if ";" in head else ","
    names = [name.strip().strip('"').lower() for name in head.split(separator)]
    column = next((name for name in _ADDRESS_COLUMNS if name in names), None)
    if column is None:
        yield from ((number, line.strip()) for number, line in enumerate(lines, 1) if line.strip())
        return
    rows = csv.DictReader(io.StringIO("\n".join(lines[1:])), fieldnames=names, delimiter=separator)
    for row in rows:
        address = (row.get(column) or "").strip()
        if _is_refusal(row):
            yield rows.line_num + 1, address


def _is_refusal(row: Mapping[str, str | None]) -> bool:
    """Return whether a row of İYS's form says that mails are refused; a row without its columns always does."""
    kind, status = (row.get("type") or "EPOSTA").strip().upper(), (row.get("status") or "RET").strip().upper()
    return kind == "EPOSTA" and status == "RET"
