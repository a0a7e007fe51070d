#include <algorithm>
#include <cstring>
#include <string>

#include "upload/uploader.h"

namespace whydrop {
namespace {

constexpr size_t kMaxUrlBytes = 2048;

bool StartsWith(const std::string& text, const char* prefix) {
  return text.compare(0, std::strlen(prefix), prefix) == 0;
}

// 127.0.0.0/8 in dotted form with four parts; anything shorter or with letters is a name that somebody may resolve.
bool IsLoopbackIpv4(const std::string& host) {
  if (!StartsWith(host, "127.")) return false;
  int dots = 0;
  int digits = 0;
  int value = 0;
  for (const char c : host) {
    if (c == '.') {
      if (digits == 0) return false;
      ++dots;
      digits = value = 0;
    } else if (c >= '0' && c <= '9') {
      value = value * 10 + (c - '0');
      if (++digits > 3 || value > 255) return false;
    } else {
      return false;
    }
  }
  return dots == 3 && digits != 0;
}

// Host and port of the authority; no user information, which would be a secret in a place that gets logged.
bool SplitAuthority(const std::string& authority, std::string* host) {
  if (authority.empty() || authority.find('@') != std::string::npos) return false;
  size_t end = 0;
  if (authority[0] == '[') {
    end = authority.find(']');
    if (end == std::string::npos) return false;
    ++end;
  } else {
    end = std::min(authority.find(':'), authority.size());
  }
  *host = authority.substr(0, end);
  if (end == authority.size()) return !host->empty();
  const std::string port = authority.substr(end + 1);
  return authority[end] == ':' && !host->empty() && !port.empty() && port.size() <= 5 &&
         port.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

bool IsUploadUrl(const char* url) {
  if (url == nullptr || BoundedLength(url, kMaxUrlBytes) > kMaxUrlBytes) return false;
  const std::string text(url);
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '?' || c == '#') return false;
  }
  const bool https = StartsWith(text, "https://");
  if (!https && !StartsWith(text, "http://")) return false;
  const size_t start = https ? 8 : 7;
  const size_t slash = text.find('/', start);
  if (slash == std::string::npos) return false;
  const std::string suffix = "/v1/batches";
  if (text.size() - slash < suffix.size() || text.compare(text.size() - suffix.size(), suffix.size(), suffix) != 0) {
    return false;
  }
  std::string host;
  if (!SplitAuthority(text.substr(start, slash - start), &host)) return false;
  return https || host == "localhost" || host == "[::1]" || IsLoopbackIpv4(host);
}

}  // namespace whydrop
