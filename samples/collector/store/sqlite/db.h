// SQLite behind two small owners. Every failure is a StoreError that carries SQLite's own words.
//
// Thread rule: one thread at a time for a Database and its Statements.
#ifndef WHYDROP_COLLECTOR_SQLITE_DB_H
#define WHYDROP_COLLECTOR_SQLITE_DB_H

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace whydrop::collector {

enum class OpenMode {
  kCreate,    // if there is no such file
  kExisting,  // fails then
  kQuery,     // as kExisting, and nothing can be changed
};

class Database {
 public:
  // A second opener of the same file waits up to 5 s for its locks.
  explicit Database(const std::string& path, OpenMode mode = OpenMode::kCreate);

  void Run(const char* sql);  // one or more statements without parameters
  int64_t LastId() const { return sqlite3_last_insert_rowid(db_.get()); }
  int Changes() const { return sqlite3_changes(db_.get()); }
  bool InTransaction() const { return sqlite3_get_autocommit(db_.get()) == 0; }
  sqlite3* get() const { return db_.get(); }

 private:
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> db_;
};

// Copies all of it, as of one moment, to a new file; who writes to it meanwhile goes on.
void CopyDatabase(const Database& from, const std::string& path);

// A prepared statement. Bind in order, then Step; Reset makes it ready for the next use. What is bound in place is not
// copied: it stays as it is until then.
class Statement {
 public:
  Statement(const Database& db, const std::string& sql);

  Statement& Int(int64_t value);
  Statement& Text(std::string_view value);
  Statement& Blob(std::string_view value);
  Statement& TextInPlace(std::string_view value);
  Statement& BlobInPlace(std::string_view value);
  Statement& Null();

  bool Step();     // true: a row stands ready
  void Execute();  // steps to the end and resets
  void Reset();

  int64_t IntAt(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  bool NullAt(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }
  std::string TextAt(int column) const;  // also for blobs

 private:
  Statement& BindText(std::string_view value, sqlite3_destructor_type keeping);
  Statement& BindBlob(std::string_view value, sqlite3_destructor_type keeping);
  void Check(int status) const;

  sqlite3* db_;
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement_;
  int next_ = 1;
};

// A read transaction: several questions are answered as of the same moment while a writer goes on.
class ReadTransaction {
 public:
  explicit ReadTransaction(const Database& db) : db_(db) { Statement(db_, "BEGIN").Execute(); }
  ~ReadTransaction() { sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr); }
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;

 private:
  const Database& db_;
};

// Resets a shared statement on every way out of a scope, so that no read lock stays behind.
class ScopedReset {
 public:
  explicit ScopedReset(Statement* statement) : statement_(statement) {}
  ~ScopedReset() { statement_->Reset(); }
  ScopedReset(const ScopedReset&) = delete;
  ScopedReset& operator=(const ScopedReset&) = delete;

 private:
  Statement* statement_;
};

}  // namespace whydrop::collector

#endif
