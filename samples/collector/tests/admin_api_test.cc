#include "samples/collector/admin/admin_api.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>

#include "samples/collector/admin/answers.h"

using namespace whydrop::collector;

namespace {

// Answers attributions when it is told to, as a store does that has much to read, and nothing else.
class SlowStore : public Store {
 public:
  bool Submit(Batch, Done) override { return false; }
  void Stop() override {
    stopped = true;
    Answer();
  }
  StoreHealth Health() override { return {}; }
  void Settle() override {}
  void Backup(const std::string&) override {}
  Attribution QueryAttribution(const AttributionQuery&) override {
    ++asked;
    may_answer_.get_future().wait();
    if (stopped) throw QuestionGivenUp(kStopping);
    return {};
  }
  std::vector<ConnectionView> FindConnections(const std::string&, const std::string&) override { return {}; }
  std::vector<ConnectionView> FindConnectionsOfSession(const std::string&, const std::string&, uint32_t) override {
    return {};
  }
  std::vector<ConnectionRow> RecentConnections(const ConnectionQuery&, uint32_t) override {
    throw QuestionGivenUp("it asks for too much");
  }
  void VisitConnections(const ConnectionQuery&, const std::function<bool(const ConnectionRow&)>&) override {}
  std::vector<Finding> QueryFindings(const ConnectionFilter&) override { throw std::bad_alloc(); }
  std::vector<SessionView> FindSessions(std::optional<int32_t>, const std::string&, uint32_t) override { return {}; }
  std::vector<SessionEndGroup> QuerySessionEnds(const SessionFilter&) override { throw StoreError("a secret path"); }
  Crashes QueryCrashes(const SessionFilter&, uint32_t) override { return {}; }
  bool HasSession(const std::string&, const std::string&) override { return false; }
  std::vector<std::string> ListApps() override { return {}; }
  std::vector<Label> ListLabels(const std::string&) override { return {}; }

  void Answer() { may_answer_.set_value(); }
  std::atomic<int> asked{0};
  std::atomic<bool> stopped{false};

 private:
  std::promise<void> may_answer_;
};

class AdminFixture {
 public:
  std::future<HttpResponse> Ask(const std::string& path, const std::string& query = "") {
    HttpRequest request;
    request.method = "GET";
    request.path = path;
    request.query = query;
    auto answer = std::make_shared<std::promise<HttpResponse>>();
    std::future<HttpResponse> future = answer->get_future();
    api_.Handle(request, [answer](HttpResponse response) { answer->set_value(std::move(response)); });
    return future;
  }

  SlowStore store;
  Metrics metrics;
  QuestionQueue queue{1, 2};

 private:
  AdminApi api_{&store, &queue, [] { return std::string("up 1\n"); }, &metrics, HostGuard("127.0.0.1", {})};
};

}  // namespace

TEST_CASE_FIXTURE(AdminFixture,
                  "while questions wait for the store, metrics and page are there, and one too many is told") {
  std::future<HttpResponse> under_way = Ask("/v1/attribution");
  while (store.asked == 0) std::this_thread::yield();
  std::future<HttpResponse> waiting = Ask("/v1/labels");
  std::future<HttpResponse> last = Ask("/v1/labels");
  HttpResponse refused = Ask("/v1/labels").get();
  CHECK(refused.status == 503);
  CHECK(refused.body.find("too many questions") != std::string::npos);
  CHECK(metrics.Get(Counter::kQuestionsRefused) == 1);
  for (const char* path : {"/metrics", "/", "/v1/freshness"}) {
    CAPTURE(path);
    CHECK(Ask(path).get().status == 200);
  }
  CHECK(Ask("/nothing").get().status == 404);
  store.Answer();
  for (std::future<HttpResponse>* answer : {&under_way, &waiting, &last}) CHECK(answer->get().status == 200);
}

TEST_CASE_FIXTURE(AdminFixture, "at the end every question has an answer, also those that waited") {
  std::future<HttpResponse> under_way = Ask("/v1/attribution");
  while (store.asked == 0) std::this_thread::yield();
  std::future<HttpResponse> waiting = Ask("/v1/labels");
  store.Stop();
  queue.Stop();
  const HttpResponse given_up = under_way.get();
  CHECK(given_up.status == 503);
  CHECK(given_up.body.find("the collector is stopping") != std::string::npos);
  CHECK(waiting.get().status == 200);  // that one needs no time
  CHECK(Ask("/v1/labels").get().status == 503);
}

TEST_CASE_FIXTURE(AdminFixture,
                  "why a question has no answer is told as far as it is the asker's matter, and counted") {
  const HttpResponse given_up = Ask("/v1/recent_connections").get();
  CHECK(given_up.status == 503);
  CHECK(given_up.body.find("it asks for too much") != std::string::npos);
  for (const char* path : {"/v1/session_ends", "/v1/findings"}) {
    CAPTURE(path);
    const HttpResponse failed = Ask(path).get();
    CHECK(failed.status == 503);
    CHECK(failed.body.find("the store cannot be read") != std::string::npos);
  }
  CHECK(metrics.Get(Counter::kQuestionsFailed) == 3);
}

TEST_CASE_FIXTURE(AdminFixture,
                  "a question that contradicts itself or leaves the calendar is refused by the parameter's name") {
  const std::pair<const char*, const char*> cases[] = {
      {"from=-1", "from"},
      {"from=-9223372036854775808", "from"},
      {"to=9223372036854775807", "to"},
      {"from=5000000001", "from"},
      {"from=2&to=1", "to: lies before from"},
      {"app_id=a&app_id=b", "app_id: stands there twice"},
      {"tag:gpu=a&tag:gpu=b", "tag:gpu: stands there twice"},
  };
  for (const auto& [query, word] : cases) {
    CAPTURE(query);
    const HttpResponse answer = Ask("/v1/recent_connections", query).get();
    CHECK(answer.status == 400);
    CHECK(answer.body.find(word) != std::string::npos);
  }
  std::string tags = "from=5";
  for (char key = 'a'; key <= 'q'; ++key) tags += std::string("&tag:") + key + "=x";
  CHECK(Ask("/v1/recent_connections", tags).get().status == 400);
}

TEST_CASE("connections of groups that an answer has no room for are told") {
  Attribution found;
  found.connections = 10;
  found.groups = {{{"client_crash"}, 6}, {{"path_timeout"}, 3}};
  AttributionQuery query;
  query.group_by = {"cause"};
  CHECK(AttributionJson(query, found).find("\"left_out\":1,") != std::string::npos);
  found.connections = 9;
  CHECK(AttributionJson(query, found).find("\"left_out\":0,") != std::string::npos);
}
