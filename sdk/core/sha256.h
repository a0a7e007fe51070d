// SHA-256 (FIPS 180-4). Own code because the game process must not be made to load a cryptography library: tokens are
// hashed on the game's thread, at a call that may not block.
//
// Thread rule: pure; allocates nothing.
#ifndef WHYDROP_CORE_SHA256_H
#define WHYDROP_CORE_SHA256_H

#include <array>
#include <cstddef>
#include <cstdint>

namespace whydrop {

class Sha256 {
 public:
  Sha256();
  void Update(const void* data, size_t size);
  std::array<uint8_t, 32> Finish();  // once

 private:
  void Block(const uint8_t* block);
  uint32_t state_[8];
  uint64_t total_bytes_ = 0;
  uint8_t buffer_[64];
};

std::array<uint8_t, 32> Sha256Of(const void* data, size_t size);

// What the SDK keeps and sends of a token: the first 16 bytes of SHA-256(app_id, 0, token). The collector hashes what an
// analyst asks for in the same way.
std::array<uint8_t, 16> HashToken(const char* app_id, size_t app_id_size, const char* token, size_t token_size);

}  // namespace whydrop

#endif
