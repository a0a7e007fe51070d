#include "tools/text.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <limits>
#include <vector>

namespace whydrop::tools {

namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

}  // namespace

std::string Safe(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '\\') {
      safe += c;
    } else {
      safe += "\\x";
      safe += kHexDigits[byte >> 4];
      safe += kHexDigits[byte & 15];
    }
  }
  return safe;
}

std::string Hex(const std::string& bytes) {
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kHexDigits[byte >> 4];
    hex += kHexDigits[byte & 15];
  }
  return hex;
}

std::string Seconds(uint64_t ms) {
  char text[40];
  std::snprintf(text, sizeof text, "%llu.%03u s", static_cast<unsigned long long>(ms / 1000),
                static_cast<unsigned>(ms % 1000));
  return text;
}

std::string UtcTime(int64_t unix_ms) {
  // Years with four digits; gmtime's static result is safe in a program of one thread.
  constexpr int64_t kEndOfCalendarMs = INT64_C(253402300800000);
  if (unix_ms <= 0 || unix_ms >= kEndOfCalendarMs) return "unknown";
  const std::time_t seconds = static_cast<std::time_t>(unix_ms / 1000);
  const std::tm* parts = std::gmtime(&seconds);
  char text[40];
  if (parts == nullptr || std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", parts) == 0) return "unknown";
  return text;
}

Evidence ToEvidence(const v1::Evidence& message) {
  using google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> present;
  reflection->ListFields(message, &present);
  Evidence evidence;
  for (const FieldDescriptor* descriptor : present) {
    if (FieldName(descriptor->number()) == nullptr) continue;
    int64_t value = 0;
    switch (descriptor->cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        value = reflection->GetBool(message, descriptor) ? 1 : 0;
        break;
      case FieldDescriptor::CPPTYPE_ENUM:
        value = reflection->GetEnumValue(message, descriptor);
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        value = reflection->GetInt64(message, descriptor);
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        value = static_cast<int64_t>(std::min<uint64_t>(reflection->GetUInt64(message, descriptor),
                                                        std::numeric_limits<int64_t>::max()));
        break;
      default:
        continue;
    }
    evidence.Set(static_cast<Field>(descriptor->number()), value);
  }
  return evidence;
}

Reason ReasonOf(const v1::Connection& connection) {
  const Evidence evidence = ToEvidence(connection.evidence());
  Reason reason;
  reason.verdict = ClassifyConnection(evidence);
  reason.sentence = Explain(reason.verdict, evidence);
  return reason;
}

}  // namespace whydrop::tools
