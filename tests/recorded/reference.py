"""Which rules should have fired for whom on the recorded sets, worked out by pandas from the raw files.

Independent on purpose: no code of the engine, no YAML of the examples. Their definitions are said again here.
Instants are int µs UTC.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tests.recorded.firings import Firing, milestone_key, released_key, silence_key

DAY = 24 * 60 * 60 * 1_000_000
#: Days without activity after which `quiet` fires.
SILENCE_DAYS = (3, 7, 14, 30, 60, 90)
#: Counts at which `milestones` fires.
COUNT_MARKS = (1, 2, 5, 10, 50, 100)
#: Dollars at which cdnow's `spent` fires.
DOLLAR_MARKS = (100, 500, 1000)

#: Labels of the working group's tracker that are not the name of their draft.
DRAFT_OF_LABEL = {
    "308bis": "rfc7238bis",
    "451": "legally-restricted-status",
    "5987bis": "rfc5987bis",
    "6265bis": "rfc6265bis",
    "encryption": "encryption-encoding",
    "opp-sec": "http2-encryption",
    "samesite": "cookie-same-site",
    "secondary-certs": "http2-secondary-certs",
    "tunnel-proto": "tunnel-protocol",
}
#: A draft that was published under two names.
DRAFT_RENAMED = {"priority": "priorities"}
RELEASE_TAG = re.compile(r"draft-ietf-httpbis-(?P<draft>.+)-\d\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One recorded set, read: its events in the order in which they count, and where its time ends."""

    #: Columns customer (str), at (µs), in event-time order, ties by row; more columns by set.
    events: pd.DataFrame
    #: The last instant that counts, inclusive.
    horizon: int


def microseconds(times: pd.Series) -> pd.Series:
    """Return aware times as int µs since 1970 UTC."""
    return pd.Series(times.dt.tz_convert("UTC").dt.as_unit("us").astype("int64"))


def end_of_day(day: str) -> int:
    """Return the last µs of a day in UTC."""
    return int(pd.Timestamp(day, tz="UTC").value) // 1000 + DAY - 1


def in_time_order(events: pd.DataFrame) -> pd.DataFrame:
    """Return the events by event time, ties in the order of the rows."""
    return events.sort_values("at", kind="stable").reset_index(drop=True)


# ---------------------------------------------------------------- the raw files
def read_cdnow(root: Path) -> Recorded:
    """Return 69,659 order rows; `cents` is the value."""
    columns = ["customer", "date", "cds", "dollars"]
    path = root / "cdnow" / "CDNOW_master.txt"
    rows = pd.read_csv(path, sep=r"\s+", skiprows=1, header=None, names=columns, dtype=str)
    rows["at"] = microseconds(pd.to_datetime(rows["date"], format="%Y%m%d", utc=True))
    rows["cents"] = rows["dollars"].str.replace(".", "", regex=False).astype("int64")
    assert rows["dollars"].str.fullmatch(r"\d+\.\d\d").all(), "two decimals everywhere"
    return Recorded(events=in_time_order(rows), horizon=end_of_day("1998-06-30"))


def read_udacity(root: Path) -> Recorded:
    """Return the 37,360 days on which somebody studied."""
    rows = pd.read_csv(root / "udacity" / "daily_engagement.csv.gz", dtype=str)
    rows = rows[rows["total_minutes_visited"].astype(float) > 0].copy()
    rows["customer"] = rows["acct"]
    rows["at"] = microseconds(pd.to_datetime(rows["utc_date"], format="%m/%d/%Y", utc=True))
    return Recorded(events=in_time_order(rows), horizon=end_of_day("2015-08-27"))


def read_retail_lines(root: Path) -> pd.DataFrame:
    """Return the 541,909 invoice lines as they came, everything text."""
    return pd.read_csv(root / "onlineretail" / "onlineretail.csv.gz", dtype=str, keep_default_na=False)


def clean_lines(lines: pd.DataFrame) -> pd.DataFrame:
    """Return the 397,884 lines that sold something to somebody known."""
    known = lines["CustomerID"] != ""
    sold = (lines["Quantity"].astype(float) > 0) & (lines["UnitPrice"].astype(float) > 0)
    return lines[known & sold & ~lines["InvoiceNo"].str.startswith("C")]


def read_onlineretail(root: Path) -> Recorded:
    """Return 18,532 invoices, each at the time of its first line; time ends with the last of them."""
    invoices = clean_lines(read_retail_lines(root)).drop_duplicates("InvoiceNo", keep="first").copy()
    invoices["customer"] = invoices["CustomerID"]
    local = pd.to_datetime(invoices["InvoiceDate"], format="%Y-%m-%d %H:%M:%S")
    first_of_two = np.ones(len(invoices), dtype=bool)
    aware = local.dt.tz_localize("Europe/London", ambiguous=first_of_two, nonexistent=pd.Timedelta(hours=1))
    invoices["at"] = microseconds(aware)
    return Recorded(events=in_time_order(invoices), horizon=int(invoices["at"].max()))


def read_httpwg(root: Path) -> Recorded:
    """Return the 6,526 rows of the tracker; `event`, `messageId` and `properties` as they came."""
    with gzip.open(root / "httpwg" / "events.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = pd.DataFrame([json.loads(line) for line in lines])
    rows["customer"] = rows["userId"]
    rows["at"] = microseconds(pd.to_datetime(rows["timestamp"], format="ISO8601", utc=True))
    return Recorded(events=in_time_order(rows), horizon=int(rows["at"].max()))


# ---------------------------------------------------------------- the rules
def silences(
    events: pd.DataFrame,
    horizon: int,
    *,
    days: Sequence[int] = SILENCE_DAYS,
    activity_at_deadline_cancels: bool = True,
) -> list[Firing]:
    """Return each silence of each threshold whose deadline lies in time (R1, R2).

    A start is an instant of activity; it was silent for a threshold if nothing followed in (start, start + threshold].
    """
    starts = events[["customer", "at"]].drop_duplicates().sort_values(["customer", "at"])
    following = starts.groupby("customer")["at"].shift(-1)
    found: list[Firing] = []
    for position, threshold in enumerate(days):
        deadline = starts["at"] + threshold * DAY
        active_again = following <= deadline if activity_at_deadline_cancels else following < deadline
        fired = starts[~active_again & (deadline <= horizon)]
        found.extend(
            Firing("quiet", str(customer), silence_key(at, position), at + threshold * DAY)
            for customer, at in zip(fired["customer"], fired["at"].tolist(), strict=True)
        )
    return found


def milestones(events: pd.DataFrame, *, marks: Sequence[int] = COUNT_MARKS) -> list[Firing]:
    """Return the k-th event of each customer for each mark, at its own instant (R3)."""
    count = events.groupby("customer").cumcount() + 1
    reached = events[count.isin(marks)].assign(count=count)
    return [
        Firing("milestones", str(customer), milestone_key(mark), at)
        for customer, mark, at in zip(
            reached["customer"], reached["count"].tolist(), reached["at"].tolist(), strict=True
        )
    ]


def sums(events: pd.DataFrame, *, marks: Sequence[int] = DOLLAR_MARKS) -> list[Firing]:
    """Return where each customer's exact sum of `cents` first reaches each mark in whole units (R3)."""
    total = events["cents"].clip(lower=0).groupby(events["customer"]).cumsum()
    found: list[Firing] = []
    for mark in marks:
        first = events[total >= 100 * mark].drop_duplicates("customer", keep="first")
        found.extend(
            Firing("spent", str(customer), milestone_key(mark), at)
            for customer, at in zip(first["customer"], first["at"].tolist(), strict=True)
        )
    return found


def asked_areas(events: pd.DataFrame) -> pd.DataFrame:
    """Return customer, area, at: each label of a request names the draft it asks something of."""
    asked = events[events["event"] == "feature_requested"]
    asked = asked.assign(area=[row["labels"] for row in asked["properties"]]).explode("area").dropna(subset=["area"])
    return asked.assign(area=asked["area"].replace(DRAFT_OF_LABEL))[["customer", "area", "at"]]


def published_areas(events: pd.DataFrame) -> pd.DataFrame:
    """Return area, release, released_at: a tag `draft-ietf-httpbis-<area>-NN` is a release of its area."""
    published = events[events["event"] == "release_published"]
    tags = pd.Series([row["tag"] for row in published["properties"]], index=published.index)
    area = tags.str.extract(f"^{RELEASE_TAG.pattern}$", expand=False).replace(DRAFT_RENAMED)
    releases = published.assign(area=area, release=published["messageId"], released_at=published["at"])
    return releases.dropna(subset=["area"])[["area", "release", "released_at"]]


def shipped(events: pd.DataFrame) -> list[Firing]:
    """Return one firing for each person, area they asked about, and later release of it (R7)."""
    pairs = asked_areas(events).merge(published_areas(events), on="area")
    pairs = pairs[pairs["at"] < pairs["released_at"]].drop_duplicates(["customer", "area", "release"])
    return [
        Firing("shipped", str(customer), released_key(area, "httpwg", release), at)
        for customer, area, release, at in zip(
            pairs["customer"], pairs["area"], pairs["release"], pairs["released_at"].tolist(), strict=True
        )
    ]


# ---------------------------------------------------------------- the examples
def cdnow(root: Path) -> list[Firing]:
    """Return what examples/cdnow should do."""
    read = read_cdnow(root)
    return silences(read.events, read.horizon) + milestones(read.events) + sums(read.events)


def udacity(root: Path) -> list[Firing]:
    """Return what examples/udacity should do."""
    read = read_udacity(root)
    return silences(read.events, read.horizon) + milestones(read.events)


def onlineretail(root: Path) -> list[Firing]:
    """Return what examples/onlineretail should do."""
    read = read_onlineretail(root)
    return silences(read.events, read.horizon) + milestones(read.events)


def httpwg(root: Path) -> list[Firing]:
    """Return what examples/httpwg should do: people's rows are activity, the comments are counted."""
    read = read_httpwg(root)
    people = read.events[read.events["event"] != "release_published"]
    comments = people[people["event"] == "commented"]
    return silences(people, read.horizon) + milestones(comments) + shipped(read.events)


#: The examples by name.
EXAMPLES: dict[str, Callable[[Path], list[Firing]]] = {
    "cdnow": cdnow,
    "httpwg": httpwg,
    "onlineretail": onlineretail,
    "udacity": udacity,
}
