// Whatever an upload is answered with, and whenever the client is killed beside it: the next launch makes the collector
// know each batch exactly once, and always with the same bytes.
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/sha256.h"
#include "fixture.h"
#include "http_server.h"
#include "known.h"
#include "sample_ring.h"
#include "support/child.h"
#include "upload/harvest.h"
#include "upload/uploader.h"

using namespace whydrop;
namespace wire = whydrop::v1;

namespace {

constexpr uint32_t kBatches = 2;

// How the collector's first answers go wrong.
struct Fault {
  std::string status;             // of HTTP; empty: `raw` is all there is
  bool stored = true;             // before the answer went wrong
  std::string raw;                // instead of an answer; with a status: the body
  int ack = wire::Ack::ACCEPTED;  // 0: `raw` is the body
  int wrong = 0;                  // 1: id, 2: hash, 3: part
};

std::vector<Fault> Faults() {
  std::vector<Fault> faults;
  for (const int verdict : {1, 2, 99}) faults.push_back({"200 OK", true, "", verdict, 0});
  for (const int wrong : {1, 2, 3}) faults.push_back({"200 OK", true, "", 1, wrong});
  for (const char* status : {"201 Created", "202 Accepted", "204 No Content", "206 Partial Content"}) {
    faults.push_back({status, true, "", 1, 0});
  }
  for (const char* status :
       {"300 M", "301 M", "302 F", "303 S", "304 N", "307 T", "308 P", "400 B", "401 U", "402 P", "403 F",
        "404 N", "405 M", "407 P", "408 T", "409 C", "410 G", "411 L", "413 L", "415 U", "421 M", "425 E",
        "429 T", "431 L", "451 U", "500 I", "501 N", "502 B", "503 S", "504 G", "507 I", "511 N", "599 X"}) {
    faults.push_back({status, status[0] == '5', "{\"error\":\"no\"}", 0, 0});
  }
  faults.push_back({"200 OK", false, "<html>Welcome! Please log in.</html>", 0, 0});
  faults.push_back({"200 OK", false, "", 0, 0});
  faults.push_back({"200 OK", true, std::string(100000, 'x'), 0, 0});
  faults.push_back({"", true, "RESET", 0, 0});
  faults.push_back({"", true, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf", 0, 0});
  faults.push_back({"", false, "this is no HTTP\r\n\r\n", 0, 0});
  faults.push_back({"", true, "HTTP/1.1 ", 0, 0});
  return faults;
}

// What a collector keeps: the hash of each id, the first one wins.
class Collector {
 public:
  bool Store(const wire::Batch& batch, const std::string& sha) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto stored = stored_.emplace(batch.id().SerializeAsString(), sha);
    conflicts_ += stored.first->second != sha ? 1 : 0;
    return stored.second;
  }
  size_t stored() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return stored_.size();
  }
  size_t conflicts() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return conflicts_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> stored_;
  size_t conflicts_ = 0;
};

std::string Answer(const Fault& fault, const wire::Batch& batch, const std::string& sha) {
  if (fault.status.empty()) return fault.raw;
  if (fault.ack == 0) return HttpAnswer(fault.status, fault.raw, "Retry-After: 0\r\n");
  wire::Ack ack;
  *ack.mutable_id() = batch.id();
  if (fault.wrong == 1) ack.mutable_id()->set_session_id(std::string(16, 'x'));
  if (fault.wrong == 3) ack.mutable_id()->set_part(99);
  ack.set_sha256(fault.wrong == 2 ? std::string(32, 'x') : sha);
  ack.set_verdict(static_cast<wire::Ack::Verdict>(fault.ack));
  return HttpAnswer(fault.status, fault.status[1] == '0' && fault.status[2] == '4' ? "" : ack.SerializeAsString());
}

int die_at = 0;
void DieThere(int step) {
  if (step == die_at) Child::Die();
}

}  // namespace

CHILD_ROLE(launches) {
  TestRing own(arguments.at(0), WHYDROP_ROLE_CLIENT, platform::CurrentProcess().pid);
  UploadConfig config;
  config.directory = arguments.at(0);
  config.app_id = "sample.game";
  config.app_version = "1.2.3";
  config.url = arguments.at(1);
  Uploader uploader(config, &own.writer);
  die_at = std::stoi(arguments.at(2));
  upload_step_hook = DieThere;
  const std::atomic<bool> stop{false};
  uploader.Send(stop, true);
  own.storage.Discard();
  return 0;
}

namespace {

// With kInServer the client is killed once the collector has the request, and before it answers.
constexpr int kNever = 0, kInServer = 1;

struct InServer {
  std::atomic<bool> arrived{false}, killed{false};
};

// One launch of a client in a child, which is killed at the step, or not at all.
void Launch(const StateDirectory& state, const std::string& url, int step, InServer* in_server) {
  Child client = Child::InRole("launches", {state.path, url, std::to_string(step)});
  if (step == kInServer) {
    while (!in_server->arrived.load()) std::this_thread::yield();
    client.Kill();
    in_server->killed.store(true);
  }
  const int64_t code = client.Wait();
  REQUIRE((code == 0 || code == Child::kKilled || code == 1));
}

void Try(const Fault& fault, int step) {
  StateDirectory state(TestDirectory::InMemory());
  const RingContents ring = SampleRing(WHYDROP_ROLE_CLIENT);
  for (uint32_t i = 0; i < kBatches; ++i) {
    BatchScope scope;
    scope.rotation = i;
    REQUIRE(PutRotation(Outbox(state.path, {}), ring, ReportSession(ring, {}), scope).ok());
  }
  Collector collector;
  std::atomic<bool> well{false};
  InServer in_server;
  HttpServer server([&](const Posted& posted) {
    const std::string body = Inflate(posted.body);
    wire::Batch batch;
    batch.ParseFromString(body);
    const auto hash = Sha256Of(body.data(), body.size());
    const std::string sha(hash.begin(), hash.end());
    if (!well.load()) {
      if (fault.stored) collector.Store(batch, sha);
      if (step == kInServer) {
        in_server.arrived.store(true);
        while (!in_server.killed.load()) std::this_thread::yield();
      }
      return Answer(fault, batch, sha);
    }
    const bool first = collector.Store(batch, sha);
    return Answer({"200 OK", true, "", first ? wire::Ack::ACCEPTED : wire::Ack::DUPLICATE, 0}, batch, sha);
  });
  Launch(state, server.Url(), step, &in_server);
  well.store(true);
  Launch(state, server.Url(), kNever, &in_server);
  CHECK(collector.stored() == kBatches);
  CHECK(collector.conflicts() == 0);
  CHECK(state.Count(".batch") == 0);
  CHECK(state.Count(".bad") == 0);
}

}  // namespace

TEST_CASE("each of 45 answers, with the client killed before, during and after it, leaves every batch known once") {
  const std::vector<Fault> faults = Faults();
  CHECK(faults.size() >= 45);
#ifdef WHYDROP_SLOW_BUILD
  const size_t every = 6;
  MESSAGE("every 6th answer is tried: the system that this runs on starts processes slowly");
#else
  const size_t every = 1;
#endif
  for (size_t i = 0; i < faults.size(); i += every) {
    CAPTURE(i);
    CAPTURE(faults[i].status);
    for (const int step : {kNever, kInServer, int{kBeforePost}, int{kAnswered}, int{kApplied}}) {
      CAPTURE(step);
      Try(faults[i], step);
    }
  }
}
