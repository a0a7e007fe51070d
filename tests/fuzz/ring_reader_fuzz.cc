// Any bytes may be in a ring file. With libFuzzer this is its target; otherwise the driver below changes a valid ring.
#include <cstddef>
#include <cstdint>

#include "ring/ring_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  whydrop::RingContents contents;
  static_cast<void>(whydrop::ReadRing(data, size, &contents));
  whydrop::RingIdentity identity;
  static_cast<void>(whydrop::ReadRingHeader(data, size, &identity));
  return 0;
}

#ifndef WHYDROP_LIBFUZZER
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "core/bytes.h"
#include "ring/ring_format.h"
#include "unit/ring/ring_fixture.h"

namespace {

using namespace whydrop;

std::vector<uint8_t> Valid() {
  TestRing ring;
  Evidence evidence;
  for (int i = 1; i < 50; ++i) evidence.Set(static_cast<Field>(i), i * 77 - 1000);
  for (int i = 0; i < 40; ++i) {
    const ConnectionRef ref = ring.writer.OpenConnection(TestConnection(i % 2 == 0 ? "even" : "odd"));
    static_cast<void>(ring.writer.KeepFailure(ref, evidence));
    if (i % 3 == 0) {
      static_cast<void>(ring.writer.EndConnection(ref, evidence, WHYDROP_CAUSE_PATH_TIMEOUT, Confidence::kLow));
    }
    static_cast<void>(ring.writer.RecordFlow(EventType::kStalled, static_cast<uint32_t>(i), i, -i));
  }
  static_cast<void>(ring.writer.SetTag("tag", 3, "value", 5));
  return ring.Copy();
}

// Signs a slot again, so that the bounds behind the checksum are reached as well.
void SignSlot(std::vector<uint8_t>* bytes, const RingLayout& layout, bool key, uint32_t slot, uint32_t seed) {
  uint8_t* at = bytes->data() + (key ? layout.key : layout.flow) + slot * kSlotBytes;
  const auto meta = LoadLe<uint64_t>(at + 8) & ~uint64_t{UINT32_MAX};
  const size_t size = static_cast<size_t>(meta >> 32 & 0xFFFF);
  if (size > kSlotPayloadBytes) return;
  StoreLe(at, StateOf(slot, kSlotCommitted));
  StoreLe(at + 8, meta | SlotCrc(seed, key ? Region::kKey : Region::kFlow, slot, meta, LoadLe<uint64_t>(at + 16),
                                 at + 24, size));
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 30;
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  std::mt19937_64 random(seed);
  const std::vector<uint8_t> valid = Valid();
  RingLayout layout;
  if (!PlanRing(valid.size(), 64, &layout)) return 2;
  const uint32_t crc_seed = RingSeed(TestIdentity().nonce);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  unsigned long long executions = 0;
  for (; std::chrono::steady_clock::now() < end; ++executions) {
    std::vector<uint8_t> bytes = valid;
    for (uint64_t changes = random() % 16; changes > 0; --changes) {
      const size_t at = random() % bytes.size();
      bytes[at] =
          random() % 2 == 0 ? static_cast<uint8_t>(random()) : static_cast<uint8_t>(bytes[at] ^ 1u << random() % 8);
    }
    for (uint64_t slots = random() % 8; slots > 0; --slots) {
      const bool key = random() % 2 == 0;
      const auto slot = static_cast<uint32_t>(random() % 60);
      uint8_t* payload = bytes.data() + (key ? layout.key : layout.flow) + slot * kSlotBytes + 8;
      payload[random() % 120] = static_cast<uint8_t>(random());
      SignSlot(&bytes, layout, key, slot, crc_seed);
    }
    StoreLe(bytes.data() + 12, HeaderCrc(bytes.data()));
    if (random() % 8 == 0) bytes.resize(random() % (bytes.size() + 1));
    bytes.shrink_to_fit();
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::printf("%llu executions\n", executions);
  return 0;
}
#endif
