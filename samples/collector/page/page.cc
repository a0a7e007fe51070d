#include "samples/collector/page/page.h"

#include "samples/collector/page/embedded.h"

namespace whydrop::collector {
namespace {

const char* ContentType(std::string_view path) {
  static constexpr struct {
    std::string_view ending;
    const char* type;
  } kTypes[] = {{".html", "text/html; charset=utf-8"},
                {".css", "text/css; charset=utf-8"},
                {".js", "text/javascript; charset=utf-8"},
                {".svg", "image/svg+xml"}};
  for (const auto& [ending, type] : kTypes) {
    if (path.size() > ending.size() && path.substr(path.size() - ending.size()) == ending) return type;
  }
  return "text/plain; charset=utf-8";
}

}  // namespace

std::optional<PageFile> FindPageFile(const std::string& path) {
  const std::string wanted = path == "/" ? "/index.html" : path;
  for (size_t i = 0; i < kEmbeddedFileCount; ++i) {
    const EmbeddedFile& file = kEmbeddedFiles[i];
    if (wanted != file.path) continue;
    return PageFile{ContentType(file.path), {reinterpret_cast<const char*>(file.bytes), file.size_bytes}};
  }
  return std::nullopt;
}

}  // namespace whydrop::collector
