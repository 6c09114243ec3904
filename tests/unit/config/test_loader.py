"""A project folder becomes a plan, streams and settings; what is unsound becomes problems, all at once."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest

from relight.base.instants import DAY, HOUR, MINUTE
from relight.base.kinds import Kind
from relight.config.folder import FILE_BYTES_MAX, FolderFiles, read_folder
from relight.config.loader import LoadedProject, load_files, load_project
from relight.config.settings import Settings
from relight.rules.plan import MessageClass, Plan

HERE = Path(__file__).parent
ENV = {"SMTP_PASSWORD": "hush-hush", "RELIGHT_LINK_SECRET": "a secret of the tests"}


@pytest.fixture
def good() -> FolderFiles:
    return read_folder(HERE / "good")


def put(files: FolderFiles, path: str, text: str) -> FolderFiles:
    folder = path.split("/", 1)[0]
    key = path.removeprefix("templates/") if folder == "templates" else path
    changed: dict[str, Any] = {folder: {**getattr(files, folder), key: text}}
    return dataclasses.replace(files, **changed)


def plan_of(project: LoadedProject) -> Plan:
    assert project.problems == []
    assert project.plan is not None
    return project.plan


def settings_of(project: LoadedProject) -> Settings:
    assert project.settings is not None
    return project.settings


def test_a_good_project_compiles() -> None:
    """A sound project gives a plan with its rules, letters, shared names and policy, and no problem."""
    project = load_project(HERE / "good", env=ENV)
    plan = plan_of(project)
    assert sorted(plan.rules) == ["quiet", "shipped", "welcome"]
    assert sorted(plan.letters) == ["nudge", "welcome"]
    assert sorted(plan.values) == ["spent"]
    assert sorted(plan.segments) == ["vip"]
    assert plan.lists == {"features": ("boards", "api")}
    assert plan.schema.traits["trial_ends_at"].kind is Kind.TIME
    assert (project.rules_found, project.templates_found) == (3, 2)
    assert list(project.streams) == ["shop"]
    policy = plan.policy
    assert (policy.project, policy.zone, policy.currency, policy.salt) == ("shop", "Europe/Istanbul", "EUR", "2026")
    assert policy.topics == {"product_news": False}
    assert policy.quiet == (21 * 60, 9 * 60)
    assert [str(cap) for cap in policy.caps[MessageClass.MARKETING]] == ["1 per day", "3 per 7 days"]
    assert policy.sensitive is not None
    assert str(policy.places["quiet_hours"]) == "config/default.yaml:5:14"
    assert plan.layout.slack == 26 * HOUR


def test_settings() -> None:
    """What the config says of the outside is read with its defaults."""
    settings = settings_of(load_project(HERE / "good", env=ENV))
    assert settings.delivery.smtp is not None
    assert settings.delivery.smtp.host == "smtp.shop.example"
    assert (settings.delivery.lease, settings.delivery.rate) == (5 * MINUTE, 10.0)
    assert settings.store.sqlite == "data/relight.db"
    assert settings.sender.reply_to == "shop@shop.example"
    assert (settings.web.host, settings.web.port, settings.web.base_url) == ("127.0.0.1", 8080, "https://shop.example")
    assert (settings.engine.batch, settings.engine.cache, settings.engine.durability) == (1000, 2 * 10**9, "full")


def test_secrets_do_not_show() -> None:
    """A secret is given only to who asks for it by name; nothing prints it."""
    settings = settings_of(load_project(HERE / "good", env=ENV))
    assert settings.delivery.smtp is not None
    assert settings.delivery.smtp.password is not None
    assert settings.delivery.smtp.password.reveal() == "hush-hush"
    assert "hush-hush" not in repr(settings)
    assert "***" in str(settings.delivery.smtp.password)


def test_a_wrong_value_from_the_environment_does_not_show(good: FolderFiles) -> None:
    """A refused value that came from the environment is quoted as the file has it."""
    text = good.config["config/default.yaml"].replace("user: shop", "port: ${SMTP_PORT}")
    project = load_files(put(good, "config/default.yaml", text), env={**ENV, "SMTP_PORT": "s3cr3t"})
    assert [problem.code for problem in project.problems] == ["wrong-type"]
    assert "s3cr3t" not in str(project.problems)
    assert "${SMTP_PORT}" in project.problems[0].message


def test_a_number_from_the_environment_is_one(good: FolderFiles) -> None:
    """A variable without quotes is read as if its value stood there."""
    text = good.config["config/default.yaml"].replace("user: shop", "port: ${SMTP_PORT}")
    settings = settings_of(load_files(put(good, "config/default.yaml", text), env={**ENV, "SMTP_PORT": "2525"}))
    assert settings.delivery.smtp is not None
    assert settings.delivery.smtp.port == 2525


def test_all_missing_variables_are_told_at_once(good: FolderFiles) -> None:
    """Every variable that the environment lacks is one problem, in config and streams."""
    stream = good.streams["streams/shop.yaml"].replace("data/shop.ndjson", "${DATA}/shop.ndjson")
    project = load_files(put(good, "streams/shop.yaml", stream), env={})
    told = [(problem.code, str(problem.place)) for problem in project.problems]
    missing = ("config/default.yaml:8:66", "config/default.yaml:9:49", "streams/shop.yaml:1:16")
    assert told == [("missing-variable", place) for place in missing]


def test_an_address_that_nobody_calls_needs_no_variable(good: FolderFiles) -> None:
    """While mails go to files, requests do, too: the variable of a web address may be missing then, and only then."""
    config = good.config["config/default.yaml"] + "webhooks: {slack: '${SLACK_URL}'}\n"
    called = load_files(put(good, "config/default.yaml", config), env=ENV)
    assert [problem.code for problem in called.problems] == ["missing-variable"]
    smtp = next(line for line in config.splitlines() if line.startswith("delivery"))
    for delivery in ("", "delivery: {files: outbox/}"):
        uncalled = load_files(put(good, "config/default.yaml", config.replace(smtp, delivery)), env=ENV)
        assert [problem.code for problem in uncalled.problems] == []
        assert set(settings_of(uncalled).webhooks) == {"slack"}
    stray = config.replace(smtp, "").replace("name: shop,", "name: '${SHOP_NAME}',")
    left = load_files(put(good, "config/default.yaml", stray), env=ENV)
    assert [problem.code for problem in left.problems] == ["missing-variable"]


def test_a_stream_file_from_the_environment(good: FolderFiles) -> None:
    """The file of a stream may begin with a variable."""
    stream = good.streams["streams/shop.yaml"].replace("data/shop.ndjson", "${DATA}/shop.ndjson")
    project = load_files(put(good, "streams/shop.yaml", stream), env={**ENV, "DATA": "elsewhere"})
    assert project.streams["shop"].source.files == ("elsewhere/shop.ndjson",)


def test_an_environment_overlays_the_config() -> None:
    """config/local.yaml replaces how mails leave and keeps everything else."""
    project = load_project(HERE / "good", environment="local", env={"RELIGHT_LINK_SECRET": ENV["RELIGHT_LINK_SECRET"]})
    settings = settings_of(project)
    assert settings.delivery.files == "outbox/"
    assert settings.delivery.smtp is None
    assert settings.delivery.lease == 5 * MINUTE
    assert plan_of(project).version == plan_of(load_project(HERE / "good", env=ENV)).version


def test_an_unknown_environment_is_told() -> None:
    """An environment without a file is a problem that names the near one."""
    project = load_project(HERE / "good", environment="locl", env=ENV)
    assert [problem.message for problem in project.problems] == [
        "there is no config for the environment 'locl'; did you mean 'local'?"
    ]


@pytest.mark.parametrize(
    ("path", "old", "new", "changes"),
    [
        ("rules/quiet.yaml", "7 days, second", "8 days, second", True),
        ("rules/quiet.yaml", "\npriority: 60", "\n# a comment\npriority:   60", False),
        ("rules/definitions.yaml", ">= 1000", ">= 2000", True),
        ("streams/shop.yaml", "values: [free, pro]", "values: [free, pro, team]", True),
        ("config/default.yaml", "share: 5%", "share: 6%", True),
        ("config/default.yaml", "lease: 5 minutes", "lease: 6 minutes", False),
        ("templates/nudge/subject.txt", "Hello", "Good day", True),
    ],
)
def test_version(good: FolderFiles, path: str, old: str, new: str, *, changes: bool) -> None:
    """The plan's version changes with whatever can change a decision or a mail, and with nothing else."""
    texts = good.texts()
    assert old in texts[path]
    edited = load_files(put(good, path, texts[path].replace(old, new)), env=ENV)
    assert (plan_of(edited).version != plan_of(load_files(good, env=ENV)).version) is changes


def test_only_used_definitions_are_kept(good: FolderFiles) -> None:
    """A shared value that nothing reads costs nothing in profiles."""
    text = good.rules["rules/definitions.yaml"].replace(
        "values:\n", "values:\n  used_features: distinct(feature_used.feature)\n"
    )
    plan = plan_of(load_files(put(good, "rules/definitions.yaml", text), env=ENV))
    assert "used_features" not in plan.values
    assert "feature_used" not in plan.layout.series or not plan.layout.series["feature_used"].values


def test_problems_of_all_files_come_at_once(good: FolderFiles) -> None:
    """One check tells of config, rules and templates together, sorted by place."""
    files = put(good, "rules/a.yaml", "trigger: {event: nothing_declared}\nsend: nudge\n")
    files = put(files, "rules/b.yaml", "trigger: [\n")
    files = put(files, "config/default.yaml", good.config["config/default.yaml"].replace('to: "09:00"', "to: 9"))
    files = put(files, "templates/nudge/body.txt", "{{ customer.nme }}")
    project = load_files(files, env=ENV)
    found = [(problem.place.file, problem.code) for problem in project.problems if problem.severity == "error"]
    assert found == [
        ("config/default.yaml", "wrong-value"),
        ("rules/a.yaml", "unknown-event"),
        ("rules/b.yaml", "yaml-syntax"),
        ("templates/nudge/body.txt", "unknown-name"),
    ]
    assert project.plan is None
    assert project.settings is None


def test_a_broken_stream_does_not_blame_rules(good: FolderFiles) -> None:
    """Where a stream cannot be read its events are unknown, and no rule is told so."""
    project = load_files(put(good, "streams/shop.yaml", "source: [\n"), env=ENV)
    assert {problem.place.file for problem in project.problems} == {"streams/shop.yaml"}


def test_what_is_missing(tmp_path: Path) -> None:
    """A missing folder, config or stream is told, and the project is missing."""
    assert [p.code for p in load_project(tmp_path / "no", env={}).problems] == ["missing-folder"]
    (tmp_path / "configs").mkdir()
    project = load_project(tmp_path, env={})
    assert [p.code for p in project.problems] == ["missing-config", "missing-stream"]
    assert project.problems[0].help == "is it in configs/?"
    assert project.is_missing


def test_unreadable_files(tmp_path: Path) -> None:
    """A file that is no UTF-8 or too large, or that ends in .yml, is told; nothing else of it is said."""
    folder = tmp_path / "project"
    shutil.copytree(HERE / "good", folder)
    (folder / "rules" / "latin.yaml").write_bytes(b"name: x\nnotes: caf\xe9\n")
    (folder / "rules" / "large.yaml").write_bytes(b"#" * (FILE_BYTES_MAX + 1))
    (folder / "rules" / "other.yml").write_text("trigger: x\n")
    told = [(str(p.place), p.code) for p in load_project(folder, env=ENV).problems]
    assert told == [
        ("rules/large.yaml", "too-large"),
        ("rules/latin.yaml:2", "not-utf-8"),
        ("rules/other.yml", "wrong-ending"),
    ]


def test_sunset_and_arbitration(good: FolderFiles) -> None:
    """Lengths of the config reach the policy in µs."""
    text = good.config["config/default.yaml"] + "sunset: {after: 180 days}\narbitration: 1 hour\ncatch_up: 0\n"
    policy = plan_of(load_files(put(good, "config/default.yaml", text), env=ENV)).policy
    assert (policy.sunset, policy.arbitration, policy.catch_up) == (180 * DAY, HOUR, 0)


def test_the_body_of_a_web_request_is_read_from_the_folder(tmp_path: Path) -> None:
    """A19: a webhook's template is a `body.json` below templates/, read and checked like every other."""
    folder = tmp_path / "shop"
    shutil.copytree(Path(__file__).parent / "good", folder)
    (folder / "templates/chat/new").mkdir(parents=True)
    (folder / "templates/chat/new/body.json").write_text('{"text": "{{ customer.id }} is new"}', encoding="utf-8")
    (folder / "rules/told.yaml").write_text(
        "trigger: {event: signed_up}\nsteps: [{webhook: chat/new}]\n", encoding="utf-8"
    )
    config = folder / "config/default.yaml"
    config.write_text(config.read_text(encoding="utf-8") + "webhooks: {chat: ${CHAT_URL}}\n", encoding="utf-8")
    env = {
        "SMTP_PASSWORD": "hush",
        "RELIGHT_LINK_SECRET": "a secret of the tests",
        "CHAT_URL": "https://chat.example/h",
    }
    project = load_project(folder, env=env)
    assert [problem for problem in project.problems if problem.severity == "error"] == []
    assert project.plan is not None
    assert "chat/new/body.json" in project.plan.letters
