// A directory of its own for each test, gone afterwards.
#ifndef WHYDROP_TESTS_UNIT_PLATFORM_TEST_DIRECTORY_H
#define WHYDROP_TESTS_UNIT_PLATFORM_TEST_DIRECTORY_H

#include <cstdlib>
#include <filesystem>
#include <string>

class TestDirectory {
 public:
  explicit TestDirectory(const char* parent = "/tmp") {
    std::string name = std::string(parent) + "/whydrop-test-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TestDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  std::string File(const char* name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

#endif
