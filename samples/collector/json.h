// Writes JSON. Strings come out escaped; bytes that are no UTF-8 become U+FFFD, so that the answer always parses.
//
// Thread rule: a plain value.
#ifndef WHYDROP_COLLECTOR_JSON_H
#define WHYDROP_COLLECTOR_JSON_H

#include <cstdint>
#include <string>
#include <string_view>

namespace whydrop::collector {

std::string JsonString(std::string_view text);

// Grows an object or an array, member by member.
class JsonObject {
 public:
  JsonObject& Raw(std::string_view name, std::string_view json) {
    text_ += (text_.empty() ? "" : ",") + JsonString(name) + ":";
    text_ += json;
    return *this;
  }
  JsonObject& Text(std::string_view name, std::string_view value) { return Raw(name, JsonString(value)); }
  JsonObject& Number(std::string_view name, int64_t value) { return Raw(name, std::to_string(value)); }
  JsonObject& Number(std::string_view name, uint64_t value) { return Raw(name, std::to_string(value)); }
  JsonObject& Bool(std::string_view name, bool value) { return Raw(name, value ? "true" : "false"); }
  std::string Finish() const { return "{" + text_ + "}"; }

 private:
  std::string text_;
};

class JsonArray {
 public:
  void Add(const std::string& json) { text_ += (text_.empty() ? "" : ",") + json; }
  std::string Finish() const { return "[" + text_ + "]"; }

 private:
  std::string text_;
};

std::string Hex(std::string_view bytes);

}  // namespace whydrop::collector

#endif
