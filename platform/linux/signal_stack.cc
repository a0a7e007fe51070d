// The alternate signal stack: without one, a thread whose stack ran over cannot run any handler.
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "platform/crash_hooks.h"
#include "platform/last_error.h"
#include "platform/linux/errno_status.h"

namespace whydrop::platform {
namespace {

// Our handler needs little; a previous handler that walks the stack or writes a dump needs more.
constexpr size_t kUsableBytes = 64 * 1024;
constexpr unsigned long kMinimumStackKey = 51;  // AT_MINSIGSTKSZ: what the processor's registers take

pthread_key_t stack_key;
bool stack_key_made = false;
pthread_once_t stack_key_once = PTHREAD_ONCE_INIT;

size_t PageBytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

size_t UsableBytes() {
  const size_t page = PageBytes();
  const size_t wanted = std::max<size_t>(kUsableBytes, 4 * getauxval(kMinimumStackKey));
  return (wanted + page - 1) / page * page;
}

// At the end of a thread. Whoever put another stack in place of ours keeps it.
void ReleaseStack(void* memory) {
  stack_t now = {};
  if (sigaltstack(nullptr, &now) == 0 && now.ss_sp == static_cast<char*>(memory) + PageBytes()) {
    stack_t none = {};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
  }
  munmap(memory, PageBytes() + UsableBytes());
}

void MakeKey() { stack_key_made = pthread_key_create(&stack_key, ReleaseStack) == 0; }

}  // namespace

bool OnSignalStack() {
  const LastErrorKeeper keep_errno;
  stack_t now = {};
  return sigaltstack(nullptr, &now) == 0 && (now.ss_flags & SS_ONSTACK) != 0;
}

void AttachThreadForCrashes() {
  const LastErrorKeeper keep_errno;
  pthread_once(&stack_key_once, MakeKey);
  stack_t now = {};
  if (!stack_key_made || pthread_getspecific(stack_key) != nullptr) return;
  if (sigaltstack(nullptr, &now) != 0 || (now.ss_flags & SS_DISABLE) == 0) return;
  const size_t guard = PageBytes();
  const size_t usable = UsableBytes();
  void* memory = mmap(nullptr, guard + usable, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  stack_t ours = {};
  ours.ss_sp = static_cast<char*>(memory) + guard;
  ours.ss_size = usable;
  const bool ready = mprotect(memory, guard, PROT_NONE) == 0 && pthread_setspecific(stack_key, memory) == 0;
  if (ready && sigaltstack(&ours, nullptr) == 0) return;
  if (ready) pthread_setspecific(stack_key, nullptr);
  munmap(memory, guard + usable);
}

}  // namespace whydrop::platform
