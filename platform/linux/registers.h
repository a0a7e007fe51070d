// The two registers that a crash record needs, out of the interrupted context.
#ifndef WHYDROP_PLATFORM_LINUX_REGISTERS_H
#define WHYDROP_PLATFORM_LINUX_REGISTERS_H

#include <ucontext.h>

#include <cstdint>

namespace whydrop::platform {

#if defined(__x86_64__)
inline uint64_t ProgramCounter(const ucontext_t& context) {
  return static_cast<uint64_t>(context.uc_mcontext.gregs[REG_RIP]);
}
inline uint64_t StackPointer(const ucontext_t& context) {
  return static_cast<uint64_t>(context.uc_mcontext.gregs[REG_RSP]);
}
#elif defined(__aarch64__)
inline uint64_t ProgramCounter(const ucontext_t& context) { return context.uc_mcontext.pc; }
inline uint64_t StackPointer(const ucontext_t& context) { return context.uc_mcontext.sp; }
#else
#error "tell here where this processor keeps its program counter and stack pointer"
#endif

}  // namespace whydrop::platform

#endif
