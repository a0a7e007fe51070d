// The page: static files that ask the JSON interface of the same address and nothing else.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_PAGE_H
#define WHYDROP_COLLECTOR_PAGE_H

#include <optional>
#include <string>
#include <string_view>

namespace whydrop::collector {

inline constexpr const char* kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

struct PageFile {
  const char* content_type;
  std::string_view content;
};

std::optional<PageFile> FindPageFile(const std::string& path);  // "/" is index.html

}  // namespace whydrop::collector

#endif
