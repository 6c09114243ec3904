"""A rule's mails tried out: rendered for somebody made up, and sent to one address, marked, to look at them there.

Nothing of it enters the ledger, and its links are not those of a real mail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from relight.base.ids import digest
from relight.delivery.outgoing import OutgoingMessage
from relight.engine.way_out import open_delivery
from relight.messages.identity import message_id
from relight.messages.senders import personal_sender
from relight.rules.plan import EventTrigger, MilestoneTrigger
from relight.templates.bodies import CompiledBody
from relight.templates.letters import CompiledLetter
from relight.templates.samples import TYPICAL_MILESTONE, TYPICAL_NUMBER, Occasion, SampleReading, sample_letter

if TYPE_CHECKING:
    from pathlib import Path

    from relight.base.kinds import Kind
    from relight.config.settings import Settings
    from relight.delivery.outgoing import Delivery
    from relight.rules.plan import Plan, Rule, Step
    from relight.templates import Rendered

#: Made-up customers: who has everything, who has nothing, and who tries everything.
FIXTURES = ("typical", "least", "hostile")
#: What a test mail's subject begins with, so that nobody takes it for a real one.
SUBJECT_MARK = "[test] "
#: Whose sender a made-up customer's mail names where a trait says it.
SAMPLE_SENDER = "Ada Example"
_VALUE_OF = re.compile(r"(?:last|first|sum)\((\w+)\.(\w+)")
_DAYS_OF = re.compile(r"active_days\((\d+) days?\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedMail:
    """One mail, or why there is none."""

    step: str
    template: str
    #: `templates.Rendered` or `templates.RenderRefusal`.
    found: object


def mail_steps(rule: Rule) -> list[Step]:
    """Return the steps of a rule that render something, as they stand in its file."""
    mails = [step for step in rule.program.steps.values() if step.template is not None]
    return sorted(mails, key=lambda step: (step.place.line, step.place.column))


def fixture_mails(plan: Plan, rule: str, fixture: str, locale: str | None = None) -> Iterator[TriedMail]:
    """Yield every mail of a rule for one of FIXTURES; locale: the project's if left out."""
    properties = {
        name: declared.kind for event in plan.schema.events.values() for name, declared in event.properties.items()
    }
    for step in mail_steps(plan.rules[rule]):
        template = plan.letters[step.template or ""]
        assert isinstance(template, CompiledLetter | CompiledBody)
        letter = template if isinstance(template, CompiledLetter) else template.letter
        kinds = {**plan.layout.measures, **_answer_kinds(letter, properties)}
        occasion = _occasion(plan, plan.rules[rule], step, letter)
        language = locale or plan.policy.locale
        for sample in sample_letter(letter, language, kinds=kinds, properties=properties, occasion=occasion):
            if sample.name == fixture:
                shown = replace(template, letter=sample.letter) if isinstance(template, CompiledBody) else sample.letter
                found = shown.render(sample.reading, sample.extra)
                yield TriedMail(step=step.id, template=step.template or "", found=found)


def _answer_kinds(letter: CompiledLetter, properties: Mapping[str, Kind]) -> dict[str, Kind]:
    """Return the kinds of what a letter asks, where its text tells: `last(order_placed.product)` is a product."""
    asked = ((text, _VALUE_OF.match(text)) for text in letter.expressions)
    return {text: properties[found[2]] for text, found in asked if found is not None and found[2] in properties}


def _occasion(plan: Plan, rule: Rule, step: Step, letter: CompiledLetter) -> Occasion:
    """Return what somebody must be like to get this step's mail: a score on its scale, a milestone of the rule."""
    scales = {survey.event: survey.scores for survey in plan.policy.surveys.values()}
    milestones = rule.trigger.at if isinstance(rule.trigger, MilestoneTrigger) else ()
    milestone = milestones[0] if milestones and TYPICAL_MILESTONE not in milestones else TYPICAL_MILESTONE
    sender = None if step.sender is None else personal_sender(plan.policy.sender, SAMPLE_SENDER)
    return Occasion(
        properties=_score_of(rule.trigger, scales),
        answers=_bounded(letter, scales),
        milestone=milestone,
        sender={} if sender is None else {"name": sender.name, "reply_to": sender.reply_to or sender.address},
    )


def _score_of(trigger: object, scales: Mapping[str, range]) -> dict[str, object]:
    """Return the highest score of its survey that a trigger takes."""
    if not isinstance(trigger, EventTrigger) or trigger.match.event not in scales:
        return {}
    where = trigger.match.where
    for score in reversed(scales[trigger.match.event]):
        reading = SampleReading(traits={}, properties={"score": score})
        if where is None or where.evaluate(reading) is True:  # type: ignore[arg-type]  # a sample is read alike
            return {"score": score}
    return {}


def _bounded(letter: CompiledLetter, scales: Mapping[str, range]) -> dict[str, object]:
    """Return answers that cannot be any number: a survey's score, and days of so many days."""
    found: dict[str, object] = {}
    for text in letter.expressions:
        value, days = _VALUE_OF.match(text), _DAYS_OF.match(text)
        if value is not None and value[2] == "score" and value[1] in scales and not text.startswith("sum"):
            found[text] = scales[value[1]][-1]
        elif days is not None and int(days[1]) < TYPICAL_NUMBER:
            found[text] = int(days[1])
    return found


async def send_trial(  # noqa: PLR0913 - one sending, by keyword
    settings: Settings, folder: Path, *, rule: str, to: str, mails: Sequence[Rendered], now: int
) -> list[Delivery]:
    """Return what became of each mail, sent to one address by the way that `delivery` names. now: µs."""
    transport = open_delivery(settings.delivery, folder)
    try:
        return await transport.deliver(
            [_outgoing(settings, rule, to, mail, now + number) for number, mail in enumerate(mails)]
        )
    finally:
        await transport.close()


def _outgoing(settings: Settings, rule: str, to: str, mail: Rendered, now: int) -> OutgoingMessage:
    sender = settings.sender
    key = digest("send-test", rule, to, str(now))
    return OutgoingMessage(
        occurrence_key=key, to_address=to, from_address=sender.address, from_name=sender.name or None,
        reply_to=sender.reply_to, subject=SUBJECT_MARK + mail.subject, html=mail.html, text=mail.text,
        message_id=message_id(key, sender.address.rpartition("@")[2]), category=rule, scheduled=now,
    )  # fmt: skip
