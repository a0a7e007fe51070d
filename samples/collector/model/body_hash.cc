#include "samples/collector/model/body_hash.h"

#include <openssl/evp.h>

#include <new>

namespace whydrop::collector {

BodyHash HashBody(std::string_view body) {
  // Looked up by name once: that takes longer than to hash what most clients send.
  static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  BodyHash hash;
  if (sha256 == nullptr || EVP_Digest(body.data(), body.size(), hash.data(), nullptr, sha256, nullptr) != 1) {
    throw std::bad_alloc();
  }
  return hash;
}

}  // namespace whydrop::collector
