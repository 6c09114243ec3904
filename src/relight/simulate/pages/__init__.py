"""The pages and summaries that a run and a simulation leave: figures from ledger rows, two HTML files, two texts.

Nothing here reads a store, a clock or the network; a page is one file that asks for nothing outside itself.
"""

from relight.simulate.pages.gather import gather
from relight.simulate.pages.index_page import write_index
from relight.simulate.pages.mails import choose_mails, mask_address
from relight.simulate.pages.model import (
    About,
    DeadGroup,
    Heaviest,
    MailShown,
    PageData,
    ReasonFigures,
    RuleFigures,
    StreamCounts,
)
from relight.simulate.pages.simulate_page import write_report
from relight.simulate.pages.terminal import funnel_text, simulate_text

__all__ = [
    "About",
    "DeadGroup",
    "Heaviest",
    "MailShown",
    "PageData",
    "ReasonFigures",
    "RuleFigures",
    "StreamCounts",
    "choose_mails",
    "funnel_text",
    "gather",
    "mask_address",
    "simulate_text",
    "write_index",
    "write_report",
]
