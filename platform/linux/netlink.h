// The little of NETLINK_ROUTE that is needed: one question with one answer, and bounded walks over what the kernel
// sent.
//
// Thread rule: any thread; nothing blocks or allocates.
#ifndef WHYDROP_PLATFORM_LINUX_NETLINK_H
#define WHYDROP_PLATFORM_LINUX_NETLINK_H

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace whydrop::platform {

// A piece of a message. Copies out instead of casting, so that neither length nor alignment is trusted.
struct NetlinkBytes {
  const uint8_t* data = nullptr;
  size_t size = 0;

  template <typename T>
  bool Read(T* out) const {
    if (size < sizeof(T)) return false;
    memcpy(out, data, sizeof(T));
    return true;
  }
  NetlinkBytes From(size_t offset) const {
    return offset < size ? NetlinkBytes{data + offset, size - offset} : NetlinkBytes{};
  }
};

// Takes the next message off `rest`; false at the end or where the length makes no sense.
bool NextNetlinkMessage(NetlinkBytes* rest, uint16_t* type, NetlinkBytes* body);
// The number in attribute `wanted` of the attributes in `attributes`. False: not there.
bool FindNetlinkNumber(NetlinkBytes attributes, uint16_t wanted, uint32_t* out);
bool HasNetlinkAttribute(NetlinkBytes attributes, uint16_t wanted);

// The device below this one in the same namespace (of a VLAN, a tunnel with a fixed carrier); 0: none. Takes the
// kernel's configuration lock: worker thread only.
uint32_t LowerInterface(uint32_t interface_index);

}  // namespace whydrop::platform

#endif
