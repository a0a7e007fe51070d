// A directory of its own for each test, gone afterwards. Paths are UTF-8 and use '/' on every system.
#ifndef WHYDROP_TESTS_SUPPORT_TEST_DIRECTORY_H
#define WHYDROP_TESTS_SUPPORT_TEST_DIRECTORY_H

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

class TestDirectory {
 public:
  explicit TestDirectory(const std::string& parent = Temporary()) {
    std::random_device random;
    path_ = parent + "/whydrop-test-" + std::to_string(random()) + "-" + std::to_string(random());
    std::filesystem::create_directories(Path());
    // As the SDK makes its own: others may not write.
    std::filesystem::permissions(Path(), std::filesystem::perms::owner_all);
  }
  // Not by remove_all, which turns round and round as long as somebody has a file open whose name is to go: each turn takes
  // a descriptor of Wine's server, until no process can be started any more.
  ~TestDirectory() { Remove(Path()); }
  static std::string Temporary() {
    std::string path = std::filesystem::temp_directory_path().generic_u8string();
    if (path.back() == '/') path.pop_back();
    return path;
  }
  // Where syncs cost nothing and mappings are known to be safe, if the system has such a place.
  static std::string InMemory() {
    const std::string memory = "/dev/shm";
    return std::filesystem::is_directory(memory) ? memory : Temporary();
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }
  std::filesystem::path Path(const std::string& name = "") const {
    return std::filesystem::u8path(name.empty() ? path_ : File(name));
  }
  bool Has(const std::string& name) const {
    return std::filesystem::exists(std::filesystem::symlink_status(Path(name)));
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  void Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(Path(name), std::ios::binary) << bytes;
  }

  // Takes over all files of another one.
  void CopyFrom(const TestDirectory& other) const {
    for (const auto& entry : std::filesystem::directory_iterator(other.Path())) {
      std::filesystem::copy_file(entry.path(), Path() / entry.path().filename());
    }
  }

 private:
  static void Remove(const std::filesystem::path& path) {
    std::error_code ignored;
    if (std::filesystem::is_directory(std::filesystem::symlink_status(path, ignored))) {
      for (const auto& entry : std::filesystem::directory_iterator(path, ignored)) Remove(entry.path());
    }
    std::filesystem::remove(path, ignored);
  }

  std::string path_;
};

#endif
