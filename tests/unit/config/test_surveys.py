"""Surveys: declared by the config, asked in templates, answered by signed links, known as events (A17)."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from relight.base.kinds import Kind
from relight.config.folder import FolderFiles, read_folder
from relight.config.loader import LoadedProject, load_files
from relight.customers.profile import Profile
from relight.customers.reading import Reading
from relight.messages.identity import TokenKey, TokenPurpose, occurrence_digest, verify_token
from relight.streams.surveys import COMMENT_CHARACTERS_MAX, SURVEY_STREAM, Survey, answer_event
from relight.templates import CompiledLetter, Rendered
from relight.templates.samples import sample_letter
from tests.unit.config.test_mistakes import ENV, HERE, with_file

SECRET = "a secret of the tests"
RULE = """
trigger: {event: csat_answered where score <= 2}
audience: last(csat_answered.score, 30 days) <= 2 and last(csat_answered.comment) is known
send: nudge
"""
QUESTION = '{% for one in survey("csat") %}<a href="{{ one.url }}">{{ one.score }}</a>{% endfor %}'


def with_surveys(written: str = "{csat: {scale: 1-5, satisfied: 4}}", *, web: bool = True) -> FolderFiles:
    files = read_folder(HERE / "good")
    config = files.config["config/default.yaml"]
    if not web:
        config = config.replace("web:", "# web:").replace("delivery: {smtp", "# {smtp")
    return with_file(files, "config/default.yaml", f"{config}surveys: {written}\n")


def with_question(files: FolderFiles, question: str) -> FolderFiles:
    body = files.templates["nudge/body.html"].replace("</body>", f"<p>{question}</p></body>")
    assert question in body
    changed: dict[str, Any] = {**files.templates, "nudge/body.html": body}
    return dataclasses.replace(files, templates=changed)


def loaded(files: FolderFiles) -> LoadedProject:
    return load_files(files, env={**ENV, "RELIGHT_LINK_SECRET": SECRET})


def codes(project: LoadedProject) -> list[str]:
    return [problem.code for problem in project.problems if problem.severity == "error"]


@pytest.mark.parametrize(("scale", "scores"), [("1-5", "12345"), ("0-10", "012345678910"), ("3-4", "34")])
def test_a_preview_asks_on_the_declared_scale(scale: str, scores: str) -> None:
    """A made-up customer's mail has one link for each score of the scale, lowest first, and no other."""
    project = loaded(with_question(with_surveys(f"{{csat: {{scale: {scale}}}}}"), QUESTION))
    assert codes(project) == []
    assert project.plan is not None
    letter = project.plan.letters["nudge"]
    assert isinstance(letter, CompiledLetter)
    typical = next(one for one in sample_letter(letter, "en", kinds={}, properties={}) if one.name == "typical")
    mail = typical.letter.render(typical.reading, typical.extra)
    assert isinstance(mail, Rendered)
    asked = re.findall(r"/s/sample\?t=csat&amp;v=(\d+)[^>]*>(\d+)</a>", mail.html)
    assert all(linked == shown for linked, shown in asked)
    assert "".join(shown for _, shown in asked) == scores


def test_the_answers_are_an_event_that_rules_may_use() -> None:
    """A17: `<name>_answered {score, comment}` is declared by the survey, counts as no activity, and can be asked about."""
    project = loaded(with_file(with_surveys(), "rules/bad.yaml", RULE))
    assert codes(project) == []
    assert project.plan is not None
    event = project.plan.schema.events["csat_answered"]
    assert {name: one.kind for name, one in event.properties.items()} == {"score": Kind.INTEGER, "comment": Kind.TEXT}
    assert (event.activity, event.streams) == (False, (SURVEY_STREAM,))
    assert project.plan.policy.surveys["csat"].satisfied == 4


def test_a_stream_may_declare_the_answers_too() -> None:
    """A17: where a stream declares the event, answers from elsewhere and ours are one event; another score is refused."""
    stream = with_surveys().streams["streams/shop.yaml"]
    both = with_file(
        with_surveys(),
        "streams/shop.yaml",
        stream + "\n  csat_answered: {properties: {score: integer, ticket: text}}\n",
    )
    project = loaded(both)
    assert codes(project) == []
    assert project.plan is not None
    event = project.plan.schema.events["csat_answered"]
    assert (set(event.properties), event.streams) == ({"score", "ticket", "comment"}, ("shop", SURVEY_STREAM))
    other = with_file(with_surveys(), "streams/shop.yaml", stream + "\n  csat_answered: {properties: {score: text}}\n")
    assert codes(loaded(other)) == ["survey-differs"]


def test_a_mail_asks_with_signed_links() -> None:
    """A17, S4: each score is a link of its own, signed for this message and survey, with no customer in it."""
    project = loaded(with_question(with_surveys(), QUESTION))
    assert codes(project) == []
    assert project.plan is not None
    policy = project.plan.policy
    assert policy.survey_links is not None
    links = policy.survey_links
    found = project.plan.letters["nudge"].render(
        Reading(profile=Profile(customer="ann"), at=0, now=0),
        {"survey": lambda name: links("k1", name), "unsubscribe_url": "https://x.example/u/1", "now": 0},
    )
    assert isinstance(found, Rendered)
    urls = [url for _, url in links("k1", "csat")]
    assert [score for score, _ in links("k1", "csat")] == [1, 2, 3, 4, 5]
    assert all(url.replace("&", "&amp;") in found.html for url in urls)
    token = urls[0].partition("/s/")[2].partition("?")[0]
    key = TokenKey(secret=SECRET.encode())
    assert verify_token((key,), TokenPurpose.ANSWER, token, "csat") == occurrence_digest("k1")
    assert verify_token((key,), TokenPurpose.ANSWER, token, "nps") is None
    assert verify_token((key,), TokenPurpose.UNSUBSCRIBE, token, "csat") is None


@pytest.mark.parametrize(
    ("question", "written", "web", "code"),
    [
        ('{{ survey("cst")[0].url }}', None, True, "unknown-survey"),
        ("{{ survey(customer.plan)[0].url }}", None, True, "literal-needed"),
        (QUESTION, None, False, "no-survey-links"),
        ("", "{csat: {scale: 5-1}}", True, "bad-scale"),
        ("", "{csat: {scale: 1-5, satisfied: 9}}", True, "bad-scale"),
        ("", "{csat: {scale: 0-99, satisfied: 1}}", True, None),
    ],
)
def test_mistakes_with_surveys(question: str, written: str | None, web: bool, code: str | None) -> None:
    """I18: a survey that is not there, cannot be answered or has no scale is refused at `check`."""
    files = with_surveys(web=web) if written is None else with_surveys(written)
    found = codes(loaded(with_question(files, question) if question else files))
    assert found == [] if code is None else code in found


def test_an_answer_becomes_an_event() -> None:
    """A17: an answer is an event of its person with the score and a bounded comment; beside the scale it is refused."""
    csat = Survey(name="csat", lowest=1, highest=5)
    event = answer_event(csat, customer="ann", id="a1", score=5, comment="  " + "x" * 9_000, at=7)
    assert (event.name, event.customer, event.id, event.event_time) == ("csat_answered", "ann", "a1", 7)
    assert (
        event.properties == {"score": 5, "comment": "x" * (COMMENT_CHARACTERS_MAX - 2)}
        or len(str(event.properties["comment"])) == COMMENT_CHARACTERS_MAX
    )
    assert answer_event(csat, customer="ann", id="a2", score=1, at=7).properties == {"score": 1}
    for score in (0, 6):
        with pytest.raises(ValueError, match="takes 1 to 5"):
            answer_event(csat, customer="ann", id="a", score=score, at=7)
