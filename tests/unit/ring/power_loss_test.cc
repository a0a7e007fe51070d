// A loss of power leaves of each block of the ring's file what stood there at some sync, what stood there at the end,
// or anything. Whatever the blocks are, the reader accepts only what was written.
//
// Usage: 20,000 images, or 1,000,000 with WHYDROP_TEST_FULL set.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "ring_fixture.h"

using namespace whydrop;

namespace {

int64_t Mix(uint64_t connection, int64_t a) {
  return static_cast<int64_t>((connection * 1000003u ^ static_cast<uint64_t>(a)) * 0x9E3779B97F4A7C15u);
}

ConnectionIdentity IdentityOf(uint32_t number) {
  ConnectionIdentity id = TestConnection(("gate-" + std::to_string(number % 7)).c_str());
  for (size_t i = 0; i < kTokenHashBytes; ++i) id.token_hash[i] = static_cast<uint8_t>(Mix(number, 7) >> (i % 8));
  return id;
}

// A ring that lives on, and what its file held at each sync.
struct Life {
  TestRing ring{65536, 32};
  std::vector<std::vector<uint8_t>> synced;
  std::vector<ConnectionRef> open;
  int64_t events = 0;
  uint64_t ended = 0;

  void LiveOn(std::mt19937* chance) {
    for (int i = 0; i < 150; ++i) {
      const uint32_t connection = (*chance)() % 50;
      ring.writer.RecordFlow(EventType::kStalled, connection, events, Mix(connection, events));
      if (i % 8 == 0) ring.writer.RecordKey(EventType::kSuspended, connection, events, Mix(connection, events));
      ++events;
      if (i % 5 == 0) Change(chance);
    }
    const std::string value = std::to_string(events);
    ring.writer.SetTag("at", 2, value.data(), value.size());
  }
  void Change(std::mt19937* chance) {
    if (open.size() < 20 || (*chance)() % 2 == 0) {
      const auto number = static_cast<uint32_t>(ring.writer.life()->connections_opened.load()) + 1;
      const ConnectionRef ref = ring.writer.OpenConnection(IdentityOf(number));
      if (ref.valid()) open.push_back(ref);
      return;
    }
    const size_t which = (*chance)() % open.size();
    const uint32_t number = ring.writer.NumberOf(open[which]);
    Evidence evidence;
    evidence.Set(Field::os_error, Mix(number, 1));
    ring.writer.KeepFailure(open[which], evidence);
    if ((*chance)() % 2 == 0) return;
    evidence.Set(Field::rtt_us, Mix(number, 2));
    ended += ring.writer.EndConnection(open[which], evidence, WHYDROP_CAUSE_PATH_TIMEOUT, Confidence::kLow) ? 1 : 0;
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
  }
  void Seal() {
    uint64_t from = 0, to = 0;
    uint32_t rotation = 0;
    if (ring.writer.BeginSeal(&from, &to, &rotation)) ring.writer.FinishSeal({});
  }
};

// One image of what the disk may hold.
std::vector<uint8_t> Lose(const Life& life, size_t block, std::mt19937* chance) {
  std::vector<uint8_t> image = life.ring.Copy();
  const uint32_t garbage = (*chance)() % 3 == 0 ? 10 : 0;  // per cent of the blocks
  for (size_t at = 0; at < image.size(); at += block) {
    const uint32_t dice = (*chance)() % 100;
    if (dice < garbage) {
      std::generate_n(image.begin() + static_cast<std::ptrdiff_t>(at), block,
                      [chance] { return static_cast<uint8_t>((*chance)()); });
    } else if (dice < 60) {
      const std::vector<uint8_t>& old = life.synced[(*chance)() % life.synced.size()];
      std::copy_n(old.begin() + static_cast<std::ptrdiff_t>(at), block,
                  image.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  if ((*chance)() % 10 == 0) {
    const size_t cut = (*chance)() % image.size();
    if ((*chance)() % 2 == 0) {
      image.resize(cut);
    } else {
      std::fill(image.begin() + static_cast<std::ptrdiff_t>(cut), image.end(), uint8_t{0});
    }
  }
  return image;
}

// How many records the image yields; -1 if one of them was never written.
int64_t Count(const Life& life, const RingContents& contents) {
  for (const RingEvent& event : contents.events) {
    if (event.a >= life.events || event.b != Mix(event.connection, event.a)) return -1;
  }
  for (const RingConnection& connection : contents.connections) {
    const uint32_t number = connection.identity.number;
    const ConnectionIdentity id = IdentityOf(number);
    if (connection.identity.token_hash != id.token_hash ||
        std::strcmp(connection.identity.endpoint, id.endpoint) != 0) {
      return -1;
    }
    const Evidence& evidence = connection.evidence;
    if (evidence.Has(Field::os_error) && evidence.Get(Field::os_error) != Mix(number, 1)) return -1;
    if (evidence.Has(Field::rtt_us) && evidence.Get(Field::rtt_us) != Mix(number, 2)) return -1;
    if (!connection.open && connection.cause != WHYDROP_CAUSE_PATH_TIMEOUT) return -1;
  }
  for (const RingTag& tag : contents.tags) {
    if (tag.key != "at" || std::strtoll(tag.value.c_str(), nullptr, 10) > life.events) return -1;
  }
  for (const RingTotal& total : contents.totals) {
    if (total.cause != WHYDROP_CAUSE_PATH_TIMEOUT || total.count > life.ended) return -1;
  }
  return static_cast<int64_t>(contents.events.size() + contents.connections.size());
}

}  // namespace

TEST_CASE("no image that a loss of power can leave yields a record that was never written") {
#ifdef WHYDROP_SLOW_BUILD
  constexpr int kDefault = 1000;
#else
  constexpr int kDefault = 20000;
#endif
  const int images = std::getenv("WHYDROP_TEST_FULL") != nullptr ? 1000000 : kDefault;
  constexpr int kLives = 20;
  std::mt19937 chance(20261128);
  int64_t records = 0;
  int read = 0, wrong = 0;
  for (int n = 0; n < kLives; ++n) {
    Life life;
    for (int i = 0; i < 4; ++i) {
      life.synced.push_back(life.ring.Copy());
      life.LiveOn(&chance);
      if (i % 2 == 1) life.Seal();
    }
    for (int i = 0; i < images / kLives; ++i) {
      const std::vector<uint8_t> image = Lose(life, i % 2 == 0 ? 512 : 4096, &chance);
      RingContents contents;
      if (!ReadRing(image.data(), image.size(), &contents).ok()) continue;
      ++read;
      const int64_t found = Count(life, contents);
      wrong += found < 0 ? 1 : 0;
      records += std::max<int64_t>(found, 0);
    }
  }
  MESSAGE(images << " images, " << read << " with a header that held, " << records << " records");
  CHECK(wrong == 0);
  CHECK(read > images / 2);
  CHECK(records > read);
}
