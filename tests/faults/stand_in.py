"""A provider in the test's process: takes messages, remembers them for good, and answers as it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from relight.base.instants import to_utc
from relight.config.loader import LoadedProject
from relight.delivery import Delivery, Outcome, OutgoingMessage
from relight.delivery.mime import build_mime
from relight.delivery.outgoing import MayBegin, always, not_begun
from relight.engine import run
from tests.faults.evidence import Call

if TYPE_CHECKING:
    from relight.config.settings import Settings
    from relight.engine.run_summary import RunSummary

#: What a provider may do with a message: whether it keeps it, what it answers, and what a sender then knows.
ANSWERS: Mapping[str, tuple[bool, str | None, Outcome]] = {
    "takes it": (True, "accepted", Outcome.ACCEPTED),
    "refuses it": (False, "refused", Outcome.REJECTED),
    "asks for later": (False, "later", Outcome.RETRY),
    "keeps it and goes silent": (True, None, Outcome.UNKNOWN),
    "goes silent": (False, None, Outcome.UNKNOWN),
}


@dataclass(slots=True, kw_only=True)
class StandIn:
    """See `delivery.outgoing.Transport`."""

    #: What to do with a message.
    answer: Callable[[OutgoingMessage], str] = lambda _: "takes it"
    #: The instant of a call, on the scale of suppressions; also told of every call.
    began: Callable[[], int] = lambda: 0
    calls: list[Call] = field(default_factory=list)
    idempotent: bool = False
    batch_max: int = 10

    async def deliver(self, batch: Sequence[OutgoingMessage], *, may_begin: MayBegin = always) -> list[Delivery]:
        return [self._take(message) if may_begin() else not_begun(message) for message in batch]

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Delivery]:  # noqa: ARG002 - the protocol's signature
        return {}

    async def close(self) -> None:
        pass

    def _take(self, message: OutgoingMessage) -> Delivery:
        stored, answer, outcome = ANSWERS[self.answer(message)]
        mail = build_mime(message, date=to_utc(message.scheduled))
        self.calls.append(
            Call(address=message.to_address, mail=mail, began=self.began(), stored=stored, answer=answer)
        )  # fmt: skip
        return Delivery(key=message.occurrence_key, outcome=outcome, provider_text=str(answer))


def run_with(
    stand_in: StandIn, project: LoadedProject, patch: pytest.MonkeyPatch, *, now: int, **wishes: object
) -> RunSummary:
    """Run a project to its end with the stand-in as its way out; wishes are those of `run_project`."""

    def open_stand_in(settings: Settings, folder: Path) -> StandIn:
        del settings, folder
        return stand_in

    with patch.context() as changed:
        changed.setattr(run, "open_ways", open_stand_in)
        return run.run_project(project, clock=lambda: now, **wishes)  # type: ignore[arg-type]
