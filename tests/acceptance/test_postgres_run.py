"""A project whose config says `store: {postgres: …}` runs like one with a file."""

from __future__ import annotations

from pathlib import Path

from relight.stores.postgres import PostgresStore
from tests.acceptance.cli_kit import copy_project, edit, ledger_of, mails_of, relight, relight_json
from tests.support.postgres_server import PostgresServer


def test_a_project_on_postgresql_decides_the_same(
    run_project: Path, new_project: Path, tmp_path: Path, postgres: PostgresServer
) -> None:
    """Rows, mails, explain, replay and doctor are those of the same project on SQLite."""
    folder = copy_project(new_project, tmp_path / "shop")
    edit(folder / "config/default.yaml", "store: {sqlite: data/relight.db}", 'store: {postgres: "${DATABASE_URL}"}')
    env = {"DATABASE_URL": postgres.new_schema()}
    assert "no store of relight yet" in relight("doctor", cwd=folder, env=env).stdout
    relight("run", cwd=folder, env=env)
    store = PostgresStore.open(env["DATABASE_URL"], read_only=True)
    # The versions of the plans differ with the config, and nothing else of a row does.
    rows = sorted(store.ledger(), key=lambda row: row.occurrence_key)
    expected = ledger_of(run_project)
    assert len(rows) > 50
    fields = [name for name in rows[0].__struct_fields__ if name != "plan_version"]
    assert [[getattr(row, f) for f in fields] for row in rows] == [[getattr(r, f) for f in fields] for r in expected]
    assert mails_of(folder) == mails_of(run_project)
    store.close()
    assert ", 0 missing, 0 extra, 0 differing" in relight("replay", cwd=folder, env=env).stdout
    assert relight("explain", rows[0].customer, cwd=folder, env=env).stdout
    told = relight("doctor", cwd=folder, env=env).stdout
    assert "store PostgreSQL" in told
    again = relight("run", "--json", cwd=folder, env=env)
    assert '"ledger_rows": 0' in again.stdout.replace('"ledger_rows":0', '"ledger_rows": 0')
    assert relight_json("doctor", "--offline", cwd=run_project)["ok"]
