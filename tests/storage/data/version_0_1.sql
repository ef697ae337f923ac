-- A store written by version 0.1 (schema 3), as SQL.
BEGIN TRANSACTION;
CREATE TABLE answers (
        key TEXT PRIMARY KEY, checkpoint TEXT NOT NULL, text TEXT NOT NULL, n_tokens INTEGER NOT NULL,
        stopped TEXT NOT NULL, latency_s REAL NOT NULL
    ) WITHOUT ROWID;
INSERT INTO "answers" VALUES('base-0','basebasebasebasebasebasebasebase','Yes.',2,'end',0.5);
INSERT INTO "answers" VALUES('base-1','basebasebasebasebasebasebasebase','Yes.',2,'end',0.5);
INSERT INTO "answers" VALUES('bdhs-0','bdhsbdhsbdhsbdhsbdhsbdhsbdhsbdhs','Yes.',2,'end',0.5);
INSERT INTO "answers" VALUES('bdhs-1','bdhsbdhsbdhsbdhsbdhsbdhsbdhsbdhs','No.',2,'end',0.5);
INSERT INTO "answers" VALUES('bdhs-2','bdhsbdhsbdhsbdhsbdhsbdhsbdhsbdhs','No.',2,'end',0.5);
CREATE TABLE artifacts (
        run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, arm TEXT NOT NULL, kind TEXT NOT NULL,
        value TEXT NOT NULL, PRIMARY KEY (run, arm, kind)
    ) WITHOUT ROWID;
INSERT INTO "artifacts" VALUES('old-12345678','','reward_accuracy','{"rm": {"other": null, "rm": 0.75}}');
INSERT INTO "artifacts" VALUES('old-12345678','','timings','{"pairs bdhs": 3.0, "sweep base": 12.5}');
INSERT INTO "artifacts" VALUES('old-12345678','base','missing pope','{"a.jpg Is there a car in the image?": "the server gave up"}');
INSERT INTO "artifacts" VALUES('old-12345678','base: pope','spent on answers','{"cost": 0.25, "requests": 3, "tokens_in": 300}');
INSERT INTO "artifacts" VALUES('old-12345678','base: pope','spent on judge','{"requests": 1}');
INSERT INTO "artifacts" VALUES('old-12345678','bdhs','example_pairs','[{"chosen": "A dog.", "id": "p1", "image": "a.jpg", "image_digest": "d1", "meta": {"tries": 2}, "prompt": "Describe.", "rejected": ["A cat."], "source": "bdhs"}]');
INSERT INTO "artifacts" VALUES('old-12345678','bdhs','missing pope','{}');
INSERT INTO "artifacts" VALUES('old-12345678','bdhs','notes','["stopped early"]');
INSERT INTO "artifacts" VALUES('old-12345678','bdhs','pair_images','["d1"]');
INSERT INTO "artifacts" VALUES('old-12345678','bdhs','pairs_report','{"pairs": 1, "tries": 3}');
INSERT INTO "artifacts" VALUES('old-12345678','bdhs','training','[{"loss": 0.69, "step": 1}, {"loss": 0.5, "step": 2}]');
CREATE TABLE item_sets (digest TEXT PRIMARY KEY, items TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "item_sets" VALUES('b2ba8d57ced033609beec676785ea55e889d1e94e7725c69ede3f08ec8bae8e2','[{"group": "a.jpg", "id": "a.jpg Is there a dog in the image?", "image": "a.jpg", "question": "Is there a dog in the image?", "truth": {"ids": {"random": ["1"]}, "labels": {"random": ["yes"]}}}, {"group": "a.jpg", "id": "a.jpg Is there a cat in the image?", "image": "a.jpg", "question": "Is there a cat in the image?", "truth": {"ids": {"random": ["2"]}, "labels": {"random": ["no"]}}}, {"group": "a.jpg", "id": "a.jpg Is there a car in the image?", "image": "a.jpg", "question": "Is there a car in the image?", "truth": {"ids": {"random": ["3"]}, "labels": {"random": ["no"]}}}]');
CREATE TABLE log_odds (key TEXT PRIMARY KEY, yes_nats REAL NOT NULL) WITHOUT ROWID;
INSERT INTO "log_odds" VALUES('base-0',1.25);
INSERT INTO "log_odds" VALUES('base-1',1.25);
CREATE TABLE results (
        run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, label TEXT NOT NULL, benchmark TEXT NOT NULL,
        position INTEGER NOT NULL, checkpoint TEXT NOT NULL, options TEXT NOT NULL, protocol TEXT NOT NULL,
        item_set TEXT NOT NULL, answer_keys TEXT NOT NULL, scores TEXT NOT NULL,
        PRIMARY KEY (run, label, benchmark)
    ) WITHOUT ROWID;
INSERT INTO "results" VALUES('old-12345678','base','pope',0,'{"aligner": "", "base": "b", "digest": "basebasebasebasebasebasebasebase", "folder": "", "id": "base", "parent": "", "step": 0}','{"name": "pope", "splits": ["random"]}','{"benchmark": "pope"}','b2ba8d57ced033609beec676785ea55e889d1e94e7725c69ede3f08ec8bae8e2','["base-0", "base-1", null]','[{"correct": true, "flag": "", "item_id": "a.jpg Is there a dog in the image?", "reading": "yes", "spans": [], "values": {"asked": 1.0, "brier": 0.049595351832811864, "log_odds": 1.25, "p7/n": 1.0, "p7/p": 0.7772998611746911, "p7/yes": 1.0, "random/tp": 1.0}, "verdict": null, "why": ""}, {"correct": false, "flag": "", "item_id": "a.jpg Is there a cat in the image?", "reading": "yes", "spans": [], "values": {"asked": 1.0, "brier": 0.604195074182194, "log_odds": 1.25, "p7/n": 1.0, "p7/p": 0.7772998611746911, "p7/yes": 0.0, "random/fp": 1.0}, "verdict": null, "why": ""}]');
INSERT INTO "results" VALUES('old-12345678','bdhs','pope',1,'{"aligner": "dpo", "base": "b", "digest": "bdhsbdhsbdhsbdhsbdhsbdhsbdhsbdhs", "folder": "", "id": "bdhs", "parent": "basebasebasebasebasebasebasebase", "step": 6}','{"name": "pope", "splits": ["random"]}','{"benchmark": "pope"}','b2ba8d57ced033609beec676785ea55e889d1e94e7725c69ede3f08ec8bae8e2','["bdhs-0", "bdhs-1", "bdhs-2"]','[{"correct": true, "flag": "", "item_id": "a.jpg Is there a dog in the image?", "reading": "yes", "spans": [], "values": {"asked": 1.0, "random/tp": 1.0}, "verdict": null, "why": ""}, {"correct": true, "flag": "", "item_id": "a.jpg Is there a cat in the image?", "reading": "no", "spans": [], "values": {"asked": 1.0, "random/tn": 1.0}, "verdict": null, "why": ""}, {"correct": true, "flag": "", "item_id": "a.jpg Is there a car in the image?", "reading": "no", "spans": [], "values": {"asked": 1.0, "random/tn": 1.0}, "verdict": null, "why": ""}]');
CREATE TABLE runs (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at TEXT NOT NULL, status TEXT NOT NULL,
        config TEXT NOT NULL, command TEXT NOT NULL, versions TEXT NOT NULL, data_folder TEXT NOT NULL
    );
INSERT INTO "runs" VALUES('old-12345678','old','2026-01-02T03:04:05+00:00','complete but for 1 items without an answer','name: old
seed: 0
data: miniworld
model: {name: transformers, path: miniworld}
reward_models: []
arms:
- name: bdhs
  pairs: {name: bdhs, rho_th: 0.99}
  align: {name: dpo, beta: 0.5, learning_rate: 5.0e-05, epochs: 2}
sweep:
- {name: pope, splits: [random]}
published: [Table 6]
','harness run old.yaml','{"torch": "2.13.0"}','/data');
CREATE TABLE verdicts (key TEXT PRIMARY KEY, verdict TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "verdicts" VALUES('v1','{"judge": "chat", "judge_version": "1", "raw": "rating: 4", "reading": "4", "value": 4.0}');
CREATE TABLE votes (
        id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, benchmark TEXT NOT NULL, item_id TEXT NOT NULL,
        field TEXT NOT NULL, label TEXT NOT NULL, word TEXT NOT NULL, reviewer TEXT NOT NULL, at TEXT NOT NULL,
        comment TEXT NOT NULL, answer TEXT NOT NULL, spans TEXT NOT NULL, adjudication INTEGER NOT NULL
    );
INSERT INTO "votes" VALUES(1,'a3c50af15ab52458ee6ced1b297d1310','pope','a.jpg Is there a cat in the image?','label','no','wrong','ann','2026-01-03T00:00:00','','','[]',0);
CREATE TRIGGER votes_are_not_changed BEFORE UPDATE ON votes BEGIN SELECT RAISE(ABORT, 'votes are never changed'); END;
CREATE TRIGGER votes_are_not_replaced BEFORE INSERT ON votes WHEN NEW.id IN (SELECT id FROM votes)
        BEGIN SELECT RAISE(ABORT, 'votes are never replaced'); END;
CREATE TRIGGER votes_are_not_deleted BEFORE DELETE ON votes BEGIN SELECT RAISE(ABORT, 'votes are never deleted'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('votes',1);
COMMIT;
PRAGMA user_version=3;
