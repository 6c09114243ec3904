"""Capabilities of the library on recorded people, each against a few lines of pandas that share nothing with the engine."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from tests.recorded import engine, reference
from tests.recorded.reference import DAY

pytestmark = pytest.mark.recorded

#: (rule, customer, instant in µs, step; empty for the entry).
Row = tuple[str, str, int, str]
TIERS = (50, 200, 1000)
UDACITY = {
    "busy": "trigger: {milestone: {count: studied, at: [5]}}\naudience: active_days(7 days) >= 3\nsend: quiet\n",
    "first_week": (
        "trigger: {event: studied}\n"
        "steps: [{wait_for: studied, up_to: 7 days, then: stop, else: [{send: quiet, id: help}]}]\n"
    ),
    "fewer": "trigger: {declined: {of: studied, window: 7 days, against: 8 weeks, by: 50%}}\nsend: quiet\n",
    "review": 'trigger: {schedule: "0 10 15 12 *"}\naudience: count(studied, 1 year) >= 12\nsend: quiet\n',
}
CDNOW = {
    "winback": (
        "trigger: {inactive: 60 days, activity: [order_placed]}\n"
        "steps: [{branch: [{when: sum(order_placed.dollars) >= 100, steps: [{send: spent, id: better}]},"
        " {else: [{send: quiet, id: plain}]}]}]\n"
    ),
    "refill": (
        "trigger: {inactive: usual_interval(order_placed) * 1.2, activity: [order_placed]}\n"
        "audience: count(order_placed) >= 3\nsend: quiet\n"
    ),
}
RETAIL = {"tiers": f"trigger: {{milestone: {{value: points, at: {list(TIERS)}}}}}\nsend: quiet\n"}
HTTPWG = {"whats_new": "trigger: {inactive: 30 days}\naudience: count(area_released, 30 days) > 0\nsend: quiet\n"}
HELPDESK = {
    "stale": (
        "trigger: {event: step}\nclass: internal\nsteps:\n"
        "  - {wait_for: step where activity == 6, up_to: 48 hours, then: stop,"
        " else: [{alert: {to: desk, template: stale}, id: told}]}\n"
    ),
    "asked": (
        "trigger: {event: step where activity == 6}\nreentry: {after: 30 days}\nclass: internal\n"
        "steps: [{wait: 1 day}, {alert: {to: desk, template: stale}, id: asked}]\n"
    ),
}
#: The last step of every case is 6; a case is a customer.
HELPDESK_STREAM = """
source: {file: "${RELIGHT_DATA}/helpdesk/helpdesk.csv.gz", format: csv}
time: {field: CompleteTimestamp, zone: UTC}
customer: CaseID
name: {is: step}
events: {step: {properties: {activity: {type: integer, field: ActivityID}}}}
"""


#: Days that an enrolment at Udacity is free (the data's `days_to_cancel` counts from joining).
TRIAL_DAYS = 7
ENROLMENTS = {
    "trial": (
        "trigger: {event: cancelled where days <= 7}\naudience: never(cancelled where days > 7)\nexit: [joined]\n"
        "steps: [{wait: 2 days}, {send: quiet, id: asked}]\n"
    ),
    "drifting": (
        "trigger: {inactive: 30 days, activity: [studied]}\n"
        "audience: since(joined) > 7 days and count(joined) > count(cancelled)\nsend: quiet\n"
    ),
}
#: One row an enrolment, without those undone on the day itself.
_ENROLMENT = """
source: {{file: "${{RELIGHT_DATA}}/udacity/enrollments.csv", format: csv, horizon: 2015-08-27}}
rows: {rows}
time: {{field: {time}, format: "%m/%d/%Y", zone: UTC}}
customer: account_key
name: {{is: {name}}}
events: {{{name}: {{activity: false, properties: {{days: {{type: integer, field: days_to_cancel}}}}}}}}
"""
ENROLMENT_STREAMS = {
    "streams/cancels.yaml": _ENROLMENT.format(rows="days_to_cancel > 0", time="cancel_date", name="cancelled"),
    "streams/joins.yaml": _ENROLMENT.format(
        rows="days_to_cancel != 0 or days_to_cancel is unknown", time="join_date", name="joined"
    ),
}


def _decided(example: str, rules: Mapping[str, str], work: Path, **files: str) -> set[Row]:
    """Return what the engine decides on an example's stream under other rules: entries, and the messages with an id."""
    folder = engine.copied_example(example, work)
    for own in (folder / "rules").glob("*.yaml"):
        own.unlink()
    if any(path.startswith("templates/") for path in files):
        shutil.rmtree(folder / "templates")
    for path, text in {**{f"rules/{name}.yaml": text for name, text in rules.items()}, **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    rows = engine.ledger_of(folder)
    found = {(row.rule, row.customer, row.instant, "") for row in rows if row.state == "entered"}
    return found | {(row.rule, row.customer, row.instant, row.step) for row in rows if row.step and ":" not in row.step}


def _instants(events: pd.DataFrame) -> Iterator[tuple[str, list[int]]]:
    for customer, rows in events.groupby("customer"):
        yield str(customer), sorted(rows["at"].tolist())


def test_on_students(recorded_root: Path, tmp_path: Path) -> None:
    """A5, A6, A9, A15: the right moment, the first days, declining and the year's review, of every student of Udacity."""
    read = reference.read_udacity(recorded_root)
    december = int(pd.Timestamp("2014-12-15 10:00", tz="UTC").value) // 1000
    want: set[Row] = set()
    for who, at in _instants(read.events):
        if len(at) >= 5 and len({one for one in at if at[4] - 7 * DAY < one <= at[4]}) >= 3:
            want.add(("busy", who, at[4], ""))
        want.add(("first_week", who, at[0], ""))
        if at[0] + 7 * DAY <= read.horizon and not any(one <= at[0] + 7 * DAY for one in at[1:]):
            want.add(("first_week", who, at[0] + 7 * DAY, "help"))
        if sum(one <= december for one in at) >= 12:
            want.add(("review", who, december, ""))
        was = False
        for now in sorted({move for one in at for move in (one, one + 7 * DAY, one + 63 * DAY)}):
            week = sum(now - 7 * DAY < one <= now for one in at)
            before = sum(now - 63 * DAY < one <= now - 7 * DAY for one in at)
            is_low = before >= 8 and 2 * 8 * week < before
            if is_low and not was and now <= read.horizon:
                want.add(("fewer", who, now, ""))
            was = is_low
    found = _decided("udacity", UDACITY, tmp_path)
    assert {rule: sum(row[0] == rule for row in want) for rule in UDACITY} != dict.fromkeys(UDACITY, 0)
    assert found == want


def test_on_buyers_of_music(recorded_root: Path, tmp_path: Path) -> None:
    """A10, A12: a refill at each buyer's own pace, and win-back with a better offer for who spent more, on CDNOW."""
    read = reference.read_cdnow(recorded_root)
    want: set[Row] = set()
    for customer, rows in read.events.groupby("customer"):
        who, at, cents = str(customer), rows["at"].tolist(), rows["cents"].tolist()
        starts = sorted(set(at))
        for place, (start, following) in enumerate(pairwise([*starts, read.horizon * 2])):
            due = start + 60 * DAY
            if due < following and due <= read.horizon:
                spent = sum(c for c, one in zip(cents, at, strict=True) if one <= due)
                want |= {("winback", who, due, ""), ("winback", who, due, "better" if spent >= 10_000 else "plain")}
            gaps = [b - a for a, b in pairwise(starts[: place + 1])][-10:]
            due = start + (statistics.median_low(gaps) * 12 // 10 if gaps else 0)
            if gaps and due < following and due <= read.horizon and sum(one <= due for one in at) >= 3:
                want.add(("refill", who, due, ""))
    found = _decided("cdnow", CDNOW, tmp_path)
    assert {row[3] for row in want} == {"", "better", "plain"}
    assert found == want


def test_on_buyers_of_gifts(recorded_root: Path, tmp_path: Path) -> None:
    """A14: points for what was paid, a tier at each mark, once, on Online Retail's invoices."""
    lines = reference.clean_lines(reference.read_retail_lines(recorded_root))
    paid: dict[str, Decimal] = {}
    for invoice, quantity, price in zip(lines["InvoiceNo"], lines["Quantity"], lines["UnitPrice"], strict=True):
        paid[invoice] = paid.get(invoice, Decimal(0)) + Decimal(quantity) * Decimal(price)
    events = reference.read_onlineretail(recorded_root).events
    points: dict[str, Decimal] = {}
    want: set[Row] = set()
    marks = 0
    for who, invoice, at in zip(events["customer"], events["InvoiceNo"], events["at"].tolist(), strict=True):
        before = points.get(who, Decimal(0))
        after = points[who] = before + paid[invoice] / 10
        reached = sum(before < mark <= after for mark in TIERS)
        marks += reached
        if reached:
            want.add(("tiers", who, at, ""))
    definitions = "values:\n  points: sum(order_placed.amount) * 10%\n"
    found = _decided("onlineretail", RETAIL, tmp_path, **{"rules/definitions.yaml": definitions})
    assert marks > len(want) > 1000
    assert found == want


def test_on_a_working_group(recorded_root: Path, tmp_path: Path) -> None:
    """A2: thirty silent days are told of only where a draft came out meanwhile, on the HTTP working group's tracker."""
    read = reference.read_httpwg(recorded_root)
    people = read.events[read.events["event"] != "release_published"]
    releases = reference.published_areas(read.events)["released_at"].tolist()
    quiet = reference.silences(people, read.horizon, days=(30,))
    want = {
        ("whats_new", one.customer, one.instant, "")
        for one in quiet
        if any(one.instant - 30 * DAY < at <= one.instant for at in releases)
    }
    assert 0 < len(want) < len(quiet)
    assert _decided("httpwg", HTTPWG, tmp_path) == want


def test_on_a_help_desk(recorded_root: Path, tmp_path: Path) -> None:
    """A17, A18: what is not resolved within 48 hours is told to the team at that instant; a day after it is, somebody asks,
    once in thirty days: on the cases of an Italian help desk.
    """
    cases = pd.read_csv(recorded_root / "helpdesk" / "helpdesk.csv.gz", dtype=str)
    cases["at"] = reference.microseconds(pd.to_datetime(cases["CompleteTimestamp"], utc=True))
    horizon, want = int(cases["at"].max()), set[Row]()
    for case, rows in cases.groupby("CaseID"):
        ordered = rows.sort_values("at", kind="stable")
        first, later = ordered.iloc[0], ordered.iloc[1:]
        due = int(first["at"]) + 2 * DAY
        want.add(("stale", str(case), int(first["at"]), ""))
        if not ((later["ActivityID"] == "6") & (later["at"] <= due)).any() and due <= horizon:
            want.add(("stale", str(case), due, "told"))
        last = None
        for at in ordered[ordered["ActivityID"] == "6"]["at"].tolist():
            if last is None or at >= last + 30 * DAY:
                last = at
                want.add(("asked", str(case), at, ""))
                if at + DAY <= horizon:
                    want.add(("asked", str(case), at + DAY, "asked"))
    files = {f"templates/stale/{part}": "Open for two days" for part in ("subject.txt", "body.txt", "preheader.txt")}
    files["templates/stale/body.html"] = "<!DOCTYPE html><html lang='en'><body><p>Open for two days</p></body></html>"
    config = (engine.EXAMPLES / "udacity/config/default.yaml").read_text(encoding="utf-8")
    files["config/default.yaml"] = config + "alerts: {desk: desk@study.example}\n"
    files["streams/engagement.yaml"] = HELPDESK_STREAM
    assert {row[3] for row in want} == {"", "told", "asked"}
    assert _decided("udacity", HELPDESK, tmp_path, **files) == want


def test_on_enrolments(recorded_root: Path, tmp_path: Path) -> None:
    """A8: who leaves within Udacity's free week without ever having paid is asked why two days later, unless they enrol
    again; a paying student who drifts away is another rule's, and nobody is ever in both at once.
    """
    rows = pd.read_csv(recorded_root / "udacity" / "enrollments.csv", dtype=str, keep_default_na=False)
    rows = rows[rows["days_to_cancel"] != "0"]
    for column in ("join_date", "cancel_date"):
        moment = pd.to_datetime(rows[column].replace("", None), format="%m/%d/%Y", utc=True)
        rows[column] = reference.microseconds(moment.fillna(pd.Timestamp("2100-01-01", tz="UTC")))
    read = reference.read_udacity(recorded_root)
    studied = dict(_instants(read.events))
    want: set[Row] = set()
    trials = 0
    for who, own in rows.groupby("account_key"):
        joined = own["join_date"].tolist()
        left = [(at, int(days)) for at, days in zip(own["cancel_date"], own["days_to_cancel"], strict=True) if days]
        ended = next((at for at, days in sorted(left) if days <= TRIAL_DAYS), None)
        if ended is not None and not any(days > TRIAL_DAYS and at <= ended for at, days in left):
            trials += 1
            want.add(("trial", str(who), ended, ""))
            if ended + 2 * DAY <= read.horizon and not any(ended <= at <= ended + 2 * DAY for at in joined):
                want.add(("trial", str(who), ended + 2 * DAY, "asked"))
        for start, following in pairwise([*studied.get(str(who), []), read.horizon * 2]):
            due = start + 30 * DAY
            known = [at for at in joined if at <= due]
            pays = bool(known) and due - max(known) > TRIAL_DAYS * DAY and len(known) > sum(at <= due for at, _ in left)
            if due < following and due <= read.horizon and pays:
                want.add(("drifting", str(who), due, ""))
    found = _decided("udacity", ENROLMENTS, tmp_path, **ENROLMENT_STREAMS)
    assert 0 < sum(row[3] == "asked" for row in want) < trials
    assert sum(row[0] == "drifting" for row in want) > 0
    assert found == want
    asked = {who: at for rule, who, at, step in found if rule == "trial" and not step}
    assert not [who for rule, who, at, _ in found if rule == "drifting" and 0 <= at - asked.get(who, at + 1) <= 2 * DAY]
