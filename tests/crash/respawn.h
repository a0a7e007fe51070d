// Children that are this program again, executed by name.
#ifndef WHYDROP_TESTS_CRASH_RESPAWN_H
#define WHYDROP_TESTS_CRASH_RESPAWN_H

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "support/end_with_parent_linux.h"

namespace whydrop_test {

// The child ends with the thread that calls, and by itself after `limit_s` seconds. `output` becomes its standard output, -1: the parent's.
inline pid_t Spawn(const std::vector<std::string>& arguments, int output, unsigned limit_s = 60) {
  char path[4096] = {};
  if (readlink("/proc/self/exe", path, sizeof path - 1) <= 0) return -1;
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child != 0) return child;
  EndWithParent(parent);
  if (output >= 0) dup2(output, STDOUT_FILENO);
  std::freopen("/dev/null", "w", stderr);
  std::vector<std::string> copy = arguments;
  std::vector<char*> argv = {path};
  for (std::string& argument : copy) argv.push_back(argument.data());
  argv.push_back(nullptr);
  alarm(limit_s);
  execv(path, argv.data());
  _exit(97);
}

inline int Wait(pid_t child) {
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

// Runs a child to its end; what it and its own children print is the result.
inline std::string OutputOf(const std::vector<std::string>& arguments, int* status, unsigned limit_s = 60) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = Spawn(arguments, ends[1], limit_s);
  close(ends[1]);
  std::string text;
  char data[256];
  for (ssize_t got; (got = read(ends[0], data, sizeof data)) > 0;) text.append(data, static_cast<size_t>(got));
  close(ends[0]);
  *status = Wait(child);
  return text;
}

}  // namespace whydrop_test

#endif
