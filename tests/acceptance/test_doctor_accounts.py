"""`relight doctor` on the store of a real run whose rule counts the people of accounts."""

from __future__ import annotations

from pathlib import Path

from relight.base.instants import HOUR
from relight.customers.facts import MEMBERS_TOLD_MAX
from tests.acceptance.cli_kit import relight
from tests.faults.small_project import SECRET, T0, add, line, write_project

ENV = {"LINK_SECRET": SECRET}
COUNTING = "trigger: {event: ordered}\naudience: members() >= 2\nsend: hello\n"
PLAIN = "trigger: {event: ordered}\nsend: hello\n"


def project(folder: Path, rule: str, accounts: dict[str, int]) -> Path:
    """Return a project that ran on so many people an account."""
    made = write_project(folder, {"r": rule})
    config = made / "config/default.yaml"
    config.write_text(config.read_text() + "accounts: {key: company}\n")
    stream = made / "streams/app.yaml"
    stream.write_text(stream.read_text().replace("name: event\n", "name: event\naccount: company\n"))
    people = [(f"{account}-{n}", account) for account, size in accounts.items() for n in range(size)]
    rows = [line(n, who, "identify", T0, arrives=T0, company=account) for n, (who, account) in enumerate(people)]
    add(made, *rows, line(len(rows), people[0][0], "used", T0 + HOUR, arrives=T0 + HOUR))
    relight("run", cwd=made, env=ENV)
    return made


def said(folder: Path) -> list[str]:
    lines = relight("doctor", "--offline", cwd=folder, env=ENV, code=None).stdout.splitlines()
    return [one.strip() for one in lines if "members(…)" in one or "so large an account" in one]


def test_an_account_too_large_for_members_is_named(tmp_path: Path) -> None:
    """R8: MEMBERS_TOLD_MAX: of one person more than the limit doctor warns, with the account, the number and what to do."""
    made = project(tmp_path / "shop", COUNTING, {"acme": MEMBERS_TOLD_MAX + 1, "bolt": 2})
    assert said(made) == [
        "warn  accounts of more than 1,000 people, in which members(…) is unknown: 'acme' (1,001)",
        "fix: let a trait that another system sets say what the rule asks of so large an account",
    ]


def test_accounts_within_the_limit_are_well(tmp_path: Path) -> None:
    """At the limit itself nothing is unknown, and where no rule counts people nothing is said."""
    made = project(tmp_path / "shop", COUNTING, {"acme": MEMBERS_TOLD_MAX, "bolt": 2})
    assert said(made) == ["ok    accounts: none of more than 1,000 people, members(…) is known in each"]
    assert said(project(tmp_path / "plain", PLAIN, {"acme": 3})) == []
