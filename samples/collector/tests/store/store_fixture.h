// An empty store of the engine under test, under a clock that the test sets, and batches as a sender would fill them.
// The engine is SQLite, in a directory of its own, or the one that WHYDROP_TEST_STORE names.
#ifndef WHYDROP_COLLECTOR_TESTS_STORE_FIXTURE_H
#define WHYDROP_COLLECTOR_TESTS_STORE_FIXTURE_H

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <future>
#include <string>
#include <string_view>

#include "samples/collector/model/evidence_message.h"
#include "samples/collector/store/store.h"
#include "tests/support/test_directory.h"

namespace whydrop::collector {

constexpr int64_t kDay = 86400;

inline std::string Id(char fill) { return std::string(16, fill); }

// In both forms, as the decoder gives it; `bytes` are added to what is there.
inline void AddEvidence(std::string_view bytes, ConnectionRecord* record) {
  record->evidence_bytes += bytes;
  record->evidence = DecodeEvidence(record->evidence_bytes);
}

// Established over TCP, closed by this side at 1,000 ms.
inline ConnectionRecord Record(uint32_t number, const std::string& token_hash = "",
                               std::string_view evidence = {"\x20\x01\x30\x01\x48\x01\xb0\x03\xe8\x07", 10}) {
  ConnectionRecord record;
  record.number = number;
  record.token_hash = token_hash;
  AddEvidence(evidence, &record);
  return record;
}

// What a client saw of a server that went away: reset by the peer at 1,000 ms.
inline ConnectionRecord ResetRecord(uint32_t number, const std::string& token_hash) {
  return Record(number, token_hash, {"\x08\x01\x10\x68\x18\x05\x20\x01\x48\x01\x58\x01\xb0\x03\xe8\x07", 16});
}

inline ConnectionRecord OpenRecord(uint32_t number, const std::string& token_hash = "") {
  ConnectionRecord record = Record(number, token_hash, {"\x20\x01\x48\x01", 4});
  record.open = true;
  return record;
}

// Open when the client's process crashed.
inline ConnectionRecord CrashedRecord(uint32_t number, const std::string& token_hash) {
  ConnectionRecord record = OpenRecord(number, token_hash);
  AddEvidence({"\x90\x03\xc8\x01\x98\x03\x03", 7}, &record);  // session_end (50), its confidence (51)
  return record;
}

// "sqlite:" with a new file, or the URL of WHYDROP_TEST_STORE where every "%" becomes a name that no other test has:
// of a database, of a directory.
class TestStoreUrl {
 public:
  TestStoreUrl() {
    const char* wanted = std::getenv("WHYDROP_TEST_STORE");
    url_ = wanted != nullptr ? wanted : "sqlite:" + directory_.File("store.db");
    std::string unique = directory_.Path().filename().string();
    std::replace(unique.begin(), unique.end(), '-', '_');  // no name of a database may have a hyphen
    for (size_t at = url_.find('%'); at != std::string::npos; at = url_.find('%', at)) url_.replace(at, 1, unique);
  }
  const std::string& url() const { return url_; }
  const std::string& directory() const { return directory_.path(); }  // for the test's own files

 private:
  TestDirectory directory_;
  std::string url_;
};

class StoreFixture {
 public:
  StoreFixture() { Open(); }

  void Open() {
    store.reset();
    store = OpenAnother();
  }
  std::unique_ptr<Store> OpenAnother(const StoreSettings& settings = {}) {
    return OpenStore(
        where.url(), [this] { return now.load(); }, &metrics, settings);
  }

  Batch Make(char session, uint32_t rotation = 0, uint32_t part = 0) const {
    Batch batch;
    batch.key.session_id.fill(static_cast<uint8_t>(session));
    batch.key.rotation = rotation;
    batch.key.part = part;
    batch.sha256[0] = static_cast<uint8_t>(session);
    batch.session.app_id = "game";
    batch.session.app_version = "1.0";
    batch.session.uptime_ms = 2000;
    batch.reference_ms = 2000;
    batch.received_unix_s = batch.reference_unix_s = now;
    return batch;
  }
  Batch MakeServer(char session, char machine, char boot, uint32_t rotation = 0) const {
    Batch batch = Make(session, rotation);
    batch.session.role = Role::kServer;
    batch.session.machine_id = Id(machine);
    batch.session.boot_id = Id(boot);
    batch.session.rotate_interval_ms = 1000;
    return batch;
  }

  StoreVerdict Post(Batch batch) {
    std::promise<StoreVerdict> verdict;
    REQUIRE(store->Submit(std::move(batch), [&verdict](StoreVerdict got) { verdict.set_value(got); }));
    const StoreVerdict got = verdict.get_future().get();
    store->Settle();
    return got;
  }

  // An engine that finds duplicates only when it is asked takes what it has already; it must not count it.
  void PostAgain(const Batch& batch) {
    const StoreVerdict verdict = Post(batch);
    CHECK((verdict == StoreVerdict::kDuplicate || verdict == StoreVerdict::kAccepted));
  }

  Attribution Ask(const std::string& group_by = "cause") {
    AttributionQuery query;
    query.group_by = {group_by};
    return store->QueryAttribution(query);
  }
  std::string Cause(const std::string& token_hash) {
    const auto found = store->FindConnections("game", token_hash);
    REQUIRE(found.size() == 1);
    return CauseName(found[0].joined.verdict.verdict.cause);
  }
  TestStoreUrl where;
  std::atomic<int64_t> now{1700000000};  // read by the writer of the store
  Metrics metrics;
  std::unique_ptr<Store> store;
};

}  // namespace whydrop::collector

#endif
