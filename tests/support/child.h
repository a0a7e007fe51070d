// Programs that a test starts, above all its own program in another role: what a fork would do is written as a function
// of its own, so that it runs on every system. A child in a role ends with the thread that started it, however that ends:
// a test that is killed leaves nothing behind.
//
//   CHILD_ROLE(holds_a_lock) { ...; return 0; }          beside the tests, outside of namespaces
//   Child child = Child::InRole("holds_a_lock", {path});  in a test
#ifndef WHYDROP_TESTS_SUPPORT_CHILD_H
#define WHYDROP_TESTS_SUPPORT_CHILD_H

#include <cstdint>
#include <string>
#include <vector>

using ChildArguments = std::vector<std::string>;
using ChildRole = int (*)(const ChildArguments& arguments);

class Child {
 public:
  static constexpr int kKilled = -1;

  Child(const std::string& program, const ChildArguments& arguments);
  static Child InRole(const std::string& role, const ChildArguments& arguments);
  // Ends the child if it still runs.
  ~Child();
  Child(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool started() const { return process_ != kNone; }
  // What the child wrote to its outputs: one line without its end, or the rest; without carriage returns.
  std::string ReadLine();
  std::string ReadAll();
  // The end of the child's input: Child::AwaitParent returns there.
  void CloseInput();
  // No chance to do anything: SIGKILL, TerminateProcess.
  void Kill();
  // Its exit code as the system tells it; kKilled for the end by a signal.
  int64_t Wait();
  uint64_t pid() const { return pid_; }

  // In the child: tells the parent a line; waits until the parent closes the input or ends.
  static void Tell(const std::string& line);
  static void AwaitParent();
  // As if another process had killed it.
  [[noreturn]] static void Die();

 private:
  static constexpr intptr_t kNone = -1;
  intptr_t process_ = kNone;
  intptr_t input_ = kNone;
  intptr_t output_ = kNone;
  uint64_t pid_ = 0;
  std::string read_;  // and not yet taken

  bool ReadMore();
};

// Binds a child in a role to its parent, as far as the parent has not done that itself: what the parent says of itself, and
// what its child does with that.
std::string NameForChildren();
void BindTo(const std::string& parent);

// The path of the running program.
std::string OwnProgram();

// Registers a role before main.
struct RegisterChildRole {
  RegisterChildRole(const char* name, ChildRole role);
};
#define CHILD_ROLE(name)                                                   \
  static int ChildRole_##name(const ChildArguments& arguments);            \
  static const RegisterChildRole register_##name(#name, ChildRole_##name); \
  static int ChildRole_##name([[maybe_unused]] const ChildArguments& arguments)

// For main: whether the program is to play a role, which is then played and its exit code given back.
bool PlayChildRole(int count, char** words, int* exit_code);

#endif
