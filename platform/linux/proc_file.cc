#include "platform/linux/proc_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace whydrop::platform {

bool ReadProcFile(const std::string& path, std::string* out, int* error) {
  constexpr size_t kLimit = 64 * 1024;
  out->clear();
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ssize_t count = fd < 0 ? -1 : 1;
  int failure = errno;
  char chunk[4096];
  while (count > 0 && out->size() < kLimit) {
    count = read(fd, chunk, sizeof(chunk));
    failure = errno;
    if (count > 0) out->append(chunk, static_cast<size_t>(count));
    if (count < 0 && failure == EINTR) count = 1;
  }
  if (fd >= 0) close(fd);
  if (count < 0 && error != nullptr) *error = failure;
  return count >= 0;
}

}  // namespace whydrop::platform
