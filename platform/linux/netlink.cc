#include "platform/linux/netlink.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/route.h"

namespace whydrop::platform {
namespace {

constexpr size_t kAnswerBytes = 8 * 1024;

size_t Align4(size_t size) { return (size + 3) & ~size_t{3}; }

// A request under construction: header, body, attributes. Large enough for every question asked here.
class Request {
 public:
  template <typename Body>
  Request(uint16_t type, const Body& body) {
    header_.nlmsg_type = type;
    header_.nlmsg_flags = NLM_F_REQUEST;
    header_.nlmsg_seq = 1;
    Append(&header_, sizeof(header_));
    Append(&body, sizeof(body));
  }

  void Attribute(uint16_t type, const void* data, size_t size) {
    rtattr attribute = {};
    attribute.rta_type = type;
    attribute.rta_len = static_cast<unsigned short>(sizeof(attribute) + size);
    Append(&attribute, sizeof(attribute));
    Append(data, size);
  }

  // The kernel answers a question about one thing before send returns, so the answer is there at once or never.
  // The body of an answer of type `wanted`, in `buffer`.
  bool Ask(uint16_t wanted, uint8_t (&buffer)[kAnswerBytes], NetlinkBytes* body) {
    header_.nlmsg_len = static_cast<uint32_t>(used_);
    memcpy(bytes_, &header_, sizeof(header_));
    const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0) return false;
    const bool sent = send(fd, bytes_, used_, 0) == static_cast<ssize_t>(used_);
    const ssize_t count = sent ? recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) : -1;
    close(fd);
    if (count <= 0) return false;
    NetlinkBytes rest{buffer, static_cast<size_t>(count)};
    uint16_t type = 0;
    return NextNetlinkMessage(&rest, &type, body) && type == wanted;
  }

 private:
  void Append(const void* data, size_t size) {
    memcpy(bytes_ + used_, data, size);
    used_ += Align4(size);
  }

  nlmsghdr header_ = {};
  uint8_t bytes_[128] = {};
  size_t used_ = 0;
};

bool FindAttribute(NetlinkBytes rest, uint16_t wanted, NetlinkBytes* out) {
  rtattr attribute = {};
  while (rest.Read(&attribute)) {
    if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > rest.size) return false;
    if ((attribute.rta_type & NLA_TYPE_MASK) == wanted) {
      *out = {rest.data + sizeof(attribute), attribute.rta_len - sizeof(attribute)};
      return true;
    }
    rest = rest.From(Align4(attribute.rta_len));
  }
  return false;
}

bool IsTunnelType(unsigned short hardware) {
  switch (hardware) {
    case ARPHRD_NONE:  // tun, wireguard
    case ARPHRD_PPP:
    case ARPHRD_TUNNEL:
    case ARPHRD_TUNNEL6:
    case ARPHRD_SIT:
    case ARPHRD_IPGRE:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool NextNetlinkMessage(NetlinkBytes* rest, uint16_t* type, NetlinkBytes* body) {
  nlmsghdr header = {};
  if (!rest->Read(&header) || header.nlmsg_len < sizeof(header) || header.nlmsg_len > rest->size) return false;
  *type = header.nlmsg_type;
  *body = {rest->data + sizeof(header), header.nlmsg_len - sizeof(header)};
  *rest = rest->From(Align4(header.nlmsg_len));
  return true;
}

bool FindNetlinkNumber(NetlinkBytes attributes, uint16_t wanted, uint32_t* out) {
  NetlinkBytes value;
  return FindAttribute(attributes, wanted, &value) && value.Read(out);
}

bool HasNetlinkAttribute(NetlinkBytes attributes, uint16_t wanted) {
  NetlinkBytes value;
  return FindAttribute(attributes, wanted, &value);
}

uint32_t RouteInterface(const SocketAddress& peer, const SocketAddress& local) {
  const size_t bytes = peer.family == 4 ? 4 : 16;
  rtmsg body = {};
  body.rtm_family = peer.family == 4 ? AF_INET : AF_INET6;
  body.rtm_dst_len = static_cast<unsigned char>(bytes * 8);
  if (local.family == peer.family) body.rtm_src_len = body.rtm_dst_len;
  Request request(RTM_GETROUTE, body);
  request.Attribute(RTA_DST, peer.bytes, bytes);
  if (local.family == peer.family) request.Attribute(RTA_SRC, local.bytes, bytes);
  if (peer.scope_id != 0) request.Attribute(RTA_OIF, &peer.scope_id, sizeof(peer.scope_id));
  uint8_t buffer[kAnswerBytes];
  NetlinkBytes answer;
  uint32_t index = 0;
  if (!request.Ask(RTM_NEWROUTE, buffer, &answer)) return 0;
  return FindNetlinkNumber(answer.From(sizeof(rtmsg)), RTA_OIF, &index) ? index : 0;
}

uint32_t LowerInterface(uint32_t interface_index) {
  ifinfomsg body = {};
  body.ifi_index = static_cast<int>(interface_index);
  Request request(RTM_GETLINK, body);
  uint8_t buffer[kAnswerBytes];
  NetlinkBytes answer;
  if (!request.Ask(RTM_NEWLINK, buffer, &answer)) return 0;
  const NetlinkBytes attributes = answer.From(sizeof(ifinfomsg));
  // The other end of a veth pair lives in another namespace, where its number means another device.
  if (HasNetlinkAttribute(attributes, IFLA_LINK_NETNSID)) return 0;
  uint32_t lower = 0;
  return FindNetlinkNumber(attributes, IFLA_LINK, &lower) && lower != interface_index ? lower : 0;
}

bool QueryInterface(uint32_t interface_index, InterfaceFacts* out) {
  *out = {};
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  ifreq request = {};
  request.ifr_ifindex = static_cast<int>(interface_index);
  bool found = interface_index != 0 && ioctl(fd, SIOCGIFNAME, &request) == 0;
  if (found && ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
    out->up = (request.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
  } else {
    found = false;
  }
  if (found && ioctl(fd, SIOCGIFHWADDR, &request) == 0) out->tunnel = IsTunnelType(request.ifr_hwaddr.sa_family);
  close(fd);
  return found;
}

}  // namespace whydrop::platform
