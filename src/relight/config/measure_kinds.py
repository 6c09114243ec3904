"""Which measures there are, what each means in one sentence, and what it is computed from. No figures are made here.

The sentences are shown beside every figure and stand in docs/measures.md; what guides leave open is settled in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from relight.base.kinds import Kind

#: Periods that measures are given for.
PeriodName = Literal["day", "week", "month", "quarter", "year"]


class Unit(StrEnum):
    """What a figure is in."""

    PERCENT = "percent"
    MONEY = "money"
    COUNT = "count"
    NUMBER = "number"
    PERIODS = "periods"
    SCORE = "score"
    DAYS = "days"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureKind:
    """One measure of the project."""

    name: str
    #: Id of the capability it answers.
    capability: str
    title: str
    unit: Unit
    #: True: more is better; False: less is; None: neither.
    more_is_better: bool | None
    #: Sources it cannot do without.
    needs: tuple[str, ...] = ()
    #: Of these it needs one.
    needs_one_of: tuple[str, ...] = ()
    definition: str
    #: It can be asked for one product alone (`--by product`).
    of_products: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerMeasure:
    """One measure of each customer, usable in rules and templates."""

    name: str
    kind: Kind
    needs: tuple[str, ...]
    definition: str
    #: What a list is of.
    item: Kind | None = None


_LOSS = ("left", "lapsed_after")

_KINDS = (
    MeasureKind(
        name="customers",
        capability="C1",
        title="Customers",
        unit=Unit.COUNT,
        more_is_better=True,
        definition="People who are customers at the end of the period. Somebody becomes a customer at `signup`"
        " (without one: at the first activity, and at a `subscription`), and stops being one at `left`, or"
        " when `lapsed_after` has passed since the last activity; a new start makes a customer again.",
    ),
    MeasureKind(
        name="retention_rate",
        capability="C1",
        title="Retention rate",
        unit=Unit.PERCENT,
        more_is_better=True,
        needs_one_of=_LOSS,
        definition="(E − N) / S × 100: of the S customers at the start of the period, the share who are customers at"
        " its end. E are the customers at the end; N those of them who were none at the start, so somebody"
        " who comes and goes within the period counts nowhere.",
    ),
    MeasureKind(
        name="churn",
        capability="C2",
        title="Churn rate",
        unit=Unit.PERCENT,
        more_is_better=False,
        needs_one_of=_LOSS,
        definition="(S − (E − N)) / S × 100: of the S customers at the start of the period, the share who are none at"
        " its end. Retention and churn of one period add up to 100 %.",
    ),
    MeasureKind(
        name="orders",
        capability="C4",
        title="Orders",
        unit=Unit.COUNT,
        more_is_better=True,
        needs=("order",),
        of_products=True,
        definition="Orders in the period, by the time they were placed. With `occasion: day` all orders of one"
        " customer and local day are one.",
    ),
    MeasureKind(
        name="revenue",
        capability="C3",
        title="Revenue",
        unit=Unit.MONEY,
        more_is_better=True,
        needs=("order", "revenue"),
        of_products=True,
        definition="What the orders of the period brought. Orders that do not say count with nothing.",
    ),
    MeasureKind(
        name="aov",
        capability="C3",
        title="Average order value",
        unit=Unit.MONEY,
        more_is_better=True,
        needs=("order", "revenue"),
        of_products=True,
        definition="Revenue of the period / orders of the period.",
    ),
    MeasureKind(
        name="apf",
        capability="C4",
        title="Average purchase frequency",
        unit=Unit.NUMBER,
        more_is_better=True,
        needs=("order",),
        of_products=True,
        definition="Orders of the period / customers who ordered in it.",
    ),
    MeasureKind(
        name="acl",
        capability="C5",
        title="Average customer lifetime",
        unit=Unit.PERIODS,
        more_is_better=True,
        needs_one_of=_LOSS,
        definition="In periods. `lifetime: churn`: 1 / churn rate of the period; without churn there is no number."
        " `lifetime: observed` (where there is a subscription): the sum of all lifetimes up to the end of"
        " the period / customers so far; who is still a customer counts up to there, so the figure is a"
        " lower bound. A month counts as 365.25 / 12 days.",
    ),
    MeasureKind(
        name="clv",
        capability="C6",
        title="Customer lifetime value",
        unit=Unit.MONEY,
        more_is_better=True,
        needs=("order", "revenue"),
        needs_one_of=_LOSS,
        of_products=True,
        definition="AOV × APF × ACL, all three of the same period; times `margin` where one is declared (then it is on"
        " profit, else on revenue). Of a product: its AOV and APF, and the lifetime of all customers.",
    ),
    MeasureKind(
        name="cac",
        capability="C6",
        title="Cost of winning a customer",
        unit=Unit.MONEY,
        more_is_better=False,
        needs=("cost",),
        definition="Cost of the period / people who became customers in it for the first time.",
    ),
    MeasureKind(
        name="clv_to_cac",
        capability="C6",
        title="Lifetime value to cost",
        unit=Unit.NUMBER,
        more_is_better=True,
        needs=("order", "revenue", "cost"),
        needs_one_of=_LOSS,
        definition="CLV / CAC of the same period.",
    ),
    MeasureKind(
        name="repeat_purchase_rate",
        capability="C7",
        title="Repeat purchase rate",
        unit=Unit.PERCENT,
        more_is_better=True,
        needs=("order",),
        of_products=True,
        definition="Customers with two orders or more / customers with an order × 100, over everything up to the end"
        " of the period (with `--since`: from there on).",
    ),
    MeasureKind(
        name="mrr",
        capability="C8",
        title="Monthly recurring revenue",
        unit=Unit.MONEY,
        more_is_better=True,
        needs=("subscription",),
        definition="What the subscriptions that run at the end of the period bring a month; a yearly amount counts"
        " with a twelfth, a quarterly with a third. The last amount of a customer stands until the next one"
        " or until `cancelled` (`left`). Since the start of the period: new (nothing before), expansion"
        " (more), contraction (less), churned (nothing now); start + new + expansion − contraction − churned"
        " = end.",
    ),
    MeasureKind(
        name="nps",
        capability="C9",
        title="Net promoter score",
        unit=Unit.SCORE,
        more_is_better=True,
        needs=("nps",),
        definition="% promoters (9–10) − % detractors (0–6) of the answers in the period, on 0–10; an answer outside"
        " the scale is left out.",
    ),
    MeasureKind(
        name="csat",
        capability="C10",
        title="Customer satisfaction",
        unit=Unit.PERCENT,
        more_is_better=True,
        needs=("csat",),
        definition="Satisfied answers / answers of the period × 100. Scale and threshold are those of config's"
        " `surveys`; left out: 4–5 on 1–5, and 7–10 on 1–10.",
    ),
    MeasureKind(
        name="ces",
        capability="C11",
        title="Customer effort score",
        unit=Unit.SCORE,
        more_is_better=False,
        needs=("ces",),
        definition="Mean of the answers of the period, on 1–5 unless config's `surveys` says otherwise; lower is"
        " better.",
    ),
)  # fmt: skip

#: Every measure by name, in the order in which they are shown.
MEASURES: Mapping[str, MeasureKind] = {kind.name: kind for kind in _KINDS}

_CUSTOMER = (
    CustomerMeasure(
        name="orders",
        kind=Kind.INTEGER,
        needs=("order",),
        definition="The customer's orders so far.",
    ),
    CustomerMeasure(
        name="clv",
        kind=Kind.MONEY,
        needs=("order", "revenue", "loss"),
        definition="The customer's own average order value × own orders a period since the first one (at least one"
        " period) × the average lifetime of all customers in the last full period; times `margin` where"
        " declared.",
    ),
    CustomerMeasure(
        name="nps",
        kind=Kind.INTEGER,
        needs=("nps",),
        definition="The customer's last answer, 0–10.",
    ),
    CustomerMeasure(
        name="csat",
        kind=Kind.INTEGER,
        needs=("csat",),
        definition="The customer's last answer.",
    ),
    CustomerMeasure(
        name="ces",
        kind=Kind.INTEGER,
        needs=("ces",),
        definition="The customer's last answer.",
    ),
    CustomerMeasure(
        name="still_active",
        kind=Kind.NUMBER,
        needs=("order",),
        definition="The probability that the customer still buys, 0 to 1 in hundredths: BG/NBD (Fader, Hardie, Lee"
        " 2005) on the days with an order, fitted to all customers once a month.",
    ),
    CustomerMeasure(
        name="churn_score",
        kind=Kind.NUMBER,
        needs=("order",),
        definition="1 − still_active.",
    ),
    CustomerMeasure(
        name="recommended",
        kind=Kind.LIST,
        item=Kind.TEXT,
        needs=("order", "product"),
        definition="Up to 5 products that the customer never bought, best first: those whose buyers of the last year"
        " are closest to the buyers of what this customer bought (cosine of common buyers, from 3 of them on, summed"
        " over the customer's last 50 products; Linden, Smith, York 2003). The 2,000 products with most buyers are"
        " compared; ties go by name.",
    ),
)

#: Every measure of one customer by name: `clv > 1000` in a rule, `customer.clv` in a template.
CUSTOMER_MEASURES: Mapping[str, CustomerMeasure] = {one.name: one for one in _CUSTOMER}


def measures_table() -> str:
    """Return the tables of docs/measures.md as Markdown."""
    lines = ["| measure | id | what it is | needs |", "| --- | --- | --- | --- |"]
    for kind in MEASURES.values():
        needs = [f"`{one}`" for one in kind.needs]
        if kind.needs_one_of:
            needs.append(" or ".join(f"`{one}`" for one in kind.needs_one_of))
        lines.append(f"| `{kind.name}` | {kind.capability} | {kind.definition} | {', '.join(needs) or '–'} |")
    lines += ["", "| of one customer | type | what it is | needs |", "| --- | --- | --- | --- |"]
    for one in CUSTOMER_MEASURES.values():
        needs = ["`left` or `lapsed_after`" if word == "loss" else f"`{word}`" for word in one.needs]
        lines.append(f"| `{one.name}` | {one.kind} | {one.definition} | {', '.join(needs)} |")
    return "\n".join(lines) + "\n"
