#include "upload/outbox.h"

#include <cstring>

#include "core/bytes.h"
#include "core/crc32c.h"
#include "platform/file.h"
#include "ring/index_sort.h"
#include "whydrop/whydrop.h"

namespace whydrop {
namespace {

constexpr char kMagic[] = "WDBATCH1";
constexpr size_t kCrcOffset = 8;
constexpr size_t kCrcStart = 12;
constexpr size_t kSessionOffset = 16;
constexpr size_t kRotationOffset = 32;
constexpr size_t kPartOffset = 36;
constexpr size_t kShaOffset = 40;
constexpr size_t kEndedUnixOffset = 72;
constexpr size_t kEndedBootOffset = 80;
constexpr size_t kBootIdOffset = 88;
constexpr size_t kBodyBytesOffset = 104;
constexpr size_t kRefusedOffset = 127;

constexpr char kSuffix[] = ".batch";
constexpr size_t kListLimit = 65536;
constexpr uint64_t kClientFiles = 64;
constexpr uint64_t kClientBytes = uint64_t{4} << 20;
// Below what a listing of the directory takes in, rings and all.
constexpr uint64_t kServerFiles = 60000;
constexpr uint64_t kServerBytes = uint64_t{1} << 30;
constexpr int64_t kServerAgeMs = int64_t{7} * 24 * 3600 * 1000;

// Of header and body, without the count of refusals, which changes.
uint32_t Checksum(const std::string& bytes) {
  const uint32_t header = Crc32c(0, bytes.data() + kCrcStart, kRefusedOffset - kCrcStart);
  return Crc32c(header, bytes.data() + kBatchHeaderBytes, bytes.size() - kBatchHeaderBytes);
}

// A decimal number without leading zeros that ends at `stop`; the position behind `stop`, npos if it is none.
size_t ParseNumber(const std::string& text, size_t at, char stop, uint32_t* out) {
  uint64_t value = 0;
  const size_t start = at;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    value = value * 10 + static_cast<uint64_t>(text[at] - '0');
    if (value > UINT32_MAX) return std::string::npos;
  }
  if (at == start || at == text.size() || text[at] != stop || (text[start] == '0' && at - start > 1)) {
    return std::string::npos;
  }
  *out = static_cast<uint32_t>(value);
  return at + 1;
}

bool ParseName(const std::string& name, Outbox::Entry* out) {
  if (name.size() < 33 || name[32] != '-' || name.find_first_not_of("0123456789abcdef") != 32) return false;
  const size_t part = ParseNumber(name, 33, '-', &out->rotation);
  if (part == std::string::npos) return false;
  const size_t suffix = ParseNumber(name, part, '.', &out->part);
  if (suffix == std::string::npos || name.compare(suffix - 1, std::string::npos, kSuffix) != 0) return false;
  out->name = name;
  return true;
}

bool IsOlder(const void* entries, uint32_t a, uint32_t b) {
  const Outbox::Entry& left = static_cast<const Outbox::Entry*>(entries)[a];
  const Outbox::Entry& right = static_cast<const Outbox::Entry*>(entries)[b];
  if (left.modified_unix_ms != right.modified_unix_ms) return left.modified_unix_ms < right.modified_unix_ms;
  const int session = left.name.compare(0, 32, right.name, 0, 32);
  if (session != 0) return session < 0;
  return left.rotation != right.rotation ? left.rotation < right.rotation : left.part < right.part;
}

}  // namespace

std::string SessionHex(const std::array<uint8_t, 16>& session_id) {
  static const char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const uint8_t byte : session_id) {
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 15]);
  }
  return hex;
}

std::string BatchFileName(const BatchFile& batch) {
  return SessionHex(batch.session_id) + "-" + std::to_string(batch.rotation) + "-" + std::to_string(batch.part) +
         kSuffix;
}

std::string EncodeBatchFile(const BatchFile& batch) {
  std::string bytes(kBatchHeaderBytes, '\0');
  std::memcpy(&bytes[0], kMagic, 8);
  std::memcpy(&bytes[kSessionOffset], batch.session_id.data(), batch.session_id.size());
  StoreLe<uint32_t>(&bytes[kRotationOffset], batch.rotation);
  StoreLe<uint32_t>(&bytes[kPartOffset], batch.part);
  std::memcpy(&bytes[kShaOffset], batch.sha256.data(), batch.sha256.size());
  StoreLe<int64_t>(&bytes[kEndedUnixOffset], batch.ended_unix_ms);
  StoreLe<uint64_t>(&bytes[kEndedBootOffset], batch.ended_boot_ms);
  std::memcpy(&bytes[kBootIdOffset], batch.boot_id.data(), batch.boot_id.size());
  StoreLe<uint64_t>(&bytes[kBodyBytesOffset], batch.body.size());
  bytes[kRefusedOffset] = static_cast<char>(batch.refused_launches);
  bytes += batch.body;
  StoreLe<uint32_t>(&bytes[kCrcOffset], Checksum(bytes));
  return bytes;
}

Status DecodeBatchFile(const std::string& bytes, BatchFile* out) {
  if (bytes.size() < kBatchHeaderBytes || std::memcmp(bytes.data(), kMagic, 7) != 0) return {StatusKind::kCorrupt, 0};
  if (bytes[7] != kMagic[7]) return {StatusKind::kUnsupported, 0};
  if (LoadLe<uint64_t>(&bytes[kBodyBytesOffset]) != bytes.size() - kBatchHeaderBytes ||
      LoadLe<uint32_t>(&bytes[kCrcOffset]) != Checksum(bytes)) {
    return {StatusKind::kCorrupt, 0};
  }
  std::memcpy(out->session_id.data(), &bytes[kSessionOffset], out->session_id.size());
  out->rotation = LoadLe<uint32_t>(&bytes[kRotationOffset]);
  out->part = LoadLe<uint32_t>(&bytes[kPartOffset]);
  std::memcpy(out->sha256.data(), &bytes[kShaOffset], out->sha256.size());
  out->ended_unix_ms = LoadLe<int64_t>(&bytes[kEndedUnixOffset]);
  out->ended_boot_ms = LoadLe<uint64_t>(&bytes[kEndedBootOffset]);
  std::memcpy(out->boot_id.data(), &bytes[kBootIdOffset], out->boot_id.size());
  out->refused_launches = static_cast<uint8_t>(bytes[kRefusedOffset]);
  out->body = bytes.substr(kBatchHeaderBytes);
  return OkStatus();
}

Status Outbox::Put(const BatchFile& batch) const {
  const std::string bytes = EncodeBatchFile(batch);
  bool existed = false;
  return platform::WriteDurablyIfAbsent(PathOf(BatchFileName(batch)), bytes.data(), bytes.size(), &existed);
}

std::vector<Outbox::Entry> Outbox::Names() const {
  std::vector<std::string> names;
  std::vector<Entry> entries;
  if (!platform::ListDirectory(directory_, kListLimit, &names).ok()) return entries;
  for (const std::string& name : names) {
    Entry entry;
    if (ParseName(name, &entry)) entries.push_back(static_cast<Entry&&>(entry));
  }
  return entries;
}

std::vector<Outbox::Entry> Outbox::List() const {
  std::vector<Entry> entries = Names();
  for (Entry& entry : entries) {
    platform::FileFacts facts;
    // A file that cannot be looked at stays in the list: Load then finds out what it is.
    entry.known = platform::LookAt(PathOf(entry.name), &facts).ok();
    entry.size_bytes = facts.size_bytes;
    entry.modified_unix_ms = facts.modified_unix_ms;
  }
  std::vector<Entry> oldest_first;
  oldest_first.reserve(entries.size());
  for (const uint32_t i : SortedIndexes(entries.data(), entries.size(), IsOlder)) {
    oldest_first.push_back(static_cast<Entry&&>(entries[i]));
  }
  return oldest_first;
}

Status Outbox::Load(const Entry& entry, BatchFile* out) const {
  std::string bytes;
  Status status = platform::ReadWhole(PathOf(entry.name), kMaxBatchFileBytes, &bytes);
  if (status.ok()) status = DecodeBatchFile(bytes, out);
  if (status.ok() && BatchFileName(*out) != entry.name) status = {StatusKind::kCorrupt, 0};
  if (status.ok() || status.kind == StatusKind::kNotFound) return status;
  const bool damaged = status.kind == StatusKind::kCorrupt || status.kind == StatusKind::kUnsupported ||
                       status.kind == StatusKind::kInvalid;
  if (!damaged) return {StatusKind::kIo, status.native};
  log_.Write(LogLevel::kWarning, "batch %s is damaged and was moved aside; its records are lost", entry.name.c_str());
  if (!platform::RenameReplacing(PathOf(entry.name), PathOf(entry.name + ".bad")).ok()) (void)Remove(entry);
  return status;
}

Status Outbox::Remove(const Entry& entry) const { return platform::RemoveFile(PathOf(entry.name)); }

Status Outbox::RemoveRotation(const std::array<uint8_t, 16>& session_id, uint32_t rotation) const {
  const std::string prefix = SessionHex(session_id) + "-" + std::to_string(rotation) + "-";
  std::vector<std::string> names;
  Status status = platform::ListDirectory(directory_, kListLimit, &names);
  if (!status.ok()) return status;
  for (const std::string& name : names) {
    if (name.compare(0, prefix.size(), prefix) != 0) continue;
    status = platform::RemoveFile(PathOf(name));
    if (!status.ok() && status.kind != StatusKind::kNotFound) return status;
  }
  return OkStatus();
}

Status Outbox::CountRefusal(const Entry& entry, uint8_t refused_launches) const {
  platform::File file;
  Status status = platform::File::OpenExisting(PathOf(entry.name), platform::File::Mode::kReadWrite, &file);
  if (status.ok()) status = file.WriteAt(kRefusedOffset, &refused_launches, 1);
  return status;
}

OutboxLosses Outbox::EnforceQuota(int32_t role, int64_t now_unix_ms) const {
  const bool server = role == WHYDROP_ROLE_SERVER;
  const std::vector<Entry> entries = List();
  uint64_t files = entries.size();
  uint64_t bytes = 0;
  for (const Entry& entry : entries) bytes += entry.size_bytes;
  OutboxLosses losses;
  for (const Entry& entry : entries) {
    if (!entry.known) continue;
    const bool too_many =
        server ? bytes > kServerBytes || files > kServerFiles : files > kClientFiles || bytes > kClientBytes;
    const bool too_old = server && now_unix_ms - entry.modified_unix_ms > kServerAgeMs;
    if (!too_many && !too_old) break;
    if (!Remove(entry).ok()) continue;
    --files;
    bytes -= entry.size_bytes;
    ++losses.batches;
    losses.bytes += entry.size_bytes;
  }
  if (losses.batches != 0) {
    log_.Write(LogLevel::kWarning, "the outbox was full: dropped the oldest %llu batches, %llu bytes",
               static_cast<unsigned long long>(losses.batches), static_cast<unsigned long long>(losses.bytes));
  }
  return losses;
}

void Outbox::Clear() const {
  for (const Entry& entry : Names()) (void)Remove(entry);  // what cannot be removed now is tried again at the next call
}

}  // namespace whydrop
