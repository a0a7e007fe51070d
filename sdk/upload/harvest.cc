#include "upload/harvest.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "core/bytes.h"
#include "core/sha256.h"
#include "platform/clock.h"
#include "platform/file.h"
#include "platform/identity.h"
#include "platform/process.h"
#include "ring/index_sort.h"
#include "ring/ring_layout.h"
#include "upload/gzip.h"

namespace whydrop {

void (*upload_step_hook)(int step) = nullptr;

namespace {

constexpr size_t kListLimit = 65536;
constexpr int kMaxRingsAtOnce = 64;
constexpr size_t kMaxBadFiles = 8;
constexpr int64_t kMinuteMs = 60 * 1000;
constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;
constexpr int64_t kMonthMs = 30 * kDayMs;
constexpr char kRingSuffix[] = ".ring";
constexpr char kFactsSuffix[] = ".end";
constexpr char kBadSuffix[] = ".bad";
constexpr char kTemporarySuffix[] = ".tmp";

void Step(int step) {
  if (upload_step_hook != nullptr) upload_step_hook(step);
}

bool EndsWith(const std::string& text, const std::string& suffix) {
  return text.size() > suffix.size() && text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

std::vector<std::string> NamesWith(const std::string& directory, const char* suffix, bool* listed = nullptr) {
  std::vector<std::string> all, names;
  const bool ok = platform::ListDirectory(directory, kListLimit, &all).ok();
  if (listed != nullptr) *listed = ok;
  for (std::string& name : all) {
    if (EndsWith(name, suffix)) names.push_back(static_cast<std::string&&>(name));
  }
  return names;
}

int64_t AgeMs(const platform::FileFacts& facts) { return platform::WallUnixMs() - facts.modified_unix_ms; }

bool IsEarlier(const void* times, uint32_t a, uint32_t b) {
  const auto* all = static_cast<const int64_t*>(times);
  return all[a] != all[b] ? all[a] < all[b] : a < b;
}

// Frozen facts as 16 bytes: flags, then the time since death.
std::string EncodeFacts(const HarvestFacts& facts) {
  std::string bytes(16, '\0');
  bytes[0] = static_cast<char>((facts.same_boot_known ? 1 : 0) | (facts.same_boot ? 2 : 0) |
                               (facts.oom_rose_known ? 4 : 0) | (facts.oom_rose ? 8 : 0));
  StoreLe<uint64_t>(&bytes[8], facts.since_death_ms);
  return bytes;
}

bool DecodeFacts(const std::string& bytes, HarvestFacts* out) {
  if (bytes.size() != 16) return false;
  out->same_boot_known = (bytes[0] & 1) != 0;
  out->same_boot = (bytes[0] & 2) != 0;
  out->oom_rose_known = (bytes[0] & 4) != 0;
  out->oom_rose = (bytes[0] & 8) != 0;
  out->since_death_ms = LoadLe<uint64_t>(&bytes[8]);
  return true;
}

SystemNow AskSystem(const HarvestConfig& config) {
  SystemNow now;
  now.machine_hash = config.machine_hash;
  now.boot_id = platform::BootId();
  now.boot_ms = platform::BootTimeMs();
  now.unix_ms = platform::WallUnixMs();
  now.oom_kills_known = platform::OutOfMemoryKills(&now.oom_kills);
  return now;
}

bool IsOfThisProcess(const RingIdentity& identity) {
  const platform::ProcessIdentity self = platform::CurrentProcess();
  return identity.pid == self.pid && identity.process_start == self.start_time;
}

class Harvester {
 public:
  Harvester(const HarvestConfig& config, const Outbox& outbox)
      : config_(config), outbox_(outbox), now_(AskSystem(config)) {}

  HarvestResult Run() {
    bool listed = false;
    const std::vector<std::string> names = NamesWith(config_.directory, kRingSuffix, &listed);
    if (!listed) ++result_.rings_left;
    for (const std::string& name : names) {
      if (harvested_ == kMaxRingsAtOnce) {
        // It may be one that lives, which the next harvest finds out.
        ++result_.rings_left;
        break;
      }
      if (!HarvestOne(name)) ++result_.rings_left;
    }
    CleanUp();
    return result_;
  }

  void Erase() {
    for (const std::string& name : NamesWith(config_.directory, kRingSuffix)) {
      platform::File file;
      platform::FileFacts facts;
      RingIdentity identity;
      const Claim claim = Take(name, &file, &facts, &identity);
      if (claim == Claim::kDead || claim == Claim::kCorrupt || claim == Claim::kUnknownVersion) Remove(name);
    }
    for (const char* suffix : {kFactsSuffix, kBadSuffix, kTemporarySuffix}) {
      for (const std::string& name : NamesWith(config_.directory, suffix)) Remove(name);
    }
    Sync();
  }

 private:
  enum class Claim { kLeaveAlone, kNotNow, kDead, kCorrupt, kUnknownVersion };

  std::string PathOf(const std::string& name) const { return config_.directory + "/" + name; }
  bool Remove(const std::string& name) const {
    const Status status = platform::RemoveFile(PathOf(name));
    if (!status.ok()) {
      config_.log.Write(LogLevel::kWarning, "cannot remove %s (error %d); it is tried again at the next launch",
                        name.c_str(), status.native);
    }
    return status.ok();
  }
  void Sync() const {
    const Status status = platform::SyncDirectory(config_.directory);
    if (!status.ok())
      config_.log.Write(LogLevel::kWarning, "cannot sync the state directory (error %d)", status.native);
  }

  Claim Take(const std::string& name, platform::File* file, platform::FileFacts* facts, RingIdentity* identity) const;
  bool MayLive(const RingIdentity& identity, bool locked, const platform::FileFacts& facts) const;
  static bool RunsInThisProcess(const RingIdentity& identity, const platform::File& file);
  bool HarvestOne(const std::string& name);  // false: a dead one stays for the next harvest, as far as can be told
  Status Convert(const RingContents& ring);
  Status FreezeFacts(const RingContents& ring, HarvestFacts* facts) const;
  void MoveAside(const std::string& name);
  void Remember(const RingContents& ring, const SessionReport& report);
  void CleanUp() const;

  const HarvestConfig& config_;
  const Outbox& outbox_;
  const SystemNow now_;
  HarvestResult result_;
  int harvested_ = 0;
};

// Opens and locks the ring of a session that is dead for certain. The lock is kept with the file, so that of two
// harvesters one does the work.
Harvester::Claim Harvester::Take(const std::string& name, platform::File* file, platform::FileFacts* facts,
                                 RingIdentity* identity) const {
  const std::string path = PathOf(name);
  if (name == SessionHex(config_.own_session) + kRingSuffix) return Claim::kLeaveAlone;
  // Opening and closing an own ring would give its lock away.
  if (platform::OpeningUnlocks(path)) return Claim::kLeaveAlone;
  const Status opened = platform::File::OpenExisting(path, platform::File::Mode::kReadWrite, file);
  if (opened.kind == StatusKind::kInvalid) return Claim::kCorrupt;
  if (opened.kind == StatusKind::kNotFound) return Claim::kLeaveAlone;
  if (!opened.ok() || !file->Facts(facts).ok()) return Claim::kNotNow;
  const Status lock = file->TryLock();
  const bool busy = lock.kind == StatusKind::kBusy;
  // Another harvester may have finished between the opening and the lock: its ring is gone, its batches may be sent.
  platform::FileFacts still_there;
  if (!busy && !platform::LookAt(path, &still_there).ok()) return Claim::kNotNow;

  uint8_t header[kHeaderBytes];
  size_t read = 0;
  if (!file->ReadAt(0, header, sizeof(header), &read).ok()) return Claim::kNotNow;
  const Status status = ReadRingHeader(header, read, identity);
  if (busy) {
    const bool lives = !status.ok() || MayLive(*identity, false, *facts) || RunsInThisProcess(*identity, *file);
    return lives ? Claim::kLeaveAlone : Claim::kNotNow;
  }
  if (status.kind == StatusKind::kUnsupported) return Claim::kUnknownVersion;
  if (!status.ok()) {
    // A ring that is being made starts as zeros.
    const bool blank = std::all_of(header, header + read, [](uint8_t byte) { return byte == 0; });
    return blank && AgeMs(*facts) < kMinuteMs ? Claim::kLeaveAlone : Claim::kCorrupt;
  }
  if (identity->session_id == config_.own_session || MayLive(*identity, lock.ok(), *facts)) return Claim::kLeaveAlone;
  const size_t limit = identity->role == WHYDROP_ROLE_SERVER ? kMaxServerRingBytes : kMaxClientRingBytes;
  return facts->size_bytes > limit ? Claim::kCorrupt : Claim::kDead;
}

// Asked of a ring that somebody holds: the session of another copy of the SDK in this process, or else a harvester, of
// one that was stopped.
bool Harvester::RunsInThisProcess(const RingIdentity& identity, const platform::File& file) {
  uint32_t clean_mark = 0;
  size_t read = 0;
  return IsOfThisProcess(identity) &&
         file.ReadAt(kHeaderBytes + offsetof(LifePage, clean_mark), &clean_mark, sizeof(clean_mark), &read).ok() &&
         clean_mark == 0;
}

bool Harvester::MayLive(const RingIdentity& identity, bool locked, const platform::FileFacts& facts) const {
  const std::array<uint8_t, 16> unknown{};
  const bool other_machine = identity.machine_hash != unknown && config_.machine_hash != unknown &&
                             identity.machine_hash != config_.machine_hash;
  if (other_machine) return AgeMs(facts) < kDayMs;
  if (platform::CompareBoots(identity.boot_id, now_.boot_id) == platform::Boots::kOther) return false;
  const platform::Liveness liveness =
      platform::CheckProcess({identity.pid, identity.process_start, identity.pid_namespace});
  if (liveness == platform::Liveness::kAlive) {
    // Of this very process, and no descriptor holds it any more (Take has looked): a session that was stopped.
    return !IsOfThisProcess(identity);
  }
  // In another pid namespace the lock is the only witness; without it the ring has to grow old.
  return liveness == platform::Liveness::kUnknown && !locked && AgeMs(facts) < kDayMs;
}

bool Harvester::HarvestOne(const std::string& name) {
  platform::File file;
  platform::FileFacts facts;
  RingIdentity identity;
  const Claim claim = Take(name, &file, &facts, &identity);
  if (claim == Claim::kUnknownVersion && AgeMs(facts) > kMonthMs) Remove(name);
  if (claim == Claim::kCorrupt) MoveAside(name);
  if (claim != Claim::kDead) return claim != Claim::kNotNow;
  ++harvested_;
  Step(1);
  std::vector<uint8_t> bytes(static_cast<size_t>(facts.size_bytes));
  size_t read = 0;
  if (!file.ReadAt(0, bytes.data(), bytes.size(), &read).ok()) return false;
  RingContents ring;
  if (!ReadRing(bytes.data(), read, &ring).ok()) {
    MoveAside(name);
    return true;
  }
  const Status status = Convert(ring);
  if (!status.ok()) {
    config_.log.Write(LogLevel::kWarning, "cannot write batches of %s (error %d); tried again at the next launch",
                      name.c_str(), status.native);
    return false;
  }
  Step(2);
  const bool removed = Remove(name);
  Step(3);
  Sync();
  Step(4);
  Remove(SessionHex(ring.identity.session_id) + kFactsSuffix);
  return removed;
}

Status Harvester::FreezeFacts(const RingContents& ring, HarvestFacts* facts) const {
  const std::string path = PathOf(SessionHex(ring.identity.session_id) + kFactsSuffix);
  std::string bytes;
  if (platform::ReadWhole(path, 16, &bytes).ok() && DecodeFacts(bytes, facts)) return OkStatus();
  *facts = FactsOf(ring, now_);
  bytes = EncodeFacts(*facts);
  return platform::WriteDurably(path, bytes.data(), bytes.size());
}

Status Harvester::Convert(const RingContents& ring) {
  HarvestFacts facts;
  Status status = FreezeFacts(ring, &facts);
  const std::vector<Rotation> rotations = PlanRotations(ring, facts);
  // How the session ended can be told also where nothing can be written.
  Remember(ring, rotations.back().report);
  if (!status.ok()) return status;
  Step(5);
  for (const Rotation& rotation : rotations) {
    status = PutRotation(outbox_, ring, rotation.report, rotation.scope);
    if (!status.ok()) return status;
  }
  return OkStatus();
}

void Harvester::Remember(const RingContents& ring, const SessionReport& report) {
  if (result_.any && report.ended_unix_ms <= result_.last_report.ended_unix_ms) return;
  result_.any = true;
  result_.last = ring.identity;
  result_.last_report = report;
  result_.last_crash_code = report.crashed ? ring.life.crash.code : 0;
}

void Harvester::MoveAside(const std::string& name) {
  const Status moved = platform::RenameReplacing(PathOf(name), PathOf(name + kBadSuffix));
  if (moved.kind == StatusKind::kNotFound) return;  // another harvester was faster
  if (!moved.ok()) Remove(name);
  ++result_.rings_corrupt;
  config_.log.Write(LogLevel::kWarning, "%s is damaged and was moved aside; its records are lost", name.c_str());
}

// Damaged files are kept for a while for those who want to know why, facts of rings that are gone are not.
void Harvester::CleanUp() const {
  std::vector<std::string> bad;
  std::vector<int64_t> written_unix_ms;
  for (const std::string& name : NamesWith(config_.directory, kBadSuffix)) {
    platform::FileFacts facts;
    if (platform::LookAt(PathOf(name), &facts).ok() && AgeMs(facts) > kMonthMs) {
      Remove(name);
    } else {
      bad.push_back(name);
      written_unix_ms.push_back(facts.modified_unix_ms);
    }
  }
  size_t left = bad.size();
  for (const uint32_t i : SortedIndexes(written_unix_ms.data(), written_unix_ms.size(), IsEarlier)) {
    if (left-- > kMaxBadFiles) Remove(bad[i]);
  }

  // Left by a process that died while it wrote a file.
  for (const std::string& name : NamesWith(config_.directory, kTemporarySuffix)) {
    platform::FileFacts facts;
    if (!platform::LookAt(PathOf(name), &facts).ok() || AgeMs(facts) > kDayMs) Remove(name);
  }

  for (const std::string& name : NamesWith(config_.directory, kFactsSuffix)) {
    const std::string ring = name.substr(0, name.size() - std::strlen(kFactsSuffix)) + kRingSuffix;
    platform::FileFacts facts;
    if (platform::LookAt(PathOf(ring), &facts).kind == StatusKind::kNotFound) Remove(name);
  }
}

}  // namespace

Status PutRotation(const Outbox& outbox, const RingContents& ring, const SessionReport& report,
                   const BatchScope& scope) {
  BatchFile batch;
  batch.session_id = ring.identity.session_id;
  batch.rotation = scope.rotation;
  batch.ended_unix_ms = report.ended_unix_ms;
  batch.ended_boot_ms = report.ended_boot_ms;
  batch.boot_id = ring.identity.boot_id;
  const Status cleared = outbox.RemoveRotation(batch.session_id, batch.rotation);
  if (!cleared.ok()) return cleared;
  Step(7);
  for (const std::string& body : EncodeRotation(ring, report, scope)) {
    batch.sha256 = Sha256Of(body.data(), body.size());
    Status status = Gzip(body, &batch.body);
    if (status.ok()) status = outbox.Put(batch);
    if (!status.ok()) return status;
    Step(6);
    ++batch.part;
  }
  return OkStatus();
}

HarvestResult HarvestRings(const HarvestConfig& config, const Outbox& outbox) {
  return Harvester(config, outbox).Run();
}

void EraseRings(const HarvestConfig& config) { Harvester(config, Outbox(config.directory, config.log)).Erase(); }

}  // namespace whydrop
