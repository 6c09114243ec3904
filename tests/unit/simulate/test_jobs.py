"""`simulate --jobs`: several processes, each with its share of the customers, decide what one process decides."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from relight.config.loader import LoadedProject, load_project
from relight.engine.feed import BrakeError
from relight.messages.ledger import LedgerRow
from relight.simulate.shares import owner_of
from relight.simulate.simulate import SimulationResult, simulate

DAY = 86_400
BEGIN = 1_767_225_600
ENV = {"LINK_SECRET": "a secret of a test, long enough"}
FILES = {
    "config/default.yaml": """\
project: {name: Shares, zone: Europe/Berlin, locale: en, currency: EUR}
sender: {name: S, address: s@mail.example, postal_address: "A street, a town"}
topics: {service: {default: opted_in}}
classes: {marketing: {topic: service, caps: [1 per day]}}
holdout: {share: 10%, salt: 7}
store: {sqlite: data/relight.db}
delivery: {files: outbox/}
web: {base_url: "https://mail.example", secret: "${LINK_SECRET}"}
""",
    "streams/app.yaml": """\
source: {file: app.ndjson}
id: id
time: {field: at}
customer: customer
name: event
events:
  used: {properties: {feature: text, seconds: integer}}
  asked: {properties: {feature: text}}
  released: {global: true, properties: {feature: text}}
traits: {email: email}
""",
    "streams/shop.yaml": """\
source: {file: shop.csv}
format: csv
id: id
time: {field: at, zone: Europe/Berlin}
customer: buyer
name: kind
events:
  bought: {properties: {total: {type: money, field: amount, unit: EUR}}}
""",
    "streams/till.yaml": """\
source: {file: till.csv}
format: csv
time: {field: day, zone: Europe/Berlin}
customer: buyer
name: {is: paid}
group_by: {fields: [buyer, day], sum: [amount]}
events:
  paid: {properties: {total: {type: money, field: amount, unit: EUR}}}
""",
    "rules/quiet.yaml": "name: Quiet\ntrigger: {inactive: [7 days, 20 days]}\nsend: hello\n",
    "rules/shipped.yaml": "name: Shipped\ntrigger: {released: {asked: asked, shipped: released, by: feature}}\nsend: hello\n",
    "rules/bought.yaml": "name: Bought\ntrigger: {event: bought where total >= 10}\nreentry: {after: 3 days}\nsend: hello\n",
    "rules/often.yaml": "name: Often\ntrigger: {milestone: {count: used, at: [3, 10]}}\naudience: sum(bought.total) > 20\nsend: hello\n",
    "templates/hello/subject.txt": "Hello\n",
    "templates/hello/preheader.txt": "A word\n",
    "templates/hello/body.txt": "Hello {{ customer.email | default('you') }}\n{{ sender.postal_address }}\n{{ unsubscribe_url | default('') }}\n",
    "templates/hello/body.html": "<html lang='en'><body><p>Hello {{ customer.email | default('you') }}</p><p>{{ sender.postal_address }}</p></body></html>\n",
}


def shown(second: float) -> str:
    import datetime as dt  # noqa: PLC0415 - only here

    return dt.datetime.fromtimestamp(second, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def app_lines(draw: random.Random) -> Iterator[str]:
    for number in range(1_200):
        at = BEGIN + number * 2_000 + draw.randrange(40_000)  # not sorted
        customer = f"c{draw.randrange(60)}"
        kind = draw.choices(["used", "asked", "identify", "released"], [10, 3, 2, 1])[0]
        row: dict[str, object] = {"id": f"e{number % 1_150}", "customer": customer, "at": shown(at), "event": kind}
        row |= {"feature": draw.choice("abc"), "seconds": draw.randrange(9)}
        if kind == "identify":
            row["email"] = f"{customer}@people.example"
        yield json.dumps(row)
        if kind == "released" and number % 3 == 0:
            yield json.dumps(row | {"feature": "other"})  # a copy that differs
        if number % 97 == 0:
            yield json.dumps(
                {**row, "id": f"x{number}", "seconds": "many", "event": "used"}
            )  # a dead letter of somebody
        if number % 211 == 0:
            yield '{"no": json'
        if number % 150 == 0:
            yield ""
        if number % 101 == 0:
            yield json.dumps({"id": f"u{number}", "customer": customer, "at": shown(at), "event": "undeclared"})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> LoadedProject:
    folder = tmp_path_factory.mktemp("shares")
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    draw = random.Random(11)
    (folder / "app.ndjson").write_text("\n".join(app_lines(draw)) + "\n", encoding="utf-8")
    rows = [
        f"b{n},{shown(BEGIN + n * 9_000)[:19]},c{draw.randrange(60)},bought,{draw.randrange(40)}" for n in range(300)
    ]
    (folder / "shop.csv").write_text("id,at,buyer,kind,amount\n" + "\n".join(rows) + "\n", encoding="utf-8")
    rows = [f"c{draw.randrange(60)},{shown(BEGIN + n // 9 * DAY)[:10]},{draw.randrange(40)}" for n in range(200)]
    (folder / "till.csv").write_text("buyer,day,amount\n" + "\n".join(rows) + "\n", encoding="utf-8")
    loaded = load_project(folder, env=ENV, lint=False)
    assert [str(p) for p in loaded.problems if p.severity == "error"] == []
    return loaded


def ordered(result: SimulationResult) -> list[LedgerRow]:
    return sorted(result.rows, key=lambda row: (row.judged, row.customer))


@pytest.mark.parametrize("jobs", [2, 3])
def test_shares_decide_what_one_process_decides(project: LoadedProject, jobs: int) -> None:
    """`--jobs` changes no row, no count and no mail: the ledger is equal row by row (I8)."""
    one, several = simulate(project), simulate(project, jobs=jobs)
    assert len(one.rows) > 300
    assert one.counts["app"].dead.total() > 10
    assert one.progress.differing > 0
    assert ordered(several) == ordered(one)
    assert several.counted == one.counted
    assert several.counts == one.counts
    assert several.log == one.log
    assert several.end == one.end
    names = ("events", "duplicates", "differing", "dead", "rows", "mails", "reached")
    assert {n: getattr(several.progress, n) for n in names} == {n: getattr(one.progress, n) for n in names}
    mails = [sorted(s.message.occurrence_key for s in r.store.messages()) for r in (one, several)]
    assert mails[0] == mails[1]
    letters = [sorted(k.letter.source for k in r.store.dead_letters()) for r in (one, several)]
    assert letters[0] == letters[1]


def test_people_of_one_capped_account_are_not_cut_apart(project: LoadedProject, tmp_path: Path) -> None:
    """I8: where accounts are capped `--jobs` changes nothing either: one process decides about all their people."""
    folder = Path(shutil.copytree(project.folder, tmp_path / "capped"))
    for name, old, new in (
        ("streams/app.yaml", "customer: customer\n", "customer: customer\naccount: feature\n"),
        ("config/default.yaml", "caps: [1 per day]", "caps: [1 per day], account_caps: [2 per 7 days]"),
        ("config/default.yaml", "holdout:", "accounts: {key: feature}\nholdout:"),
    ):
        path = folder / name
        path.write_text(path.read_text().replace(old, new, 1))
    loaded = load_project(folder, env=ENV, lint=False)
    one, several = simulate(loaded), simulate(loaded, jobs=2)
    assert ordered(several) == ordered(one)
    assert sum(row.reason == "account_cap" for row in one.rows) > 20


def test_shares_end_time_together(project: LoadedProject) -> None:
    """With `until`, every share ends at the same instant as one process."""
    until = (BEGIN + 15 * DAY) * 1_000_000
    one, several = simulate(project, until=until), simulate(project, until=until, jobs=2)
    assert ordered(several) == ordered(one)
    assert several.progress.reached == one.progress.reached


def test_a_brake_is_told_by_one_process(project: LoadedProject, tmp_path: Path) -> None:
    """Where a brake could trip, one process reads the files and says so in its own words."""
    bad = tmp_path / "bad.ndjson"
    bad.write_text("{\n" * 80, encoding="utf-8")
    from dataclasses import replace  # noqa: PLC0415 - only here

    stream = project.streams["app"]
    streams = {"app": replace(stream, source=replace(stream.source, files=(str(bad),)))}
    with pytest.raises(BrakeError, match="could not be read"):
        simulate(project, streams=streams, jobs=2)


def test_everybody_has_one_share() -> None:
    """A customer belongs to one share, the same in every process, and no share is left empty."""
    shares = [owner_of(f"c{number}", 4) for number in range(1_000)]
    assert shares == [owner_of(f"c{number}", 4) for number in range(1_000)]
    assert min(shares.count(share) for share in range(4)) > 200
