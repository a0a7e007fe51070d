#include "session/connection_table.h"

#include <cstdlib>
#include <cstring>
#include <type_traits>

namespace whydrop {

static_assert(std::is_trivially_copyable_v<platform::SocketIdentity>);

bool ConnectionTable::Allocate(uint32_t slots) {
  // Large zeroed allocations are not touched until they are used: a server's 65,536 slots cost nothing while empty.
  slots_ = static_cast<Slot*>(std::calloc(slots, sizeof(Slot)));
  count_ = slots_ == nullptr ? 0 : slots;
  return slots_ != nullptr;
}

whydrop_conn ConnectionTable::Publish(uint16_t epoch, ConnectionRef ref, uint32_t number, uint8_t protocol,
                                      LiveConnection* live, uint64_t refused_before) {
  Slot& slot = slots_[ref.slot];
  const uint64_t handle = uint64_t{epoch} << 48 | (uint64_t{number} & 0xFFFFFFu) << 24 | (uint64_t{ref.slot} + 1);
  slot.live.store(live, std::memory_order_relaxed);
  slot.facts.store(uint64_t{number} << 8 | protocol, std::memory_order_relaxed);
  slot.generation.store(ref.generation, std::memory_order_relaxed);
  slot.refused_before.store(refused_before, std::memory_order_relaxed);
  slot.sends.since_ms.store(0, std::memory_order_relaxed);
  slot.sends.largest_since_recv.store(0, std::memory_order_relaxed);
  slot.handle.store(handle, std::memory_order_release);  // pairs with the acquire in Live and Find
  uint32_t used = used_.load(std::memory_order_relaxed);
  while (used <= ref.slot && !used_.compare_exchange_weak(used, ref.slot + 1, std::memory_order_release)) {
  }
  return handle;
}

bool ConnectionTable::Find(whydrop_conn conn, Entry* out) const {
  const Slot* slot = SlotOf(conn);
  if (slot == nullptr || slot->handle.load(std::memory_order_acquire) != conn) return false;
  out->ref.slot = static_cast<uint32_t>((conn & 0xFFFFFFu) - 1);
  out->ref.generation = slot->generation.load(std::memory_order_acquire);
  out->live = slot->live.load(std::memory_order_relaxed);
  out->sends = &slot->sends;
  out->refused_before = slot->refused_before.load(std::memory_order_relaxed);
  const uint64_t facts = slot->facts.load(std::memory_order_acquire);
  out->number = static_cast<uint32_t>(facts >> 8);
  out->protocol = static_cast<uint8_t>(facts & 0xFF);
  // The slot may have passed to another connection between the loads; its generation must not be taken for ours.
  return slot->handle.load(std::memory_order_acquire) == conn;
}

bool ConnectionTable::Claim(whydrop_conn conn) {
  Slot* slot = SlotOf(conn);
  uint64_t expected = conn;
  return slot != nullptr && slot->handle.compare_exchange_strong(expected, 0, std::memory_order_acq_rel);
}

void ConnectionTable::SetSocket(ConnectionRef ref, const platform::SocketIdentity& identity) {
  Slot& slot = slots_[ref.slot];
  uint64_t owner = slot.socket_owner.load(std::memory_order_relaxed);
  if ((owner & 1) != 0) return;
  if (!slot.socket_owner.compare_exchange_strong(owner, ref.generation << 1 | 1, std::memory_order_acq_rel)) return;
  uint64_t words[kSocketWords] = {};
  std::memcpy(words, &identity, sizeof identity);
  // Release on every word: none becomes visible before the mark that somebody writes.
  for (size_t i = 0; i < kSocketWords; ++i) slot.socket[i].store(words[i], std::memory_order_release);
  slot.socket_owner.store(ref.generation << 1, std::memory_order_release);
}

bool ConnectionTable::GetSocket(ConnectionRef ref, platform::SocketIdentity* out) const {
  const Slot& slot = slots_[ref.slot];
  if (slot.socket_owner.load(std::memory_order_acquire) != ref.generation << 1) return false;
  uint64_t words[kSocketWords];
  // Acquire on every word: the second look at the owner cannot move before them.
  for (size_t i = 0; i < kSocketWords; ++i) words[i] = slot.socket[i].load(std::memory_order_acquire);
  if (slot.socket_owner.load(std::memory_order_relaxed) != ref.generation << 1) return false;
  std::memcpy(out, words, sizeof *out);
  return true;
}

void ConnectionTable::ClearSocket(ConnectionRef ref) {
  uint64_t owner = ref.generation << 1;
  slots_[ref.slot].socket_owner.compare_exchange_strong(owner, 0, std::memory_order_acq_rel);
}

}  // namespace whydrop
