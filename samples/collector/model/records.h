// What a batch says, as plain values: checked by the decoder, kept by a store, judged by the join.
//
// Thread rule: plain values.
#ifndef WHYDROP_COLLECTOR_RECORDS_H
#define WHYDROP_COLLECTOR_RECORDS_H

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/evidence.h"

namespace whydrop::collector {

using SessionId = std::array<uint8_t, 16>;
using BodyHash = std::array<uint8_t, 32>;

enum class Role : int32_t { kClient = 0, kServer = 1 };

struct BatchKey {
  SessionId session_id{};
  uint32_t rotation = 0;
  uint32_t part = 0;
};

struct SessionInfo {
  std::string app_id;
  std::string app_version;
  Role role = Role::kClient;
  int32_t platform = 0;  // whydrop.v1.Platform, unknown values kept
  std::string sdk_version;
  std::vector<std::pair<std::string, std::string>> tags;
  int32_t end = 0;
  int32_t end_confidence = 0;
  uint64_t uptime_ms = 0;
  uint32_t crash_code = 0;
  std::string crash_module;
  uint64_t crash_offset = 0;
  std::string crash_report_id;
  uint64_t connections_opened = 0;
  std::string boot_id;     // raw bytes, "" if not sent
  std::string machine_id;  // as boot_id
  uint32_t rotate_interval_ms = 0;
  uint64_t losses = 0;  // records and batches lost since the session's start
};

struct ConnectionRecord {
  uint32_t number = 0;
  uint32_t previous = 0;
  std::string token_hash;  // 16 raw bytes or ""
  std::string endpoint;
  std::string network;
  bool open = false;
  Evidence evidence;
  std::string evidence_bytes;  // the same as whydrop.v1.Evidence, the form that a store keeps
};

struct CloseTotalRecord {
  std::string endpoint;
  int32_t cause = 0;
  uint64_t count = 0;
  uint64_t last_ms = 0;
};

struct Batch {
  BatchKey key;
  uint32_t parts = 1;  // of its rotation
  BodyHash sha256{};
  SessionInfo session;
  std::vector<ConnectionRecord> connections;
  std::vector<CloseTotalRecord> close_totals;
  uint64_t reference_ms = 0;
  int64_t reference_unix_s = 0;  // receipt minus age: the calendar time of reference_ms
  int64_t received_unix_s = 0;
};

// The calendar time of a moment `at_ms` of the session; a moment after the reference is put at the reference.
inline int64_t PlaceUnixS(const Batch& batch, uint64_t at_ms) {
  const uint64_t before_ms = at_ms < batch.reference_ms ? batch.reference_ms - at_ms : 0;
  constexpr uint64_t kLongestSessionS = 400ull * 86400;
  const uint64_t before_s = before_ms / 1000;
  return batch.reference_unix_s - static_cast<int64_t>(before_s < kLongestSessionS ? before_s : kLongestSessionS);
}

// When a connection ended, as far as its record tells.
inline int64_t EndedUnixS(const Batch& batch, const ConnectionRecord& record) {
  const Evidence& evidence = record.evidence;
  return PlaceUnixS(
      batch, static_cast<uint64_t>(evidence.GetOr(Field::ended_ms, evidence.GetOr(Field::failure_ms, INT64_MAX))));
}

template <size_t N>
std::string_view BytesOf(const std::array<uint8_t, N>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), N};
}

}  // namespace whydrop::collector

#endif
