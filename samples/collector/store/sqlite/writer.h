// Puts one batch into the tables, inside a transaction that its caller opened, and judges every connection again that
// the batch says something about.
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_WRITER_H
#define WHYDROP_COLLECTOR_SQLITE_WRITER_H

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "samples/collector/store/sqlite/counted_tables.h"
#include "samples/collector/store/sqlite/db.h"
#include "samples/collector/store/sqlite/ends.h"
#include "samples/collector/store/sqlite/labels.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

class BatchWriter {
 public:
  // Servers are not missed for the time before `started_s`, when nobody could report.
  BatchWriter(Database* db, uint32_t join_window_s, int64_t started_s, Metrics* metrics);

  // Throws StoreError: then the transaction cannot be committed.
  StoreVerdict Apply(Batch* batch);

  // What only the passing of time changes: connections whose window has passed are judged for good, servers that missed
  // three reports are taken for dead. NeedsReview is cheap; Review inside a transaction: true if there may be more.
  bool NeedsReview(int64_t now_s);
  bool Review(int64_t now_s);

  // Deletes some of what ended before. True if there may be more.
  bool PurgeSome(int64_t before_s) { return counted_.PurgeSome(before_s); }

  // The last thing before a transaction is committed, and the first after it was rolled back.
  void Finish() { counted_.Finish(); }
  void Forget();

 private:
  struct SessionRow {
    bool known = false;
    int64_t id = 0;
    Role role = Role::kClient;
    int64_t contributed = 0;
    int64_t stored_contributed = 0;  // what of it stands in the table
    int64_t rotation = -1;
    int64_t end = 0;
    bool replaced = false;
    int64_t tag_set = 0;
    CountedRow counted;
    int64_t highest_number = 0;  // of its records
    bool is_as_batch = false;    // the batch in hand was the newest of it
  };
  struct StoredRecord {
    int64_t id = 0;  // 0: there is none
    std::string token_hash;
    bool open = false;
    int64_t rotation = 0;
  };
  // What the batch touched and must be judged again.
  struct Touched {
    std::set<std::string> token_hashes;
    std::set<int64_t> records;  // without a token
    std::vector<std::pair<const ConnectionRecord*, int64_t>>
        added;  // new ones with their ids; no other has their token

    void Insert(const std::string& token_hash, int64_t record) {
      token_hash.empty() ? void(records.insert(record)) : void(token_hashes.insert(token_hash));
    }
  };

  bool IsKnown(const Batch& batch);
  SessionRow FindSession(const Batch& batch);
  void PutSession(const Batch& batch, SessionRow* row, Touched* touched);
  void MarkReplaced(const Batch& batch, int64_t session, Touched* touched);
  void TouchOpenRecords(int64_t session, Touched* touched);
  void JudgeTouched(const std::string& app_id, const Touched& touched);
  bool JudgeDue();
  bool MissSilentServers();
  void JudgeSilentHosts();
  void PutRecord(const Batch& batch, const ConnectionRecord& record, SessionRow* session, Touched* touched);
  StoredRecord FindRecord(const SessionRow& session, uint32_t number);
  int64_t WriteRecord(const Batch& batch, const ConnectionRecord& record, const std::string& token, SessionRow* session,
                      int64_t id);
  void TouchPrevious(const SessionRow& session, uint32_t number, Touched* touched);
  void PutCloseTotals(const Batch& batch, SessionRow* session);
  bool TakesMore(const Batch& batch, SessionRow* session, uint64_t count);
  void JudgeToken(const std::string& app_id, const std::string& token_hash);
  void JudgeRecord(int64_t record);
  void JudgeAdded(const Batch& batch, const SessionRow& session, Touched* touched);
  CountedConnection ConnectionOf(const CountedEnd& counted);

  Database* db_;
  Metrics* metrics_;
  EndReader ends_;
  LabelTable labels_;
  CountedTables counted_;
  Statement find_batch_, add_batch_, find_session_, add_session_, update_session_, contribute_, silent_servers_,
      set_replaced_, open_records_, find_record_, count_token_, add_record_, update_record_, previous_record_,
      any_previous_, due_, missed_, silence_;
  JoinTime time_;
  int64_t started_s_;
  int64_t reviewed_s_ = 0;
  // Sessions of servers that missed their reports and of which a client has now told that the machine fell silent.
  std::set<int64_t> suspected_hosts_;
};

}  // namespace whydrop::collector

#endif
