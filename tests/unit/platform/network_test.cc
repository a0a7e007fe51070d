// Network changes in a namespace of the test's own: device, address and default route come and go for real.
#include <doctest/doctest.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "loopback_pair.h"
#include "platform/network_watch.h"
#include "platform/socket_probe.h"

using namespace whydrop::platform;  // NOLINT

namespace {

using Type = NetworkEvent::Type;

constexpr int kSkipped = 255;

#define EXPECT(condition)              \
  do {                                 \
    if (!(condition)) return __LINE__; \
  } while (false)

bool Run(const char* command) { return std::system(command) == 0; }

// Waits until that device's event arrives, five seconds at most: the other end of a pair goes down before this one.
bool Sees(NetworkWatch* watch, uint32_t index, Type type) {
  struct Wanted {
    uint32_t index;
    Type type;
    bool seen = false;
  } wanted{index, type};
  for (int i = 0; i < 50 && !wanted.seen; ++i) {
    pollfd readable = {static_cast<int>(watch->wait_handle()), POLLIN, 0};
    poll(&readable, 1, 100);
    watch->Take(
        [](const NetworkEvent& event, void* user) {
          auto* w = static_cast<Wanted*>(user);
          if (event.type == w->type && event.interface_index == w->index) w->seen = true;
        },
        &wanted);
  }
  return wanted.seen;
}

// Returns 0, or the line of what failed.
int ChangesAreSeen() {
  EXPECT(Run("ip link add here type veth peer name there && ip link set lo up && ip link set there up"));
  const uint32_t index = if_nametoindex("here");
  NetworkWatch watch;
  EXPECT(watch.Open().ok());
  EXPECT(Run("ip link set here up"));
  EXPECT(Sees(&watch, index, Type::kLinkUp));
  EXPECT(Run("ip addr add 10.9.8.1/24 dev here"));
  EXPECT(Sees(&watch, index, Type::kAddressAdded));
  EXPECT(Run("ip route add default via 10.9.8.2"));
  EXPECT(Sees(&watch, index, Type::kRouteAdded));
  EXPECT(NetworkWatch::IsLinkUp(index));
  EXPECT(!NetworkWatch::IsLinkUp(9999));

  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in peer = {};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(9);
  EXPECT(inet_pton(AF_INET, "203.0.113.5", &peer.sin_addr) == 1);
  EXPECT(connect(fd, reinterpret_cast<sockaddr*>(&peer), sizeof(peer)) == 0);
  SocketIdentity identity;
  EXPECT(IdentifySocket(fd, &identity));
  EXPECT(identity.interface_index == index && !identity.peer_loopback);
  RouteFacts facts;
  ProbeRoute(identity, &facts);
  EXPECT(facts.link_up.value == 1 && facts.local_address_present.value == 1 && facts.route_present.value == 1);
  ProbeDefaultRoute(&facts);
  EXPECT(facts.link_up.value == 1 && facts.route_present.value == 1);

  EXPECT(Run("ip route del default"));
  EXPECT(Sees(&watch, index, Type::kRouteRemoved));
  ProbeRoute(identity, &facts);
  EXPECT(facts.link_up.value == 1 && facts.route_present.known && facts.route_present.value == 0);
  ProbeDefaultRoute(&facts);
  EXPECT(facts.route_present.known && facts.route_present.value == 0);
  EXPECT(Run("ip addr del 10.9.8.1/24 dev here"));
  EXPECT(Sees(&watch, index, Type::kAddressRemoved));
  ProbeRoute(identity, &facts);
  EXPECT(facts.local_address_present.known && facts.local_address_present.value == 0);
  EXPECT(Run("ip link set there down"));  // the carrier goes, the device stays up
  EXPECT(Sees(&watch, index, Type::kLinkDown));
  ProbeRoute(identity, &facts);
  EXPECT(facts.link_up.known && facts.link_up.value == 0);
  EXPECT(!NetworkWatch::IsLinkUp(index));
  EXPECT(Run("ip link del here"));
  ProbeRoute(identity, &facts);
  EXPECT(facts.link_up.known && facts.link_up.value == 0);
  close(fd);
  return 0;
}

int DeviceBelowCounts() {
  EXPECT(Run("ip link add low type veth peer name other && ip link set low up && ip link set other up"));
  if (!Run("ip link add link low name high type vlan id 5 2>/dev/null || "
           "ip link add link low name high type macvlan 2>/dev/null")) {
    return kSkipped;
  }
  const uint32_t high = if_nametoindex("high");
  NetworkWatch watch;
  EXPECT(watch.Open().ok());
  EXPECT(Run("ip link set high up"));
  EXPECT(Sees(&watch, high, Type::kLinkUp));
  EXPECT(NetworkWatch::IsLinkUp(high));
  EXPECT(Run("ip link set low down"));
  EXPECT(!NetworkWatch::IsLinkUp(high));
  return 0;
}

void InOwnNamespace(int (*body)()) {
  const pid_t child = fork();
  if (child == 0) _exit(unshare(CLONE_NEWNET) != 0 ? kSkipped : body());
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kSkipped) {
    MESSAGE("skipped: no right to make a network namespace, or no such device type in this kernel");
    return;
  }
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);  // otherwise the line that failed
}

}  // namespace

TEST_CASE("device, address and route changes are seen by the watch and by the probes") {
  InOwnNamespace(ChangesAreSeen);
}

TEST_CASE("a device is down when the one below it is") { InOwnNamespace(DeviceBelowCounts); }
