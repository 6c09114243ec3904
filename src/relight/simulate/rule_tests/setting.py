"""What the records and expectations of one rule test are read against, and where mistakes are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.simulate.rule_tests.moments import read_moment

if TYPE_CHECKING:
    from relight.base.problems import Place
    from relight.config.yaml_nodes import Path
    from relight.rules.plan import Plan
    from relight.rules.texts import PlaceOf
    from relight.streams.plan import StreamPlan


@dataclass(slots=True, kw_only=True)
class Setting:
    """What the records of one test are read against."""

    plan: Plan
    streams: Mapping[str, StreamPlan]
    #: µs.
    start: int
    zone: str
    #: Where a path of the file stands.
    place_of: PlaceOf
    #: (code, message, place, help).
    report: Callable[[str, str, Place, str | None], None]
    #: rule -> its keys changed (None: the rule removed) -> the plan with that edit, after earlier ones.
    edit: Callable[[Mapping[str, object], Place], Plan | None]
    numbers: dict[str, int] = field(default_factory=dict)

    def moment(self, text: str, path: Path) -> int | None:
        """Return the instant of a time in the test."""
        found = read_moment(text, self.start, self.zone)
        if found is None:
            message = f"'{text}' is neither a length of time nor a time"
            self.report("wrong-value", message, self.place_of(path), "write 3d, 1d 12h or 2026-03-01 09:00")
        return found
