"""A year of an invented shop's customers, written as the files that `streams/` declares.

Decides the blemishes: repeated lines, broken lines, a night without an hour. The lives are demo_life's, the rows
demo_tape's. Equal seed and number of customers give equal bytes.
"""

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from relight.cli.demo_catalog import ANNOUNCED, INCIDENTS, LAUNCHES, PROMISED, RELEASES, WEBINARS
from relight.cli.demo_dealings import replace_parts
from relight.cli.demo_life import live, release_instant
from relight.cli.demo_people import Person, draw_person, happens
from relight.cli.demo_tape import DAY, MINUTE, SECOND, TILL_HEADER, Tape, record_app, record_desk_clock, utc_text

#: Share of lines that a collector delivers twice, byte for byte, and how many lines later at most.
REPEATED_SHARE = 0.005
REPEATED_WITHIN_LINES = 40
#: Share of lines that are broken on top of the good ones.
BROKEN_SHARE = 0.0012

#: Each breaks another thing: syntax, encoding of a value, a missing name, a missing customer, a bare value, a time.
BROKEN_JSON = (
    '{"id":"x%(n)d","event":"session_started","customer":"c00001","at":"2026-0',
    '{"id":"x%(n)d","event":"session_started","customer":"c00001","at":"2026-13-45T99:00:00Z","arrives":"%(at)s"}',
    '{"id":"x%(n)d","customer":"c00001","at":"%(at)s","arrives":"%(at)s"}',
    '{"id":"x%(n)d","event":"report_created","report":"r1","at":"%(at)s","arrives":"%(at)s"}',
    '{"id":"x%(n)d","event":"import_finished","customer":"c00001","cards":"many","at":"%(at)s","arrives":"%(at)s"}',
    "[%(n)d]",
    "-- restarted, attempt %(n)d --",
)
BROKEN_DESK = (
    '{"id":"y%(n)d","type":"ticket_opened","requester":"c00001","ticket_id":',
    '{"id":"y%(n)d","type":"csat_answered","requester":"c00001","score":"fine","at":"%(at)s","arrives":"%(at)s"}',
)
BROKEN_TILL = ("z%(n)d,placed,TB-X", "z%(n)d,placed,TB-Y,,c00001,Wall kit,1,free,%(at)s,%(at)s")

#: (instant in UTC, zone): the hours around these are full of visits of people who live there.
CLOCK_CHANGES = (
    ("2025-11-02T06:00:00", "America/New_York"),
    ("2026-03-08T07:00:00", "America/New_York"),
    ("2026-03-29T01:00:00", "Europe/Berlin"),
    ("2026-10-25T01:00:00", "Europe/Berlin"),
)
VISITORS_A_CLOCK_CHANGE = 10
#: (wall clock in Berlin, arrival in UTC): an hour that does not exist, then one that happens twice.
CLOCK_TICKETS = (
    ("2026-03-29T02:30:00", "2026-03-29T01:31:00"),
    ("2026-10-25T02:30:00", "2026-10-25T00:31:00"),
    ("2026-10-25T02:30:00", "2026-10-25T01:31:00"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSummary:
    """What was written."""

    customers: int
    #: Distinct well-formed events; without rows that only set traits.
    events: int
    #: Rows that set traits.
    identifies: int
    #: Lines written a second time.
    duplicates: int
    #: Lines that no reader can take.
    malformed: int
    #: Rows that arrived 20 minutes or more after the event.
    late: int
    #: The three files, in the order of `streams/`.
    files: tuple[Path, ...]


def write_demo(folder: Path, *, seed: int = 2026, customers: int = 5000) -> DemoSummary:
    """Write `data/app.ndjson`, `data/orders.csv` and `data/support.ndjson.gz` below the project folder.

    Args:
        folder: project folder; `data` is made if need be, and the three files are replaced.
        seed: same seed and number of customers, same bytes.
        customers: how many people sign up in the year.

    Raises:
        OSError: a file cannot be written.
    """
    tape = Tape(rng=Random(seed))
    _record_product(tape)
    people = [draw_person(tape.rng, number) for number in range(1, customers + 1)]
    for person in people:
        live(tape, person)
    _record_clock_changes(tape, people)
    _record_launches(tape)
    _record_webinars(tape, people)
    replace_parts(tape)
    target = folder / "data"
    target.mkdir(parents=True, exist_ok=True)
    files = (target / "app.ndjson", target / "orders.csv", target / "support.ndjson.gz")
    app, till, desk = (
        _blemish(tape, rows, broken)
        for rows, broken in ((tape.app, BROKEN_JSON), (tape.till, BROKEN_TILL), (tape.desk, BROKEN_DESK))
    )
    files[0].write_bytes(_encoded(app.lines))
    files[1].write_bytes(_encoded([TILL_HEADER, *till.lines]))
    files[2].write_bytes(gzip.compress(_encoded(desk.lines), compresslevel=6, mtime=0))
    return DemoSummary(
        customers=customers,
        events=tape.number - tape.identified,
        identifies=tape.identified,
        duplicates=app.repeated + till.repeated + desk.repeated,
        malformed=app.broken + till.broken + desk.broken,
        late=tape.late,
        files=files,
    )


def _record_product(tape: Tape) -> None:
    _record_announcements(tape)
    for release in RELEASES:
        record_app(
            tape, release_instant(release.day), None, "feature_released",
            feature=release.feature, title=release.title[0], title_tr=release.title[1],
            summary=release.summary[0], summary_tr=release.summary[1],
            url=f"https://app.tidewater.example/new/{release.feature.replace('_', '-')}",
        )  # fmt: skip
    for began, region, title, title_tr, minutes in INCIDENTS:
        record_app(
            tape, _instant(began) + minutes * MINUTE, None, "incident_opened",
            region=region, title=title, title_tr=title_tr, began=utc_text(_instant(began)),
            url=f"https://status.tidewater.example/{began[:10]}-{region}",
        )  # fmt: skip


def _record_announcements(tape: Tape) -> None:
    told = [
        (release_instant(release.day) - ANNOUNCED[release.feature] * DAY, release.feature, release.title,
         release.summary, release.day)
        for release in RELEASES if release.feature in ANNOUNCED
    ] + [
        (release_instant(day), feature, (title, title_tr), (summary, summary_tr), expected)
        for day, feature, title, title_tr, summary, summary_tr, expected in PROMISED
    ]  # fmt: skip
    for at, feature, titles, summaries, expected in told:
        record_app(
            tape, at, None, "feature_announced", feature=feature, title=titles[0], title_tr=titles[1],
            summary=summaries[0], summary_tr=summaries[1], expected=expected,
        )  # fmt: skip


def _record_launches(tape: Tape) -> None:
    for at, product, replaces, serves, summary, summary_tr in LAUNCHES:
        record_app(
            tape, _instant(at), None, "product_launched", product=product, replaces=replaces, serves=f"{serves} days",
            summary=summary, summary_tr=summary_tr,
            url=f"https://app.tidewater.example/shop/{product.split(',')[0].lower().replace(' ', '-')}",
        )  # fmt: skip


def _record_webinars(tape: Tape, people: list[Person]) -> None:
    """Announce each hour; some of those it is made for keep a seat, and most of these come."""
    rng = tape.rng
    for told, begins, webinar, sector, role, title, title_tr, summary, summary_tr in WEBINARS:
        audience = {name: value for name, value in (("sector", sector), ("role", role)) if value}
        starts, announced = _instant(begins), _instant(told)
        record_app(
            tape, announced, None, "webinar_announced", webinar=webinar, title=title, title_tr=title_tr,
            summary=summary, summary_tr=summary_tr, starts=utc_text(starts), **audience,
            url=f"https://app.tidewater.example/webinars/{webinar}",
        )  # fmt: skip
        for person in people:
            meant = person.joined < announced and (person.sector == sector or person.role == role)
            if meant and "service" in person.topics and happens(rng, 0.05):
                joined = rng.randint(announced + 2 * MINUTE, starts - MINUTE)
                record_app(tape, joined, person.key, "webinar_joined", webinar=webinar)
                if happens(rng, 0.6):
                    record_app(
                        tape, starts + rng.randint(0, 9) * MINUTE, person.key, "webinar_attended", webinar=webinar
                    )


def _record_clock_changes(tape: Tape, people: list[Person]) -> None:
    for text, zone in CLOCK_CHANGES:
        change = _instant(text)
        neighbours = [person for person in people if person.zone.key == zone and person.joined < change - 90 * MINUTE]
        for person in neighbours[:VISITORS_A_CLOCK_CHANGE]:
            at = change + tape.rng.randint(-90, 90) * MINUTE
            record_app(tape, at, person.key, "session_started")
    for index, (clock, arrives) in enumerate(CLOCK_TICKETS):
        early = [person for person in people if person.joined < _instant(arrives)]
        if early:
            ticket = {"ticket_id": f"TDST{index}", "subject": "Night shift"}
            record_desk_clock(tape, clock, _instant(arrives), early[index % len(early)].key, "ticket_opened", **ticket)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blemished:
    lines: list[str]
    repeated: int
    broken: int


def _blemish(tape: Tape, rows: list[tuple[int, int, str]], broken: tuple[str, ...]) -> _Blemished:
    """Rows in order of arrival, some of them again a little later, with broken ones in between."""
    rng = tape.rng
    again: dict[int, list[str]] = {}
    lines: list[str] = []
    repeated = spoilt = 0
    for index, (arrives, _, line) in enumerate(sorted(rows)):
        lines.append(line)
        lines += again.pop(index, ())
        luck = rng.random()
        if luck < REPEATED_SHARE:
            again.setdefault(index + rng.randint(1, REPEATED_WITHIN_LINES), []).append(line)
            repeated += 1
        elif luck > 1 - BROKEN_SHARE:
            pattern = broken[spoilt % len(broken)]
            lines.append(pattern % {"n": spoilt, "at": utc_text(arrives)})
            spoilt += 1
    for left in again.values():
        lines += left
    return _Blemished(lines=lines, repeated=repeated, broken=spoilt)


def _encoded(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _instant(text: str) -> int:
    """Milliseconds of a naive ISO 8601 text read as UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND
