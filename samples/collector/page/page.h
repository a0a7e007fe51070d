// The page: static files that ask the JSON interface of the same address and nothing else.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_PAGE_H
#define WHYDROP_COLLECTOR_PAGE_H

#include <string>

namespace whydrop::collector {

inline constexpr const char* kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; "
    "frame-ancestors 'none'";

struct PageFile {
  const char* path;
  const char* content_type;
  const char* content;
};

const PageFile* FindPageFile(const std::string& path);  // nullptr: no such file

}  // namespace whydrop::collector

#endif
