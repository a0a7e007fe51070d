#include "platform/id_text.h"

namespace whydrop::platform {
namespace {

// -1: no digit.
int DigitValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Id16 ParseId(const std::string& text) {
  Id16 id = {};
  size_t digits = 0;
  for (const char c : text) {
    if (c == '-') continue;
    const int value = DigitValue(c);
    if (value < 0 || digits == 2 * id.size()) break;
    id[digits / 2] = static_cast<uint8_t>(id[digits / 2] << 4 | value);
    ++digits;
  }
  return digits == 2 * id.size() ? id : Id16{};
}

}  // namespace whydrop::platform
