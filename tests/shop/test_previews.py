"""What the desk and `relight preview` show of the shop's rules."""

from __future__ import annotations

import pytest

from relight.engine.trial import fixture_mails
from relight.templates import Rendered
from tests.shop.harness import Shop


@pytest.mark.parametrize("language", ["en", "tr"])
def test_every_mail_can_be_looked_at(shop: Shop, language: str) -> None:
    """Each letter of each rule, in each language, renders for somebody made up who has everything; products, too."""
    plan = shop.project.plan
    assert plan is not None
    shown = [one for rule in sorted(plan.rules) for one in fixture_mails(plan, rule, "typical", language)]
    assert [one for one in shown if not isinstance(one.found, Rendered)] == []
    assert {one.template for one in shown} >= {"browsed", "coming_soon", "voucher", "codes_low"}
