// Small files of /proc and /sys, which have no size and belong to root.
#ifndef WHYDROP_PLATFORM_LINUX_PROC_FILE_H
#define WHYDROP_PLATFORM_LINUX_PROC_FILE_H

#include <string>

namespace whydrop::platform {

// Reads at most 64 KiB. False if the file cannot be opened or read; *error, if given, is then errno.
bool ReadProcFile(const std::string& path, std::string* out, int* error = nullptr);

// The same for a file of one short line, which is whole after one read.
bool ReadProcLine(const std::string& path, std::string* out, int* error = nullptr);

}  // namespace whydrop::platform

#endif
