#include "samples/collector/store/sqlite/db.h"

#include "samples/collector/store/store.h"

namespace whydrop::collector {
namespace {

// SQLite would count every allocation under one mutex, for a statistic that nobody reads. Only before its first use.
bool ConfigureLibrary() {
  static const bool done = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK;
  return done;
}

}  // namespace

Database::Database(const std::string& path, OpenMode mode) : db_(nullptr, sqlite3_close) {
  ConfigureLibrary();
  sqlite3* db = nullptr;
  // Also who only asks opens to write: readers of a database with a log write to its shared memory.
  const int create = mode == OpenMode::kCreate ? SQLITE_OPEN_CREATE : 0;
  const int status = sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | create, nullptr);
  db_.reset(db);
  if (status != SQLITE_OK) throw StoreError("cannot open '" + path + "': " + sqlite3_errmsg(db));
  sqlite3_busy_timeout(db, 5000);
  // What a question sorts, or a statement may have to take back, would else go to files.
  Run("PRAGMA temp_store = MEMORY");
  if (mode == OpenMode::kQuery) Run("PRAGMA query_only = ON; PRAGMA cache_size = -16384");
}

void Database::Run(const char* sql) {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) throw StoreError(sqlite3_errmsg(db_.get()));
}

void CopyDatabase(const Database& from, const std::string& path) {
  const Database to(path);
  sqlite3_backup* backup = sqlite3_backup_init(to.get(), "main", from.get(), "main");
  if (backup == nullptr) throw StoreError(sqlite3_errmsg(to.get()));
  // In one step: between two another connection's write would start it again.
  const int status = sqlite3_backup_step(backup, -1);
  const int finished = sqlite3_backup_finish(backup);
  if (finished != SQLITE_OK) throw StoreError("cannot write '" + path + "': " + sqlite3_errmsg(to.get()));
  if (status != SQLITE_DONE) throw StoreError("cannot write '" + path + "': " + sqlite3_errstr(status));
}

Statement::Statement(const Database& db, const std::string& sql)
    : db_(db.get()), statement_(nullptr, sqlite3_finalize) {
  sqlite3_stmt* statement = nullptr;
  Check(sqlite3_prepare_v3(db_, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
  statement_.reset(statement);
}

Statement& Statement::Int(int64_t value) {
  Check(sqlite3_bind_int64(statement_.get(), next_++, value));
  return *this;
}

Statement& Statement::BindText(std::string_view value, sqlite3_destructor_type keeping) {
  Check(sqlite3_bind_text64(statement_.get(), next_++, value.data() != nullptr ? value.data() : "", value.size(),
                            keeping, SQLITE_UTF8));
  return *this;
}

Statement& Statement::BindBlob(std::string_view value, sqlite3_destructor_type keeping) {
  Check(sqlite3_bind_blob64(statement_.get(), next_++, value.data() != nullptr ? value.data() : "", value.size(),
                            keeping));
  return *this;
}

Statement& Statement::Text(std::string_view value) { return BindText(value, SQLITE_TRANSIENT); }
Statement& Statement::Blob(std::string_view value) { return BindBlob(value, SQLITE_TRANSIENT); }
Statement& Statement::TextInPlace(std::string_view value) { return BindText(value, SQLITE_STATIC); }
Statement& Statement::BlobInPlace(std::string_view value) { return BindBlob(value, SQLITE_STATIC); }

Statement& Statement::Null() {
  Check(sqlite3_bind_null(statement_.get(), next_++));
  return *this;
}

bool Statement::Step() {
  const int status = sqlite3_step(statement_.get());
  if (status == SQLITE_ROW) return true;
  if (status != SQLITE_DONE) {
    const std::string message = sqlite3_errmsg(db_);
    Reset();
    throw StoreError(message);
  }
  return false;
}

void Statement::Execute() {
  while (Step()) {
  }
  Reset();
}

void Statement::Reset() {
  sqlite3_reset(statement_.get());  // its result repeats that of the last step, which was looked at
  sqlite3_clear_bindings(statement_.get());
  next_ = 1;
}

std::string Statement::TextAt(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data != nullptr ? std::string(static_cast<const char*>(data), static_cast<size_t>(size)) : std::string();
}

void Statement::Check(int status) const {
  if (status != SQLITE_OK) throw StoreError(sqlite3_errmsg(db_));
}

}  // namespace whydrop::collector
