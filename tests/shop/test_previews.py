"""What the desk and `relight preview` show of the shop's rules."""

from __future__ import annotations

import pytest

from relight.engine.trial import fixture_mails
from relight.templates import CompiledLetter, Rendered
from relight.templates.samples import SampleReading
from tests.shop.harness import Shop


@pytest.mark.parametrize("language", ["en", "tr"])
def test_every_mail_can_be_looked_at(shop: Shop, language: str) -> None:
    """Each letter of each rule, in each language, renders for somebody made up who has everything; products, too."""
    plan = shop.project.plan
    assert plan is not None
    shown = [one for rule in sorted(plan.rules) for one in fixture_mails(plan, rule, "typical", language)]
    assert [one for one in shown if not isinstance(one.found, Rendered)] == []
    assert {one.template for one in shown} >= {"browsed", "coming_soon", "voucher", "codes_low"}


def test_mails_are_shown_in_the_order_of_the_rule(shop: Shop) -> None:
    """What stands first in the file is shown first, steps inside others where they stand."""
    plan = shop.project.plan
    assert plan is not None
    assert [one.step for one in fixture_mails(plan, "onboarding", "typical")] == ["send:0", "send:1.else.0", "send:4"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("advocacy", "You gave us a 10 out of 10."),
        ("invite_your_team", "on 7 of the last seven days"),
        ("tier_reached", "you passed 500 points"),
        ("check_in", "Ada Example\nTidewater Boards"),
    ],
)
def test_somebody_made_up_could_have_got_the_mail(shop: Shop, rule: str, words: str) -> None:
    """A score is on its survey's scale and fits the trigger, days are no more than asked for, a milestone is the rule's."""
    plan = shop.project.plan
    assert plan is not None
    texts = [one.found.text for one in fixture_mails(plan, rule, "typical", "en") if isinstance(one.found, Rendered)]
    assert any(words in text for text in texts), texts


@pytest.mark.parametrize("language", ["en", "tr"])
def test_blanks_around_a_name_are_not_greeted(shop: Shop, language: str) -> None:
    """Forms give names as they were typed; a greeting has one blank before the name and none before the comma."""
    plan = shop.project.plan
    assert plan is not None
    letter = plan.letters["quiet_help"]
    assert isinstance(letter, CompiledLetter)
    reading = SampleReading(traits={"first_name": "  Ada ", "locale": language}, properties={})
    urls = {
        "unsubscribe_url": "https://mail.tidewater.example/u/x",
        "preferences_url": "https://mail.tidewater.example/p/x",
    }
    mail = letter.render(reading, urls)
    assert isinstance(mail, Rendered)
    assert mail.text.splitlines()[0] == {"en": "Hello Ada,", "tr": "Merhaba Ada,"}[language]
