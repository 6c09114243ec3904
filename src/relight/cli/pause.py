"""`relight pause`: a rule, or everything, starts nothing and sends nothing until it is resumed."""

from __future__ import annotations

from pathlib import Path

import click

from relight.base.errors import UsageError
from relight.cli.history import reading
from relight.cli.orders import put_entries, say_when
from relight.cli.output import say, say_json
from relight.cli.project import Project, complete_rule, known_rules, open_project, project_options


@click.command("pause", short_help="Stop a rule, or everything, until it is resumed.")
@click.argument("rule", required=False, shell_complete=complete_rule)
@click.option("--all", "everything", is_flag=True, help="Every rule.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def command(
    *, rule: str | None, everything: bool, as_json: bool, project: Path | None, environment: str | None
) -> None:
    """Stop a rule, or with --all every rule, until it is resumed.

    Mails that wait and come due meanwhile are not sent, with reason rule_paused; those that have left are gone.
    """
    give_order("pause", rule, project, environment, everything=everything, as_json=as_json)


def give_order(
    kind: str,
    rule: str | None,
    project: Path | None,
    environment: str | None,
    *,
    everything: bool,
    as_json: bool,
) -> None:
    """Put a pause or a resume into the inbox and say what follows; raises UsageError for a rule that is none."""
    from relight.cli.run import wall_clock
    from relight.rules.world import ALL_RULES
    from relight.stores.inbox_words import Word, word_entry

    if (rule is None) is not everything:
        raise UsageError(f"name the rule to {kind}, or say --all")
    found = open_project(project, environment)
    if rule is not None:
        known_rules(found, [rule])
    subject = ALL_RULES if rule is None else rule
    position = put_entries(found, [word_entry(Word(kind=kind, subject=subject), received=wall_clock())])
    named = "every rule" if rule is None else f"rule '{rule}'"
    done = f"{named} is paused" if kind == "pause" else f"{named} goes on"
    if as_json:
        say_json(kind, {"ok": True, "subject": subject, "position": position})
        return
    taken = say_when(found, position)
    if kind == "resume" and rule is not None and _is_everything_paused(found, taken=taken):
        say(f"rule '{rule}' goes on once everything does: every rule is paused until relight resume --all")
        return
    other = "resume" if kind == "pause" else "pause"
    say(f"{done}; take it back with: relight {other} {'--all' if rule is None else rule}")


def _is_everything_paused(project: Project, *, taken: bool) -> bool:
    """Return whether an operator paused every rule, by the log and, where no engine has read it yet, by the inbox."""
    from relight.cli.orders import waiting_words
    from relight.rules.world import ALL_RULES, VOLUME_GUARD
    from relight.streams.envelope import Control

    paused = False
    if project.has_store:
        with reading(project) as store:
            for _, record in store.global_log():
                if not isinstance(record, Control) or record.detail.get("cause") == VOLUME_GUARD:
                    continue
                if record.kind in ("pause", "resume") and record.subject == ALL_RULES:
                    paused = record.kind == "pause"
    if not taken:
        for word in waiting_words(project):
            if word.kind in ("pause", "resume") and word.subject == ALL_RULES:
                paused = word.kind == "pause"
    return paused
