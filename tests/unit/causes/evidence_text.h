// Evidence written as text, "error_kind=1,established=1": how the tests' tables and the recorded closes name it.
#ifndef WHYDROP_TESTS_UNIT_CAUSES_EVIDENCE_TEXT_H
#define WHYDROP_TESTS_UNIT_CAUSES_EVIDENCE_TEXT_H

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/evidence.h"

namespace whydrop {

inline std::vector<std::string> SplitText(const std::string& text, char separator) {
  std::vector<std::string> items;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    items.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
}

inline Evidence EvidenceOf(const std::string& text) {
  Evidence evidence;
  for (const std::string& item : SplitText(text, ',')) {
    const size_t equals = item.find('=');
    REQUIRE_MESSAGE(equals != std::string::npos, text);
    bool is_known = false;
    for (int number = 1; number < kFieldLimit; ++number) {
      const char* name = FieldName(number);
      if (name == nullptr || item.substr(0, equals) != name) continue;
      evidence.Set(static_cast<Field>(number), std::stoll(item.substr(equals + 1)));
      is_known = true;
    }
    REQUIRE_MESSAGE(is_known, item);
  }
  return evidence;
}

}  // namespace whydrop

#endif
