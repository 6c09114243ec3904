"""Offers with codes, run for real: five people, three codes."""

from __future__ import annotations

import email
import email.policy
import json
import signal
from pathlib import Path

import pytest

from relight.base.instants import DAY, HOUR, MINUTE
from relight.messages.codes import CODE_PLACEHOLDER
from relight.messages.life import MessageState
from relight.simulate.log_figures import figures_of_log
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Control, Event
from tests.acceptance.cli_kit import ledger_of, relight
from tests.faults.small_project import SECRET, T0, add, line, write_project

ENV = {"LINK_SECRET": SECRET}
PEOPLE = ("ann", "bo", "cem", "dee", "eva")
CODES = ("SPRING-1", "A&B<2", "SPRING-3")
RULE = "trigger: {event: ordered}\nreentry: {after: 1 minute}\nsteps: [{send: hello, code: spring}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project = write_project(tmp_path / "shop", {"offer": RULE}, caps="[1 per day]")
    config = project / "config/default.yaml"
    config.write_text(config.read_text() + "codes: {spring: codes/spring.csv}\n")
    (project / "codes").mkdir()
    (project / "codes/spring.csv").write_text("code\n" + "\n".join(CODES) + "\n")
    letter = project / "templates/hello"
    (letter / "subject.txt").write_text("Your code {{ code }}")
    for part in ("body.html", "body.txt"):
        text = (letter / part).read_text()
        (letter / part).write_text(text.replace("Hello from us.", "Your code: {{ code }}."))
    for number, person in enumerate(PEOPLE):
        add(project, line(number, person, "identify", T0, arrives=T0, email=f"{person}@mail.example"))
    for number, person in enumerate(PEOPLE, 10):
        at = T0 + number * 1_000_000
        add(project, line(number, person, "ordered", at, arrives=at))
    pass_time(project, 15, T0)
    return project


def pass_time(project: Path, number: int, at: int) -> None:
    """Let time come to ten minutes after an instant, so that what waits for its minute leaves."""
    add(project, line(number, "fay", "used", at + 10 * MINUTE, arrives=at + 10 * MINUTE))


def mails(folder: Path) -> dict[str, tuple[str, str, str]]:
    """Return whom -> subject, HTML, text."""
    found = {}
    for path in sorted((folder / "outbox").rglob("*.eml")):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        html, text = (mail.get_body((kind,)).get_content() for kind in ("html", "plain"))  # type: ignore[union-attr]
        found[str(mail["To"])] = (str(mail["Subject"]), html, text)
    return found


def test_three_codes_for_five_people(folder: Path) -> None:
    """S6: each of three people gets a code of their own in subject, HTML and text; two get no mail, the log says
    `pool_empty`, their place in the caps is free again, and the operator is told.
    """
    done = relight("run", "--log", "text", cwd=folder, env=ENV)
    assert 'pool of codes is empty pool="spring"' in done.stderr
    assert "the pool of codes 'spring' is empty" in done.stderr
    found = mails(folder)
    assert len(found) == 3
    assert {subject for subject, _, _ in found.values()} == {f"Your code {code}" for code in CODES}
    for subject, html, text in found.values():
        code = subject.removeprefix("Your code ")
        assert f"Your code: {code.replace('&', '&amp;').replace('<', '&lt;')}." in html
        assert f"Your code: {code}." in text
        assert CODE_PLACEHOLDER not in subject + html + text
    with SqliteStoreOf(folder) as store:
        told = [r for _, r in store.read_log() if getattr(r, "kind", "") == "outcome"]
        assert [one.detail["reason"] for one in told] == ["pool_empty"] * 2  # type: ignore[union-attr]
        assert [(one.left, one.given) for one in store.code_counts()] == [(0, 3)]
    doctor = relight("doctor", "--offline", cwd=folder, env=ENV, code=None).stdout
    assert "codes 'spring': 0 of 3 left" in doctor
    without = next(one for one in PEOPLE if f"{one}@mail.example" not in found)
    why = relight("explain", without, cwd=folder, env=ENV).stdout
    assert "no code was left in the pool" in why
    add_codes_and_order_again(folder, at=T0 + HOUR)
    summary = json.loads(relight("run", "--json", cwd=folder, env=ENV).stdout)
    assert summary["empty_pools"] == []
    assert set(mails(folder)) == {f"{person}@mail.example" for person in PEOPLE}, "the cap of 1 per day had room again"


ALERT = "trigger: {event: codes_low}\nclass: internal\nreentry: every\nsteps: [{alert: {to: team, template: few}}]\n"


def alerts(folder: Path) -> list[str]:
    """Return the subjects of the alerts that left."""
    found = [email.message_from_bytes(path.read_bytes()) for path in (folder / "outbox").rglob("*.eml")]
    return sorted(mail["Subject"] for mail in found if mail["To"] == "team@shop.example")


def test_a_pool_that_runs_low_is_told_once(folder: Path) -> None:
    """A30: of seven codes five people take five: with `codes_low: 2` the team hears by mail that two are left, then that
    none is, the end of the run and doctor say it, and a second start tells nothing again.
    """
    (folder / "rules/few.yaml").write_text(ALERT)
    (folder / "templates/few").mkdir()
    (folder / "templates/few/subject.txt").write_text("{{ entry.left }} codes left")
    (folder / "templates/few/body.html").write_text("<html lang='en'><body><p>{{ entry.pool }}</p></body></html>")
    config = folder / "config/default.yaml"
    config.write_text(config.read_text() + "codes_low: 2\nalerts: {team: team@shop.example}\n")
    (folder / "codes/spring.csv").write_text("".join(f"S-{n}\n" for n in range(7)))
    first = relight("run", "--log", "text", cwd=folder, env=ENV).stderr
    assert 'pool of codes runs low pool="spring" left=2' in first
    assert "the pool of codes 'spring' has 2 codes left; add codes to codes/spring.csv" in first
    doctor = relight("doctor", "--offline", cwd=folder, env=ENV, code=None).stdout
    assert "codes 'spring': 2 of 7 left" in doctor
    assert "add codes to codes/spring.csv" in doctor
    for number, person in enumerate(PEOPLE[:2], 20):
        add(folder, line(number, person, "ordered", T0 + DAY, arrives=T0 + DAY))
    pass_time(folder, 25, T0 + DAY)
    pass_time(folder, 26, T0 + DAY + HOUR)
    assert "runs low" not in relight("run", "--log", "text", cwd=folder, env=ENV).stderr
    pass_time(folder, 27, T0 + DAY + 2 * HOUR)
    relight("run", cwd=folder, env=ENV)
    assert alerts(folder) == ["0 codes left", "2 codes left"]
    with SqliteStoreOf(folder) as store:
        told = [r.id for _, r in store.read_log() if isinstance(r, Event) and r.name == "codes_low"]
        assert figures_of_log(store).customers == len({*PEOPLE, "fay"}), "a pool is nobody"
    assert told == ["spring/7/low", "spring/7/empty"]


def add_codes_and_order_again(folder: Path, *, at: int) -> None:
    """Five more codes, and everybody orders again: who has a mail today is capped, who got none is not."""
    with (folder / "codes/spring.csv").open("a") as file:
        file.writelines(f"MORE-{n}\n" for n in range(5))
    for number, person in enumerate(PEOPLE, 20):
        add(folder, line(number, person, "ordered", at, arrives=at))
    pass_time(folder, 25, at)


def test_the_decision_draws_nothing(folder: Path) -> None:
    """S6, I9: the ledger of a run with other codes, or with codes in another order, is the same, and a simulation
    takes the pool as never empty.
    """
    relight("run", cwd=folder, env=ENV)
    rows = ledger_of(folder)
    for name in ("data/relight.db", "data/relight.db-wal", "data/relight.db-shm"):
        (folder / name).unlink(missing_ok=True)
    (folder / "codes/spring.csv").write_text("X\nY\nZ\nV\nW\n")
    relight("run", cwd=folder, env=ENV)
    assert ledger_of(folder) == rows
    assert len(rows) >= len(PEOPLE)
    forecast = relight("simulate", cwd=folder, env=ENV).stdout
    assert "5" in forecast
    assert "pool_empty" not in forecast


@pytest.mark.parametrize("point", ["before_claim_commit", "after_claim_commit", "after_handing_over"])
def test_a_killed_run_gives_the_same_codes(folder: Path, point: str) -> None:
    """S6: killed around the draw, a run goes on with the codes it had given: three mails, three codes, none lost."""
    relight("run", cwd=folder, env=ENV | {"RELIGHT_CRASH_AT": f"{point}:1"}, code=-signal.SIGKILL)
    with SqliteStoreOf(folder) as store:
        given = {m.message.address: store.code_of(m.message.occurrence_key) for m in store.messages()}
    assert sum(code is not None for code in given.values()) == (0 if point == "before_claim_commit" else 3)
    relight("run", cwd=folder, env=ENV)
    found = {address: subject.removeprefix("Your code ") for address, (subject, _, _) in mails(folder).items()}
    assert sorted(found.values()) == sorted(CODES)
    assert all(found.get(address) == code for address, code in given.items() if code is not None)
    with SqliteStoreOf(folder) as store:
        assert store.message_counts() == {MessageState.ACCEPTED: 3, MessageState.SUPPRESSED: 2}


def test_the_goal_knows_the_code_that_went_out(folder: Path) -> None:
    """S6, H7: what was drawn comes back into the log, once, though the run was killed before it told; who redeems
    their own code reaches the goal, and the log decides the same again.
    """
    rule = "trigger: {event: ordered}\ngoal: {event: used_code where code == entry.code}\nsteps: [%s, {wait: 2 days}, %s]\n"
    code, later = "{send: hello, code: spring}", "{send: hello, code: spring, unless: first_seen > now}"
    (folder / "rules/offer.yaml").write_text(rule % (code, later))
    stream = folder / "streams/app.yaml"
    stream.write_text(stream.read_text() + "  used_code: {properties: {code: text}}\n")
    relight("run", cwd=folder, env=ENV | {"RELIGHT_CRASH_AT": "after_settle_commit:1"}, code=-signal.SIGKILL)
    relight("run", cwd=folder, env=ENV)
    own = {
        address.partition("@")[0]: subject.removeprefix("Your code ")
        for address, (subject, _, _) in mails(folder).items()
    }
    with SqliteStoreOf(folder) as store:
        told = [r for _, r in store.read_log() if isinstance(r, Control) and r.kind == "code"]
    assert {r.customer: r.detail["code"] for r in told} == own
    assert len(told) == len(CODES)
    first, second, _ = sorted(own)
    at = T0 + HOUR
    add(folder, line(30, first, "used_code", at, arrives=at, code=own[first]))
    add(folder, line(31, second, "used_code", at, arrives=at, code=own[first]))
    pass_time(folder, 35, T0 + 3 * DAY)
    relight("run", cwd=folder, env=ENV)
    ended = {row.customer for row in ledger_of(folder) if row.reason == "goal_met"}
    assert ended == {first}
    relight("replay", cwd=folder, env=ENV)


class SqliteStoreOf:
    """The store of a project, read beside whoever has it."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore.open(folder / "data/relight.db", read_only=True)

    def __enter__(self) -> SqliteStore:
        return self.store

    def __exit__(self, *_: object) -> None:
        self.store.close()


def test_times_are_long_enough() -> None:
    """The second order falls on the day of the first, so that the cap would hold back who got a mail."""
    assert (T0 + HOUR) // DAY == T0 // DAY
