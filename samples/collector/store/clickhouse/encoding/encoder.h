// Turns a batch into rows of the engine's tables, within the limits of what one sender may do.
//
// What it remembers is a courtesy: it spares the engine repeats that come to the same collector. That every batch
// counts once follows from the rows alone.
//
// Thread rule: one thread at a time.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_ENCODER_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_ENCODER_H

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "samples/collector/store/clickhouse/encoding/batch_rows.h"
#include "samples/collector/store/clickhouse/encoding/token_use.h"
#include "samples/collector/store/clickhouse/engine/labels.h"
#include "samples/collector/store/clickhouse/stamp.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector::clickhouse {

class Encoder {
 public:
  Encoder(uint32_t owner, Stamps* stamps, Metrics* metrics)
      : owner_(owner), stamps_(stamps), metrics_(metrics), labels_(metrics) {}

  // kAccepted: `out` holds its rows.
  StoreVerdict Encode(Batch* batch, SpooledBatch* out);

  // Labels that are in the engine already.
  void Learn(const std::vector<Label>& labels) { labels_.Learn(labels); }

  // After rows that it made were not kept.
  void Forget();

 private:
  struct KnownSession {
    Role role = Role::kClient;
    uint64_t contributed = 0;
    std::unordered_map<uint64_t, BodyHash> batches;  // by rotation and part
  };

  bool TakesMore(const Batch& batch, KnownSession* session, uint64_t count);
  void PutClientSession(const Batch& batch, BatchRows* rows);
  void PutConnections(const Batch& batch, KnownSession* session, BatchRows* rows);
  void PutLinks(const Batch& batch, const ConnectionRecord& record, std::string_view join_key, BatchRows* rows);
  void PutCloseTotals(const Batch& batch, KnownSession* session, BatchRows* rows);

  const uint32_t owner_;  // of the work that rows make
  Stamps* const stamps_;
  Metrics* const metrics_;
  KnownLabels labels_;
  std::unordered_map<std::string, KnownSession> sessions_;  // by app and session
  TokenUse tokens_;
};

}  // namespace whydrop::collector::clickhouse

#endif
