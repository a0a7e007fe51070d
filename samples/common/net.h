/*
 * The samples' only door to sockets: TCP, without signals, errors returned as numbers.
 *
 * It is what a game already has in one form or another; nothing in it knows whydrop, except that a failed connect names
 * the step that failed with whydrop's word for it. Any thread may use any socket, one thread at a time. On Windows there
 * is what a client needs: connecting, sending, receiving, closing.
 */
#ifndef SAMPLES_COMMON_NET_H
#define SAMPLES_COMMON_NET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef intptr_t net_socket;
#define NET_NO_SOCKET ((net_socket)-1)

/* What net_send and net_recv return besides a number of bytes. */
enum { NET_PEER_CLOSED = 0, NET_FAILED = -1, NET_WOULD_BLOCK = -2 };

typedef struct net_failure {
  int operation; /* WHYDROP_OP_RESOLVE or WHYDROP_OP_CONNECT */
  int error;     /* getaddrinfo's code, errno, or WSAGetLastError() */
} net_failure;

/* Resolves and connects, trying each address for up to timeout_ms. Returns a blocking socket, or NET_NO_SOCKET with
   the last failure. */
net_socket net_connect(const char* host, const char* port, int timeout_ms, net_failure* failure);

/* Listens without blocking; port "0" takes a free one. NET_NO_SOCKET and *error on failure. */
net_socket net_listen(const char* host, const char* port, int* error);
int net_local_port(net_socket socket);

/* The next waiting connection as a non-blocking socket, NET_NO_SOCKET if there is none. */
net_socket net_accept(net_socket listener);

void net_set_nonblocking(net_socket socket);

/* Lets the system give up after this long without an acknowledgement. It takes two options: keepalive looks after an
   idle connection and is silent while data waits for its acknowledgement, TCP_USER_TIMEOUT the other way round. */
void net_set_silence_limit(net_socket socket, int limit_ms);

/* Makes the coming close a reset, as SO_LINGER {1, 0} does. */
void net_set_linger_zero(net_socket socket);

/* Bytes moved, or NET_PEER_CLOSED (receiving only), NET_WOULD_BLOCK, NET_FAILED with *error. */
long net_send(net_socket socket, const void* data, size_t size, int* error);
long net_recv(net_socket socket, void* data, size_t size, int* error);

/* 1 when there is something to read, an end included, 0 when timeout_ms passed without. */
int net_wait_readable(net_socket socket, int timeout_ms);

/* Bytes that arrived and were not read. */
size_t net_unread(net_socket socket);

/* Half-close: the peer reads everything sent so far and then its end. */
void net_finish_sending(net_socket socket);
void net_close(net_socket socket);

/* ------------------------------------------------- many sockets at once */

typedef struct net_poller net_poller;

typedef struct net_event {
  void* key;    /* as given to net_poller_add */
  int readable; /* data, an end or an error waits */
  int writable;
} net_event;

/* NULL when the system has no room. */
net_poller* net_poller_create(void);
void net_poller_destroy(net_poller* poller);

/* Watches a socket; `want_write` only while something waits to be sent. 0, or an errno. */
int net_poller_add(net_poller* poller, net_socket socket, void* key);
int net_poller_change(net_poller* poller, net_socket socket, void* key, int want_write);
void net_poller_remove(net_poller* poller, net_socket socket);

/* Waits up to timeout_ms; returns the number of events written to `events`. A signal ends the wait early with 0. */
int net_poller_wait(net_poller* poller, net_event* events, int capacity, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
