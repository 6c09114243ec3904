"""The tables of the PostgreSQL store, version by version; an older one is brought forward when a writer opens it."""

from __future__ import annotations

#: Statements that lead from one version to the next; the index is the version they start from. Never edited once
#: released: a new version appends a tuple. Tables are made in the first schema of the connection's search path.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        (
            "CREATE TABLE log (pos bigint PRIMARY KEY, kind smallint NOT NULL, ingest_time bigint NOT NULL,"
            " who bigint NOT NULL, what bigint NOT NULL, body bytea NOT NULL, crc bigint NOT NULL)"
        ),
        # One index finds copies of an event (who, what) and one customer's log (who): hashes, confirmed in the log.
        "CREATE INDEX log_identity ON log (who, what)",
        (
            "CREATE TABLE ledger (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL UNIQUE,"
            " rule text NOT NULL, customer text NOT NULL, step text NOT NULL, state text NOT NULL, reason text,"
            " judged bigint NOT NULL, body bytea NOT NULL, crc bigint NOT NULL)"
        ),
        "CREATE INDEX ledger_customer ON ledger (customer)",
        "CREATE INDEX ledger_judged ON ledger (judged)",
        (
            "CREATE TABLE tallies (rule text NOT NULL, reason text NOT NULL, day integer NOT NULL,"
            " count bigint NOT NULL, PRIMARY KEY (rule, reason, day))"
        ),
        (
            "CREATE TABLE outbox (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL UNIQUE,"
            " address_hash text NOT NULL, message_class text NOT NULL, state text NOT NULL, due bigint NOT NULL,"
            " token bigint NOT NULL, attempts bigint NOT NULL DEFAULT 0, lease_until bigint, owner text,"
            " settled_at bigint, body bytea NOT NULL, crc bigint NOT NULL)"
            " WITH (fillfactor = 70)"
        ),
        "CREATE INDEX outbox_due ON outbox (due, seq) WHERE state = 'pending'",
        "CREATE INDEX outbox_lease ON outbox (lease_until) WHERE state = 'sending'",
        # What the links in a message name it by: `messages.identity.occurrence_digest`.
        "CREATE TABLE links (digest text PRIMARY KEY, key text NOT NULL)",
        "CREATE INDEX outbox_settled ON outbox (settled_at) WHERE settled_at IS NOT NULL",
        (
            "CREATE TABLE attempts (number bigint PRIMARY KEY, key text NOT NULL,"
            " rule text NOT NULL, customer text NOT NULL, step text NOT NULL, token bigint NOT NULL,"
            " state text NOT NULL, cause text NOT NULL, text text NOT NULL, provider_id text, at bigint NOT NULL)"
        ),
        "CREATE INDEX attempts_at ON attempts (at)",
        (
            "CREATE TABLE suppressions (address_hash text PRIMARY KEY, scope text NOT NULL, cause text NOT NULL,"
            " at bigint NOT NULL)"
        ),
        (
            "CREATE TABLE dead_letters (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream text NOT NULL,"
            " body bytea NOT NULL, crc bigint NOT NULL, replayed_at bigint)"
        ),
        "CREATE TABLE positions (input text PRIMARY KEY, position text NOT NULL)",
        (
            'CREATE TABLE checkpoints (customer text COLLATE "C" PRIMARY KEY, pos bigint NOT NULL,'
            " body bytea NOT NULL, crc bigint NOT NULL)"
        ),
        "CREATE TABLE checkpoint_meta (name text PRIMARY KEY, body bytea NOT NULL, crc bigint NOT NULL)",
        "CREATE TABLE numbers (name text PRIMARY KEY, value bigint NOT NULL)",
        "CREATE TABLE notes (name text PRIMARY KEY, value text NOT NULL)",
        # On a cluster: who owns which partition of the log topic, and how far its decisions are durable.
        (
            "CREATE TABLE partitions (part integer PRIMARY KEY, epoch bigint NOT NULL, next_offset bigint NOT NULL,"
            " reached bigint NOT NULL, owner text NOT NULL) WITH (fillfactor = 50)"
        ),
    ),
    (
        # Counts for pages: they cost the same whatever the ledger holds. Days are ordinals, 719163 is 1970-01-01.
        # A slot for each of sixteen writers keeps workers from waiting for each other's rows.
        (
            "CREATE TABLE ledger_counts (rule text NOT NULL, step text NOT NULL, state text NOT NULL,"
            " reason text NOT NULL, day integer NOT NULL, slot integer NOT NULL, count bigint NOT NULL,"
            " PRIMARY KEY (rule, step, state, reason, day, slot)) WITH (fillfactor = 70)"
        ),
        (
            "INSERT INTO ledger_counts SELECT rule, step, state, coalesce(reason, ''),"
            " div(judged, 86400000000)::integer + 719163, 0, count(*) FROM ledger GROUP BY 1, 2, 3, 4, 5"
        ),
        (
            "CREATE FUNCTION count_ledger_rows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " INSERT INTO ledger_counts SELECT rule, step, state, coalesce(reason, ''),"
            " div(judged, 86400000000)::integer + 719163, pg_backend_pid() % 16, count(*) FROM added"
            " GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
            " ON CONFLICT (rule, step, state, reason, day, slot)"
            " DO UPDATE SET count = ledger_counts.count + excluded.count; RETURN NULL; END $$"
        ),
        (
            "CREATE TRIGGER ledger_counted AFTER INSERT ON ledger REFERENCING NEW TABLE AS added"
            " FOR EACH STATEMENT EXECUTE FUNCTION count_ledger_rows()"
        ),
        "CREATE INDEX ledger_listing ON ledger (rule, state, seq)",
    ),
    (
        # Codes of pools; `key` is the occurrence that one was given to. Sealed, and looked at when one is drawn.
        (
            "CREATE TABLE codes (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, pool text NOT NULL,"
            " code text NOT NULL UNIQUE, key text, drawn_at bigint, crc bigint NOT NULL)"
        ),
        "CREATE UNIQUE INDEX codes_given ON codes (key) WHERE key IS NOT NULL",
        "CREATE INDEX codes_left ON codes (pool, seq) WHERE key IS NULL",
    ),
    (
        # Pages of any store: rows by everything they are narrowed by, totals of all days, messages by rule and state.
        "DROP INDEX ledger_listing",
        "CREATE INDEX ledger_listing ON ledger (rule, state, coalesce(reason, ''), step, seq)",
        "CREATE INDEX ledger_counts_day ON ledger_counts (day)",
        (
            "CREATE TABLE ledger_totals (rule text NOT NULL, step text NOT NULL, state text NOT NULL,"
            " reason text NOT NULL, slot integer NOT NULL, last_day integer NOT NULL, count bigint NOT NULL,"
            " PRIMARY KEY (rule, step, state, reason, slot)) WITH (fillfactor = 70)"
        ),
        (
            "INSERT INTO ledger_totals SELECT rule, step, state, reason, slot, max(day), sum(count) FROM ledger_counts"
            " GROUP BY 1, 2, 3, 4, 5"
        ),
        (
            "CREATE OR REPLACE FUNCTION count_ledger_rows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " INSERT INTO ledger_counts SELECT rule, step, state, coalesce(reason, ''),"
            " div(judged, 86400000000)::integer + 719163, pg_backend_pid() % 16, count(*) FROM added"
            " GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
            " ON CONFLICT (rule, step, state, reason, day, slot)"
            " DO UPDATE SET count = ledger_counts.count + excluded.count;"
            " INSERT INTO ledger_totals SELECT rule, step, state, coalesce(reason, ''), pg_backend_pid() % 16,"
            " max(div(judged, 86400000000)::integer + 719163), count(*) FROM added"
            " GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
            " ON CONFLICT (rule, step, state, reason, slot) DO UPDATE SET count = ledger_totals.count + excluded.count,"
            " last_day = greatest(ledger_totals.last_day, excluded.last_day); RETURN NULL; END $$"
        ),
        "ALTER TABLE outbox ADD COLUMN rule text NOT NULL DEFAULT ''",
        "UPDATE outbox SET rule = ledger.rule FROM ledger WHERE ledger.key = outbox.key",
        "CREATE INDEX outbox_listing ON outbox (rule, state, seq)",
        # A slot's count may be negative: a message moves in another writer's slot than it came in. A transaction has a
        # slot for itself, so that two that move messages of the same rules in another order never wait for each other.
        (
            "CREATE TABLE outbox_counts (rule text NOT NULL, state text NOT NULL, slot integer NOT NULL,"
            " count bigint NOT NULL, PRIMARY KEY (rule, state, slot)) WITH (fillfactor = 70)"
        ),
        "INSERT INTO outbox_counts SELECT rule, state, 0, count(*) FROM outbox GROUP BY 1, 2",
        (
            "CREATE FUNCTION counting_slot() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN"
            " FOR slot IN 0..15 LOOP IF pg_try_advisory_xact_lock(1380730691, slot) THEN RETURN slot; END IF; END LOOP;"
            " RETURN 16 + pg_backend_pid(); END $$"
        ),
        (
            "CREATE FUNCTION count_outbox_added() RETURNS trigger LANGUAGE plpgsql AS $$"
            " DECLARE mine integer := counting_slot(); BEGIN INSERT INTO outbox_counts"
            " SELECT rule, state, mine, count(*) FROM added"
            " GROUP BY 1, 2 ORDER BY 1, 2 ON CONFLICT (rule, state, slot)"
            " DO UPDATE SET count = outbox_counts.count + excluded.count; RETURN NULL; END $$"
        ),
        (
            "CREATE FUNCTION count_outbox_removed() RETURNS trigger LANGUAGE plpgsql AS $$"
            " DECLARE mine integer := counting_slot(); BEGIN INSERT INTO outbox_counts"
            " SELECT rule, state, mine, -count(*) FROM removed"
            " GROUP BY 1, 2 ORDER BY 1, 2 ON CONFLICT (rule, state, slot)"
            " DO UPDATE SET count = outbox_counts.count + excluded.count; RETURN NULL; END $$"
        ),
        (
            "CREATE FUNCTION count_outbox_moved() RETURNS trigger LANGUAGE plpgsql AS $$"
            " DECLARE mine integer := counting_slot(); BEGIN INSERT INTO outbox_counts"
            " SELECT rule, state, mine, sum(n) FROM"
            " (SELECT rule, state, 1 AS n FROM added UNION ALL SELECT rule, state, -1 FROM removed) AS moves"
            " GROUP BY 1, 2 HAVING sum(n) <> 0 ORDER BY 1, 2 ON CONFLICT (rule, state, slot)"
            " DO UPDATE SET count = outbox_counts.count + excluded.count; RETURN NULL; END $$"
        ),
        (
            "CREATE TRIGGER outbox_added AFTER INSERT ON outbox REFERENCING NEW TABLE AS added"
            " FOR EACH STATEMENT EXECUTE FUNCTION count_outbox_added()"
        ),
        (
            "CREATE TRIGGER outbox_removed AFTER DELETE ON outbox REFERENCING OLD TABLE AS removed"
            " FOR EACH STATEMENT EXECUTE FUNCTION count_outbox_removed()"
        ),
        (
            "CREATE TRIGGER outbox_moved AFTER UPDATE ON outbox REFERENCING OLD TABLE AS removed NEW TABLE AS added"
            " FOR EACH STATEMENT EXECUTE FUNCTION count_outbox_moved()"
        ),
        "CREATE INDEX attempts_customer ON attempts (customer)",
        "CREATE INDEX dead_letters_waiting ON dead_letters (number) WHERE replayed_at IS NULL",
    ),
    (
        # What arrives while no engine runs; positions are given by the number `inbox`.
        (
            "CREATE TABLE inbox (position bigint PRIMARY KEY, kind text NOT NULL, name text NOT NULL, key text,"
            " token text, received bigint NOT NULL, body bytea NOT NULL, crc bigint NOT NULL)"
        ),
        "CREATE UNIQUE INDEX inbox_key ON inbox (key) WHERE key IS NOT NULL",
        "CREATE INDEX inbox_token ON inbox (token) WHERE token IS NOT NULL",
        "CREATE INDEX inbox_words ON inbox (position) WHERE kind <> 'event'",
    ),
    (
        # On a cluster: what workers put into a customer's log themselves, which the log topic has not.
        (
            "CREATE TABLE made_records (who bigint NOT NULL, what bigint NOT NULL, at bigint NOT NULL,"
            " is_control boolean NOT NULL, body bytea NOT NULL, crc bigint NOT NULL, PRIMARY KEY (who, what))"
        ),
        "CREATE INDEX made_records_order ON made_records (at, who, what)",
    ),
    (
        # How a dead letter ended; until then the only end was that it was read again.
        "ALTER TABLE dead_letters RENAME COLUMN replayed_at TO ended_at",
        "ALTER TABLE dead_letters ADD COLUMN ending text",
        "UPDATE dead_letters SET ending = 'replayed' WHERE ended_at IS NOT NULL",
    ),
)
#: Version this program writes.
SCHEMA_VERSION = len(MIGRATIONS)
