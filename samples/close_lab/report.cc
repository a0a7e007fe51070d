#include "close_lab/report.h"

#include <cstdio>
#include <cstring>

#include "common/child.h"
#include "common/http.h"
#include "whydrop/whydrop.h"

namespace close_lab {
namespace {

constexpr uint32_t kFlushMs = 60000;
constexpr uint32_t kNeverMs = 24 * 3600 * 1000;
constexpr uint32_t kServerRingBytes = 1024 * 1024;
constexpr uint32_t kConnections = 64;

struct Way {
  std::string port;
  int network = -1;
};
Way the_way;

void WHYDROP_CALL Post(const whydrop_request* request, whydrop_response* response, void*) {
  const samples::ScopedNetwork home(the_way.network);
  const std::string body(static_cast<const char*>(request->body), static_cast<size_t>(request->body_bytes));
  const samples::HttpAnswer answer = samples::ExchangeHttp(the_way.port, "POST", "/v1/batches", request->headers, body,
                                                           static_cast<int>(request->timeout_ms));
  if (answer.body.size() > sizeof response->body) return;
  response->status = answer.status;
  std::memcpy(response->body, answer.body.data(), answer.body.size());
  response->body_bytes = static_cast<uint32_t>(answer.body.size());
}

void WHYDROP_CALL PrintWarning(int32_t level, const char* message, void*) {
  if (level <= 2) std::fprintf(stderr, "whydrop: %s\n", message);
}

}  // namespace

bool StartRecording(const PeerSettings& settings) {
  the_way.port = settings.collector_port;
  the_way.network = settings.home_network;
  const std::string url = "http://127.0.0.1:" + settings.collector_port + "/v1/batches";
  whydrop_config config;
  WHYDROP_CONFIG_INIT(&config);
  config.role = settings.server ? WHYDROP_ROLE_SERVER : WHYDROP_ROLE_CLIENT;
  config.app_id = settings.app_id.c_str();
  config.app_version = "1.0.0";
  config.state_dir = settings.state_dir.c_str();
  config.upload_url = url.c_str();
  config.upload_delay_ms = kNeverMs;
  // With an interval a client reports too what is still open, but only when it is told to.
  config.rotate_interval_ms = kNeverMs;
  config.max_connections = kConnections;
  if (settings.server) config.ring_bytes = kServerRingBytes;
  config.log = PrintWarning;
  if (settings.home_network >= 0) config.transport = Post;
  return whydrop_start(&config) == WHYDROP_OK;
}

bool FlushReports() { return whydrop_flush(kFlushMs) == WHYDROP_OK; }

}  // namespace close_lab
