"""Who the customers of the demonstration are: name, place, consent, and how keen each is.

Decides one person from the random numbers it is given. Knows nothing of what the person does.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo

from relight.cli.demo_catalog import COMPANIES, MAIL_DOMAINS, NAMES, NAMES_HARD, NAMES_TR, PLACES, ROLES
from relight.cli.demo_tape import DAY, END, HOUR, MINUTE, SECOND, START

#: Relative number of sign-ups in each month, January first.
SEASON = (1.5, 1.1, 1.1, 1.0, 0.9, 0.8, 0.6, 0.6, 1.4, 0.9, 0.9, 0.7)
#: Share of people who allow each topic.
CONSENT = {"product_news": 0.60, "offers": 0.42, "service": 0.66, "summary": 0.2}

#: People who left the name empty, and people whose name is hard on careless programs.
NAMELESS_SHARE = 0.06
HARD_NAME_SHARE = 0.02
#: Share of people who come on most working days.
HABITUAL_SHARE = 0.022
#: One customer in so many lives in the product.
HEAVY_EVERY = 800
#: First day of the weekend, counted from Monday = 0.
SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One customer, before anything happened."""

    key: str
    #: None where the form was left empty.
    first_name: str | None
    #: None for the few who signed up with a phone number.
    email: str | None
    company: str | None
    zone: ZoneInfo
    zone_known: bool
    locale: str
    region: str
    #: Instant of sign-up, ms since 1970 UTC.
    joined: int
    #: Chance of a visit on an ordinary working day, 0 to 1.
    keen: float
    #: Mean number of reports on a day with a visit.
    reports: float
    #: Whether a program of theirs calls the API.
    calls_api: bool
    topics: tuple[str, ...]

    @property
    def role(self) -> str:
        """What they do there."""
        return "developer" if self.calls_api else ROLES[int(self.key[1:]) % len(ROLES)]

    @property
    def sector(self) -> str | None:
        """What their company does; None where none is named."""
        return None if self.company is None else COMPANIES[self.company]

    @property
    def turkish(self) -> bool:
        """Whether they write to us in Turkish."""
        return self.locale.startswith("tr")


def draw_person(rng: Random, number: int) -> Person:
    """The `number`-th customer; equal random state gives an equal person."""
    zone, region, locales, _ = rng.choices(PLACES, weights=[place[3] for place in PLACES])[0]
    locale = rng.choice(locales)
    name = _draw_name(rng, turkish=locale.startswith("tr"))
    heavy = number % HEAVY_EVERY == HEAVY_EVERY - 1
    return Person(
        key=f"c{number:05d}",
        first_name=name,
        email=None if happens(rng, 0.01) else f"u{number:05d}@{rng.choice(MAIL_DOMAINS)}",
        company=rng.choice(tuple(COMPANIES)) if happens(rng, 0.6) else None,
        zone=ZoneInfo(zone),
        zone_known=not happens(rng, 0.03),
        locale=locale,
        region=region,
        joined=START + rng.randint(2, 20) * DAY if heavy else _draw_joined(rng, ZoneInfo(zone)),
        keen=_draw_keen(rng, heavy=heavy),
        reports=6.0 if heavy else rng.expovariate(1 / 0.22),
        calls_api=happens(rng, 0.10),
        topics=tuple(topic for topic, share in CONSENT.items() if rng.random() < share),
    )


def _draw_keen(rng: Random, *, heavy: bool) -> float:
    """Most come now and then; a few have made it part of their working day."""
    if heavy:
        return 0.97
    if happens(rng, HABITUAL_SHARE):
        return rng.uniform(0.7, 0.92)
    return 0.03 + 0.33 * rng.betavariate(1.1, 4.2)


def happens(rng: Random, share: float) -> bool:
    """True for that share (0 to 1) of all calls."""
    return rng.random() < share


def local_instant(rng: Random, zone: ZoneInfo, day: int) -> int:
    """Some instant of the UTC day that starts at `day` (ms), at an hour when people in `zone` work, mostly."""
    hour = min(23.4, max(5.0, rng.gauss(13.2, 3.1)))
    date = datetime.fromtimestamp(day // SECOND, UTC)
    local = datetime(date.year, date.month, date.day, int(hour), int(hour % 1 * 60), tzinfo=zone)
    return int(local.timestamp()) * SECOND + rng.randint(0, MINUTE - 1)


def _draw_joined(rng: Random, zone: ZoneInfo) -> int:
    """An instant of the year; fuller months, working days and working hours are likelier."""
    last = (END - START - 6 * HOUR) // DAY - 1
    while True:
        day = START + rng.randint(0, last) * DAY
        date = datetime.fromtimestamp(day // SECOND, UTC)
        likely = SEASON[date.month - 1] / max(SEASON) * (0.45 if date.weekday() >= SATURDAY else 1.0)
        if rng.random() < likely:
            return max(START + HOUR, local_instant(rng, zone, day))


def _draw_name(rng: Random, *, turkish: bool) -> str | None:
    luck = rng.random()
    if luck < NAMELESS_SHARE:
        return None
    if luck < NAMELESS_SHARE + HARD_NAME_SHARE:
        return rng.choice(NAMES_HARD)
    return rng.choice(NAMES_TR if turkish else NAMES)
