"""`relight schema`: the JSON Schema of a kind of file, for editors and other tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import click

from relight.base.errors import UsageError
from relight.base.suggest import suggest_words
from relight.cli.output import count_of, say
from relight.cli.project import find_folder, relative

#: Folder of a project that editors look for schemas in.
SCHEMA_FOLDER = ".schema"


def _kinds(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    from relight.config.json_schema import FileKind

    return [kind for kind in get_args(FileKind) if kind.startswith(incomplete)]


@click.command("schema", short_help="Print the JSON Schema of a file.")
@click.argument("kind", required=False, shell_complete=_kinds)
@click.option("--write", is_flag=True, help=f"Write all of them to {SCHEMA_FOLDER}/ of the project.")
@click.option(
    "--project", "-p", envvar="RELIGHT_PROJECT", type=click.Path(path_type=Path), metavar="DIR", help="Project folder."
)
def command(*, kind: str | None, write: bool, project: Path | None) -> None:
    """Print the JSON Schema of a kind of file; without KIND, the kinds."""
    from relight.config.json_schema import MODELS, schema_of

    if write:
        folder = find_folder(project) / SCHEMA_FOLDER
        say(f"{count_of(write_schemas(folder), 'schema')} written to {relative(folder)}/")
    elif kind is None:
        for name, (_, title) in MODELS.items():
            say(f"{name:<12} {title}")
    elif kind in MODELS:
        say(json.dumps(schema_of(kind), ensure_ascii=False, indent=2))
    else:
        hint = suggest_words(kind, MODELS)
        raise UsageError(f"there is no kind of file '{kind}'" + (f"; {hint}" if hint else ""))


def write_schemas(folder: Path) -> int:
    """Write every schema as `<kind>.json` and return how many."""
    from relight.config.json_schema import MODELS, schema_of

    folder.mkdir(parents=True, exist_ok=True)
    for kind in MODELS:
        text = json.dumps(schema_of(kind), ensure_ascii=False, indent=1)
        (folder / f"{kind}.json").write_text(text + "\n", encoding="utf-8")
    return len(MODELS)
