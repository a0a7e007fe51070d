// Reads a ring or a batch file into the messages that are, or would be, sent. A ring goes through the same code as the
// harvest, so what is shown is what would leave the machine. The file is never written to and never locked.
#ifndef WHYDROP_TOOLS_LOAD_H
#define WHYDROP_TOOLS_LOAD_H

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "whydrop/v1/batch.pb.h"

namespace whydrop::tools {

struct Loaded {
  enum class Kind { kRing, kBatch };
  enum class State { kEnded, kRunning, kMayRun };

  Kind kind = Kind::kRing;
  State state = State::kEnded;
  uint64_t pid = 0;  // of the process that wrote a ring
  uint64_t size_bytes = 0;
  std::vector<v1::Batch> batches;  // at least one
  // What could not be read, by name; zeros are left out.
  std::vector<std::pair<std::string, uint64_t>> damage;
};

// False: the file could not be read as either kind; *error is one sentence for the user, without the file's name.
bool Load(const std::string& path, Loaded* out, std::string* error);

}  // namespace whydrop::tools

#endif
