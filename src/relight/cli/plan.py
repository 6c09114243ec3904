"""`relight plan`: what applying this folder would do, before anything changes. Reads only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.cli.exit_codes import ExitCode
from relight.cli.output import count_of, say, say_json
from relight.cli.plan_file import write_plan_file
from relight.cli.plan_people import people_as_json, people_lines
from relight.cli.planning import Planned, make_plan
from relight.cli.project import open_project, project_options, relative
from relight.simulate.forecast.touched_list import PEOPLE_LISTED_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relight.simulate.forecast.difference import Change, Difference
    from relight.simulate.forecast.forecast import Forecast, RuleForecast
    from relight.simulate.forecast.touched import Touched, TouchedPeople

#: Keys of one change that are told, the first beside its name.
KEYS_TOLD = 8
#: Failing tests that are told.
FAILURES_TOLD = 5
#: Least width of the column of names.
NAME_WIDTH_MIN = 20
_SIGNS = {"new": "+", "removed": "-", "changed": "~"}
_COLORS = {"+": "green", "-": "red", "~": "yellow", "!": "yellow"}


@click.command("plan", short_help="Say what applying this folder would do.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Save it, for `relight apply FILE`.",
)
@click.option("--days", type=click.IntRange(1, 400), default=30, show_default=True, help="Recorded days to forecast.")
@click.option(
    "--people",
    "listed",
    type=click.IntRange(1, PEOPLE_LISTED_MAX),
    metavar="N",
    help="List the customers that each edit touches, at most N for a rule and what becomes of them.",
)
@click.option("--detailed-exitcode", is_flag=True, help="Leave with 2 where changes are pending.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def command(
    *,
    out: Path | None,
    days: int,
    listed: int | None,
    detailed_exitcode: bool,
    as_json: bool,
    project: Path | None,
    environment: str | None,
) -> int:
    """Check and test this folder, and say what applying it would do.

    The difference to the version that the store follows, rule by rule; the people each edit touches; and a forecast:
    the last days that were recorded, decided again under these rules, with caps, quiet hours and holdouts. Works beside
    a running engine and changes nothing. Leaves with 1 where a test fails or the forecast exceeds `plan.budget`.
    """
    planned = make_plan(open_project(project, environment), environment, days, listed=listed or 0)
    if out is not None and not planned.is_refused:
        write_plan_file(out, planned, environment)
    if as_json:
        body = planned_as_json(planned) | {"saved": None if out is None or planned.is_refused else str(out)}
        say_json("plan", body if listed is None else body | {"people": people_as_json(planned.touched)})
    else:
        say_plan(planned)
        for line in () if listed is None else people_lines(planned.touched, planned.project.plan.policy.zone):
            say(line)
        _say_end(planned, out)
    if planned.is_refused:
        return ExitCode.PROBLEMS
    return ExitCode.PENDING if detailed_exitcode and planned.is_pending else ExitCode.FINE


def _say_end(planned: Planned, out: Path | None) -> None:
    if planned.is_refused:
        say(refusal_of(planned))
    elif not planned.is_pending:
        say("Nothing would change: the store follows this version.")
    elif out is not None:
        say(f"Saved. Apply it with: relight apply {relative(out)}")
    elif planned.base:
        say("Apply it with: relight apply")
    else:
        say("Nothing stands yet: `relight run` begins with this version.")


def refusal_of(planned: Planned) -> str:
    """Return why a plan may not be applied."""
    if planned.tests is not None and planned.tests.failed:
        return f"Not to be applied: {count_of(planned.tests.failed, 'rule test')} failed. See them with: relight test"
    return f"Not to be applied: {'; '.join(planned.over)} (config/default.yaml: plan.budget)"


# ---------------------------------------------------------------- words
def say_plan(planned: Planned) -> None:
    """Say everything but what to do about it."""
    from relight.cli.rule_tests import summary_of

    rules = count_of(len(planned.project.plan.rules), "rule")
    tests = "there are no rule tests" if planned.tests is None else summary_of(planned.tests, planned.test_seconds)
    say(f"{rules} valid; {tests}.")
    if planned.tests is not None and planned.tests.failed:
        failed = [one for one in planned.tests.results if one.failures]
        for one in failed[:FAILURES_TOLD]:
            say(f"  FAIL  {one.case.name}    {one.failures[0].place}")
        return
    say_changes(planned.difference, planned.touched)
    if planned.new is not None and planned.now is not None:
        _say_forecast(planned, planned.now, planned.new)
    for line in _warnings(planned):
        say(line)


def say_changes(difference: Difference, touched: TouchedPeople | None = None) -> None:
    """Say what differs, a line each key, with the people that each rule's edit touches."""
    for line in change_lines(difference, touched):
        say(line)


def change_lines(difference: Difference, touched: TouchedPeople | None = None) -> Iterator[str]:
    """Yield what differs, a line each key, with the people that each rule's edit touches."""
    width = max((len(_name_of(change)) for change in difference.changes), default=0)
    for change in difference.changes:
        yield from _change_lines(change, touched, max(width, NAME_WIDTH_MIN))


def _styled(sign: str, text: str) -> str:
    return f"  {click.style(sign, fg=_COLORS[sign])} {text}"


def _name_of(change: Change) -> str:
    return change.name if change.what in ("rule", "definitions") else f"{change.what} {change.name}"


def _change_lines(change: Change, touched: TouchedPeople | None, width: int) -> Iterator[str]:
    sign = _SIGNS[change.kind]
    below = " " * (width + 15)
    place = f"{change.place.file}:{change.place.line}"
    keys = change.keys[:KEYS_TOLD]
    first = f"     {keys[0]}" if keys else ""
    yield _styled(sign, f"{_name_of(change):<{width}} {change.kind:<9} {place}{first}")
    for key in keys[1:]:
        yield f"{below}{key.place.file}:{key.place.line}     {key}"
    if len(change.keys) > KEYS_TOLD:
        yield f"{below}… and {len(change.keys) - KEYS_TOLD} more keys"
    if change.what == "rule" and touched is not None and change.name in touched.rules:
        for text in touched_lines(touched.rules[change.name], change.kind):
            yield f"{below}{text}"


def touched_lines(touched: Touched, kind: str) -> Iterator[str]:
    """Yield what an edit does to people, a sentence each; nothing for nobody."""
    if touched.inside:
        people = _people(touched.inside)
        stays = " and leave with reason rule_removed" if kind == "removed" else ""
        yield f"{people} {'is' if touched.inside == 1 else 'are'} in it{stays}"
    if touched.leave and kind != "removed":
        yield f"{_people(touched.leave)} in a step that is gone: they leave with reason rule_removed"
    if touched.moved:
        yield f"{_people(touched.moved)} in a step that is gone or another: they go on at the next that stands"
    if touched.at_once:
        yield f"{_people(touched.at_once)} wait no more: they are mailed at once, or when quiet hours end"
    if touched.taken:
        yield f"{_people(touched.taken)} match already: the backfill takes them over its ramp"
    if touched.spent:
        yield f"{_people(touched.spent)} had it at the old threshold: no second mail for the same silence"


def _people(number: int) -> str:
    return f"{number:,} {'person' if number == 1 else 'people'}"


def _warnings(planned: Planned) -> Iterator[str]:
    from relight.base.instants import format_instant

    touched = planned.touched
    if touched is None:
        return
    if touched.refolds:
        took = f"about {planned.apply_seconds:.0f} s here" if planned.apply_seconds >= 1 else "less than a second here"
        people = count_of(touched.customers, "customer")
        yield f"The rules read what was not kept before: applying folds the events of {people} again, {took}."
        if planned.log_begins is not None:
            begins = format_instant(planned.log_begins, planned.project.plan.policy.zone)
            yield f"The log begins at {begins}; what is counted over longer than since then counts from there."
    for rule, before in sorted(planned.difference.renamed.items()):
        yield _styled("!", f"{rule}: it does what {before} did; a rule's file name is its id, so this is another rule:")
        yield f"    who is inside {before} leaves it, and nothing that {before} did counts for it."
    for rule, told in sorted(touched.rules.items()):
        for old_id, old, _, new in touched.thresholds.get(rule, ()):
            # A number is the place of one that has no name.
            called = "the threshold" if old_id.isdecimal() else f"threshold '{old_id}'"
            yield _styled("!", f"{rule}: {called} is {new}, was {old}: the same silence is mailed once")
        if rule in touched.lost:
            gone = ", ".join(touched.lost[rule])
            help_text = "name thresholds ({help: 30 days}) to say which is which"
            yield _styled("!", f"{rule}: no new threshold takes over {gone}; {help_text}")
        if told.leave and rule in planned.project.plan.rules:
            text = "give its steps an `id:`, and people find their place again when steps are added or taken away"
            yield _styled("!", f"{rule}: {_people(told.leave)} would be thrown out; {text}")
        if told.shifted:
            text = "give its steps an `id:`, and they keep their own"
            place = "at a step whose place another has taken, and follow that one"
            yield _styled("!", f"{rule}: {_people(told.shifted)} wait {place}; {text}")
        if told.passed:
            yield _styled("!", f"{rule}: {_people(told.passed)} are past its threshold already. It has no backfill, so")
            per_hour = max(1, round(told.passed / 24))
            ramp = "`backfill: {ramp: 24 hours}` would take them in over a day"
            yield f"    they are left out; {ramp}: {per_hour:,} an hour."


def _say_forecast(planned: Planned, now: Forecast, new: Forecast) -> None:
    from relight.base.instants import DAY, format_instant
    from relight.cli.output import table

    zone = planned.project.plan.policy.zone
    days = (new.until - new.since) / DAY
    change = "" if not now.sent else f" ({100 * (new.sent - now.sent) / now.sent:+.0f} %)"
    say(
        f"Forecast from the last {days:.0f} days, same code as live: {now.sent:,} -> "
        f"{count_of(new.sent, 'message')}{change}"
    )
    rows = [("rule", "now", "new", "people", "held out", "why not sent")]
    for name in sorted({*now.rules, *new.rules}):
        before, after = now.rules.get(name), new.rules.get(name)
        if _figures(before) == _figures(after):
            continue
        rows.append((
            name,
            f"{before.sent:,}" if before else "-",
            f"{after.sent:,}" if after else "-",
            f"{after.people:,}" if after else "-",
            f"{after.held_out:,}" if after else "-",
            ", ".join(f"{reason} {count:,}" for reason, count in after.not_sent.most_common(3)) if after else "",
        ))  # fmt: skip
    for line in table(rows, right=frozenset({1, 2, 3, 4})) if len(rows) > 1 else ():
        say(f"  {line}")
    window = f"{new.window / DAY:g} days"
    most = f"Most messages of one customer in {window}: {now.most:,} -> {new.most:,}"
    say(most + (f" ({new.most_of})" if new.most_of else ""))
    if new.heaviest_hour is not None:
        hour = format_instant(new.heaviest_hour, zone).removesuffix(f":00 {zone}")
        say(f"Heaviest hour: {now.heaviest:,} -> {new.heaviest:,} messages ({hour} {zone})")


def _figures(rule: RuleForecast | None) -> object:
    return None if rule is None else (rule.sent, rule.people, rule.held_out, rule.not_sent)


# ---------------------------------------------------------------- JSON
def planned_as_json(planned: Planned) -> dict[str, object]:
    """Return a plan as plain values."""
    from dataclasses import asdict

    from relight.base.instants import iso_utc

    touched = planned.touched
    return {
        "ok": not planned.is_refused,
        "pending": planned.is_pending,
        "base": planned.base or None,
        "version": planned.project.plan.version,
        "tests": None if planned.tests is None else {"passed": planned.tests.passed, "failed": planned.tests.failed},
        "changes": [
            {
                "what": change.what,
                "name": change.name,
                "kind": change.kind,
                "place": str(change.place),
                "keys": [
                    {"key": key.key, "old": key.old, "new": key.new, "place": str(key.place)} for key in change.keys
                ],
            }
            for change in planned.difference.changes
        ],
        "renamed": dict(planned.difference.renamed),
        "touched": None if touched is None else {rule: asdict(one) for rule, one in sorted(touched.rules.items())},
        "customers": None if touched is None else touched.customers,
        "refolds": touched is not None and touched.refolds,
        "log_begins": None if planned.log_begins is None else iso_utc(planned.log_begins),
        "forecast": None
        if planned.new is None or planned.now is None
        else {"now": _forecast_as_json(planned.now), "new": _forecast_as_json(planned.new)},
        "over_budget": planned.over,
    }


def _forecast_as_json(found: Forecast) -> dict[str, object]:
    from relight.base.instants import iso_utc

    return {
        "since": iso_utc(found.since),
        "until": iso_utc(found.until),
        "messages": found.sent,
        "most_per_customer": found.most,
        "most_of": found.most_of or None,
        "heaviest_hour": None if found.heaviest_hour is None else iso_utc(found.heaviest_hour),
        "heaviest_hour_messages": found.heaviest,
        "rules": {
            name: {
                "messages": rule.sent,
                "people": rule.people,
                "held_out": rule.held_out,
                "not_sent": dict(rule.not_sent),
            }
            for name, rule in sorted(found.rules.items())
        },
    }
