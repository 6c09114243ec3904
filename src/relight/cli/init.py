"""`relight init`: a complete small project with events, rules, mails and editor settings; it runs offline at once."""

from __future__ import annotations

import json
import shutil
from importlib.resources import as_file, files
from pathlib import Path

import click

from relight.base.errors import UsageError
from relight.cli.output import say
from relight.cli.project import relative

#: Kind of schema of a file, by the folder it stands in.
_SCHEMAS = {"streams": "stream", "rules": "rule", "config": "config", "tests/rules": "rule-test"}
_IGNORED = "/data/\n/outbox/\n/out/\n/.env\n"
#: What an editor with yaml-language-server needs to know where a file has no modeline.
_EDITOR = {
    "yaml.schemas": {
        "./.schema/stream.json": "streams/*.yaml",
        "./.schema/rule.json": ["rules/*.yaml", "!rules/definitions.yaml"],
        "./.schema/definitions.json": "rules/definitions.yaml",
        "./.schema/config.json": ["config/*.yaml", "!config/measures.yaml"],
        "./.schema/measures.json": "config/measures.yaml",
        "./.schema/rule-test.json": "tests/rules/*.yaml",
    },
    "yaml.validate": True,
    "yaml.completion": True,
    "yaml.hover": True,
}
_TOLD = (
    ("streams/shop.yaml", "what events exist"),
    ("rules/winback_30d.yaml", "a rule; two more beside it"),
    ("templates/winback/", "subject.txt  body.html  body.txt  tr/"),
    ("tests/rules/", "what each rule must do, and what not"),
    ("config/default.yaml", "one machine, no server; mails go to files, nothing is sent"),
)


@click.command("init", short_help="Make a complete project that runs offline.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option(
    "--template", type=click.Choice(["shop"]), default="shop", show_default=True, help="What kind of project."
)
def command(*, folder: Path, template: str) -> None:
    """Make a complete project in DIR: events, rules, mails, config, editor settings. It runs offline."""
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", help_text="name a new folder")
    events = make_project(folder, template)
    say(f"Created {relative(folder)}/")
    width = max(len(name) for name, _ in _TOLD)
    for name, text in _TOLD:
        say(f"  {name:<{width}}  {text}")
    say(f"  {'events.ndjson':<{width}}  {events:,} made-up events")
    say(f"Next:  cd {relative(folder)};  relight check;  relight test;  relight simulate;  relight run")


def make_project(folder: Path, template: str = "shop") -> int:
    """Make a project in an empty or new folder and return how many events it has; raises OSError."""
    from relight.cli.schema import SCHEMA_FOLDER, write_schemas
    from relight.cli.starter_events import write_events

    with as_file(files("relight.config") / "starter" / template) as source:
        shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for part, kind in _SCHEMAS.items():
        for path in sorted((folder / part).glob("*.yaml")):
            of = "definitions" if path.name == "definitions.yaml" else kind
            up = "../" * (part.count("/") + 1)
            modeline = f"# yaml-language-server: $schema={up}{SCHEMA_FOLDER}/{of}.json\n"
            path.write_text(modeline + path.read_text(encoding="utf-8"), encoding="utf-8")
    write_schemas(folder / SCHEMA_FOLDER)
    editor = folder / ".vscode"
    editor.mkdir(exist_ok=True)
    (editor / "settings.json").write_text(json.dumps(_EDITOR, indent=2) + "\n", encoding="utf-8")
    (folder / ".gitignore").write_text(_IGNORED, encoding="utf-8")
    return write_events(folder / "events.ndjson")
