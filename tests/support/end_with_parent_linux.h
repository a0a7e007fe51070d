// A process that a test starts ends with it, also when the test is killed.
#ifndef WHYDROP_TESTS_SUPPORT_END_WITH_PARENT_LINUX_H
#define WHYDROP_TESTS_SUPPORT_END_WITH_PARENT_LINUX_H

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

// In the child; stays across exec. The system's signal comes with the end of the thread that started the child.
inline void EndWithParent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // it has ended before
}

#endif
