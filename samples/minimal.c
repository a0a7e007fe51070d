/* A first integration: one connection, one line each way, and a record of how it ended.
   Try it: `nc -l -p 7000` in one terminal, `whydrop_minimal 127.0.0.1 7000` in another; then kill either of them. */
#include <stdio.h>
#include <string.h>

#include "common/net.h"
#include "whydrop/whydrop.h"

int main(int argc, char** argv) {
  static const char kHello[] = "hello\n";
  char answer[256];
  int error = 0;
  long received = NET_FAILED;
  net_failure failure;
  whydrop_config config;
  whydrop_conn_info info = {sizeof info, WHYDROP_TCP, "echo-1", NULL, NULL, NULL, 0};
  whydrop_conn conn;
  net_socket socket;
  if (argc != 3) return fprintf(stderr, "usage: whydrop_minimal HOST PORT\n"), 2;

  WHYDROP_CONFIG_INIT(&config);
  config.app_id = "minimal";
  config.app_version = "1.0";
  if (whydrop_start(&config) != WHYDROP_OK) fprintf(stderr, "whydrop did not start; the game goes on\n");

  conn = whydrop_conn_open(&info);
  socket = net_connect(argv[1], argv[2], 5000, &failure);
  if (socket == NET_NO_SOCKET) {
    whydrop_conn_failed(conn, failure.operation, failure.error);
  } else {
    whydrop_conn_connected(conn, socket);
    if (net_send(socket, kHello, strlen(kHello), &error) == NET_FAILED) {
      whydrop_conn_failed(conn, WHYDROP_OP_SEND, error);
    } else {
      whydrop_conn_sent(conn, strlen(kHello));
      received = net_recv(socket, answer, sizeof answer, &error);
      if (received == NET_FAILED) whydrop_conn_failed(conn, WHYDROP_OP_RECV, error);
      if (received == NET_PEER_CLOSED) whydrop_conn_peer_closed(conn);
      if (received > 0) whydrop_conn_received(conn, (uint64_t)received);
    }
  }
  if (received > 0) printf("answer: %.*s", (int)received, answer);
  printf("ended: %s\n", whydrop_cause_name(whydrop_conn_close(conn, WHYDROP_CLOSE_NORMAL)));
  if (socket != NET_NO_SOCKET) net_close(socket);
  whydrop_stop();
  return 0;
}
