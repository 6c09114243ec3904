"""`relight explain`: why a customer got a message, or why not, with the comparison and the number that decided."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.base.errors import UsageError
from relight.base.suggest import suggest_words
from relight.cli.output import marked, note, say, say_json, table
from relight.cli.project import Project, complete_rule, open_project, project_options
from relight.cli.times import instant_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from relight.cli.history import History
    from relight.engine.explain import Explanation, Finding, RuleStory
    from relight.messages.ledger import LedgerRow

#: Ledger rows of one rule that are shown, the newest.
ROWS_SHOWN = 12
#: Width of the text of a finding before its place.
TEXT_WIDTH = 62


@click.command("explain", short_help="Say why a customer got a message, or why not.")
@click.argument("customer")
@click.argument("rule", required=False, shell_complete=complete_rule)
@click.option("--at", "at_text", metavar="TIME", help="Ask as of this time; default: as far as time has come.")
@click.option("--events", multiple=True, metavar="[STREAM=]FILE", help="Ask recorded events instead of the store.")
@click.option("--simulation", type=click.Choice(["last"]), help="Ask the events and rules of the last simulation.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def command(
    *,
    customer: str,
    rule: str | None,
    at_text: str | None,
    events: tuple[str, ...],
    simulation: str | None,
    as_json: bool,
    project: Path | None,
    environment: str | None,
) -> None:
    """Say why a customer got a rule's message, or why not: each comparison with its value, and what decided.

    Without RULE every rule is told in one line. That customer's log is folded again; without a store, the recorded
    files are.
    """
    if events and simulation:
        raise UsageError("--events and --simulation exclude each other")
    from relight.cli.orders import with_waiting
    from relight.engine.explain_delivery import row_word

    found = open_project(project, environment)
    history = _history(found, customer, events, simulated=simulation is not None)
    if at_text is None and not (events or simulation):
        history = with_waiting(found, history, customer)
    told = _explain(found, history, customer, rule, at_text)
    if as_json:
        say_json("explain", _as_json(told, history))
    elif rule is None:
        _say_all(told)
    else:
        outbox = found.settings.delivery.files
        words = {
            row.occurrence_key: row_word(row, history.journal.get(row.occurrence_key), outbox)
            for row in told.stories[0].rows
        }
        _say_rule(told, told.stories[0], at_text, words, _answers_told(history))


def _answers_told(history: History) -> dict[str, str]:
    """Return occurrence key -> what was last said about its message, where it did not simply go out."""
    from relight.messages.life import MessageState

    plain = (MessageState.ACCEPTED, MessageState.DELIVERED)
    return {key: text for key, text in history.answers.items() if history.journal.get(key) not in plain}


def _explain(project: Project, history: History, customer: str, rule: str | None, at_text: str | None) -> Explanation:
    from relight.engine.explain import explain_customer

    at = history.reached if at_text is None else instant_of(at_text, project.plan.policy.zone, "--at")
    rules = {name for plan in (project.plan, *history.plans) for name in plan.rules}
    if rule is not None and rule not in rules:
        hint = suggest_words(rule, rules)
        raise UsageError(f"there is no rule '{rule}'" + (f"; {hint}" if hint else ""))
    told = explain_customer(
        plan=project.plan,
        plans=history.plans,
        customer=customer,
        own=history.own,
        everybody=history.everybody,
        at=at,
        rules=() if rule is None else (rule,),
        ledger=history.ledger,
        first=history.first,
        journal=history.journal,
        holds=history.holds if at_text is None else {},
        keyed=history.keyed,
    )
    if told.plan_version != project.plan.version:
        note("The rules in the folder have changed since; this is told by those in force then.")
    if not told.stories:
        if at_text is None:
            help_text = "`relight apply` puts it in force; `relight simulate` tries it, then: explain --simulation last"
            raise UsageError(f"the rule '{rule}' is not in force yet", help_text=help_text)
        raise UsageError(f"the rule '{rule}' was not in force then", help_text="leave --at out, or name a later time")
    return told


def _history(project: Project, customer: str, events: tuple[str, ...], *, simulated: bool) -> History:
    from relight.cli.history import history_of_files, history_of_store, recorded_streams, simulated_history

    if simulated:
        return simulated_history(project, customer)
    if events or not project.has_store:
        if not events:
            note(f"There is no store {project.store_name} yet; the recorded files are asked.")
        return history_of_files(project, recorded_streams(project, events), customer)
    return history_of_store(project, customer)


# ---------------------------------------------------------------- one line a rule
def _say_all(told: Explanation) -> None:
    from relight.engine.explain import clock, tell

    lines = []
    for story in told.stories:
        word = {"sent": "yes", "waiting": "--", "held_out": "NO", "not_sent": "NO", "unknown": "??"}[story.outcome]
        if story.outcome in ("waiting", "unknown"):
            why = "" if story.next is None else tell(story.next)
        else:
            why = tell(story.headline).partition(" got ")[2].partition(" ")[2]
        if story.outcome in ("held_out", "not_sent"):
            why = "nothing stands in the way" if story.why is None else tell(story.why.text)
            if story.outcome == "held_out":
                why = f"held out: {why}"
        lines.append((word, story.rule, why, "" if story.why is None else story.why.place))
    say(f"{told.customer} as of {clock(told.at, told.zone)} {told.zone}, from {told.records:,} records")
    for (word, *_), line in zip(lines, table([row[1:] for row in lines]), strict=True):
        say(f"  {marked(word)} {line}")
    first = next((s for s in told.stories if s.outcome != "sent"), told.stories[0])
    say(f"Try: relight explain {told.customer} {first.rule}")


# ---------------------------------------------------------------- one rule
def _say_rule(
    told: Explanation, story: RuleStory, at_text: str | None, words: Mapping[str, str], answers: Mapping[str, str]
) -> None:
    from relight.engine.explain import clock, tell

    asked = "asked about now," if at_text is None else "asked about"
    say(f"{click.style(tell(story.headline), bold=True)}    {asked} {clock(told.at, told.zone)} {told.zone}")
    _say_rows(told, story, words, answers)
    for title, findings in (("waits for", story.trigger), ("audience now", story.audience), ("gate now", story.gate)):
        if findings:
            say(f"{title}:")
            _say_findings(findings)
    if story.next:
        say(tell(story.next))
    if story.why is not None:
        place = f" ({story.why.place})" if story.why.place else ""
        verb = "Held out" if story.outcome == "held_out" else "Not sent"
        say(click.style(f"{verb}: {tell(story.why.text)}{place}", bold=True))
    say(_try(told, story))


def _say_rows(told: Explanation, story: RuleStory, words: Mapping[str, str], answers: Mapping[str, str]) -> None:
    from relight.engine.explain import clock

    if not story.rows:
        say("ledger: no row of this customer and rule")
        return
    say("ledger:" + (f" the last {ROWS_SHOWN} of {len(story.rows)} rows" if len(story.rows) > ROWS_SHOWN else ""))
    shown = story.rows[-ROWS_SHOWN:]
    cells = [
        (
            clock(row.judged, told.zone),
            row.step or "(entry)",
            words[row.occurrence_key],
            _why(row) or answers.get(row.occurrence_key, ""),
            row.place or "",
        )
        for row in shown
    ]
    for line in table(cells):
        say(f"  {line}")


def _why(row: LedgerRow) -> str:
    parts = [part for part in (row.reason, row.leaf) if part]
    return ": ".join(parts) + ("" if row.number is None else f": it was {row.number}")


def _say_findings(findings: Iterable[Finding]) -> None:
    from relight.engine.explain import tell

    found = list(findings)
    texts = [tell(f.whole) for f in found]
    width = min(TEXT_WIDTH, max(len(text) for text in texts))
    for finding, text in zip(found, texts, strict=True):
        say(f"  {marked(finding.mark.value)} {text.ljust(width)}   {finding.place}".rstrip())
        for line in finding.more:
            say(f"       {tell(line)}")


def _try(told: Explanation, story: RuleStory) -> str:
    from relight.base.instants import MINUTE, to_local

    if story.ask_again is not None and story.ask_again > told.at:
        later = to_local(-(-story.ask_again // MINUTE) * MINUTE, told.zone).isoformat(timespec="minutes")
        return f"Try: relight explain {told.customer} {story.rule} --at {later}"
    if story.outcome == "sent":
        return f"Try: relight preview {story.rule} --customer {told.customer}"
    return f"Try: relight explain {told.customer}"


# ---------------------------------------------------------------- JSON
def _as_json(told: Explanation, history: History) -> dict[str, object]:
    from relight.base.instants import iso_utc

    return {
        "customer": told.customer,
        "at": iso_utc(told.at),
        "zone": told.zone,
        "records": told.records,
        "plan_version": told.plan_version,
        "rules": [_story_as_json(story, history) for story in told.stories],
    }


def _story_as_json(story: RuleStory, history: History) -> dict[str, object]:
    from relight.base.instants import iso_utc
    from relight.engine.explain import tell

    return {
        "rule": story.rule,
        "title": story.title,
        "place": story.place,
        "outcome": story.outcome,
        "headline": tell(story.headline),
        "why": None if story.why is None else _finding_as_json(story.why),
        "next": None if story.next is None else tell(story.next),
        "ask_again": None if story.ask_again is None else iso_utc(story.ask_again),
        "rows": [
            {
                "occurrence": row.occurrence,
                "step": row.step,
                "state": row.state.value,
                "delivery": None if (state := history.journal.get(row.occurrence_key)) is None else state.value,
                "answer": history.answers.get(row.occurrence_key),
                "reason": row.reason,
                "leaf": row.leaf,
                "number": row.number,
                "deadline": None if row.deadline is None else iso_utc(row.deadline),
                "judged": iso_utc(row.judged),
                "scheduled": None if row.scheduled is None else iso_utc(row.scheduled),
                "place": row.place,
            }
            for row in story.rows
        ],
        "trigger": [_finding_as_json(f) for f in story.trigger],
        "audience": [_finding_as_json(f) for f in story.audience],
        "gate": [_finding_as_json(f) for f in story.gate],
    }


def _finding_as_json(finding: Finding) -> dict[str, object]:
    from relight.engine.explain import tell

    return {
        "mark": {"yes": "yes", "NO": "no", "no": "off", "??": "unknown", "--": "skipped"}[finding.mark.value],
        "text": tell(finding.text),
        "needs": None if finding.needs is None else tell(finding.needs),
        "place": finding.place or None,
        "leaf": finding.leaf,
        "number": finding.number,
        "reason": finding.reason,
        "more": [tell(line) for line in finding.more],
    }
