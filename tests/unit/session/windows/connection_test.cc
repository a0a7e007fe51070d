// The Windows side of linux/connection_test.cc: what Windows' sockets tell, which is less. Under Wine the error of a
// reset that came before recv is gone by then; a recv that waits gets it as on Windows.
#include <doctest/doctest.h>
#include <winsock2.h>

#include <string>

#include "scene.h"

using whydrop_test::Scene;

namespace {

// A recv that is under way when the end comes, as a game with overlapped sockets has it.
class WaitingReceive {
 public:
  explicit WaitingReceive(net::Socket socket) : socket_(static_cast<SOCKET>(socket)) {
    overlapped_.hEvent = CreateEventW(nullptr, TRUE, FALSE, nullptr);
    WSABUF buffer = {sizeof data_, data_};
    REQUIRE(WSARecv(socket_, &buffer, 1, nullptr, &flags_, &overlapped_, nullptr) == SOCKET_ERROR);
    REQUIRE(WSAGetLastError() == WSA_IO_PENDING);
  }
  ~WaitingReceive() { CloseHandle(overlapped_.hEvent); }
  WaitingReceive(const WaitingReceive&) = delete;
  WaitingReceive& operator=(const WaitingReceive&) = delete;

  // 0, or the system's number.
  int End() {
    DWORD size = 0;
    return WSAGetOverlappedResult(socket_, &overlapped_, &size, TRUE, &flags_) ? 0 : WSAGetLastError();
  }

 private:
  SOCKET socket_;
  OVERLAPPED overlapped_ = {};
  DWORD flags_ = 0;
  char data_[16];
};

// What a game that polls sees.
short PollEnd(net::Socket socket) {
  WSAPOLLFD query = {static_cast<SOCKET>(socket), POLLRDNORM, 0};
  REQUIRE(WSAPoll(&query, 1, 5000) == 1);
  return query.revents;
}

}  // namespace

TEST_CASE("the server closes with unread data: a reset, of which a client on Windows cannot tell the sender") {
  Scene scene;
  scene.Exchange();
  WaitingReceive receive(scene.pair.client);
  REQUIRE(net::Send(scene.pair.client, "unread", 6) == 6);
  whydrop_conn_sent(scene.conn, 6);
  REQUIRE(net::WaitReadable(scene.pair.server, 5000));
  scene.pair.CloseServer();
  REQUIRE(receive.End() == net::kConnectionReset);
  CHECK(whydrop_conn_failed(scene.conn, WHYDROP_OP_RECV, net::kConnectionReset) == WHYDROP_CAUSE_RESET_AMBIGUOUS);
  CHECK(whydrop_conn_close(scene.conn, WHYDROP_CLOSE_NORMAL) == WHYDROP_CAUSE_RESET_AMBIGUOUS);
}

TEST_CASE("the server closes with SO_LINGER 0: a reset all the same, which a game that polls sees before it is gone") {
  Scene scene;
  scene.Exchange();
  scene.pair.ResetByServer();
  REQUIRE((PollEnd(scene.pair.client) & POLLERR) != 0);
  CHECK(whydrop_conn_failed(scene.conn, WHYDROP_OP_POLL, net::kConnectionReset) == WHYDROP_CAUSE_RESET_AMBIGUOUS);
}

TEST_CASE("a server that stops reading leaves the client alone without a verdict: its window is not told on Windows") {
  Scene scene;
  scene.Exchange();
  const std::string block(64 * 1024, 'x');
  int sent = 1;
  // Until the window and the own queue are full: for a while nothing goes any more.
  for (int full = 0; full<20; full = sent> 0 ? 0 : full + 1) {
    sent = net::SendNow(scene.pair.client, block.data(), block.size());
    if (sent > 0) whydrop_conn_sent(scene.conn, static_cast<uint64_t>(sent));
    if (sent <= 0) Sleep(10);
  }
  CHECK(whydrop_conn_failed(scene.conn, WHYDROP_OP_APP_TIMEOUT, 0) == WHYDROP_CAUSE_UNKNOWN);
}

TEST_CASE("the failure's evidence is taken without consuming the game's error") {
  Scene scene;
  net::Pair same;
  REQUIRE(same.Open());
  scene.pair.ResetByServer();
  same.ResetByServer();
  REQUIRE((PollEnd(scene.pair.client) & POLLERR) != 0);
  REQUIRE((PollEnd(same.client) & POLLERR) != 0);
  whydrop_conn_peer_closed(scene.conn);
  // Whatever the system gives to a program without the SDK.
  char data[1];
  const int got = net::Receive(scene.pair.client, data, 1);
  const int error = net::LastError();
  CHECK(got == net::Receive(same.client, data, 1));
  CHECK(error == net::LastError());
}
