"""`relight send-test`: a rule's mails to one address, by the project's own way out; no ledger, no journal."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.base.errors import UsageError
from relight.cli.exit_codes import ExitCode
from relight.cli.output import say, say_json
from relight.cli.preview import FIXTURES, rendered_mails
from relight.cli.project import Project, complete_rule, known_rules, open_project, project_options

if TYPE_CHECKING:
    from relight.delivery.outgoing import Delivery


@click.command("send-test", short_help="Send a rule's mails to one address, to look at them there.")
@click.argument("rule", shell_complete=complete_rule)
@click.option("--to", "address", required=True, metavar="ADDRESS", help="Whom to send to.")
@click.option("--customer", metavar="ID", help="Render for this customer of the store, or of the recorded files.")
@click.option("--fixture", metavar="NAME", help=f"A made-up customer: {', '.join(FIXTURES)}; the default is typical.")
@click.option("--locale", metavar="CODE", help="Language of the made-up customer.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def command(
    *,
    rule: str,
    address: str,
    customer: str | None,
    fixture: str | None,
    locale: str | None,
    as_json: bool,
    project: Path | None,
    environment: str | None,
) -> int:
    """Send every mail a rule may send to one ADDRESS, by the way that `delivery` names, its subject marked [test].

    Nothing of it enters the ledger, and its links are not those of a real mail. A suppressed address gets nothing.
    """
    from relight.cli.run import wall_clock
    from relight.delivery.addresses import normalise_address
    from relight.delivery.outgoing import Outcome
    from relight.engine.trial import SUBJECT_MARK, send_trial
    from relight.templates import Rendered

    if customer is not None and fixture is not None:
        raise UsageError("--customer and --fixture exclude each other")
    to = normalise_address(address)
    if to is None:
        raise UsageError(f"'{address}' is no address that mail can go to")
    found = open_project(project, environment)
    known_rules(found, [rule])
    _refuse_suppressed(found, to)
    shown = rendered_mails(found, rule, customer=customer, fixture=fixture, locale=locale)
    mails = [one.found for one in shown if isinstance(one.found, Rendered)]
    if not mails or len(mails) < len(shown):
        raise UsageError(f"not every mail of '{rule}' can be rendered so", help_text=f"relight preview {rule}")
    deliveries = asyncio.run(send_trial(found.settings, found.folder, rule=rule, to=to, mails=mails, now=wall_clock()))
    if as_json:
        say_json("send-test", {"ok": _all_left(deliveries), "mails": [
            {"subject": mail.subject, "outcome": one.outcome.value, "text": one.provider_text}
            for mail, one in zip(mails, deliveries, strict=True)
        ]})  # fmt: skip
    else:
        for mail, one in zip(mails, deliveries, strict=True):
            say(f"{one.outcome.value}: '{SUBJECT_MARK}{mail.subject}' to {to}  {one.provider_text}".rstrip())
    wrong = any(one.outcome is Outcome.CONFIGURATION for one in deliveries)
    return ExitCode.FINE if _all_left(deliveries) else ExitCode.UNREACHABLE if wrong else ExitCode.PROBLEMS


def _all_left(deliveries: list[Delivery]) -> bool:
    return all(one.outcome.value == "accepted" for one in deliveries)


def _refuse_suppressed(project: Project, to: str) -> None:
    from relight.cli.history import reading
    from relight.messages.addresses import address_hash

    if not project.has_store:
        return
    with reading(project) as store:
        why = store.suppression(address_hash(to))
    if why is not None:
        raise UsageError(f"{to} is on the suppression list ({why.scope}: {why.cause}); nothing is sent to it")
