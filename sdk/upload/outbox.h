// The batches that wait: one immutable file each, `<session hex>-<rotation>-<part>.batch`, in the state directory.
// FORMAT.md of the ring describes the bytes. A batch of a finished rotation is never written again, and is deleted only
// for a verified acknowledgement or for a loss that is counted. Until its rotation is finished (the seal of a running
// server, the removal of a dead session's ring) none is sent, and an attempt that was broken off is thrown away whole:
// what stands beside the records may have changed since.
//
// Thread rule: one thread; several processes may share the directory.
#ifndef WHYDROP_UPLOAD_OUTBOX_H
#define WHYDROP_UPLOAD_OUTBOX_H

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/log.h"
#include "platform/status.h"

namespace whydrop {

inline constexpr size_t kBatchHeaderBytes = 128;
inline constexpr size_t kMaxBatchFileBytes = size_t{256} << 10;

struct BatchFile {
  std::array<uint8_t, 16> session_id{};
  uint32_t rotation = 0;
  uint32_t part = 0;
  std::array<uint8_t, 32> sha256{};  // of the inflated body
  int64_t ended_unix_ms = 0;         // what X-Whydrop-Age counts from, by two clocks
  uint64_t ended_boot_ms = 0;
  std::array<uint8_t, 16> boot_id{};
  uint8_t refused_launches = 0;
  std::string body;  // gzip
};

std::string SessionHex(const std::array<uint8_t, 16>& session_id);
std::string BatchFileName(const BatchFile& batch);
std::string EncodeBatchFile(const BatchFile& batch);
// kCorrupt, kUnsupported (another version of the format).
Status DecodeBatchFile(const std::string& bytes, BatchFile* out);

// What an outbox gave up.
struct OutboxLosses {
  uint64_t batches = 0;
  uint64_t bytes = 0;
};

class Outbox {
 public:
  Outbox(const std::string& directory, const Log& log) : directory_(directory), log_(log) {}

  struct Entry {
    std::string name;
    std::string session() const { return name.substr(0, 32); }  // hex
    uint32_t rotation = 0;
    uint32_t part = 0;
    bool known = false;  // the two below; false: the file could not be looked at just now
    uint64_t size_bytes = 0;
    int64_t modified_unix_ms = 0;
  };

  // Durable on return; a batch of that name wins over this one.
  Status Put(const BatchFile& batch) const;
  // Oldest first. Foreign names are not in it.
  std::vector<Entry> List() const;
  // How many List would name, without a look at each.
  size_t Count() const { return Names().size(); }
  // kNotFound, or kIo: it could not be read just now. Anything else: the file is damaged, was moved aside, out of List,
  // and is lost.
  Status Load(const Entry& entry, BatchFile* out) const;
  Status Remove(const Entry& entry) const;
  // Removes what an unfinished attempt left of one rotation.
  Status RemoveRotation(const std::array<uint8_t, 16>& session_id, uint32_t rotation) const;
  // Adds one to the refused launches, in place: a torn write cannot damage the batch.
  Status CountRefusal(const Entry& entry, uint8_t refused_launches) const;
  // Removes the oldest until what is left keeps the role's limits: 64 files and 4 MiB, for a server 60,000 files,
  // 1 GiB and 7 days. What cannot be looked at is left alone.
  OutboxLosses EnforceQuota(int32_t role, int64_t now_unix_ms) const;
  void Clear() const;

 private:
  std::string PathOf(const std::string& name) const { return directory_ + "/" + name; }
  std::vector<Entry> Names() const;
  std::string directory_;
  Log log_;
};

}  // namespace whydrop

#endif
