// The answer table, row by row; the URL rule; the batch file.
#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "fixture.h"
#include "upload/outbox.h"
#include "upload/retry_policy.h"
#include "upload/uploader.h"

using namespace whydrop;

static Attempt Answered(int32_t status, int32_t role = WHYDROP_ROLE_CLIENT) {
  Attempt attempt;
  attempt.answered = true;
  attempt.status = status;
  attempt.role = role;
  return attempt;
}

TEST_CASE("only a 200 that echoes id and hash is an acknowledgement") {
  for (int32_t role : {WHYDROP_ROLE_CLIENT, WHYDROP_ROLE_SERVER}) {
    Attempt attempt = Answered(200, role);
    attempt.acknowledged = true;
    attempt.verdict = AckVerdict::kAccepted;
    CHECK(Decide(attempt).action == Action::kDeleteAcknowledged);
    attempt.verdict = AckVerdict::kDuplicate;
    CHECK(Decide(attempt).action == Action::kDeleteAcknowledged);
    attempt.verdict = AckVerdict::kRejected;
    CHECK(Decide(attempt).action == Action::kDeleteRejected);
    attempt.verdict = AckVerdict::kDisabled;
    CHECK(Decide(attempt).action == Action::kDisable);
    const Action keeps = role == WHYDROP_ROLE_CLIENT ? Action::kStopLaunch : Action::kRetryLater;
    attempt.verdict = static_cast<AckVerdict>(99);
    CHECK(Decide(attempt).action == keeps);
    attempt.verdict = AckVerdict::kAccepted;
    attempt.status = 201;
    CHECK(Decide(attempt).action == keeps);
    attempt.status = 200;
    attempt.acknowledged = false;
    CHECK(Decide(attempt).action == keeps);
  }
}

TEST_CASE("a captive portal, a redirect and no answer end the launch of a client") {
  for (int32_t status : {200, 204, 299, 301, 302, 308, 100, 0, 999}) {
    CHECK(Decide(Answered(status)).action == Action::kStopLaunch);
  }
  CHECK(Decide(Attempt{}).action == Action::kStopLaunch);
}

TEST_CASE("a busy collector is asked at most three times a launch, no sooner than it says") {
  for (int32_t status : {408, 425, 429, 500, 502, 503, 504, 599}) {
    Attempt attempt = Answered(status);
    attempt.retry_after_s = 120;
    Decision decision = Decide(attempt);
    CHECK(decision.action == Action::kRetryLater);
    CHECK(decision.delay_ms == 120000);
    attempt.retry_after_s = UINT32_MAX;
    CHECK(Decide(attempt).delay_ms == 24u * 3600 * 1000);
    attempt.attempts = 3;
    CHECK(Decide(attempt).action == Action::kStopLaunch);
  }
}

TEST_CASE("another 4xx is counted and the batch given up in the fifth launch") {
  for (int32_t status : {400, 401, 403, 404, 407, 413, 451}) {
    Attempt attempt = Answered(status);
    for (attempt.refused_launches = 0; attempt.refused_launches < 4; ++attempt.refused_launches) {
      CHECK(Decide(attempt).action == Action::kCountRefusal);
    }
    CHECK(Decide(attempt).action == Action::kDropRefused);
  }
}

TEST_CASE("a server retries for ever, between 1 and 300 seconds apart") {
  for (int32_t status : {0, 200, 301, 403, 404, 429, 500}) {
    Attempt attempt = Answered(status, WHYDROP_ROLE_SERVER);
    attempt.answered = status != 0;
    attempt.refused_launches = 200;
    for (uint32_t attempts : {1u, 2u, 3u, 10u, 1000000u}) {
      for (uint32_t random : {0u, 12345u, UINT32_MAX}) {
        attempt.attempts = attempts;
        attempt.random = random;
        const Decision decision = Decide(attempt);
        CHECK(decision.action == Action::kRetryLater);
        CHECK(decision.delay_ms >= 1000);
        CHECK(decision.delay_ms <= 300000);
      }
    }
  }
}

TEST_CASE("batches go to https, or to http on this machine") {
  for (const char* url :
       {"https://a.example/v1/batches", "https://a.example:8443/x/v1/batches", "https://[2001:db8::1]/v1/batches",
        "http://127.0.0.1:8787/v1/batches", "http://127.255.0.9/v1/batches", "http://localhost:1/v1/batches",
        "http://[::1]:8787/v1/batches"}) {
    CAPTURE(url);
    CHECK(IsUploadUrl(url));
  }
  for (const char* url :
       {"http://a.example/v1/batches", "http://127.0.0.1.example/v1/batches", "http://127.1/v1/batches",
        "http://127.0.0.256/v1/batches", "http://127.0.0.1@a.example/v1/batches", "ftp://localhost/v1/batches",
        "https://a.example/v1/batches?x=1", "https://a.example/v1/batch", "https:///v1/batches",
        "https://a.example:/v1/batches", "https://a.example:99999999/v1/batches", "https://a b/v1/batches",
        "https://a.example/v1/batches\r\nX: y", "http://localhost.example/v1/batches", ""}) {
    CAPTURE(url);
    CHECK_FALSE(IsUploadUrl(url));
  }
  CHECK_FALSE(IsUploadUrl(nullptr));
}

TEST_CASE("a batch file reads back, and no bit flip but one in the refusal count passes") {
  BatchFile batch;
  batch.session_id.fill(0xab);
  batch.rotation = 3;
  batch.part = 4;
  batch.sha256.fill(7);
  batch.ended_unix_ms = -5;
  batch.ended_boot_ms = 6;
  batch.boot_id.fill(9);
  batch.body = "body";
  CHECK(BatchFileName(batch) == "abababababababababababababababab-3-4.batch");
  std::string bytes = EncodeBatchFile(batch);
  BatchFile read;
  REQUIRE(DecodeBatchFile(bytes, &read).ok());
  CHECK(EncodeBatchFile(read) == bytes);
  CHECK(read.ended_unix_ms == -5);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    CHECK(DecodeBatchFile(flipped, &read).ok() == (bit / 8 == 127));
  }
  for (size_t cut = 0; cut < bytes.size(); ++cut) CHECK_FALSE(DecodeBatchFile(bytes.substr(0, cut), &read).ok());
}

namespace {

constexpr int kADay = 4;
constexpr int64_t kStepMs = int64_t{86400} * 1000 / kADay;

// The outbox of somebody whose collector is away, a batch every six hours.
struct Outage {
  StateDirectory state{"/dev/shm"};
  Outbox outbox{state.path, {}};
  int64_t now_ms = platform::WallUnixMs();
  uint32_t put = 0;
  OutboxLosses losses;

  void Put(int32_t role, size_t bytes) {
    BatchFile batch;
    batch.rotation = put++;
    batch.body = std::string(bytes, 'x');
    REQUIRE(outbox.Put(batch).ok());
    const std::filesystem::path file = state.path + "/" + BatchFileName(batch);
    // Half a step younger than said, so that no file is just as old as the limit.
    const auto age = std::chrono::milliseconds(platform::WallUnixMs() - now_ms - kStepMs / 2);
    std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() - age);
    const OutboxLosses lost = outbox.EnforceQuota(role, now_ms);
    losses.batches += lost.batches;
    losses.bytes += lost.bytes;
  }
  uint64_t WaitingBytes() const {
    uint64_t bytes = 0;
    for (const Outbox::Entry& entry : outbox.List()) bytes += entry.size_bytes;
    return bytes;
  }
};

}  // namespace

TEST_CASE("thirty days without a collector cost a server what is older than seven, and every batch of it is counted") {
  Outage outage;
  for (int step = 0; step < 30 * kADay; ++step, outage.now_ms += kStepMs) outage.Put(WHYDROP_ROLE_SERVER, 1000);
  const std::vector<Outbox::Entry> left = outage.outbox.List();
  CHECK(left.size() == 7 * kADay + 1);
  CHECK(left.front().rotation == 30 * kADay - left.size());
  CHECK(outage.losses.batches == 30 * kADay - left.size());
  CHECK(outage.losses.bytes == outage.losses.batches * left.front().size_bytes);
}

TEST_CASE("thirty days without a collector leave a client 64 files and 4 MiB, and the rest is counted") {
  Outage outage;
  for (int step = 0; step < 30 * kADay; ++step, outage.now_ms += kStepMs) {
    outage.Put(WHYDROP_ROLE_CLIENT, step % 2 == 0 ? 1000 : 150000);
  }
  const size_t left = outage.outbox.List().size();
  CHECK(left > 20);
  CHECK(left <= 64);
  CHECK(outage.WaitingBytes() <= uint64_t{4} << 20);
  CHECK(outage.losses.batches == 30 * kADay - left);
}

TEST_CASE("a server's outbox keeps a gibibyte, and what it gives up is counted") {
  Outage outage;
  outage.Put(WHYDROP_ROLE_SERVER, 1000);
  // Files with nothing in them but a size: what counts is what they are said to take.
  constexpr uint64_t kEach = uint64_t{64} << 20;
  for (int i = 0; i < 20; ++i) {
    const std::string name = std::string(32, 'a') + "-" + std::to_string(i) + "-0.batch";
    outage.state.Write(name, "");
    std::filesystem::resize_file(outage.state.path + "/" + name, kEach);
  }
  const OutboxLosses losses = outage.outbox.EnforceQuota(WHYDROP_ROLE_SERVER, outage.now_ms);
  CHECK(outage.outbox.List().size() == 16);
  CHECK(losses.batches == 5);
  CHECK(losses.bytes >= 4 * kEach + 1000);
}
