"""The sending brake's limits, as the config says them or as they are without a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relight.config.models import BrakeModel, ConfigModel


@dataclass(frozen=True, slots=True, kw_only=True)
class BrakeSettings:
    """From which share of a class's mails on the sending brake warns, and stops: (warn, stop), 0 to 1."""

    #: Mailbox providers ask for less than 0.1 %, and never 0.3 % (Gmail's sender guidelines, 2026).
    complaints: tuple[float, float] = (0.001, 0.003)
    hard_bounces: tuple[float, float] = (0.02, 0.05)

    @property
    def limits(self) -> Mapping[str, tuple[float, float]]:
        """Both, by the name of what is counted."""
        return {"complaints": self.complaints, "hard_bounces": self.hard_bounces}


#: What holds where the config says nothing.
BRAKES_DEFAULT = BrakeSettings()


def read_brake_settings(model: ConfigModel) -> BrakeSettings:
    """Return the limits of a config."""
    found, plain = model.brakes, BRAKES_DEFAULT
    if found is None:
        return plain

    def shares(one: BrakeModel | None, otherwise: tuple[float, float]) -> tuple[float, float]:
        return otherwise if one is None else (float(one.warn), float(one.stop))

    return BrakeSettings(
        complaints=shares(found.complaints, plain.complaints),
        hard_bounces=shares(found.hard_bounces, plain.hard_bounces),
    )
