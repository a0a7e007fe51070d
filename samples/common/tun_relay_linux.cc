#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <deque>
#include <vector>

#include "common/tun_relay.h"

namespace samples {
namespace {

constexpr size_t kMaxPacket = 65536;

struct Packet {
  std::chrono::steady_clock::time_point due;
  int to = -1;
  std::vector<char> bytes;
};

int OpenTunnel(const char* name) {
  const int tunnel = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (tunnel < 0) return -1;
  ifreq request = {};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  return ioctl(tunnel, TUNSETIFF, &request) == 0 ? tunnel : -1;
}

void Take(int from, int to, std::chrono::milliseconds delay, std::deque<Packet>* waiting) {
  std::vector<char> bytes(kMaxPacket);
  for (;;) {
    const ssize_t count = read(from, bytes.data(), bytes.size());
    if (count <= 0) return;
    waiting->push_back({std::chrono::steady_clock::now() + delay, to, {bytes.begin(), bytes.begin() + count}});
  }
}

void Deliver(std::deque<Packet>* waiting) {
  while (!waiting->empty() && waiting->front().due <= std::chrono::steady_clock::now()) {
    const Packet& packet = waiting->front();
    // A packet that the device does not take is lost, as on any way.
    if (write(packet.to, packet.bytes.data(), packet.bytes.size()) < 0 && errno == EBADF) return;
    waiting->pop_front();
  }
}

int UntilDue(const std::deque<Packet>& waiting) {
  if (waiting.empty()) return -1;
  const auto left = waiting.front().due - std::chrono::steady_clock::now();
  const auto left_ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count() + 1;
  return left_ms > 0 ? static_cast<int>(left_ms) : 0;
}

}  // namespace

int RunTunRelay(int delay_ms) {
  const int first = OpenTunnel("lab0");
  const int second = OpenTunnel("lab1");
  if (first < 0 || second < 0) {
    std::printf("no tunnel device: %s\n", std::strerror(errno));
    return 1;
  }
  std::printf("ok\n");
  std::fflush(stdout);
  const std::chrono::milliseconds delay(delay_ms);
  std::deque<Packet> waiting;
  for (;;) {
    pollfd sources[] = {{first, POLLIN, 0}, {second, POLLIN, 0}, {STDIN_FILENO, 0, 0}};
    (void)poll(sources, 3, UntilDue(waiting));
    if ((sources[2].revents & POLLHUP) != 0) return 0;
    Take(first, second, delay, &waiting);
    Take(second, first, delay, &waiting);
    Deliver(&waiting);
  }
}

}  // namespace samples
