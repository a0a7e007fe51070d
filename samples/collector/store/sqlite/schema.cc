#include "samples/collector/store/sqlite/schema.h"

#include <string>

#include "samples/collector/store/store.h"

namespace whydrop::collector {
namespace {

// kMigrations[n] leads from version n to n + 1; a released one is never changed.
constexpr const char* kMigrations[] = {R"sql(
CREATE TABLE batches (
  app_id TEXT NOT NULL, session_id BLOB NOT NULL, rotation INTEGER NOT NULL, part INTEGER NOT NULL,
  sha256 BLOB NOT NULL, received_s INTEGER NOT NULL,
  PRIMARY KEY (app_id, session_id, rotation, part)) WITHOUT ROWID;
CREATE INDEX batches_by_age ON batches (received_s);

CREATE TABLE sessions (
  id INTEGER PRIMARY KEY, app_id TEXT NOT NULL, session_id BLOB NOT NULL, role INTEGER NOT NULL,
  rotation INTEGER NOT NULL, app_version TEXT NOT NULL, platform INTEGER NOT NULL, sdk_version TEXT NOT NULL,
  end INTEGER NOT NULL, end_confidence INTEGER NOT NULL, code INTEGER NOT NULL, module TEXT NOT NULL,
  offset INTEGER NOT NULL, report_id TEXT NOT NULL, uptime_ms INTEGER NOT NULL, connections_opened INTEGER NOT NULL,
  boot_id BLOB NOT NULL, machine_id BLOB NOT NULL, rotate_interval_ms INTEGER NOT NULL,
  started_s INTEGER NOT NULL, ended_s INTEGER NOT NULL,
  contributed INTEGER NOT NULL DEFAULT 0,  -- connections counted for it, against the limit for one session
  replaced INTEGER NOT NULL DEFAULT 0,     -- enum Replaced
  UNIQUE (app_id, session_id));
CREATE INDEX sessions_by_end ON sessions (end, ended_s);
CREATE INDEX sessions_by_time ON sessions (ended_s);
CREATE INDEX sessions_by_machine ON sessions (app_id, machine_id) WHERE role = 1;

CREATE TABLE session_tags (
  session INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (session, key)) WITHOUT ROWID;

CREATE TABLE labels (
  app_id TEXT NOT NULL, dimension TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (app_id, dimension, value)) WITHOUT ROWID;

CREATE TABLE records (
  id INTEGER PRIMARY KEY, session INTEGER NOT NULL, number INTEGER NOT NULL, app_id TEXT NOT NULL, token_hash BLOB,
  rotation INTEGER NOT NULL, open INTEGER NOT NULL, previous INTEGER NOT NULL, established INTEGER NOT NULL,
  endpoint TEXT NOT NULL, network TEXT NOT NULL, evidence BLOB NOT NULL, at_s INTEGER NOT NULL,
  UNIQUE (session, number));
CREATE INDEX records_by_token ON records (app_id, token_hash) WHERE token_hash IS NOT NULL;
CREATE INDEX records_by_previous ON records (session, previous) WHERE previous <> 0;
CREATE INDEX records_by_age ON records (at_s);

CREATE TABLE connections (
  id INTEGER PRIMARY KEY, record INTEGER UNIQUE, session INTEGER, kind INTEGER NOT NULL, app_id TEXT NOT NULL,
  at_s INTEGER NOT NULL, count INTEGER NOT NULL, cause INTEGER NOT NULL, confidence INTEGER NOT NULL,
  outcome INTEGER NOT NULL, app_version TEXT NOT NULL, endpoint TEXT NOT NULL, network TEXT NOT NULL,
  platform INTEGER NOT NULL, server_error TEXT NOT NULL);
CREATE INDEX connections_by_time ON connections (app_id, at_s);
CREATE INDEX connections_by_age ON connections (at_s);
)sql",
                                       // Everything that the usual question reads, in the order of its groups: no
                                       // row is fetched and nothing is sorted.
                                       R"sql(
CREATE INDEX connections_by_cause ON connections (cause, server_error, outcome, kind, app_id, at_s, count);
)sql",
                                       R"sql(
ALTER TABLE sessions ADD COLUMN heard_s INTEGER NOT NULL DEFAULT 0;      -- when its newest report arrived
ALTER TABLE sessions ADD COLUMN losses INTEGER NOT NULL DEFAULT 0;       -- records and batches that it lost
ALTER TABLE records ADD COLUMN received_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connections ADD COLUMN decided_s INTEGER NOT NULL DEFAULT 0; -- waits for the other end until then; 0: not
ALTER TABLE connections ADD COLUMN findings INTEGER NOT NULL DEFAULT 0;  -- enum FindingBit
CREATE INDEX connections_by_decision ON connections (decided_s) WHERE decided_s > 0;
CREATE INDEX sessions_by_hearing ON sessions (heard_s)
  WHERE role = 1 AND end = 0 AND replaced = 0 AND rotate_interval_ms > 0;
)sql",
                                       // Counts by hour and day, for what the page asks (rollups.h), and the tags of
                                       // a session as one number that its rows keep.
                                       R"sql(
CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);
-- An id is never given again: a row may outlive the set that it points to.
CREATE TABLE tag_sets (id INTEGER PRIMARY KEY AUTOINCREMENT, tags TEXT NOT NULL UNIQUE, used_s INTEGER NOT NULL);
CREATE TABLE tag_set_tags (
  tag_set INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (tag_set, key)) WITHOUT ROWID;
CREATE INDEX tag_set_tags_by_value ON tag_set_tags (key, value);
CREATE TABLE counts (
  app INTEGER NOT NULL, facet INTEGER NOT NULL, value INTEGER NOT NULL,  -- words
  hours INTEGER NOT NULL, bucket INTEGER NOT NULL,                       -- 1 or 24, and as many of these since 1970
  kind INTEGER NOT NULL, outcome INTEGER NOT NULL, cause INTEGER NOT NULL,
  server_error INTEGER NOT NULL, version INTEGER NOT NULL,               -- words
  platform INTEGER NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (app, facet, value, hours, bucket, kind, outcome, cause, server_error, version, platform)) WITHOUT ROWID;

ALTER TABLE sessions ADD COLUMN tag_set INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connections ADD COLUMN tag_set INTEGER NOT NULL DEFAULT 0;
CREATE TEMP TABLE session_sets AS
  SELECT session, group_concat(key || '=' || value, char(10)) AS tags
  FROM (SELECT * FROM session_tags WHERE value <> '' ORDER BY session, key) GROUP BY session;
INSERT INTO tag_sets (tags, used_s) SELECT DISTINCT tags, strftime('%s', 'now') FROM session_sets;
INSERT INTO tag_set_tags SELECT DISTINCT t.id, k.key, k.value
  FROM tag_sets t JOIN (SELECT tags, min(session) AS session FROM session_sets GROUP BY tags) s ON s.tags = t.tags
  JOIN session_tags k ON k.session = s.session WHERE k.value <> '';
UPDATE sessions SET tag_set = t.id FROM session_sets s JOIN tag_sets t ON t.tags = s.tags WHERE s.session = sessions.id;
UPDATE connections SET tag_set = s.tag_set, platform = CASE WHEN connections.platform IN (1, 2, 3)
  THEN connections.platform ELSE 0 END FROM sessions s WHERE s.id = connections.session;
DROP TABLE session_sets;
DROP TABLE session_tags;

INSERT INTO words VALUES (0, '');
INSERT OR IGNORE INTO words (word)
  SELECT app_id FROM connections UNION SELECT app_version FROM connections UNION SELECT endpoint FROM connections
  UNION SELECT network FROM connections UNION SELECT server_error FROM connections
  UNION SELECT app_id FROM sessions UNION SELECT app_version FROM sessions
  UNION SELECT 'tag:' || key FROM tag_set_tags UNION SELECT value FROM tag_set_tags
  UNION VALUES ('endpoint'), ('network'), ('finding:1'), ('finding:2'), ('finding:4'), ('finding:8'),
    ('finding:16'), ('finding:32'), ('finding:64'), ('finding:128');
CREATE TEMP TABLE counted AS
  SELECT a.id AS app, at_s, kind, outcome, cause, e.id AS server_error, v.id AS version, platform, n.id AS endpoint,
         w.id AS network, tag_set, findings, count
  FROM connections c JOIN words a ON a.word = c.app_id JOIN words e ON e.word = c.server_error
  JOIN words v ON v.word = c.app_version JOIN words n ON n.word = c.endpoint JOIN words w ON w.word = c.network
  UNION ALL SELECT a.id, ended_s, 3, 0, end, 0, v.id, CASE WHEN platform IN (1, 2, 3) THEN platform ELSE 0 END,
         NULL, NULL, tag_set, 0, 1
  FROM sessions s JOIN words a ON a.word = s.app_id JOIN words v ON v.word = s.app_version WHERE role = 0;
INSERT INTO counts SELECT app, 0, 0, 1, at_s / 3600 AS bucket, kind, outcome, cause, server_error, version, platform,
  sum(count) FROM counted GROUP BY app, bucket, kind, outcome, cause, server_error, version, platform;
INSERT INTO counts SELECT app, facet, value, 24, at_s / 86400 AS bucket, kind, outcome, cause, server_error, version,
  platform, sum(count) FROM (
    SELECT *, 0 AS facet, 0 AS value FROM counted
    UNION ALL SELECT d.*, f.id, endpoint FROM counted d JOIN words f ON f.word = 'endpoint' WHERE endpoint IS NOT NULL
    UNION ALL SELECT d.*, f.id, network FROM counted d JOIN words f ON f.word = 'network' WHERE network IS NOT NULL
    UNION ALL SELECT d.*, f.id, x.id FROM counted d JOIN tag_set_tags t ON t.tag_set = d.tag_set
      JOIN words f ON f.word = 'tag:' || t.key JOIN words x ON x.word = t.value
    UNION ALL SELECT d.*, f.id, endpoint FROM counted d JOIN (VALUES (1), (2), (4), (8), (16), (32), (64), (128)) b
      ON findings & b.column1 JOIN words f ON f.word = 'finding:' || b.column1)
  GROUP BY app, facet, value, bucket, kind, outcome, cause, server_error, version, platform;
DROP TABLE counted;

UPDATE labels SET dimension = 'server_version' WHERE dimension = 'app_version'
  AND (app_id, value) IN (SELECT app_id, app_version FROM sessions WHERE role = 1)
  AND (app_id, value) NOT IN (SELECT app_id, app_version FROM sessions WHERE role = 0);
DROP INDEX connections_by_cause;
CREATE INDEX connections_by_cause ON connections (cause, at_s);
CREATE INDEX sessions_crashed ON sessions (module, offset, code, platform, ended_s, app_id, app_version, tag_set)
  WHERE end = 200 AND role = 0;
)sql"};
constexpr int kVersion = sizeof(kMigrations) / sizeof(kMigrations[0]);

int StoredVersion(const Database& db) {
  Statement statement(db, "PRAGMA user_version");
  return statement.Step() ? static_cast<int>(statement.IntAt(0)) : 0;
}

bool HasTables(const Database& db) {
  Statement statement(db, "SELECT 1 FROM sqlite_master LIMIT 1");
  return statement.Step();
}

void RefuseNewer(int version) {
  if (version <= kVersion) return;
  throw StoreError("it is of version " + std::to_string(version) + ", this collector knows up to " +
                   std::to_string(kVersion));
}

}  // namespace

void RequirePresentSchema(const Database& db) {
  const int version = StoredVersion(db);
  RefuseNewer(version);
  if (version < kVersion) {
    throw StoreError("it is of version " + std::to_string(version) + ", a collector that serves it brings it to " +
                     std::to_string(kVersion));
  }
}

void TouchSchema(Database* db) { db->Run(("PRAGMA user_version = " + std::to_string(kVersion)).c_str()); }

void PrepareSchema(Database* db) {
  // What a migration puts aside can be as large as the store.
  db->Run("PRAGMA temp_store = FILE; BEGIN IMMEDIATE");
  const int version = StoredVersion(*db);
  RefuseNewer(version);
  if (version < 0 || (version == 0 && HasTables(*db))) {
    throw StoreError("it is a SQLite file, but no whydrop store (version " + std::to_string(version) + ")");
  }
  for (int step = version; step < kVersion; ++step) db->Run(kMigrations[step]);
  TouchSchema(db);
  db->Run("COMMIT; PRAGMA temp_store = MEMORY");
  // Kept in the file, so it is changed only in one that is ours.
  db->Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  // The pages that a batch changes lie all over the indexes: most of them are to be at hand, and a page that is changed
  // again and again is to be written back once. What waits in the log, some 128 MiB, is read again after a crash.
  db->Run("PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 32768;");
}

}  // namespace whydrop::collector
