// A process that a test starts ends with it, also when the test is killed: it is put into a job of which the test has the
// only handle. Its own children are in the job as well.
#ifndef WHYDROP_TESTS_SUPPORT_OWN_JOB_WINDOWS_H
#define WHYDROP_TESTS_SUPPORT_OWN_JOB_WINDOWS_H

#include <windows.h>

#include <cstdio>

inline HANDLE OwnJob() {
  static const HANDLE job = [] {
    const HANDLE made = CreateJobObjectW(nullptr, nullptr);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {};
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    SetInformationJobObject(made, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    return made;
  }();
  return job;
}

// For a process that was created with CREATE_SUSPENDED, so that it cannot run on without the job; takes the thread's handle.
inline void RunInOwnJob(const PROCESS_INFORMATION& created) {
  if (!AssignProcessToJobObject(OwnJob(), created.hProcess)) {
    std::printf("a process would outlive its test: error %lu\n", GetLastError());
  }
  ResumeThread(created.hThread);
  CloseHandle(created.hThread);
}

#endif
