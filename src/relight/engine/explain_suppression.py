"""What a suppressed address gets no more, since when and from what, in words."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from relight.base.masking import mask_addresses
from relight.engine.explain_lines import Because, Line, Moment, Said, say
from relight.messages.addresses import UNSUBSCRIBED, address_hash
from relight.rules.world import SOFT_BOUNCES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relight.messages.gate import Case

#: Causes that are words of ours; any other is a provider's or an operator's text.
_CAUSES: Mapping[str, Line] = MappingProxyType({
    UNSUBSCRIBED: Line.BY_UNSUBSCRIBE_LINK,
    "complaint": Line.BY_COMPLAINT,
    "bounce": Line.BY_BOUNCE,
    SOFT_BOUNCES: Line.BY_SOFT_BOUNCES,
    "erased": Line.BY_ERASURE,
})  # fmt: skip


def say_suppressed(case: Case, because: Because) -> Said:
    """Return the sentence of an address that the gate has just refused; addresses in somebody's text are masked."""
    found = case.world.suppression_of(address_hash(case.address), case.profile.now)
    assert found is not None  # else it were not refused
    since, scope, cause = found
    mails = say(Line.EVERY_MAIL if scope == "all" else Line.EVERY_MARKETING_MAIL)
    when = Moment(since, case.reading.zone)
    if not cause:
        return say(Line.SUPPRESSED_SINCE, reason=because, mails=mails, when=when)
    told = say(_CAUSES[cause]) if cause in _CAUSES else mask_addresses(cause)
    return say(Line.SUPPRESSED_BY, reason=because, mails=mails, when=when, cause=told)
