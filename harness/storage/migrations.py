"""Numbered steps of the store's schema. A step that was released is never changed; a new one is added."""

from __future__ import annotations

STEPS: tuple[str, ...] = (
    """
    CREATE TABLE runs (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at TEXT NOT NULL, status TEXT NOT NULL,
        config TEXT NOT NULL, command TEXT NOT NULL, versions TEXT NOT NULL, data_folder TEXT NOT NULL
    );
    CREATE TABLE answers (
        key TEXT PRIMARY KEY, checkpoint TEXT NOT NULL, text TEXT NOT NULL, n_tokens INTEGER NOT NULL,
        stopped TEXT NOT NULL, latency_s REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE verdicts (key TEXT PRIMARY KEY, verdict TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE item_sets (digest TEXT PRIMARY KEY, items TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE results (
        run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, label TEXT NOT NULL, benchmark TEXT NOT NULL,
        position INTEGER NOT NULL, checkpoint TEXT NOT NULL, options TEXT NOT NULL, protocol TEXT NOT NULL,
        item_set TEXT NOT NULL, answer_keys TEXT NOT NULL, scores TEXT NOT NULL,
        PRIMARY KEY (run, label, benchmark)
    ) WITHOUT ROWID;
    CREATE TABLE artifacts (
        run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, arm TEXT NOT NULL, kind TEXT NOT NULL,
        value TEXT NOT NULL, PRIMARY KEY (run, arm, kind)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE votes (
        id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, benchmark TEXT NOT NULL, item_id TEXT NOT NULL,
        field TEXT NOT NULL, label TEXT NOT NULL, word TEXT NOT NULL, reviewer TEXT NOT NULL, at TEXT NOT NULL,
        comment TEXT NOT NULL, answer TEXT NOT NULL, spans TEXT NOT NULL, adjudication INTEGER NOT NULL
    );
    CREATE TRIGGER votes_are_not_changed BEFORE UPDATE ON votes BEGIN SELECT RAISE(ABORT, 'votes are never changed'); END;
    CREATE TRIGGER votes_are_not_replaced BEFORE INSERT ON votes WHEN NEW.id IN (SELECT id FROM votes)
        BEGIN SELECT RAISE(ABORT, 'votes are never replaced'); END;
    CREATE TRIGGER votes_are_not_deleted BEFORE DELETE ON votes BEGIN SELECT RAISE(ABORT, 'votes are never deleted'); END;
    """,
    "CREATE TABLE log_odds (key TEXT PRIMARY KEY, yes_nats REAL NOT NULL) WITHOUT ROWID;",
    """
    CREATE TABLE by_products (
        run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, label TEXT NOT NULL, benchmark TEXT NOT NULL,
        kind TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (run, label, benchmark, kind)
    ) WITHOUT ROWID;
    INSERT INTO by_products SELECT a.run, a.arm, '', 'pairs', json_object(
        'report', json(a.value),
        'examples', json(coalesce(
            (SELECT value FROM artifacts WHERE run = a.run AND arm = a.arm AND kind = 'example_pairs'), '[]')),
        'images', json(coalesce(
            (SELECT value FROM artifacts WHERE run = a.run AND arm = a.arm AND kind = 'pair_images'), '[]'))
    ) FROM artifacts a WHERE a.kind = 'pairs_report';
    INSERT INTO by_products SELECT a.run, a.arm, '', 'training_log', json_object(
        'steps', json(a.value),
        'notes', json(coalesce((SELECT value FROM artifacts WHERE run = a.run AND arm = a.arm AND kind = 'notes'), '[]'))
    ) FROM artifacts a WHERE a.kind = 'training';
    INSERT INTO by_products SELECT run, arm, substr(kind, 9), 'missing_items', json_object('reasons', json(value))
        FROM artifacts WHERE kind LIKE 'missing %';
    INSERT INTO by_products SELECT run, substr(arm, 1, instr(arm, ': ') - 1), substr(arm, instr(arm, ': ') + 2), 'server_cost',
        json_group_object(substr(kind, 10), json(value)) FROM artifacts WHERE kind LIKE 'spent on %' GROUP BY run, arm;
    INSERT INTO by_products SELECT run, '', '', 'timings', json_object('seconds', json(value))
        FROM artifacts WHERE kind = 'timings';
    INSERT INTO by_products SELECT run, '', '', 'reward_accuracy', json_object('shares', json(value))
        FROM artifacts WHERE kind = 'reward_accuracy';
    DROP TABLE artifacts;
    """,
    "ALTER TABLE answers ADD COLUMN host TEXT;",
    "CREATE TABLE option_log_probs (key TEXT PRIMARY KEY, nats TEXT NOT NULL) WITHOUT ROWID;",
    "CREATE TABLE numbered_reviewers (number TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (number, name)) WITHOUT ROWID;",
    "ALTER TABLE answers ADD COLUMN model TEXT;",
    "ALTER TABLE votes ADD COLUMN about TEXT NOT NULL DEFAULT '';",
)
