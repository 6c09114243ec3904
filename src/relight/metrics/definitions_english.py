"""Sentences about measures and effects in English; `definitions.py` and `remarks.py` fill them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ENGLISH: Final[Mapping[str, str]] = {
    "here": " Here: {words}.",
    "begins": "somebody becomes a customer at {where}",
    "first_activity": "the first activity",
    "leaves": "leaves at {where}",
    "lost": "is lost after {span} without {activity}",
    "any_of": "any of {count} kinds of activity",
    "order": "an order is {order}",
    "order_by_day": "an order is {order}, all of one customer and local day together",
    "lifetime": "lifetime: {lifetime}",
    "on_revenue": "on revenue",
    "on_profit": "on profit, at a margin of {margin} %",
    "answers": "answers of {source} on {low}–{high}",
    "satisfied": ", satisfied from {satisfied}",
    "amounts": "amounts of {source}",
    "period": "period: {period}, in {zone}",
    "a_day": "day",
    "a_week": "week",
    "a_month": "month",
    "a_quarter": "quarter",
    "a_year": "year",
    "effort": (
        "Measured effort: the median days from '{begins}' to the first '{ends}' of the same customer that"
        " is not earlier, over those that ended in the period."
    ),
    "cohorts": (
        "A cohort holds the people who became customers in one local calendar period: at their first `signup` (without"
        " one: at the first activity). Active in period n: any event that counts as activity in the n-th calendar"
        " period after it, 0 being the period itself."
    ),
    "effect": (
        "People by their first message of the rule, or the ghost of one: sent against held out, whatever became of the"
        " mail. Goal: the rule's goal within its attribution ({attribution}) after that message or ghost. Uplift: share"
        " of the first − share of the second, in points, with Newcombe's 95 % interval; p: z test with pooled variance."
        " Delivered is what the mailbox has and did not send back later."
        " Clicks are those of people; what a machine opened or followed counts for nothing."
    ),
    "missing": "`sources` in config/measures.yaml does not say {words}",
    "or": " or ",
    "no_events": "there are no events yet",
    # What to know before an effect is believed.
    "by_account": (
        "people are held out by account, and the interval takes each for a draw of their own: it is too narrow"
        " where an account has several people here"
    ),
    "no_goal": "the rule has no goal, so nothing says whether it works",
    "goal_of_entry": "the goal compares with the entry, and no single event made it: it is not counted here",
    "goal_of_code": (
        "the goal compares with the code of the mail, and who is held out has none: the arms are not compared"
    ),
    "no_holdout": "nobody is held out, so there is nothing to compare with",
    "wrong_split": (
        "{held_out} of {people} people were held out where {share} was meant (p = {p}): the share was changed, or"
        " something else splits them; do not trust the uplift"
    ),
    "few_for_revenue": "revenue a person is not compared: an arm has {people} people, of {needed} needed",
    "few_for_a_point": "needs about {needed} people an arm to see 1 point; the smaller arm has {people}",
}
