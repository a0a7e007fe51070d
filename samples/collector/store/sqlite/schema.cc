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
  db->Run("BEGIN IMMEDIATE");
  const int version = StoredVersion(*db);
  RefuseNewer(version);
  if (version < 0 || (version == 0 && HasTables(*db))) {
    throw StoreError("it is a SQLite file, but no whydrop store (version " + std::to_string(version) + ")");
  }
  for (int step = version; step < kVersion; ++step) db->Run(kMigrations[step]);
  TouchSchema(db);
  db->Run("COMMIT");
  // Kept in the file, so it is changed only in one that is ours.
  db->Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
}

}  // namespace whydrop::collector
