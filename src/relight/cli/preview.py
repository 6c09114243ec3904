"""`relight preview`: a rule's mail as .html, .txt and picture, for a real customer or a made-up one.

Nothing is sent.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.base.errors import UsageError
from relight.base.suggest import suggest_words
from relight.cli.exit_codes import ExitCode
from relight.cli.output import fail, say, say_json
from relight.cli.pictures import take_pictures
from relight.cli.project import Project, complete_rule, known_rules, open_project, project_options, relative
from relight.cli.times import instant_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from relight.engine.trial import TriedMail
    from relight.rules.plan import Rule

#: As `engine.trial` has them, which is loaded late.
FIXTURES = ("typical", "least", "hostile")
_LOCALE = re.compile(r"[A-Za-z0-9]+([_-][A-Za-z0-9]+)*")


@click.command("preview", short_help="Render a rule's mail without sending it.")
@click.argument("rule", shell_complete=complete_rule)
@click.option("--customer", metavar="ID", help="A customer of the store, or of the recorded files.")
@click.option("--fixture", metavar="NAME", help=f"A made-up customer: {', '.join(FIXTURES)}; the default is typical.")
@click.option("--locale", metavar="CODE", help="Language of the made-up customer.")
@click.option("--at", "at_text", metavar="TIME", help="As of this time, for a customer.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Default: out/preview/.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def command(
    *,
    rule: str,
    customer: str | None,
    fixture: str | None,
    locale: str | None,
    at_text: str | None,
    out: Path | None,
    as_json: bool,
    project: Path | None,
    environment: str | None,
) -> int:
    """Render every mail a rule may send, as .html and .txt, and as pictures where Chromium is installed.

    Nothing is sent.
    """
    if customer is not None and fixture is not None:
        raise UsageError("--customer and --fixture exclude each other")
    if locale is not None and not _LOCALE.fullmatch(locale):
        raise UsageError(f"'{locale}' is no language code; write one such as tr or en-GB")
    found = open_project(project, environment)
    known_rules(found, [rule])
    shown = rendered_mails(found, rule, customer=customer, fixture=fixture, locale=locale, at_text=at_text)
    folder = (out or found.folder / "out" / "preview") / rule
    marks = _marks(shown, None if customer is not None else locale)
    written = [_write(folder, one, mark) for one, mark in zip(shown, marks, strict=True)]
    if as_json:
        say_json("preview", {"ok": all(w["refused"] is None for w in written), "mails": written})
    refused = [w for w in written if w["refused"] is not None]
    if not as_json:
        for one in written:
            _say(one)
    return ExitCode.PROBLEMS if refused or not shown else ExitCode.FINE


def rendered_mails(
    project: Project,
    rule: str,
    *,
    customer: str | None = None,
    fixture: str | None = None,
    locale: str | None = None,
    at_text: str | None = None,
) -> list[TriedMail]:
    """Return every mail of a rule, for a customer or for a made-up one."""
    if customer is not None:
        return list(_for_customer(project, project.plan.rules[rule], customer, at_text))
    return list(_for_fixture(project, project.plan.rules[rule], fixture or FIXTURES[0], locale))


def _for_customer(project: Project, rule: Rule, customer: str, at_text: str | None) -> Iterator[TriedMail]:
    from relight.cli.history import history_of_files, history_of_store, recorded_streams
    from relight.decide.minutes import template_names
    from relight.engine.explain import retell
    from relight.engine.explain_gate import entry_of_now
    from relight.engine.explain_triggers import tell_trigger
    from relight.engine.trial import TriedMail, mail_steps

    if project.has_store:
        history = history_of_store(project, customer)
    else:
        history = history_of_files(project, recorded_streams(project, ()), customer)
    at = history.reached if at_text is None else instant_of(at_text, project.plan.policy.zone, "--at")
    told = retell(
        plan=project.plan,
        plans=history.plans,
        customer=customer,
        own=history.own,
        everybody=history.everybody,
        at=at,
        first=history.first,
    )
    turn = told.turn
    # The letters of the folder, also where the log still follows an older version.
    turn.plan = project.plan
    story = tell_trigger(told, rule)
    entry = next((e for e in reversed(turn.profile.entries) if e.rule == rule.id), None)
    for step in mail_steps(rule):
        of = entry or entry_of_now(turn, rule, story.properties, story.release, story.event)
        reading = turn.reading(entry=of)
        letter = project.plan.letters[step.template or ""]
        yield TriedMail(
            step=step.id, template=step.template or "", found=letter.render(reading, template_names(turn, of, step))
        )


def _for_fixture(project: Project, rule: Rule, fixture: str, locale: str | None) -> Iterator[TriedMail]:
    from relight.engine.trial import fixture_mails

    if fixture not in FIXTURES:
        hint = suggest_words(fixture, FIXTURES)
        raise UsageError(f"there is no fixture '{fixture}'" + (f"; {hint}" if hint else ""))
    yield from fixture_mails(project.plan, rule.id, fixture, locale)


def _marks(shown: Sequence[TriedMail], locale: str | None) -> list[str]:
    """Return what each mail's files have in their names behind the template, so that none is written over another.

    That is the step where several send one template, and the language where one was asked for.
    """
    senders = Counter(one.template for one in shown)
    language = "" if locale is None else f".{locale}"
    return [(f".{one.step.replace(':', '-')}" if senders[one.template] > 1 else "") + language for one in shown]


def _write(folder: Path, one: TriedMail, mark: str) -> dict[str, object]:
    """Write a mail's files, with a mark behind the template's name, and return what was written."""
    from relight.templates.letters import Rendered, RenderRefusal

    found = one.found
    if isinstance(found, RenderRefusal):
        place = f"{found.file}:{found.line}" if found.file else ""
        return {
            "step": one.step,
            "template": one.template,
            "refused": {"reason": found.reason, "what": found.what, "place": place},
        }
    assert isinstance(found, Rendered)
    name = one.template
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    if not found.html:
        body = folder / f"{name.removesuffix('.json')}{mark}.json"
        body.write_text(found.text, encoding="utf-8")
        files: dict[str, object] = {"html": None, "text": str(body), "pictures": []}
        return {"step": one.step, "template": name, "locale": found.locale, "subject": "", **files, "refused": None}
    page, text = folder / f"{name}{mark}.html", folder / f"{name}{mark}.txt"
    page.write_text(found.html, encoding="utf-8")
    text.write_text(f"{found.subject}\n\n{found.text}", encoding="utf-8")
    pictures = [str(p) for p in take_pictures(page)]
    return {
        "step": one.step,
        "template": name,
        "locale": found.locale,
        "subject": found.subject,
        "preheader": found.preheader,
        "html": str(page),
        "text": str(text),
        "pictures": pictures,
        "refused": None,
    }


def _say(one: dict[str, object]) -> None:
    refused = one["refused"]
    if isinstance(refused, dict):
        place = f" ({refused['place']})" if refused["place"] else ""
        fail(f"{one['template']}: {refused['reason']}: {refused['what']}{place}")
        return
    pictures = one["pictures"]
    assert isinstance(pictures, list)
    say(f"{one['step']}  {one['template']} ({one['locale']})" + (f": {one['subject']}" if one["subject"] else ""))
    for path in (one["html"], one["text"], *pictures) if one["html"] else (one["text"],):
        say(f"  {relative(Path(str(path)))}")
