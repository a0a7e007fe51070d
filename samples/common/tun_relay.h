// A way that takes time: two tunnel devices, lab0 and lab1, in the network of the calling process. Every packet that is
// routed into one of them comes out of the other, unchanged, delay_ms later.
#ifndef SAMPLES_COMMON_TUN_RELAY_H
#define SAMPLES_COMMON_TUN_RELAY_H

namespace samples {

// Prints "ok" when the devices stand, or why not; then relays until the standard input ends. An exit status.
int RunTunRelay(int delay_ms);

}  // namespace samples

#endif
