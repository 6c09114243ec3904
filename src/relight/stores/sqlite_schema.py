"""The tables of the SQLite store, version by version; a store of an older version is brought forward at open."""

from __future__ import annotations

#: Statements that lead from one version to the next; the index is the version they start from. Never edited once
#: released: a new version appends a tuple.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        (
            "CREATE TABLE log (pos INTEGER PRIMARY KEY, kind INTEGER NOT NULL, ingest_time INTEGER NOT NULL,"
            " body BLOB NOT NULL, crc INTEGER NOT NULL)"
        ),
        (
            "CREATE TABLE ledger (seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, rule TEXT NOT NULL,"
            " customer TEXT NOT NULL, step TEXT NOT NULL, state TEXT NOT NULL, reason TEXT, judged INTEGER NOT NULL,"
            " body BLOB NOT NULL, crc INTEGER NOT NULL)"
        ),
        "CREATE INDEX ledger_customer ON ledger (customer)",
        "CREATE INDEX ledger_judged ON ledger (judged)",
        (
            "CREATE TABLE tallies (rule TEXT NOT NULL, reason TEXT NOT NULL, day INTEGER NOT NULL,"
            " count INTEGER NOT NULL, PRIMARY KEY (rule, reason, day)) WITHOUT ROWID"
        ),
        (
            "CREATE TABLE outbox (seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, address_hash TEXT NOT NULL,"
            " message_class TEXT NOT NULL, state TEXT NOT NULL, due INTEGER NOT NULL, token INTEGER NOT NULL,"
            " lease_until INTEGER, owner TEXT, body BLOB NOT NULL, crc INTEGER NOT NULL)"
        ),
        "CREATE INDEX outbox_due ON outbox (due, seq) WHERE state = 'pending'",
        "CREATE INDEX outbox_lease ON outbox (lease_until) WHERE state = 'sending'",
        (
            "CREATE TABLE attempts (number INTEGER PRIMARY KEY, key TEXT NOT NULL, rule TEXT NOT NULL,"
            " customer TEXT NOT NULL, step TEXT NOT NULL, token INTEGER NOT NULL, state TEXT NOT NULL,"
            " cause TEXT NOT NULL, text TEXT NOT NULL, provider_id TEXT, at INTEGER NOT NULL)"
        ),
        (
            "CREATE TABLE suppressions (address_hash TEXT PRIMARY KEY, scope TEXT NOT NULL, cause TEXT NOT NULL,"
            " at INTEGER NOT NULL) WITHOUT ROWID"
        ),
        (
            "CREATE TABLE dead_letters (number INTEGER PRIMARY KEY, stream TEXT NOT NULL, body BLOB NOT NULL,"
            " crc INTEGER NOT NULL, replayed_at INTEGER)"
        ),
        "CREATE TABLE positions (input TEXT PRIMARY KEY, position TEXT NOT NULL) WITHOUT ROWID",
        (
            "CREATE TABLE checkpoints (customer TEXT PRIMARY KEY, pos INTEGER NOT NULL, body BLOB NOT NULL,"
            " crc INTEGER NOT NULL) WITHOUT ROWID"
        ),
        "CREATE TABLE checkpoint_meta (name TEXT PRIMARY KEY, body BLOB NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
        (
            "CREATE TABLE segments (segment INTEGER PRIMARY KEY, level INTEGER NOT NULL, last_pos INTEGER NOT NULL,"
            " entries INTEGER NOT NULL, body BLOB NOT NULL, crc INTEGER NOT NULL)"
        ),
        (
            "CREATE TABLE segment_blocks (number INTEGER PRIMARY KEY, segment INTEGER NOT NULL, body BLOB NOT NULL,"
            " crc INTEGER NOT NULL)"
        ),
        (
            "CREATE TABLE segment_filters (segment INTEGER NOT NULL, part INTEGER NOT NULL, body BLOB NOT NULL,"
            " crc INTEGER NOT NULL, PRIMARY KEY (segment, part)) WITHOUT ROWID"
        ),
    ),
    (
        "ALTER TABLE outbox ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE outbox ADD COLUMN settled_at INTEGER",
        "UPDATE outbox SET attempts = token",
        "UPDATE outbox SET settled_at = due WHERE state NOT IN ('pending', 'sending', 'unknown')",
        "CREATE INDEX outbox_settled ON outbox (settled_at) WHERE settled_at IS NOT NULL",
    ),
    (
        # What the links in a message name it by; `link_digest` is `messages.identity.occurrence_digest`.
        "CREATE TABLE links (digest TEXT PRIMARY KEY, key TEXT NOT NULL) WITHOUT ROWID",
        "INSERT OR IGNORE INTO links SELECT link_digest(key), key FROM outbox",
    ),
    (
        # Small tables whose damage would send to who may not be written to, skip input or judge early.
        "ALTER TABLE suppressions ADD COLUMN crc INTEGER",
        "ALTER TABLE positions ADD COLUMN crc INTEGER",
        "ALTER TABLE meta ADD COLUMN crc INTEGER",
        "UPDATE suppressions SET crc = row_seal(address_hash, scope, cause, at)",
        "UPDATE positions SET crc = row_seal(input, position)",
        "UPDATE meta SET crc = row_seal(name, value)",
    ),
    (
        # Counts for pages: they cost the same whatever the ledger holds. Days are ordinals, 719163 is 1970-01-01.
        (
            "CREATE TABLE ledger_counts (rule TEXT NOT NULL, step TEXT NOT NULL, state TEXT NOT NULL,"
            " reason TEXT NOT NULL, day INTEGER NOT NULL, count INTEGER NOT NULL,"
            " PRIMARY KEY (rule, step, state, reason, day)) WITHOUT ROWID"
        ),
        (
            "INSERT INTO ledger_counts SELECT rule, step, state, coalesce(reason, ''), judged / 86400000000 + 719163,"
            " count(*) FROM ledger GROUP BY 1, 2, 3, 4, 5"
        ),
        (
            "CREATE TRIGGER ledger_counted AFTER INSERT ON ledger BEGIN INSERT INTO ledger_counts VALUES (new.rule,"
            " new.step, new.state, coalesce(new.reason, ''), new.judged / 86400000000 + 719163, 1)"
            " ON CONFLICT (rule, step, state, reason, day) DO UPDATE SET count = count + 1; END"
        ),
        "CREATE INDEX ledger_listing ON ledger (rule, state)",
    ),
    (
        # Codes of pools; `key` is the occurrence that one was given to. Sealed, and looked at when one is drawn.
        (
            "CREATE TABLE codes (seq INTEGER PRIMARY KEY, pool TEXT NOT NULL, code TEXT NOT NULL UNIQUE, key TEXT,"
            " drawn_at INTEGER, crc INTEGER NOT NULL)"
        ),
        "CREATE UNIQUE INDEX codes_given ON codes (key) WHERE key IS NOT NULL",
        "CREATE INDEX codes_left ON codes (pool, seq) WHERE key IS NULL",
    ),
    (
        # Pages of any store: rows by everything they are narrowed by, totals of all days, messages by rule and state.
        "DROP INDEX ledger_listing",
        "CREATE INDEX ledger_listing ON ledger (rule, state, reason, step)",
        "CREATE INDEX ledger_counts_day ON ledger_counts (day)",
        (
            "CREATE TABLE ledger_totals (rule TEXT NOT NULL, step TEXT NOT NULL, state TEXT NOT NULL,"
            " reason TEXT NOT NULL, last_day INTEGER NOT NULL, count INTEGER NOT NULL,"
            " PRIMARY KEY (rule, step, state, reason)) WITHOUT ROWID"
        ),
        (
            "INSERT INTO ledger_totals SELECT rule, step, state, reason, max(day), sum(count) FROM ledger_counts"
            " GROUP BY 1, 2, 3, 4"
        ),
        "DROP TRIGGER ledger_counted",
        (
            "CREATE TRIGGER ledger_counted AFTER INSERT ON ledger BEGIN INSERT INTO ledger_counts VALUES (new.rule,"
            " new.step, new.state, coalesce(new.reason, ''), new.judged / 86400000000 + 719163, 1)"
            " ON CONFLICT (rule, step, state, reason, day) DO UPDATE SET count = count + 1;"
            " INSERT INTO ledger_totals VALUES (new.rule,"
            " new.step, new.state, coalesce(new.reason, ''), new.judged / 86400000000 + 719163, 1)"
            " ON CONFLICT (rule, step, state, reason) DO UPDATE SET count = count + 1,"
            " last_day = max(last_day, excluded.last_day); END"
        ),
        "ALTER TABLE outbox ADD COLUMN rule TEXT NOT NULL DEFAULT ''",
        "UPDATE outbox SET rule = coalesce((SELECT rule FROM ledger WHERE ledger.key = outbox.key), '')",
        "CREATE INDEX outbox_listing ON outbox (rule, state)",
        (
            "CREATE TABLE outbox_counts (rule TEXT NOT NULL, state TEXT NOT NULL, count INTEGER NOT NULL,"
            " PRIMARY KEY (rule, state)) WITHOUT ROWID"
        ),
        "INSERT INTO outbox_counts SELECT rule, state, count(*) FROM outbox GROUP BY 1, 2",
        (
            "CREATE TRIGGER outbox_added AFTER INSERT ON outbox BEGIN INSERT INTO outbox_counts VALUES (new.rule,"
            " new.state, 1) ON CONFLICT (rule, state) DO UPDATE SET count = count + 1; END"
        ),
        (
            "CREATE TRIGGER outbox_moved AFTER UPDATE OF state ON outbox WHEN new.state IS NOT old.state BEGIN"
            " UPDATE outbox_counts SET count = count - 1 WHERE rule = old.rule AND state = old.state;"
            " INSERT INTO outbox_counts VALUES (new.rule, new.state, 1)"
            " ON CONFLICT (rule, state) DO UPDATE SET count = count + 1; END"
        ),
        (
            "CREATE TRIGGER outbox_removed AFTER DELETE ON outbox BEGIN"
            " UPDATE outbox_counts SET count = count - 1 WHERE rule = old.rule AND state = old.state; END"
        ),
        "CREATE INDEX attempts_customer ON attempts (customer)",
        "CREATE INDEX dead_letters_waiting ON dead_letters (number) WHERE replayed_at IS NULL",
    ),
    (
        # How a dead letter ended; until then the only end was that it was read again.
        "ALTER TABLE dead_letters RENAME COLUMN replayed_at TO ended_at",
        "ALTER TABLE dead_letters ADD COLUMN ending TEXT",
        "UPDATE dead_letters SET ending = 'replayed' WHERE ended_at IS NOT NULL",
    ),
)
#: Tables whose rows are sealed as a whole and checked at open: the name of a row, and what its `crc` is of.
SEALED_TABLES = {
    "suppressions": ("address_hash", "address_hash, scope, cause, at"),
    "positions": ("input", "input, position"),
    "meta": ("name", "name, value"),
}
#: Writes a row of `meta`; where a value that is not empty stands, `SET_META_ONCE` leaves it.
SET_META = "INSERT OR REPLACE INTO meta VALUES (?1, ?2, row_seal(?1, ?2))"
SET_META_ONCE = (
    "INSERT INTO meta VALUES (?1, ?2, row_seal(?1, ?2))"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value, crc = excluded.crc WHERE value = ''"
)
#: Version this program writes.
SCHEMA_VERSION = len(MIGRATIONS)
#: Marks a file as ours (`PRAGMA application_id`): the letters RLGT.
APPLICATION_ID = 0x524C4754
