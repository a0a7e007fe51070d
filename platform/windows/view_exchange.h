// A view of a section that can be exchanged for another one at the same addresses, while threads store to it. On
// Windows a view must go before the next can come, and somebody else's memory could land in the hole. A placeholder
// (Windows 10 1803) keeps the addresses reserved in between; without it the hole is open.
//
// Thread rule: MapExchangeableView on any thread; ExchangeView on one thread at a time, also in a handler of faults.
#ifndef WHYDROP_PLATFORM_WINDOWS_VIEW_EXCHANGE_H
#define WHYDROP_PLATFORM_WINDOWS_VIEW_EXCHANGE_H

#include <windows.h>

#include <cstddef>

namespace whydrop::platform {

enum class Hole { kClosed, kMayBeOpen };

// The view, of the whole section of `size` bytes. nullptr, see GetLastError: there is no such view, or an exchange
// would leave the hole open and `hole` does not bear that.
void* MapExchangeableView(HANDLE section, size_t size, Hole hole);

// Puts `section`, of the same size, in the place of the view; plain memory of zeros if it cannot be mapped. False: the
// view stands as it was, or, where not even memory was to be had, its addresses are lost.
bool ExchangeView(void* view, size_t size, HANDLE section);

// Memory for the addresses of a view whose exchange will never be finished. Does nothing where there is some.
void FillHole(void* view, size_t size);

}  // namespace whydrop::platform

#endif
