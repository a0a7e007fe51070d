// What became of a case: what both ends saw, what was concluded from it, and whether that is right.
// Pure, but for AskCollector.
#ifndef SAMPLES_CLOSE_LAB_VERDICTS_H
#define SAMPLES_CLOSE_LAB_VERDICTS_H

#include <string>

#include "close_lab/cases.h"

namespace close_lab {

struct Verdict {
  std::string cause;  // "" when there is none
  std::string confidence, rule, reason;
};

enum class Grade {
  kRight,
  kWider,       // less precise, and honestly so
  kUnknown,     // said that it does not know
  kUndetected,  // this end noticed nothing, and nothing was claimed
  kWrong
};
const char* GradeName(Grade grade);

struct Outcome {
  Experiment experiment;
  std::string failure;  // why the case could not be carried out; "" when it was
  // "recv ECONNRESET", "closed", "nothing", or how the process ended
  std::string client_saw, server_saw;
  std::string told;  // what the client's own call returned, "" when it died before
  Verdict alone, joined;
  Grade alone_grade = Grade::kWrong, joined_grade = Grade::kWrong;
};

// The collector's word about a case's connection, by what it has been told so far. False, with *error.
bool AskCollector(const std::string& admin_port, const std::string& app_id, const std::string& token, Verdict* verdict,
                  std::string* error);

// Fills in the grades.
void GradeOutcome(Outcome* outcome);

}  // namespace close_lab

#endif
