"""What one customer of the demonstration does in a year: visits, plan, team, wishes.

Decides events and their instants from a person and random numbers; shop and help desk are demo_dealings'. Knows nothing
of files, arrival or rules.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random

from relight.cli.demo_catalog import FEATURES, RELEASES, UNBUILT
from relight.cli.demo_dealings import open_tickets, order
from relight.cli.demo_people import SATURDAY, Person, happens, local_instant
from relight.cli.demo_tape import (
    DAY,
    END,
    HOUR,
    MINUTE,
    SECOND,
    Property,
    Tape,
    record_app,
    utc_text,
)

TRIAL_DAYS = 14
#: Of those with no particular mood, how many a week stay away from then on, and how many come less.
AWAY_SHARE = 0.03
SLUMP_SHARE = 0.035
#: Nobody cancels a plan because of a shorter absence than this.
CANCELS_AFTER_DAYS = 35
#: From this size on a team may also lose somebody.
SMALLEST_SHRINKING_TEAM = 2
PRICES = {"team": {"monthly": 590, "yearly": 5900}, "business": {"monthly": 1490, "yearly": 14900}}


def release_instant(day: str) -> int:
    """Instant (ms) at which a release of that calendar day goes out."""
    return int(datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).timestamp()) * SECOND + 510 * MINUTE


_RELEASED = tuple((release_instant(release.day), release.feature) for release in RELEASES)


@dataclass(slots=True)
class Course:
    """Where one life stands while its days pass; instants in ms, None where it never comes to that."""

    #: When they take a plan.
    subscribes: int | None
    #: When they cancel it, known once they have stayed away long enough.
    cancels: int | None = None
    #: Until when the present mood lasts, and what it does to the chance of a visit.
    mood_ends: int = 0
    mood: float = 1.0
    imported: bool = False
    #: Whether they made a board yet.
    started: bool = False


def live(tape: Tape, person: Person) -> None:
    """Record everything that happens to and by `person`."""
    rng = tape.rng
    _sign_up(tape, person)
    course = Course(subscribes=_draw_subscription(rng, person))
    _spend_days(tape, person, course)
    _take_plan(tape, person, course)
    last = min(course.cancels or END, END)
    if course.subscribes is not None:
        _grow_team(tape, person, course.subscribes, last)
    if happens(rng, 0.64 if course.subscribes is not None else 0.02):
        order(tape, person, last)
    open_tickets(tape, person, last)
    _connect(tape, person, last)
    _wish(tape, person, last)


def _identify(tape: Tape, person: Person, at: int, **traits: Property) -> None:
    record_app(tape, at, person.key, "identify", **traits)


def _sign_up(tape: Tape, person: Person) -> None:
    traits: dict[str, Property | None] = {
        "email": person.email,
        "first_name": person.first_name,
        "company": person.company,
        "sector": person.sector,
        "role": person.role,
        "timezone": person.zone.key if person.zone_known else None,
    }
    known = {name: value for name, value in traits.items() if value is not None}
    ends = utc_text(person.joined + TRIAL_DAYS * DAY)
    fixed: dict[str, Property] = {"plan": "trial", "locale": person.locale, "region": person.region}
    _identify(tape, person, person.joined, **known, **fixed, team_size=1, trial_ends_at=ends)
    source = tape.rng.choice(("search", "friend", "talk", "article"))
    record_app(tape, person.joined, person.key, "signed_up", source=source)
    for topic in person.topics:
        given: dict[str, Property] = {"consent_topic": topic, "consent_given": True}
        record_app(tape, person.joined + 20 * SECOND, person.key, "preferences_saved", **given)
    if person.topics and happens(tape.rng, 0.06):
        later = person.joined + tape.rng.randint(20, 200) * DAY
        withdrawn: dict[str, Property] = {"consent_topic": person.topics[0], "consent_given": False}
        record_app(tape, later, person.key, "preferences_saved", **withdrawn)


def _draw_subscription(rng: Random, person: Person) -> int | None:
    if rng.random() > min(0.9, 0.15 + person.keen):
        return None
    days = rng.uniform(14.2, 24) if happens(rng, 0.12) else rng.uniform(3, 13.8)
    return person.joined + int(days * DAY)


def _spend_days(tape: Tape, person: Person, course: Course) -> None:
    """Walk through the days; a plan makes people come, moods make them stay away, nothing lasts."""
    rng = tape.rng
    trial_end = person.joined + TRIAL_DAYS * DAY
    joined = person.joined - person.joined % DAY
    if happens(rng, 0.8):
        _visit(tape, person, course, person.joined + rng.randint(2, 50) * MINUTE)
    program_since = course.subscribes if person.calls_api else None
    for day in range(joined, END, DAY):
        if course.cancels is not None and day >= course.cancels:
            break
        weekday = (day // DAY + 3) % 7
        if weekday == 0 and course.mood_ends <= day and day > trial_end:
            _change_mood(rng, course, day)
        chance = person.keen * course.mood * (0.22 if weekday >= SATURDAY else 1.0)
        if day > trial_end and (course.subscribes is None or day < course.subscribes):
            chance *= 0.05
        if rng.random() < chance:
            _visit(tape, person, course, max(local_instant(rng, person.zone, day), person.joined + 2 * MINUTE))
        if program_since is not None and course.mood > 0 and happens(rng, 0.13):
            called = max(day + rng.randint(0, DAY - 1), program_since)
            record_app(tape, called, person.key, "api_called", calls=rng.randint(1, 900))


def _change_mood(rng: Random, course: Course, day: int) -> None:
    luck = rng.random()
    course.mood, course.mood_ends = 1.0, day
    if luck < AWAY_SHARE:
        away = rng.randint(8, 130)
        course.mood, course.mood_ends = 0.0, day + away * DAY
        if (
            away > CANCELS_AFTER_DAYS
            and course.subscribes is not None
            and course.subscribes < day
            and happens(rng, 0.35)
        ):
            course.cancels = day + rng.randint(20, away) * DAY
    elif luck < AWAY_SHARE + SLUMP_SHARE:
        course.mood, course.mood_ends = 0.25, day + rng.randint(14, 28) * DAY


def _visit(tape: Tape, person: Person, course: Course, at: int) -> None:
    rng, key = tape.rng, person.key
    record_app(tape, at, key, "session_started")
    if happens(rng, 0.30):
        used = [feature for released, feature in _RELEASED if released < at]
        fresh = used and happens(rng, 0.25)
        feature = rng.choice(used) if fresh else rng.choice(FEATURES)
        record_app(tape, at + rng.randint(1, 9) * MINUTE, key, "feature_used", feature=feature)
    if happens(rng, 0.08 if course.started else 0.6):
        course.started = True
        record_app(tape, at + rng.randint(1, 5) * MINUTE, key, "board_created", board=f"b{tape.number}")
    for _ in range(int(rng.expovariate(1 / person.reports))):
        record_app(tape, at + rng.randint(3 * MINUTE, 50 * MINUTE), key, "report_created", report=f"r{tape.number}")
    if rng.random() < (0.01 if course.imported else 0.07):
        course.imported = True
        record_app(tape, at + 12 * MINUTE, key, "import_finished", cards=int(rng.lognormvariate(4.6, 0.9)) + 1)


def _take_plan(tape: Tape, person: Person, course: Course) -> None:
    rng, key = tape.rng, person.key
    trial_end = person.joined + TRIAL_DAYS * DAY
    record_app(tape, trial_end, key, "trial_ended")
    if course.subscribes is None:
        if happens(rng, 0.10):
            record_app(tape, trial_end + rng.randint(1, 30) * DAY, key, "account_deleted")
        return
    plan, period = rng.choice(("team", "team", "business")), rng.choice(("monthly", "monthly", "yearly"))
    record_app(tape, course.subscribes, key, "subscribed", plan=plan, period=period, price=PRICES[plan][period])
    _identify(tape, person, course.subscribes, plan=plan)
    if course.cancels is not None:
        cause = rng.choice(("price", "project over", "other tool", "unused"))
        record_app(tape, course.cancels, key, "subscription_cancelled", cause=cause)
        _identify(tape, person, course.cancels, plan="free")
        if happens(rng, 0.3):
            record_app(tape, course.cancels + rng.randint(1, 9) * DAY, key, "account_deleted")
    elif plan == "business" and happens(rng, 0.6):
        manager = rng.choice(("Mert Ak <mert@mail.tidewater.example>", "Elif Su <elif@mail.tidewater.example>"))
        _identify(tape, person, course.subscribes + rng.randint(1, 30) * DAY, manager=manager)
    elif plan == "team" and happens(rng, 0.12):
        grown = course.subscribes + rng.randint(30, 150) * DAY
        record_app(tape, grown, key, "plan_changed", plan="business")
        _identify(tape, person, grown, plan="business")


def _grow_team(tape: Tape, person: Person, first: int, last: int) -> None:
    rng = tape.rng
    at, size = first, 1
    for _ in range(int(rng.expovariate(1 / 1.6))):
        at += int(rng.expovariate(1 / 20) * DAY) + HOUR
        if at > last:
            return
        leaves = size > SMALLEST_SHRINKING_TEAM and happens(rng, 0.2)
        size += -1 if leaves else 1
        record_app(tape, at, person.key, "teammate_left" if leaves else "teammate_joined", team_size=size)
        _identify(tape, person, at, team_size=size)


def _connect(tape: Tape, person: Person, last: int) -> None:
    """Make it part of the day: the app on a phone or a desk, another program connected."""
    rng = tape.rng
    for event, share, name, values in (
        ("app_installed", 0.3, "platform", ("ios", "android", "android", "desktop")),
        ("integration_connected", 0.15, "integration", ("calendar", "calendar", "chat", "mail")),
    ):
        at = person.joined + int(rng.expovariate(1 / 30) * DAY) + HOUR
        if happens(rng, share) and at < last:
            record_app(tape, local_instant(rng, person.zone, at), person.key, event, **{name: rng.choice(values)})


def _wish(tape: Tape, person: Person, last: int) -> None:
    """One person in seven asks for something; some in words that were lost, some for what they test already."""
    rng = tape.rng
    if not happens(rng, 0.14):
        return
    for _ in range(rng.choice((1, 1, 1, 2))):
        at = local_instant(rng, person.zone, person.joined + int(rng.expovariate(1 / 35) * DAY))
        open_wishes = [(item.feature, *item.wish) for item in RELEASES if release_instant(item.day) > at]
        feature, english, turkish = rng.choice(open_wishes + list(UNBUILT))
        if not person.joined < at < last:
            continue
        wording: dict[str, Property] = {"wording": turkish if person.turkish else english}
        if happens(rng, 0.03):
            wording = {}
        record_app(tape, at, person.key, "feature_requested", feature=feature, **wording)
        if happens(rng, 0.1):
            record_app(tape, at + 2 * DAY, person.key, "feature_used", feature=feature)
