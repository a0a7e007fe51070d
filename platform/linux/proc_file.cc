#include "platform/linux/proc_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace whydrop::platform {
namespace {

constexpr size_t kLimit = 64 * 1024;

// Reads on until the end, or until there are `enough` bytes.
bool ReadUpTo(size_t enough, const std::string& path, std::string* out, int* error) {
  out->clear();
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ssize_t count = fd < 0 ? -1 : 1;
  int failure = errno;
  char chunk[4096];
  while (count > 0 && out->size() < enough) {
    count = read(fd, chunk, sizeof(chunk));
    failure = errno;
    if (count > 0) out->append(chunk, static_cast<size_t>(count));
    if (count < 0 && failure == EINTR) count = 1;
  }
  if (fd >= 0) close(fd);
  if (count < 0 && error != nullptr) *error = failure;
  return count >= 0;
}

}  // namespace

bool ReadProcFile(const std::string& path, std::string* out, int* error) { return ReadUpTo(kLimit, path, out, error); }

bool ReadProcLine(const std::string& path, std::string* out, int* error) { return ReadUpTo(1, path, out, error); }

}  // namespace whydrop::platform
