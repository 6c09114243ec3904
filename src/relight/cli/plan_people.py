"""Who the people are that `relight plan` counts: `--people N`, as lines and as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.instants import format_instant, iso_utc
from relight.simulate.forecast.touched_list import Touch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relight.simulate.forecast.touched import TouchedPeople

#: What becomes of them, and what their instant is.
_SAID = {
    Touch.LEAVE: ("leave with reason rule_removed", "at '{step}' since"),
    Touch.MOVED: ("go on at the next step that stands", "at '{step}' since"),
    Touch.SHIFTED: ("follow the step that stands in the place of theirs", "at '{step}' since"),
    Touch.AT_ONCE: ("are mailed at once, or when quiet hours end", "at '{step}' since"),
    Touch.INSIDE: ("go on where they are", "at '{step}' since"),
    Touch.PASSED: ("are past its threshold already and left out", "past it since"),
    Touch.TAKEN: ("match already and are taken by the backfill", "taken at"),
    Touch.SPENT: ("had it at the old threshold and get no second", "had it for"),
}


def people_lines(touched: TouchedPeople | None, zone: str) -> Iterator[str]:
    """Yield the customers of each rule under what becomes of them."""
    for rule in () if touched is None else sorted(touched.rules):
        assert touched is not None
        for touch, people, total in touched.people.found(rule):
            what, since = _SAID[touch]
            yield f"{rule}: {total:,} {what}"
            width = max(len(person.customer) for person in people)
            for person in people:
                when = f"{since.format(step=person.step)} {format_instant(person.instant, zone)}"
                yield f"    {person.customer:<{width}}  {when}"
            if total > len(people):
                yield f"    and {total - len(people):,} more; `relight plan --people {total}` lists them all"


def people_as_json(touched: TouchedPeople | None) -> list[dict[str, object]] | None:
    """Return the customers, each with the rule, what becomes of them, their instant and step; None as in `touched`."""
    if touched is None:
        return None
    return [
        {
            "rule": rule,
            "touch": touch.value,
            "total": total,
            "people": [
                {"customer": person.customer, "at": iso_utc(person.instant), "step": person.step or None}
                for person in people
            ],
        }
        for rule in sorted(touched.rules)
        for touch, people, total in touched.people.found(rule)
    ]
