/*
 * What only the close lab wants of sockets: options by name, UDP, and the calls that a careful game avoids.
 */
#ifndef SAMPLES_COMMON_NET_LAB_H
#define SAMPLES_COMMON_NET_LAB_H

#include "common/net.h"

#ifdef __cplusplus
extern "C" {
#endif

enum net_option {
  NET_USER_TIMEOUT_MS,  /* TCP_USER_TIMEOUT */
  NET_KEEPALIVE_IDLE_S, /* these three switch the keepalive on */
  NET_KEEPALIVE_BETWEEN_S,
  NET_KEEPALIVE_PROBES,
  NET_ERROR_QUEUE,   /* IP_RECVERR: a router's word is an error at once */
  NET_DONT_FRAGMENT, /* datagrams too large for the path are refused and not cut; 0: cut */
  NET_SEND_BUFFER_BYTES
};

/* 0, or an errno. */
int net_set_option(net_socket socket, enum net_option option, int value);

/* A UDP socket that talks to one address only, or, with connected 0, one that names it with every datagram. */
net_socket net_udp(const char* host, const char* port, int connected, int* error);
net_socket net_udp_listen(const char* host, const char* port, int* error);
/* Sends to the address given to net_udp. */
long net_udp_send_to(net_socket socket, const char* host, const char* port, const void* data, size_t size, int* error);
/* Sends back whatever has arrived; returns how many datagrams. */
int net_udp_echo(net_socket socket);

/* What can be seen of a socket without taking anything from it. */
typedef struct {
  long unacknowledged; /* bytes sent that the peer's system has not acknowledged */
  long unread;         /* bytes that wait to be read */
  int end;             /* 1: the peer's end has arrived, 2: an error has */
} net_view;
net_view net_look(net_socket socket);

/* The socket's pending error, which this call takes away. */
int net_take_error(net_socket socket);

/* Fills the queue of a listener that accepts nobody: a connect that is begun and never awaited. */
net_socket net_begin_connect(const char* host, const char* port);
/* How many connections may wait to be accepted. */
void net_set_backlog(net_socket listener, int backlog);

/* "ECONNRESET" for 104; the number for one without a name here. */
const char* net_error_name(int error);

#ifdef __cplusplus
}
#endif

#endif
