// The bytes of the page's files, as embed.cmake wrote them into the program.
//
// Thread rule: constants.
#ifndef WHYDROP_COLLECTOR_EMBEDDED_H
#define WHYDROP_COLLECTOR_EMBEDDED_H

#include <cstddef>

namespace whydrop::collector {

struct EmbeddedFile {
  const char* path;  // as it is asked for: "/page.css"
  const unsigned char* bytes;
  size_t size_bytes;
};

extern const EmbeddedFile kEmbeddedFiles[];
extern const size_t kEmbeddedFileCount;

}  // namespace whydrop::collector

#endif
