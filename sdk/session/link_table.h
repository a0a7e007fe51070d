// The devices of this session: when each last went down. Tells at a failure whether the socket's link was down since
// the last receive, also when it is up again.
//
// Thread rule: NumberOf, NoteDown and IsRepeat on the worker; LastDownMs from any thread.
#ifndef WHYDROP_SESSION_LINK_TABLE_H
#define WHYDROP_SESSION_LINK_TABLE_H

#include <atomic>
#include <cstdint>

namespace whydrop {

class LinkTable {
 public:
  // The device's number in this session, from 1: the system's number would tell something of the machine. 0 when the
  // table is full.
  uint32_t NumberOf(uint32_t interface_index) {
    for (uint32_t i = 0; i < kLinks; ++i) {
      uint32_t known = links_[i].index.load(std::memory_order_relaxed);
      if (known == 0) {
        links_[i].index.store(interface_index, std::memory_order_release);
        known = interface_index;
      }
      if (known == interface_index) return i + 1;
    }
    return 0;
  }
  void NoteDown(uint32_t interface_index, uint64_t now_ms) {
    const uint32_t number = NumberOf(interface_index);
    if (number != 0) links_[number - 1].down_ms.store(now_ms, std::memory_order_release);
  }

  // Whether the device was last told to be in this state already. Of a device that is new, or finds the table full, it
  // was not.
  bool IsRepeat(uint32_t interface_index, bool down) {
    const uint32_t number = NumberOf(interface_index);
    if (number == 0) return false;
    const State told = down ? State::kDown : State::kUp;
    State& last = told_[number - 1];
    const bool repeat = last == told;
    last = told;
    return repeat;
  }

  // Session time at which the device last went down, 0: never.
  uint64_t LastDownMs(uint32_t interface_index) const {
    for (const Link& link : links_) {
      if (link.index.load(std::memory_order_acquire) == interface_index) {
        return link.down_ms.load(std::memory_order_acquire);
      }
    }
    return 0;
  }

 private:
  static constexpr uint32_t kLinks = 64;
  struct Link {
    std::atomic<uint32_t> index{0};
    std::atomic<uint64_t> down_ms{0};
  };
  Link links_[kLinks];
  enum class State : uint8_t { kUntold, kUp, kDown };
  State told_[kLinks] = {};  // worker only
};

}  // namespace whydrop

#endif
