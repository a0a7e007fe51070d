// Text for a terminal. What stands in a file is hostile: it must not move the cursor, set a title or forge a line.
#ifndef WHYDROP_TOOLS_TEXT_H
#define WHYDROP_TOOLS_TEXT_H

#include <cstdint>
#include <string>

#include "causes/classifier.h"
#include "core/evidence.h"
#include "whydrop/v1/batch.pb.h"

namespace whydrop::tools {

// Printable ASCII as it is, everything else and the backslash as \xNN.
std::string Safe(const std::string& text);
std::string Hex(const std::string& bytes);
std::string Seconds(uint64_t ms);      // "12.345 s"
std::string UtcTime(int64_t unix_ms);  // "2026-11-22 21:15:31 UTC"; "unknown" where the calendar ends

// The message's fields as the classifier takes them: numbers and presence are the same on both sides.
Evidence ToEvidence(const v1::Evidence& message);

// Why the connection ended, as the command explains it. `sent` is the cause in the record: a verdict of an older SDK may
// differ from what its evidence says today.
struct Reason {
  Verdict verdict;
  std::string sentence;
};
Reason ReasonOf(const v1::Connection& connection);

}  // namespace whydrop::tools

#endif
