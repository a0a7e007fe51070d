#include "platform/windows/exception_facts.h"

namespace whydrop::platform {
namespace {

constexpr uint64_t kNearNullBytes = 64 * 1024;
constexpr uint64_t kNearStackBytes = 64 * 1024;
constexpr ULONG_PTR kMaxAccess = 8;  // 0 read, 1 write, 8 execute

uint64_t StackPointer(const CONTEXT& context) {
#if defined(_M_X64) || defined(__x86_64__)
  return context.Rsp;
#elif defined(_M_IX86) || defined(__i386__)
  return context.Esp;
#elif defined(_M_ARM64) || defined(__aarch64__)
  return context.Sp;
#else
#error "tell here where this processor keeps its stack pointer"
#endif
}

AddressClass ClassifyAddress(const EXCEPTION_RECORD& record, uint64_t stack_pointer) {
  uint64_t address = 0;
  if (!AccessedAddress(record, &address)) return AddressClass::kUnknown;
  // The processor gives no address for one that is not canonical, and the system then reports all ones.
  if (address == UINTPTR_MAX) return AddressClass::kNonCanonical;
  if (address < kNearNullBytes) return AddressClass::kNearNull;
  const uint64_t distance = address > stack_pointer ? address - stack_pointer : stack_pointer - address;
  return distance <= kNearStackBytes ? AddressClass::kStack : AddressClass::kOther;
}

}  // namespace

CrashKind KindOfException(DWORD code) {
  switch (code) {
    case static_cast<DWORD>(EXCEPTION_STACK_OVERFLOW):
      return CrashKind::kStackOverflow;
    case kMicrosoftCppException:
    case kGccCppException:
      return CrashKind::kTerminate;
    case kFatalAppExit:
      return CrashKind::kAbort;
    case kHeapCorruption:
    case kInvalidRuntimeParameter:
      return CrashKind::kRuntimeCheck;
    default:
      return CrashKind::kFault;
  }
}

CrashFacts FactsOfException(const EXCEPTION_RECORD& record, const CONTEXT& context) {
  CrashFacts facts;
  facts.code = record.ExceptionCode;
  facts.kind = KindOfException(record.ExceptionCode);
  facts.stack_pointer = StackPointer(context);
  facts.address_class = ClassifyAddress(record, facts.stack_pointer);
  uint64_t address = 0;
  if (AccessedAddress(record, &address) && record.ExceptionInformation[0] <= kMaxAccess) {
    facts.signal_code = static_cast<int32_t>(record.ExceptionInformation[0]) + 1;
  }
  return facts;
}

bool AccessedAddress(const EXCEPTION_RECORD& record, uint64_t* address) {
  const bool access = record.ExceptionCode == static_cast<DWORD>(EXCEPTION_ACCESS_VIOLATION) ||
                      record.ExceptionCode == static_cast<DWORD>(EXCEPTION_IN_PAGE_ERROR);
  if (!access || record.NumberParameters < 2) return false;
  *address = record.ExceptionInformation[1];
  return true;
}

}  // namespace whydrop::platform
