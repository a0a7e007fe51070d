#include "support/child.h"

#include <cstdio>
#include <map>
#include <utility>

namespace {

// Made at the first use: roles register before main, in any order.
std::map<std::string, ChildRole>& Roles() {
  static std::map<std::string, ChildRole> roles;
  return roles;
}

constexpr char kOption[] = "--child-role";

}  // namespace

RegisterChildRole::RegisterChildRole(const char* name, ChildRole role) { Roles()[name] = role; }

bool PlayChildRole(int count, char** words, int* exit_code) {
  if (count < 4 || std::string(words[1]) != kOption) return false;
  BindTo(words[2]);
  const auto role = Roles().find(words[3]);
  *exit_code = role == Roles().end() ? 125 : role->second(ChildArguments(words + 4, words + count));
  return true;
}

Child Child::InRole(const std::string& role, const ChildArguments& arguments) {
  ChildArguments words = {kOption, NameForChildren(), role};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return Child(OwnProgram(), words);
}

Child::Child(Child&& other) noexcept
    : process_(other.process_),
      input_(other.input_),
      output_(other.output_),
      pid_(other.pid_),
      read_(std::move(other.read_)) {
  other.process_ = other.input_ = other.output_ = kNone;
}

std::string Child::ReadLine() {
  size_t end = 0;
  while ((end = read_.find('\n')) == std::string::npos) {
    if (!ReadMore()) return "";
  }
  const std::string line = read_.substr(0, end);
  read_.erase(0, end + 1);
  return line;
}

std::string Child::ReadAll() {
  while (ReadMore()) {
  }
  return std::move(read_);
}

void Child::Tell(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

void Child::AwaitParent() {
  while (std::getchar() != EOF) {
  }
}
