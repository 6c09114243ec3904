"""What is expected beside what became of it: pairs, and what is left over on either side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relight.base.instants import ceil_minute
from relight.simulate.rule_tests.case import STRICT_KINDS, Kind
from relight.simulate.rule_tests.moments import clock_of, since_start

if TYPE_CHECKING:
    from relight.base.problems import Place
    from relight.simulate.rule_tests.case import Case, Expected
    from relight.simulate.rule_tests.goldens import Goldens
    from relight.simulate.rule_tests.running import Seen

#: Key of an expectation -> what it asks of the mail.
_CONTENT = ("locale", "subject", "subject_contains", "html_contains", "text_contains")
#: What comes at once may come some µs after what set it off: an alert behind a mail, a rule that watches a trait (µs).
AT_ONCE_MAX = 1_000
#: Characters of a mail's part that a failure quotes.
QUOTED_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One difference."""

    place: Place
    customer: str
    rule: str
    #: µs.
    at: int
    expected: str
    #: Nearest first.
    got: str
    #: None where nothing became of it.
    seen: Seen | None
    #: None where nothing was expected.
    wanted: Expected | None = None


def compare_case(case: Case, seen: Sequence[Seen], goldens: Goldens | None = None) -> list[Failure]:
    """Return every difference between a case's expectations and what was seen, in the order of the test."""
    mine = [one for one in seen if one.rule in case.rules]
    pairs, left = _pair(case.expected, mine)
    failures = []
    for wanted, one in pairs:
        if one is None:
            near = _nearest(wanted, left)
            left = [other for other in left if other is not near]
            got = "nothing" if near is None else tell_seen(near, case)
            failures.append(_failure(wanted, case, got, near, place=wanted.place))
        else:
            failures += _content(wanted, one, case, goldens)
    kinds = {Kind.SENT} if case.sent_only else STRICT_KINDS
    failures += [
        Failure(
            place=case.expect_place, customer=one.customer, rule=one.rule, at=one.at, expected="nothing",
            got=tell_seen(one, case), seen=one,
        )
        for one in left
        if one.kind in kinds
    ]  # fmt: skip
    return failures


def _pair(expected: Sequence[Expected], seen: Sequence[Seen]) -> tuple[list[tuple[Expected, Seen | None]], list[Seen]]:
    """Return each expectation with what fits it, and what fits none. Exact times choose first."""
    left, found = list(seen), dict[int, "Seen"]()
    for is_exact in (True, False):
        for number, wanted in enumerate(expected):
            if number in found:
                continue
            fits = next((one for one in left if _fits(wanted, one, is_exact=is_exact)), None)
            if fits is not None:
                found[number] = fits
                left = [one for one in left if one is not fits]
    return [(wanted, found.get(number)) for number, wanted in enumerate(expected)], left


def _fits(wanted: Expected, one: Seen, *, is_exact: bool) -> bool:
    row = wanted.row
    return (
        (one.kind, one.rule, one.customer) == (wanted.kind, wanted.rule, wanted.customer)
        and (row.reason is None or row.reason == one.reason)
        and (row.step is None or row.step == one.step)
        and (wanted.until is None or one.until in (wanted.until, ceil_minute(wanted.until)))
        and (
            any(0 <= one.at - at < AT_ONCE_MAX for at in (wanted.at, ceil_minute(wanted.at)))
            if is_exact
            else wanted.at <= one.at <= wanted.at + wanted.within
        )
    )


def _nearest(wanted: Expected, left: Sequence[Seen]) -> Seen | None:
    """Return what became of the same customer and rule instead, nearest in time."""
    same = [one for one in left if (one.rule, one.customer) == (wanted.rule, wanted.customer)]
    strict = [one for one in same if one.kind in STRICT_KINDS or one.kind is wanted.kind]
    return min(strict or same, key=lambda one: (abs(one.at - wanted.at), one.kind is not wanted.kind), default=None)


def _failure(wanted: Expected, case: Case, got: str, one: Seen | None, *, place: Place) -> Failure:
    return Failure(
        place=place, customer=wanted.customer, rule=wanted.rule, at=wanted.at, expected=tell_expected(wanted, case),
        got=got, seen=one, wanted=wanted,
    )  # fmt: skip


# ---------------------------------------------------------------- the mail itself
def _content(wanted: Expected, one: Seen, case: Case, goldens: Goldens | None) -> list[Failure]:
    row, mail = wanted.row, one.mail
    failures = []
    channel = "webhook" if mail is not None and mail.step.webhook is not None else "email"
    if row.channel is not None and row.channel != channel:
        failures.append(_differs(wanted, one, "channel", row.channel, channel))
    asked = [key for key in _CONTENT if getattr(row, key) is not None]
    if (asked or row.golden is not None) and mail is None:
        key = asked[0] if asked else "golden"
        return [*failures, _differs(wanted, one, key, str(getattr(row, key)), "no mail")]
    if mail is None:
        return failures
    parts = {"subject": mail.rendered.subject, "html": mail.rendered.html, "text": mail.rendered.text}
    for key in asked:
        text = str(getattr(row, key))
        if key.endswith("_contains"):
            part = parts[key.removesuffix("_contains")]
            fits = text in part
        else:
            part = mail.rendered.locale if key == "locale" else parts[key]
            fits = text == part
        if not fits:
            shown = part if len(part) <= QUOTED_MAX else part[:QUOTED_MAX] + "…"
            failures.append(_differs(wanted, one, key, text, shown))
    if row.golden is not None and goldens is not None:
        told = goldens.compare(row.golden, parts)
        if told is not None:
            failures.append(_differs(wanted, one, "golden", *told))
    return failures


def _differs(wanted: Expected, one: Seen, key: str, expected: str, got: str) -> Failure:
    return Failure(
        place=wanted.places.get(key, wanted.place), customer=wanted.customer, rule=wanted.rule, at=wanted.at,
        expected=f"{key}: {expected}", got=f"{key.removesuffix('_contains')}: {got}", seen=one, wanted=wanted,
    )  # fmt: skip


# ---------------------------------------------------------------- in words
def tell_expected(wanted: Expected, case: Case) -> str:
    """Return `suppressed: no_consent at 30d`."""
    row = wanted.row
    words = wanted.kind.value + (f": {row.reason}" if row.reason else "") + (f" in '{row.step}'" if row.step else "")
    words += f" at {since_start(wanted.at, case.start)} ({clock_of(wanted.at, case.zone)})"
    if wanted.until is not None:
        words += f" until {since_start(wanted.until, case.start)}"
    return words + (f" or up to {row.within} later" if row.within else "")


def tell_seen(one: Seen, case: Case) -> str:
    """Return `sent at 30d (2026-01-31 09:00 Europe/Istanbul)`."""
    words = one.kind.value + (f": {one.reason}" if one.reason else "") + (f" in '{one.step}'" if one.step else "")
    words += f" at {since_start(one.at, case.start)} ({clock_of(one.at, case.zone)})"
    return words + (f" until {since_start(one.until, case.start)}" if one.until is not None else "")
