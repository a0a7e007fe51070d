// What a typical session costs on the wire: three connections over loopback, about fifty events, uploaded by the next
// session to a transport that only counts.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "whydrop/whydrop.h"

namespace {

constexpr int kConnections = 3;
constexpr int kAnnouncements = 12;  // of each connection
constexpr uint32_t kFlushMs = 10000;

std::atomic<uint64_t> posted_bytes{0};

void WHYDROP_CALL CountBody(const whydrop_request* request, whydrop_response*, void*) {
  posted_bytes.fetch_add(request->body_bytes);
}

// A listener on loopback whose backlog takes the connections; nobody accepts them.
int Listen(sockaddr_in* address) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t size = sizeof *address;
  *address = {};
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(address);
  if (listener < 0 || bind(listener, generic, size) != 0 || listen(listener, kConnections) != 0 ||
      getsockname(listener, generic, &size) != 0) {
    std::abort();
  }
  return listener;
}

void PlayConnection(int number, const sockaddr_in& server) {
  const std::string endpoint = "gate-" + std::to_string(number);
  const std::string token = "token of connection " + std::to_string(number);
  whydrop_conn_info info = {};
  info.struct_size = sizeof info;
  info.protocol = WHYDROP_TCP;
  info.endpoint = endpoint.c_str();
  info.token = token.c_str();
  const whydrop_conn conn = whydrop_conn_open(&info);
  const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(socket_fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) std::abort();
  whydrop_conn_connected(conn, socket_fd);
  for (int i = 0; i < kAnnouncements; ++i) {
    whydrop_conn_sent(conn, 90);
    whydrop_conn_received(conn, 700);
    whydrop_conn_rtt(conn, 40000);
    whydrop_conn_expect_close(conn, i % 2 == 0 ? WHYDROP_CLOSE_IDLE : WHYDROP_CLOSE_TRANSFER);
  }
  if (number == 0) {
    whydrop_conn_failed(conn, WHYDROP_OP_RECV, ECONNRESET);
  } else {
    whydrop_conn_peer_closed(conn);
  }
  whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL);
  close(socket_fd);
}

bool Start(const std::string& directory) {
  whydrop_config config;
  WHYDROP_CONFIG_INIT(&config);
  config.app_id = "bench";
  config.app_version = "1.0.0";
  config.state_dir = directory.c_str();
  config.upload_url = "http://127.0.0.1:9/v1/batches";
  config.transport = CountBody;
  return whydrop_start(&config) == WHYDROP_OK;
}

}  // namespace

int main() {
  std::string directory = (std::filesystem::temp_directory_path() / "whydrop-wire-XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr || !Start(directory)) return 1;
  sockaddr_in server;
  const int listener = Listen(&server);
  for (int i = 0; i < kConnections; ++i) PlayConnection(i, server);
  whydrop_stats stats = {};
  stats.struct_size = sizeof stats;
  whydrop_get_stats(&stats);
  whydrop_stop();
  close(listener);
  if (!Start(directory)) return 1;
  whydrop_flush(kFlushMs);  // TIMEOUT: nothing is acknowledged
  whydrop_stop();
  std::printf("session on the wire: %llu bytes compressed, %d connections, %llu records\n",
              static_cast<unsigned long long>(posted_bytes.load()), kConnections,
              static_cast<unsigned long long>(stats.recorded));
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  return posted_bytes.load() == 0 ? 1 : 0;
}
