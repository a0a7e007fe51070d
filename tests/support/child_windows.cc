#include <windows.h>

#include <algorithm>
#include <cstdio>

#include "support/child.h"
#include "support/own_job_windows.h"

namespace {

std::wstring Wide(const std::string& text) {
  std::wstring wide(text.size(), L'\0');
  const int size = MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), wide.data(),
                                       static_cast<int>(wide.size()));
  wide.resize(static_cast<size_t>(size));
  return wide;
}

HANDLE System(intptr_t handle) { return reinterpret_cast<HANDLE>(handle); }

// No word of a test ends with a backslash or holds a quote.
std::wstring CommandLine(const std::string& program, const ChildArguments& arguments) {
  std::wstring line = L"\"" + Wide(program) + L"\"";
  for (const std::string& word : arguments) line += L" \"" + Wide(word) + L"\"";
  return line;
}

}  // namespace

// The job does it.
std::string NameForChildren() { return "parent"; }
void BindTo(const std::string&) {}

std::string OwnProgram() {
  wchar_t wide[MAX_PATH] = {};
  char path[4 * MAX_PATH] = {};
  GetModuleFileNameW(nullptr, wide, MAX_PATH);
  WideCharToMultiByte(CP_UTF8, 0, wide, -1, path, sizeof path, nullptr, nullptr);
  return path;
}

Child::Child(const std::string& program, const ChildArguments& arguments) {
  SECURITY_ATTRIBUTES inherited = {sizeof inherited, nullptr, TRUE};
  HANDLE in_read = nullptr, in_write = nullptr, out_read = nullptr, out_write = nullptr;
  if (!CreatePipe(&in_read, &in_write, &inherited, 0) || !CreatePipe(&out_read, &out_write, &inherited, 0)) return;
  SetHandleInformation(in_write, HANDLE_FLAG_INHERIT, 0);
  SetHandleInformation(out_read, HANDLE_FLAG_INHERIT, 0);
  STARTUPINFOW start = {};
  start.cb = sizeof start;
  start.dwFlags = STARTF_USESTDHANDLES;
  start.hStdInput = in_read;
  start.hStdOutput = start.hStdError = out_write;
  PROCESS_INFORMATION process = {};
  std::wstring line = CommandLine(program, arguments);
  if (CreateProcessW(nullptr, line.data(), nullptr, nullptr, TRUE, CREATE_SUSPENDED, nullptr, nullptr, &start,
                     &process)) {
    process_ = reinterpret_cast<intptr_t>(process.hProcess);
    pid_ = process.dwProcessId;
    RunInOwnJob(process);
  } else {
    std::printf("a process could not be started: error %lu\n", GetLastError());
  }
  CloseHandle(in_read);
  CloseHandle(out_write);
  input_ = reinterpret_cast<intptr_t>(in_write);
  output_ = reinterpret_cast<intptr_t>(out_read);
}

Child::~Child() {
  CloseInput();
  if (process_ != kNone) {
    Kill();
    Wait();
  }
  if (output_ != kNone) CloseHandle(System(output_));
}

bool Child::ReadMore() {
  char bytes[4096];
  DWORD count = 0;
  if (!ReadFile(System(output_), bytes, sizeof bytes, &count, nullptr) || count == 0) return false;
  std::copy_if(bytes, bytes + count, std::back_inserter(read_), [](char c) { return c != '\r'; });
  return true;
}

void Child::CloseInput() {
  if (input_ != kNone) CloseHandle(System(input_));
  input_ = kNone;
}

void Child::Die() {
  for (;;) TerminateProcess(GetCurrentProcess(), 1);
}

void Child::Kill() { TerminateProcess(System(process_), 1); }

int64_t Child::Wait() {
  DWORD code = 0;
  WaitForSingleObject(System(process_), INFINITE);
  GetExitCodeProcess(System(process_), &code);
  CloseHandle(System(process_));
  process_ = kNone;
  return code;
}
