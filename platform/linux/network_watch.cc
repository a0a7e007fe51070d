#include "platform/network_watch.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/linux/errno_status.h"
#include "platform/linux/netlink.h"
#include "platform/linux/own_descriptor.h"
#include "platform/route.h"

namespace whydrop::platform {
namespace {

// Devices are stacked a few deep at most; the bound also ends the walk around a veth pair.
constexpr int kStackedDevices = 4;
// An endless storm of changes must not keep the worker here.
constexpr int kDatagramsAtOnce = 256;

bool ParseLink(uint16_t message, NetlinkBytes body, NetworkEvent* out) {
  ifinfomsg info = {};
  if (!body.Read(&info)) return false;
  // Wireless drivers send statistics in the same message type.
  if (HasNetlinkAttribute(body.From(sizeof(info)), IFLA_WIRELESS)) return false;
  constexpr unsigned kUsable = IFF_UP | IFF_RUNNING;
  const bool up = message == RTM_NEWLINK && (info.ifi_flags & kUsable) == kUsable;
  out->type = up ? NetworkEvent::Type::kLinkUp : NetworkEvent::Type::kLinkDown;
  out->interface_index = static_cast<uint32_t>(info.ifi_index);
  return true;
}

bool ParseAddress(uint16_t message, NetlinkBytes body, NetworkEvent* out) {
  ifaddrmsg info = {};
  if (!body.Read(&info)) return false;
  const bool added = message == RTM_NEWADDR;
  out->type = added ? NetworkEvent::Type::kAddressAdded : NetworkEvent::Type::kAddressRemoved;
  out->interface_index = info.ifa_index;
  return true;
}

// Only default routes: others come and go with every container and multicast group.
bool ParseRoute(uint16_t message, NetlinkBytes body, NetworkEvent* out) {
  rtmsg info = {};
  if (!body.Read(&info) || info.rtm_dst_len != 0 || info.rtm_type != RTN_UNICAST) return false;
  const bool added = message == RTM_NEWROUTE;
  out->type = added ? NetworkEvent::Type::kRouteAdded : NetworkEvent::Type::kRouteRemoved;
  // A route over several devices at once names none.
  if (!FindNetlinkNumber(body.From(sizeof(info)), RTA_OIF, &out->interface_index)) out->interface_index = 0;
  return true;
}

bool ParseEvent(uint16_t message, NetlinkBytes body, NetworkEvent* out) {
  switch (message) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return ParseLink(message, body, out);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return ParseAddress(message, body, out);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return ParseRoute(message, body, out);
    default:
      return false;
  }
}

}  // namespace

NetworkWatch::~NetworkWatch() {
  CloseIfStill(handle_, named_);
}

Status NetworkWatch::Open() {
  if (handle_ >= 0) return OkStatus();
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return StatusFromErrno(errno);
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    const Status status = StatusFromErrno(errno);
    close(fd);
    return status;
  }
  handle_ = fd;
  named_ = WhatIsNamed(handle_);
  return OkStatus();
}

intptr_t NetworkWatch::wait_handle() const { return StillNames(handle_, named_) ? handle_ : -1; }

bool NetworkWatch::Take(Sink sink, void* user) {
  if (!StillNames(handle_, named_)) return true;
  bool complete = true;
  alignas(8) uint8_t buffer[16 * 1024];
  for (int i = 0; i < kDatagramsAtOnce; ++i) {
    sockaddr_nl sender = {};
    socklen_t sender_size = sizeof(sender);
    const ssize_t count = recvfrom(static_cast<int>(handle_), buffer, sizeof(buffer), MSG_DONTWAIT | MSG_TRUNC,
                                   reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (count < 0) {
      const int error = errno;
      if (error == EINTR) continue;
      if (error != ENOBUFS) break;
      complete = false;
      continue;
    }
    if (sender.nl_pid != 0) continue;  // not the kernel
    size_t size = static_cast<size_t>(count);
    if (size > sizeof(buffer)) {
      complete = false;
      size = sizeof(buffer);
    }
    NetlinkBytes rest{buffer, size};
    NetlinkBytes body;
    uint16_t message = 0;
    NetworkEvent event;
    while (NextNetlinkMessage(&rest, &message, &body)) {
      if (ParseEvent(message, body, &event)) sink(event, user);
    }
  }
  return complete;
}

bool NetworkWatch::IsLinkUp(uint32_t interface_index) {
  uint32_t index = interface_index;
  for (int depth = 0; index != 0 && depth < kStackedDevices; ++depth) {
    InterfaceFacts facts;
    if (!QueryInterface(index, &facts) || !facts.up) return false;
    index = LowerInterface(index);
  }
  return interface_index != 0;
}

}  // namespace whydrop::platform
