#include "platform/windows/boot_identity.h"

#include <windows.h>

#include <cstring>
#include <string>

#include "platform/clock.h"
#include "platform/id_text.h"
#include "platform/windows/handle.h"

namespace whydrop::platform {
namespace {

// Where KUSER_SHARED_DATA lies in every process, and its field BootId.
constexpr uintptr_t kSharedData = 0x7FFE0000;
constexpr uintptr_t kBootIdOffset = 0x2C4;

// Seven bytes of zeros, which no random id starts with, then one of these, then a number.
constexpr size_t kKindAt = 7;
constexpr uint8_t kCounter = 1;
constexpr uint8_t kTime = 2;

// The clock may be set by a little while the system runs; two boots are further apart than that.
constexpr int64_t kToleranceMs = 60 * 1000;

uint32_t ReadBootCounter() {
  uint32_t counter = 0;
  memcpy(&counter, reinterpret_cast<const void*>(kSharedData + kBootIdOffset), sizeof(counter));
  return counter;
}

Id16 ReadHostBootId() {
  if (CurrentSystem() != SystemKind::kWine) return {};
  const Handle file(CreateFileW(L"\\\\?\\unix\\proc\\sys\\kernel\\random\\boot_id", GENERIC_READ, FILE_SHARE_READ, nullptr,
                                OPEN_EXISTING, 0, nullptr));
  char text[36];
  DWORD size = 0;
  if (!file || !ReadFile(file.get(), text, sizeof(text), &size, nullptr)) return {};
  return ParseId(std::string(text, size));
}

Id16 MakeId(uint8_t kind, uint64_t number) {
  Id16 id = {};
  id[kKindAt] = kind;
  memcpy(id.data() + kKindAt + 1, &number, sizeof(number));
  return id;
}

// 0: a random id.
uint8_t KindOf(const Id16& id) {
  for (size_t i = 0; i < kKindAt; ++i) {
    if (id[i] != 0) return 0;
  }
  return id[kKindAt];
}

int64_t TimeOf(const Id16& id) {
  int64_t time = 0;
  memcpy(&time, id.data() + kKindAt + 1, sizeof(time));
  return time;
}

}  // namespace

BootSources AskBootSources() {
  BootSources sources;
  sources.host_boot_id = ReadHostBootId();
  sources.boot_counter = ReadBootCounter();
  sources.now_unix_ms = WallUnixMs();
  sources.up_ms = BootTimeMs();
  return sources;
}

Id16 MakeBootId(const BootSources& sources) {
  if (sources.host_boot_id != Id16{}) return sources.host_boot_id;
  if (sources.boot_counter != 0) return MakeId(kCounter, sources.boot_counter);
  return MakeId(kTime, static_cast<uint64_t>(sources.now_unix_ms) - sources.up_ms);
}

Boots CompareBootIds(const Id16& one, const Id16& other) {
  const uint8_t kind = KindOf(one);
  // Ids from different sources say nothing about each other.
  if (one == Id16{} || other == Id16{} || kind != KindOf(other)) return Boots::kUnknown;
  if (kind != kTime) return one == other ? Boots::kSame : Boots::kOther;
  // Ids come out of files: the difference of any two numbers must not run over.
  const int64_t low = TimeOf(one) < TimeOf(other) ? TimeOf(one) : TimeOf(other);
  const int64_t high = TimeOf(one) < TimeOf(other) ? TimeOf(other) : TimeOf(one);
  const uint64_t apart = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  return apart <= static_cast<uint64_t>(kToleranceMs) ? Boots::kSame : Boots::kOther;
}

}  // namespace whydrop::platform
