// Puts one batch into the tables, inside a transaction that its caller opened, and judges every connection again that
// the batch says something about.
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_WRITER_H
#define WHYDROP_COLLECTOR_SQLITE_WRITER_H

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "samples/collector/store/sqlite/db.h"
#include "samples/collector/store/sqlite/ends.h"
#include "samples/collector/store/sqlite/schema.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

class BatchWriter {
 public:
  // Servers are not missed for the time before `started_s`, when nobody could report.
  BatchWriter(Database* db, uint32_t join_window_s, int64_t started_s, Metrics* metrics);

  // Throws StoreError; the caller then rolls back and calls Forget.
  StoreVerdict Apply(Batch* batch);

  // What only the passing of time changes: connections whose window has passed are judged for good, servers that missed
  // three reports are taken for dead. NeedsReview is cheap; Review inside a transaction.
  bool NeedsReview(int64_t now_s);
  void Review(int64_t now_s);

  // Drops what is remembered of rows that a rollback took away.
  void Forget() { known_labels_.clear(); }

  // Deletes what is older than ids are kept.
  void Purge(int64_t now_s);

 private:
  struct SessionRow {
    int64_t id = 0;
    int64_t contributed = 0;
  };
  // What the batch touched and must be judged again.
  struct Touched {
    std::set<std::string> token_hashes;
    std::set<int64_t> records;  // without a token
  };

  bool Admit(const std::string& app_id, const std::string& dimension, std::string* value, size_t limit);
  void FoldLabels(Batch* batch);
  SessionRow PutSession(const Batch& batch, Touched* touched);
  void PutTags(int64_t session, const SessionInfo& info);
  void MarkReplaced(const Batch& batch, int64_t session, Touched* touched);
  void TouchOpenRecords(int64_t session, Touched* touched);
  void JudgeTouched(const std::string& app_id, const Touched& touched);
  void JudgeDue();
  void MissSilentServers();
  void JudgeSilentHosts();
  void PutRecords(const Batch& batch, SessionRow* session, Touched* touched);
  void PutRecord(const Batch& batch, const ConnectionRecord& record, SessionRow* session, Touched* touched);
  void PutCloseTotals(const Batch& batch, SessionRow* session);
  bool TakesMore(const Batch& batch, SessionRow* session, uint64_t count);
  void JudgeToken(const std::string& app_id, const std::string& token_hash);
  void JudgeRecord(int64_t record);
  void PutConnection(const StoredEnd& from, RowKind kind, const Judgement& judgement, uint32_t findings);

  Database* db_;
  Metrics* metrics_;
  EndReader ends_;
  Statement find_batch_, add_batch_, other_role_, find_label_, count_labels_, add_label_, find_session_, add_session_,
      update_session_, contribute_, drop_tags_, add_tag_, silent_servers_, set_replaced_, open_records_, find_record_,
      count_token_, add_record_, update_record_, previous_record_, drop_connection_, add_connection_, due_, missed_,
      silence_;
  std::unordered_set<std::string> known_labels_;
  JoinTime time_;
  const int64_t started_s_;
  int64_t reviewed_s_ = 0;
  // Sessions of servers that missed their reports and of which a client has now told that the machine fell silent.
  std::set<int64_t> suspected_hosts_;
};

}  // namespace whydrop::collector

#endif
