// Posting with the real libcurl to a real server, and with the game's transport.
#include <chrono>

#include "launch.h"
#include "upload/http_transport.h"

using namespace whydrop;
namespace wire = whydrop::v1;

TEST_CASE("an acknowledged batch is deleted, and the request is what the collector expects") {
  HttpServer server([](const Posted& p) { return Acknowledge(p, wire::Ack::ACCEPTED); });
  Launch launch(server.Url(), 3);
  CHECK(launch.Send() == SendResult::kAllSent);
  CHECK(launch.Waiting() == 0);
  CHECK(launch.uploader->counters().sent == 3);
  const Posted posted = server.posted().at(0);
  CHECK(posted.head.find("POST /v1/batches HTTP/1.1\r\n") == 0);
  for (const char* line : {"Content-Type: application/x-protobuf\r\n", "Content-Encoding: gzip\r\n",
                           "X-Whydrop-Key: k1\r\n", "User-Agent: whydrop/0.1.0\r\n", "X-Whydrop-Age: "}) {
    CAPTURE(std::string(line));
    CHECK(posted.head.find(line) != std::string::npos);
  }
}

TEST_CASE("an answer that does not echo id and hash deletes nothing") {
  for (int wrong : {0, 1}) {
    HttpServer server([wrong](const Posted& p) { return Acknowledge(p, wire::Ack::ACCEPTED, wrong != 0, wrong == 0); });
    Launch launch(server.Url());
    CHECK(launch.Send() == SendResult::kLeft);
    CHECK(launch.Waiting() == 1);
    CHECK(launch.uploader->NextSendDelayMs() == UINT32_MAX);
  }
}

TEST_CASE("a captive portal, a redirect, a truncated answer and a reset keep the batch and end the launch") {
  const std::string portal = HttpAnswer("200 OK", "<html>log in</html>", "Content-Type: text/html\r\n");
  const std::string large = HttpAnswer("200 OK", std::string(100000, 'x'));
  const std::string redirect = HttpAnswer("301 Moved", "", "Location: http://127.0.0.1:1/v1/batches\r\n");
  const std::string truncated = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc";
  for (const std::string& answer :
       {portal, large, redirect, truncated, std::string("RESET"), std::string("nonsense")}) {
    CAPTURE(answer.substr(0, 20));
    HttpServer server(Always(answer));
    Launch launch(server.Url(), 2);
    CHECK(launch.Send() == SendResult::kLeft);
    CHECK(launch.Send() == SendResult::kLeft);
    CHECK(launch.Waiting() == 2);
    CHECK(server.connections == 1);
  }
}

TEST_CASE("a busy collector is asked three times, and not before its time") {
  HttpServer server(Always(HttpAnswer("429 Too Many Requests", "", "Retry-After: 100\r\n")));
  Launch launch(server.Url());
  CHECK(launch.Send() == SendResult::kLeft);
  CHECK(launch.uploader->NextSendDelayMs() > 90000);
  CHECK(launch.uploader->NextSendDelayMs() <= 100000);
  CHECK(launch.Send() == SendResult::kLeft);
  CHECK(server.connections == 1);
  launch.Send(true);
  launch.Send(true);
  CHECK(launch.uploader->NextSendDelayMs() == UINT32_MAX);
  CHECK(server.connections == 3);
  CHECK(launch.Waiting() == 1);
}

TEST_CASE("a 500 is tried again after a backoff") {
  HttpServer server(Always(HttpAnswer("500 Oops", std::string(9000, 'x'))));
  Launch launch(server.Url());
  const auto start = std::chrono::steady_clock::now();
  CHECK(launch.Send() == SendResult::kLeft);
  const std::chrono::milliseconds delay(launch.uploader->NextSendDelayMs());
  CHECK(std::chrono::steady_clock::now() - start + delay >= std::chrono::milliseconds(1000));
  CHECK(delay <= std::chrono::milliseconds(2000));
}

TEST_CASE("a proxy's 403 is counted once a launch and gives the batch up in the fifth") {
  HttpServer server(Always(HttpAnswer("403 Forbidden", "no")));
  Launch launch(server.Url());
  for (int i = 1; i <= 4; ++i) {
    launch.Send();
    launch.Send(true);
    CHECK(launch.Waiting() == 1);
    launch.Again();
  }
  launch.Send();
  CHECK(launch.Waiting() == 0);
  CHECK(launch.own.writer.LossCount(Loss::kBatchesGivenUp) == 1);
  CHECK(launch.uploader->counters().lost.load() == 1);
}

TEST_CASE("a rejected batch is deleted and counted") {
  HttpServer server([](const Posted& p) { return Acknowledge(p, wire::Ack::REJECTED); });
  Launch launch(server.Url());
  CHECK(launch.Send() == SendResult::kAllSent);
  CHECK(launch.Waiting() == 0);
  CHECK(launch.uploader->counters().rejected == 1);
  CHECK(launch.own.writer.LossCount(Loss::kBatchesRejected) == 1);
}

TEST_CASE("DISABLED empties the outbox and holds until the app version changes") {
  HttpServer server([](const Posted& p) { return Acknowledge(p, wire::Ack::DISABLED); });
  Launch launch(server.Url(), 3);
  CHECK(launch.Send() == SendResult::kDisabled);
  CHECK(launch.Waiting() == 0);
  CHECK(Uploader::IsDisabled(launch.state.path, "1.2.3"));
  CHECK_FALSE(Uploader::IsDisabled(launch.state.path, "1.2.4"));
  CHECK(launch.Send(true) == SendResult::kDisabled);
  CHECK(server.connections == 1);
}

TEST_CASE("a stop ends a silent transfer at once") {
  HttpServer server(Always("SILENCE"));
  Launch launch(server.Url());
  SendResult result = SendResult::kAllSent;
  std::thread worker([&] { result = launch.Send(); });
  while (server.posted().empty()) std::this_thread::yield();
  const auto start = std::chrono::steady_clock::now();
  launch.stop = true;
  worker.join();
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(kTransferTimeoutMs / 3));
  CHECK(result == SendResult::kStopped);
  CHECK(launch.Waiting() == 1);
}

TEST_CASE("nobody listening keeps the batch") {
  Launch launch("http://127.0.0.1:1/v1/batches");
  CHECK(launch.Send() == SendResult::kLeft);
  CHECK(launch.Waiting() == 1);
}

static void WHYDROP_CALL GameTransport(const whydrop_request* request, whydrop_response* response, void* user) {
  Posted posted{request->headers, std::string(static_cast<const char*>(request->body), request->body_bytes)};
  const std::string answer = Acknowledge(posted, wire::Ack::ACCEPTED);
  const std::string body = answer.substr(answer.find("\r\n\r\n") + 4);
  response->status = 200;
  response->body_bytes = static_cast<uint32_t>(body.size());
  std::memcpy(response->body, body.data(), body.size());
  *static_cast<std::string*>(user) = posted.head;
}

TEST_CASE("the game's own transport takes the place of libcurl") {
  Launch launch("https://collector.example/v1/batches");
  std::string headers;
  launch.config.transport = GameTransport;
  launch.config.transport_user = &headers;
  launch.Again();
  CHECK(launch.Send() == SendResult::kAllSent);
  CHECK(launch.Waiting() == 0);
  CHECK(headers.find("X-Whydrop-Key: k1\r\n") != std::string::npos);
}

TEST_CASE("a batch of a session whose ring is still there is not sent") {
  HttpServer server([](const Posted& p) { return Acknowledge(p, wire::Ack::ACCEPTED); });
  Launch launch(server.Url());
  const std::string ring = SessionHex(SampleRing(0).identity.session_id) + ".ring";
  launch.state.Write(ring, "x");
  launch.Send();
  CHECK(server.connections == 0);
  CHECK(launch.Waiting() == 1);
}

TEST_CASE("hostile batch files are moved aside once and counted") {
  HttpServer server([](const Posted& p) { return Acknowledge(p, wire::Ack::ACCEPTED); });
  Launch launch(server.Url());
  launch.state.Write(std::string(32, 'a') + "-0-0.batch", "garbage");
  launch.state.Write(std::string(32, 'b') + "-0-0.batch", std::string(300 << 10, 'x'));
  std::error_code no_links;  // making one needs a privilege on Windows
  std::filesystem::create_symlink("/etc/passwd", launch.state.path + "/" + std::string(32, 'c') + "-0-0.batch",
                                  no_links);
  launch.state.Write("notes.batch", "mine");
  CHECK(launch.Send() == SendResult::kAllSent);
  CHECK(launch.own.writer.LossCount(Loss::kBatchesDropped) == 2);  // a link is no file and is not even listed
  CHECK(launch.own.writer.LossCount(Loss::kBytesDropped) == 7 + (300 << 10));
  CHECK(launch.state.Count(".batch.bad") == 2);
  CHECK(launch.Waiting() == (no_links ? 1 : 2));  // the link and the notes
  CHECK(launch.uploader->counters().sent == 1);
  CHECK(launch.Send() == SendResult::kAllSent);
  CHECK(launch.own.writer.LossCount(Loss::kBatchesDropped) == 2);
  CHECK(launch.state.Read("notes.batch") == "mine");
}

TEST_CASE("a client's outbox keeps 64 files and drops the oldest, counted") {
  Launch launch("", 70);
  launch.uploader->Harvest();
  CHECK(launch.Waiting() == 64);
  CHECK(launch.own.writer.LossCount(Loss::kBatchesDropped) == 6);
  CHECK(launch.own.writer.LossCount(Loss::kBytesDropped) > 0);
  CHECK(launch.uploader->counters().lost == 6);
}
