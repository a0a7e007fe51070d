#include "samples/collector/store/clickhouse/engine/keys.h"

#include "core/sha256.h"

namespace whydrop::collector::clickhouse {
namespace {

uint64_t Mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
  return value ^ (value >> 31);
}

}  // namespace

uint64_t HashOf(std::string_view bytes) {
  uint64_t hash = bytes.size();
  for (size_t at = 0; at < bytes.size(); at += 8) {
    uint64_t word = 0;
    for (const char c : bytes.substr(at, 8)) word = word << 8 | static_cast<uint8_t>(c);
    hash = Mix(hash ^ word) + 0x9e3779b97f4a7c15ull;
  }
  return Mix(hash);
}

std::string KeyInSession(Role role, std::string_view session_id, const std::string& what) {
  Sha256 hash;
  const std::string name = (role == Role::kServer ? "server" : "client") + what;
  hash.Update(session_id.data(), session_id.size());
  hash.Update(name.data(), name.size());
  const auto digest = hash.Finish();
  return std::string(reinterpret_cast<const char*>(digest.data()), 16);
}

std::string KeyOfConnection(Role role, std::string_view session_id, uint32_t number) {
  return KeyInSession(role, session_id, std::to_string(number));
}

}  // namespace whydrop::collector::clickhouse
