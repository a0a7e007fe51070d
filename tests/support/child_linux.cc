#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "support/child.h"
#include "support/end_with_parent_linux.h"

std::string NameForChildren() { return std::to_string(getpid()); }

void BindTo(const std::string& parent) { EndWithParent(static_cast<pid_t>(std::stol(parent))); }

std::string OwnProgram() { return "/proc/self/exe"; }

Child::Child(const std::string& program, const ChildArguments& arguments) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) return;
  std::vector<char*> words = {const_cast<char*>(program.c_str())};
  for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, out[1], 2);
  pid_t pid = 0;
  if (posix_spawn(&pid, program.c_str(), &actions, nullptr, words.data(), environ) == 0) {
    process_ = pid;
    pid_ = static_cast<uint64_t>(pid);
  }
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  output_ = out[0];
}

Child::~Child() {
  CloseInput();
  if (process_ != kNone) {
    Kill();
    Wait();
  }
  if (output_ != kNone) close(static_cast<int>(output_));
}

bool Child::ReadMore() {
  char bytes[4096];
  const ssize_t count = read(static_cast<int>(output_), bytes, sizeof bytes);
  if (count <= 0) return false;
  read_.append(bytes, static_cast<size_t>(count));
  return true;
}

void Child::CloseInput() {
  if (input_ != kNone) close(static_cast<int>(input_));
  input_ = kNone;
}

void Child::Die() {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

void Child::Kill() {
  // Without a process the number would name every process there is.
  if (process_ != kNone) kill(static_cast<pid_t>(process_), SIGKILL);
}

int64_t Child::Wait() {
  int status = 0;
  while (waitpid(static_cast<pid_t>(process_), &status, 0) < 0 && errno == EINTR) {
  }
  process_ = kNone;
  return WIFEXITED(status) ? WEXITSTATUS(status) : kKilled;
}
