"""A project whose config says `store: {postgres: …}` runs like one with a file."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path

from relight.stores.postgres import PostgresStore
from relight.streams.envelope import Control
from tests.acceptance.cli_kit import copy_project, edit, ledger_of, mails_of, relight, relight_json
from tests.faults.small_project import SECRET
from tests.support.pages import BASE, free_port, serving
from tests.support.postgres_server import PostgresServer


def test_a_project_on_postgresql_decides_the_same(
    run_project: Path, new_project: Path, tmp_path: Path, postgres: PostgresServer
) -> None:
    """Rows, mails, explain, replay, doctor and metrics are those of the same project on SQLite; a new version, orders
    through the inbox, pages and desk work as with a file, and nothing of them is in a file.
    """
    folder = copy_project(new_project, tmp_path / "shop")
    edit(folder / "config/default.yaml", "store: {sqlite: data/relight.db}", 'store: {postgres: "${DATABASE_URL}"}')
    env = {"DATABASE_URL": postgres.new_schema(), "LINK_SECRET": SECRET}
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
    measured = [relight("metrics", "--json", cwd=one, env=env).stdout for one in (folder, run_project)]
    assert re.sub(r"[0-9a-f]{32}", "", measured[0]) == re.sub(r"[0-9a-f]{32}", "", measured[1])
    assert "paused" in relight("pause", "--all", cwd=folder, env=env).stdout
    rule = "name: The seventh order\ntrigger: {milestone: {count: order_placed, at: [7]}}\nsend: fifth_order\n"
    (folder / "rules/seventh_order.yaml").write_text(rule)
    assert "is in force" in relight("apply", "--yes", cwd=folder, env=env).stdout
    assert "is in force" in relight("rollback", "--yes", cwd=folder, env=env).stdout
    relight("run", cwd=folder, env=env)
    with closing(PostgresStore.open(env["DATABASE_URL"], read_only=True)) as store:
        assert [r.kind for _, r in store.global_log() if isinstance(r, Control)] == ["plan", "plan", "plan", "pause"]
    assert not list((folder / "data").glob("*.inbox.db*"))
    listen = f'web: {{base_url: "{BASE}", secret: "${{LINK_SECRET}}", listen: "127.0.0.1:{free_port()}"}}'
    edit(folder / "config/default.yaml", 'web: {base_url: "https://mail.cornerbooks.example"}', listen)
    with serving(folder, **env) as pages:
        for path in ("overview", "rules/winback_30d", "messages", "metrics", "system", f"customers/{rows[0].customer}"):
            assert pages.ask(f"/desk/{path}", accept="text/html").status == 200, path
        told = json.loads(pages.ask("/desk/rules/winback_30d.json").text)
    assert told["sent"] == sum(row.rule == "winback_30d" and row.state.value == "pending" for row in rows)
