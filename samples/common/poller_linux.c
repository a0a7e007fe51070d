/* Many sockets at once on Linux: epoll, level-triggered. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/net.h"

enum { kEventsPerWait = 64 };

struct net_poller {
  int descriptor;
};

net_poller* net_poller_create(void) {
  net_poller* poller = malloc(sizeof *poller);
  if (poller == NULL) return NULL;
  poller->descriptor = epoll_create1(EPOLL_CLOEXEC);
  if (poller->descriptor < 0) {
    free(poller);
    return NULL;
  }
  return poller;
}

void net_poller_destroy(net_poller* poller) {
  if (poller == NULL) return;
  (void)close(poller->descriptor);
  free(poller);
}

static int control(net_poller* poller, int operation, net_socket socket, void* key, int want_write) {
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  event.events = want_write ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = key;
  return epoll_ctl(poller->descriptor, operation, (int)socket, &event) == 0 ? 0 : errno;
}

int net_poller_add(net_poller* poller, net_socket socket, void* key) {
  return control(poller, EPOLL_CTL_ADD, socket, key, 0);
}

int net_poller_change(net_poller* poller, net_socket socket, void* key, int want_write) {
  return control(poller, EPOLL_CTL_MOD, socket, key, want_write);
}

void net_poller_remove(net_poller* poller, net_socket socket) { (void)control(poller, EPOLL_CTL_DEL, socket, NULL, 0); }

int net_poller_wait(net_poller* poller, net_event* events, int capacity, int timeout_ms) {
  struct epoll_event ready[kEventsPerWait];
  int wanted = capacity < kEventsPerWait ? capacity : kEventsPerWait;
  int count = epoll_wait(poller->descriptor, ready, wanted, timeout_ms);
  int i;
  for (i = 0; i < count; ++i) {
    events[i].key = ready[i].data.ptr;
    events[i].readable = (ready[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0;
    events[i].writable = (ready[i].events & EPOLLOUT) != 0;
  }
  return count > 0 ? count : 0;
}
