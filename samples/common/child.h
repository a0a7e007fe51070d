// The samples' only door to processes and network namespaces: starting a program of its own in a place of its own,
// talking to it by lines, and ending it.
//
// A namespace is held by a descriptor and by nothing else: it has no name in the file system and is gone, with every
// device and rule in it, when the program that holds it and the programs in it are gone, however they end. Programs
// started here die with the thread that started them.
//
// Thread rule: any thread may start programs; one Child belongs to one thread at a time.
#ifndef SAMPLES_COMMON_CHILD_H
#define SAMPLES_COMMON_CHILD_H

#include <cstdint>
#include <string>
#include <vector>

namespace samples {

// An open descriptor, closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() { Reset(); }
  Descriptor(Descriptor&& other) noexcept : number_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  int get() const { return number_; }
  bool valid() const { return number_ >= 0; }
  int Release();
  void Reset();

 private:
  int number_;
};

// A new network namespace with nothing in it but a loopback device that is down. Invalid, with *error, without the
// privilege.
Descriptor NewNetwork(int* error);
// The namespace of the calling thread.
Descriptor CurrentNetwork();
// A path under which other programs of the same user find an open descriptor of this process.
std::string PathOf(const Descriptor& descriptor);

// Moves the calling thread into a network, and back at the end. Sockets stay in the network in which they were made.
class ScopedNetwork {
 public:
  explicit ScopedNetwork(int network);
  ~ScopedNetwork();
  ScopedNetwork(const ScopedNetwork&) = delete;
  ScopedNetwork& operator=(const ScopedNetwork&) = delete;

 private:
  Descriptor previous_;
};

// Where a program runs.
struct Place {
  int network = -1;          // -1: the caller's
  std::string boot_id_file;  // not empty: the program reads this file as the machine's boot id
  int inherited = -1;        // a descriptor that it keeps under the same number
  std::string error_file;    // not empty: its standard error is appended there
};

class Child {
 public:
  Child() = default;
  ~Child() { Kill(); }
  Child(Child&&) = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // False, with *error, when the program could not be started.
  bool Start(const std::vector<std::string>& arguments, const Place& place, int* error);
  int pid() const { return pid_; }

  bool WriteLine(const std::string& line);
  void CloseInput() { input_.Reset(); }
  enum class Read { kLine, kTimeout, kEnd };
  Read ReadLine(int timeout_ms, std::string* line);

  void Signal(int number) const;
  // False when it still runs after timeout_ms. *status: its exit status, or 128 plus the signal that ended it.
  bool Wait(int timeout_ms, int* status);
  void Kill();

 private:
  int pid_ = -1;
  int status_ = 0;
  Descriptor input_, output_, process_;
  std::string pending_;
};

// Runs a program to its end, gives it `input` and takes what it prints, errors included. 127: it could not be started.
int RunProgram(const std::vector<std::string>& arguments, int network, const std::string& input, std::string* output);

// The path of the running program.
std::string OwnProgram();
// Writes a value that the system offers as a file; in the network of the calling thread. False, with *error.
bool WriteSystemFile(const std::string& path, const std::string& value, int* error);
// The program's own standard input, line by line and without waiting; an end of the input ends the program. `buffer` is
// the caller's and keeps what is not yet a line.
bool TakeInputLine(std::string* buffer, std::string* line);
void WaitForInput(int timeout_ms);
// Safe in a signal handler.
void Pause(int ms);
// Whether SIGINT or SIGTERM came since WatchInterrupts().
void WatchInterrupts();
bool Interrupted();
// A new directory of its own for the program's files; "" and *error without.
std::string NewDirectory(int* error);
// Crashes that are meant leave no core files.
void ForbidCoreFiles();
// Ends the calling process at once, without anything that an orderly exit does.
[[noreturn]] void ExitNow(int status);

}  // namespace samples

#endif
