"""`relight check` with what it kept: after every kind of edit it says what it says when it keeps nothing."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bench.workload import write_project

from relight.cli.exit_codes import ExitCode
from relight.config.check_cache import CACHE_FOLDER, CheckCache, ProjectFindings
from relight.config.folder import read_folder
from tests.support.programs import ROOT, Program, run_program

CHECK = [sys.executable, "-m", "relight", "check"]
#: Tells a measure that a letter alone reads.
_TOLD = """\
- name: told
  rules: [rule_0000]
  customers: {ada: {}}
  given: [{at: 1h, event: measures, customer: ada, properties: {churn_score: 0.5}}]
  expect: []
"""
_SECONDS = re.compile(r"\(\d+\.\d\d s\)")
_BODY = "templates/thanks/body.html"
_MACRO = "templates/layouts/parts.html"
_COLLEAGUES = "{% if customer.colleagues >= 2 %}<p>Your colleagues order, too.</p>{% endif %}\n"


def checked(folder: Path, *more: str, **variables: str) -> str:
    environment = {**os.environ, "LINKS": "https://mail.bench.example", **variables}
    done = run_program([*CHECK, *more], cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode in (ExitCode.FINE, ExitCode.PROBLEMS), done.stderr
    return _SECONDS.sub("", done.stdout)


def edit(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    assert old in text
    path.parent.mkdir(parents=True, exist_ok=True)
    # A check at the same time sees one text or the other.
    new_path = path.with_name(f".{path.name}.new")
    new_path.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")
    new_path.replace(path)


@pytest.fixture(scope="module")
def sound_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_project(tmp_path_factory.mktemp("check") / "project", rules=15)
    edit(folder, "config/default.yaml", '"https://mail.bench.example"', '"${LINKS}"')
    edit(folder, "config/default.yaml", "", "accounts: {key: plan}\ncodes: {spring: codes.csv}\n")
    edit(folder, "rules/definitions.yaml", "", "values:\n  colleagues: members(ever(order_placed))\n")
    edit(folder, "config/staging.yaml", "", "quiet_hours: {from: '22:00', to: '07:00'}\n")
    edit(folder, "config/measures.yaml", "", "sources: {order: order_placed}\n")
    edit(folder, "codes.csv", "", "code\nA1\nA2\n")
    edit(folder, _MACRO, "", "{% macro greeting(name) %}<p>Hello {{ name }}</p>{% endmacro %}\n")
    edit(folder, _BODY, "{% block body %}", '{% from "layouts/parts.html" import greeting %}\n{% block body %}')
    edit(
        folder,
        _BODY,
        "{% endblock %}",
        "{{ greeting(customer.plan | default('you')) }}\n" + _COLLEAGUES + "{% endblock %}",
    )
    edit(folder, "tests/rules/one.yaml", "", "until: 3d\ntests:\n- {name: quiet, rules: [rule_0000], expect: []}\n")
    edit(folder, "tests/rules/one.yaml", "", _TOLD)
    edit(folder, "templates/tip/body.txt", "Unsubscribe:", "{{ customer.churn_score | default(0) }}\nUnsubscribe:")
    edit(folder, "README.md", "", "# Rules\n\n```yaml\nvalues: {spent: sum(order_placed.total)}\n```\n")
    return folder


@pytest.fixture(scope="module")
def sound(sound_project: Path) -> str:
    """What is said of the project, which keeps it: copies of it have the answer in their folder."""
    said = checked(sound_project)
    assert said.splitlines()[-1].startswith("20 warnings in 15 rules")
    return said


@pytest.fixture
def project(sound: str, sound_project: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound_project, tmp_path / "project"))


EDITS = {
    "a property that rules read leaves its stream": ("streams/app.yaml", "{feature: text}", "{other: text}"),
    "a trait that templates read leaves its stream": ("streams/app.yaml", "  first_name: text\n", ""),
    "nothing is said of a trait that nothing reads": ("streams/app.yaml", "  first_name: text\n", "  first_name: text\n  age: integer\n"),
    "a definition means something else": ("rules/definitions.yaml", ">= 3", ">= 'three'"),
    "a definition gets another name": ("rules/definitions.yaml", "regular:", "steady:"),
    "the parent of templates loses a link": ("templates/layouts/mail.html", "{{ unsubscribe_url }}", "#"),
    "a macro takes no argument any more": (_MACRO, "greeting(name)", "greeting()"),
    "a macro uses what does not exist": (_MACRO, "{{ name }}", "{{ nome }}"),
    "a letter does not count colleagues any more": (_BODY, _COLLEAGUES, ""),
    "a subject shouts": ("templates/quiet/subject.txt", "It has", "IT HAS!!"),
    "a topic leaves the config": ("config/default.yaml", "  service: {default: opted_out}\n", ""),
    "the project has another zone": ("config/default.yaml", "Europe/Berlin", "Europe/Berlinn"),
    "a file of codes gets a mistake": ("codes.csv", "A2", "A1"),
    "the measures name another event": ("config/measures.yaml", "order_placed", "order_plazed"),
    "the environment's own file gets a mistake": ("config/staging.yaml", "22:00", "25:00"),
    "a rule gets a mistake": ("rules/rule_0003.yaml", "order_id", "ordre_id"),
    "a letter does not read a measure any more": ("templates/tip/body.txt", "{{ customer.churn_score | default(0) }}", ""),
    "nothing is said of a rule that waits longer": ("rules/rule_0003.yaml", "3 days", "4 days"),
    "a rule sends another letter": ("rules/rule_0003.yaml", "send: thanks", "send: gone"),
    "a rule ends before it starts": ("rules/rule_0003.yaml", "steps:", "starts: 2026-03-02\nends: 2026-03-01\nsteps:"),
    "a rule comes": ("rules/new.yaml", "", "trigger: {event: nothing}\nsend: quiet\n"),
    "a file comes whose ending is wrong": ("rules/more.yml", "", "trigger: {event: order_placed}\n"),
    "a file comes where nobody reads": ("rules/old/more.yaml", "", "trigger: {event: order_placed}\n"),
    "a rule test names another rule": ("tests/rules/one.yaml", "rule_0000", "rule_9999"),
    "a page of the documentation gets a mistake": ("README.md", "spent:", "spent"),
}  # fmt: skip


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_is_seen(project: Path, sound: str, what: str) -> None:
    """After an edit of any file that counts, and after its undoing, a check that keeps says what one that does not says."""
    file, old, new = EDITS[what]
    environment = ["-e", "staging"] if file == "config/staging.yaml" else []
    before = checked(project, *environment) if environment else sound
    text = (project / file).read_bytes() if (project / file).exists() else None
    edit(project, file, old, new)
    after = checked(project, *environment)
    assert after == checked(project, *environment, "--no-cache")
    assert after == checked(project, *environment)
    assert (after == before) is what.startswith("nothing is said")
    (project / file).unlink() if text is None else (project / file).write_bytes(text)
    assert checked(project, *environment) == before


def test_what_rules_make_of_a_letter_is_seen(project: Path) -> None:
    """A letter without a link to unsubscribe is wrong as long as a marketing rule sends it: an edit of rules alone changes that."""
    edit(project, "templates/layouts/mail.html", "{{ unsubscribe_url }}", "#")
    wrong = "templates/welcome/body.html: no-unsubscribe-link"
    assert wrong in checked(project)
    for rule in ("rule_0005", "rule_0006"):
        assert wrong in checked(project)
        edit(project, f"rules/{rule}.yaml", "steps:", "class: transactional\nsteps:")
    after = checked(project)
    assert wrong not in after
    assert after == checked(project, "--no-cache")
    edit(project, "rules/rule_0006.yaml", "class: transactional\n", "")
    assert wrong in checked(project)


def test_what_a_rule_never_gives_is_seen(project: Path) -> None:
    """A letter that reads a property of an order is told of a rule that begins with a ticket, wherever in its file that
    stands, until the rule begins with an order.
    """
    edit(project, _BODY, "{% endblock %}", "{{ event.order_id }}{% endblock %}")
    assert "rules/rule_0011.yaml:4:25: warning: never-given" in checked(project)
    edit(project, "rules/rule_0011.yaml", "name: Ticket", "owner: ada\nname: Ticket")
    moved = checked(project)
    assert "rules/rule_0011.yaml:5:25: warning: never-given" in moved
    assert moved == checked(project, "--no-cache")
    edit(project, "rules/rule_0011.yaml", "ticket_resolved", "order_placed")
    after = checked(project)
    assert "never-given" not in after
    assert after == checked(project, "--no-cache")


def test_a_file_that_goes_is_seen(project: Path) -> None:
    """A template, a definition or a file of codes that is deleted is missed at once."""
    for file in (_MACRO, "codes.csv", "rules/definitions.yaml", "config/measures.yaml"):
        before = checked(project)
        (project / file).unlink()
        after = checked(project)
        assert after == checked(project, "--no-cache")
        assert after != before or file == "config/measures.yaml"


def test_variables_and_environments_have_answers_of_their_own(project: Path) -> None:
    """Another value of a variable, its absence and another environment ask for another answer; a variable of no file does not."""
    sound = checked(project)
    broken = checked(project, LINKS="nowhere")
    assert broken == checked(project, "--no-cache", LINKS="nowhere") != sound
    assert checked(project) == sound
    assert checked(project, "-e", "staging") == checked(project, "-e", "staging", "--no-cache")
    assert checked(project, "-e", "production") == checked(project, "-e", "production", "--no-cache") != sound
    assert kept(project) is not None


def test_paths_are_chosen_from_what_is_kept(project: Path) -> None:
    """A check of one file shows its problems alone, whether they were kept by a check of everything or not."""
    edit(project, "rules/rule_0003.yaml", "order_id", "ordre_id")
    all_of_it = checked(project)
    one = checked(project, "rules/rule_0003.yaml")
    assert one == checked(project, "rules/rule_0003.yaml", "--no-cache")
    assert "ordre_id" in one
    assert "templates/" in all_of_it
    assert "templates/" not in one
    assert checked(project.parent, "project") == checked(project.parent, "project", "--no-cache")


def kept(folder: Path) -> ProjectFindings | None:
    here = Path.cwd()
    os.chdir(folder)
    try:
        return CheckCache(Path(), None, {"LINKS": "https://mail.bench.example"}).project(read_folder(Path()))
    finally:
        os.chdir(here)


def test_a_second_check_reads_nothing_anew(project: Path) -> None:
    """What nobody touched is answered without importing what reads rules and templates."""
    tell = "import sys\nfrom relight.cli.main import cli\ncli.main(['check'], standalone_mode=False)\nprint('IMPORTED', sorted(sys.modules))"
    shutil.rmtree(project / CACHE_FOLDER)
    modules = []
    for _ in range(2):
        done = run_program([sys.executable, "-c", tell], cwd=project, env={**os.environ, "LINKS": "https://x.example"},
                           check=True, capture_output=True, text=True)  # fmt: skip
        modules.append(done.stdout.rpartition("IMPORTED")[2])
    heavy = ("'relight.config.loader'", "'pydantic'", "'jinja2'", "'yaml'", "'relight.config.markdown'")
    assert all(name in modules[0] for name in heavy)
    assert not any(name in modules[1] for name in heavy)


def test_an_edited_rule_leaves_the_templates_alone(project: Path) -> None:
    """After the edit of a rule no template is read: Jinja2 is not imported."""
    checked(project)
    edit(project, "rules/rule_0003.yaml", "3 days", "4 days")
    tell = "import sys\nfrom relight.cli.main import cli\ncli.main(['check'], standalone_mode=False)\nprint('jinja2' in sys.modules)"
    done = run_program(
        [sys.executable, "-c", tell], cwd=project, env={**os.environ, "LINKS": "https://mail.bench.example"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "False"


#: What the app at the top of this repository is made of, and how often its files are edited.
_PARTS = ("config", "rules", "streams", "templates", "tests/rules", "codes")
_DRAWN_EDITS = 10


def drawn_edit(draw: random.Random, lines: list[str]) -> None:
    at = draw.randrange(len(lines))
    words = re.findall(r"[a-z_]{4,}", lines[at])
    match draw.choice(["delete", "double", "misspell", "count", "move"]):
        case "delete":
            del lines[at]
        case "double":
            lines.insert(at, lines[at])
        case "misspell" if words:
            word = draw.choice(words)
            lines[at] = lines[at].replace(word, word[:-1])
        case "count":
            lines[at] = re.sub(r"\d+", lambda found: str(int(found[0]) + 1), lines[at])
        case _:
            lines.insert(0, lines.pop(at))


def test_edits_drawn_by_seed_are_seen(tmp_path: Path) -> None:
    """After edits of any lines of the app at the top of this repository, a check that keeps says what one says that does not."""
    draw = random.Random(20261130)
    for part in _PARTS:
        shutil.copytree(ROOT / part, tmp_path / part)
    files = sorted(
        path for part in _PARTS for path in (tmp_path / part).rglob("*") if path.suffix in {".yaml", ".html", ".txt"}
    )
    for _ in range(_DRAWN_EDITS):
        part = draw.choice(_PARTS[:5])
        path = draw.choice([one for one in files if one.is_relative_to(tmp_path / part)])
        before = path.read_text(encoding="utf-8")
        lines = before.split("\n")
        drawn_edit(draw, lines)
        path.write_text("\n".join(lines), encoding="utf-8")
        assert checked(tmp_path) == checked(tmp_path, "--no-cache"), path
        if draw.random() < 0.7:
            path.write_text(before, encoding="utf-8")


_OPENED = """
import sys
opened = []
sys.addaudithook(lambda event, given: opened.append(given[0]) if event == "open" else None)
from relight.cli.main import cli
cli.main(["check"], standalone_mode=False)
print("OPENED", *[one for one in opened if isinstance(one, str)], sep="\\n")
"""


def test_an_answer_rests_on_every_file_that_is_opened(project: Path) -> None:
    """A check opens no file of the project that is no part of the question under which its answer is kept."""
    shutil.rmtree(project / CACHE_FOLDER)
    done = run_program(
        [sys.executable, "-c", _OPENED], cwd=project, env={**os.environ, "LINKS": "https://mail.bench.example"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    opened = {(project / one).resolve() for one in done.stdout.rpartition("OPENED\n")[2].splitlines()}
    inside = {path.relative_to(project).as_posix() for path in opened if path.is_relative_to(project.resolve())}
    kept_files = {path for path in inside if path.startswith(CACHE_FOLDER)}
    asked_for = {*read_folder(project).texts(), "codes.csv", "README.md"}
    assert inside - kept_files == asked_for


def damaged(raw: bytes) -> dict[str, bytes]:
    flipped = {f"bit {at}": raw[:at] + bytes([raw[at] ^ 4]) + raw[at + 1 :] for at in range(0, len(raw), len(raw) // 9)}
    cut = {f"first {size} bytes": raw[:size] for size in (0, 1, 15, 16, 47, 48, len(raw) // 2, len(raw) - 1)}
    return {**flipped, **cut, "longer": raw + b"x", "another program's": b"SQLite format 3\0" + raw, "old": raw.replace(b"check 1", b"check 0", 1)}  # fmt: skip


def test_a_damaged_file_is_as_good_as_none(project: Path) -> None:
    """A flipped bit, a file cut short, a file of another program or version: nothing is believed, and the check says the same."""
    said = checked(project)
    file = project / CACHE_FOLDER / "check"
    raw = file.read_bytes()
    assert kept(project) is not None
    for what, bytes_ in damaged(raw).items():
        file.write_bytes(bytes_)
        assert kept(project) is None, what
    assert checked(project) == said
    assert kept(project) is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_users_file_is_not_believed(project: Path) -> None:
    """What another user wrote there counts for nothing, whatever it says."""
    said = checked(project)
    os.chown(project / CACHE_FOLDER / "check", 12345, 12345)
    assert kept(project) is None
    assert checked(project) == said


def test_checks_at_once_say_the_same(project: Path) -> None:
    """Six checks at once, while one rule is edited to and fro, each say what one of the two states has, and leave a sound file."""
    states = []
    for old, new in (("order_id", "ordre_id"), ("ordre_id", "order_id")):
        edit(project, "rules/rule_0003.yaml", old, new)
        states.append(checked(project, "--no-cache"))
    environment = {**os.environ, "LINKS": "https://mail.bench.example"}
    running = []
    for old, new in (("order_id", "ordre_id"), ("ordre_id", "order_id")) * 3:
        edit(project, "rules/rule_0003.yaml", old, new)
        running.append(Program(CHECK, cwd=project, env=environment, stdout=subprocess.PIPE, text=True))
    for one in running:
        said, _ = one.communicate(timeout=60)
        assert _SECONDS.sub("", said) in states
    assert checked(project) == states[1]
    assert sorted(path.name for path in (project / CACHE_FOLDER).iterdir()) == [".gitignore", "check"]
    assert kept(project) is not None


@pytest.mark.parametrize("obstacle", ["file", "folder"])
def test_where_nothing_can_be_kept_the_check_goes_on(project: Path, obstacle: str) -> None:
    """A place that cannot be written costs time and nothing else: the check says the same, twice."""
    shutil.rmtree(project / CACHE_FOLDER)
    if obstacle == "file":
        (project / CACHE_FOLDER).write_text("in the way", encoding="utf-8")
    else:
        (project / CACHE_FOLDER / "check").mkdir(parents=True)
    assert checked(project) == checked(project) == checked(project, "--no-cache")


def test_no_cache_keeps_nothing(project: Path) -> None:
    """`--no-cache` neither writes the folder nor believes it."""
    shutil.rmtree(project / CACHE_FOLDER)
    said = checked(project, "--no-cache")
    assert not (project / CACHE_FOLDER).exists()
    checked(project)
    written = (project / CACHE_FOLDER / "check").stat().st_mtime_ns
    edit(project, "rules/rule_0003.yaml", "order_id", "ordre_id")
    assert checked(project, "--no-cache") != said
    assert (project / CACHE_FOLDER / "check").stat().st_mtime_ns == written


def test_the_folder_is_the_users_own(project: Path) -> None:
    """Nobody else may read what is kept, no value of a variable stands in it, and git is told to leave it alone."""
    shutil.rmtree(project / CACHE_FOLDER)
    checked(project, LINKS="https://a-very-secret-place.example")
    folder = project / CACHE_FOLDER
    assert (folder.stat().st_mode & 0o777, (folder / "check").stat().st_mode & 0o777) == (0o700, 0o600)
    assert b"a-very-secret-place" not in (folder / "check").read_bytes()
    assert (folder / ".gitignore").read_text(encoding="ascii") == "*\n"
