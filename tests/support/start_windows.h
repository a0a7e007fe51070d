// Starting a process under Wine, which on a busy machine gives up on one now and then before a line of it has run. No
// test is about that.
#ifndef WHYDROP_TESTS_SUPPORT_START_WINDOWS_H
#define WHYDROP_TESTS_SUPPORT_START_WINDOWS_H

#include <windows.h>

#include <cstdio>

// Calls `create`, which says whether it made the process, up to three times; says why it did not.
template <typename Create>
bool StartPersistently(const Create& create) {
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (create()) return true;
    std::printf("a process could not be started: error %lu\n", GetLastError());
  }
  return false;
}

#endif
