// What a run of the lab is worth: its figures, the confusion matrix, and the best that error numbers alone could do.
// Pure: prints to standard output and nothing else.
#ifndef SAMPLES_CLOSE_LAB_MATRIX_H
#define SAMPLES_CLOSE_LAB_MATRIX_H

#include <vector>

#include "close_lab/verdicts.h"

namespace close_lab {

struct Skipped {
  std::string id, why;
};

struct Figures {
  int cases = 0, undetected = 0;
  // Of those with a true cause, by the client alone.
  int alone_right = 0, alone_wider = 0, alone_unknown = 0, alone_undetected = 0, alone_wrong = 0;
  int joined_right = 0, joined_nearest = 0, joined_wrong = 0;
  int wrong_with_high = 0;
  int with_cause = 0;
  int failed = 0;
};
Figures Count(const std::vector<Outcome>& outcomes);

void PrintOutcome(const Outcome& outcome);
void PrintSummary(const std::vector<Outcome>& outcomes, const std::vector<Skipped>& skipped);
void PrintJson(const std::vector<Outcome>& outcomes, const std::vector<Skipped>& skipped);

// Whether the run meets what is promised: joined exactly right in 99 of 100 (as near as can be is not), the client's word
// right or honestly wider in all, exactly right in 60 of 100, unknown in at most 5, and nothing wrong with high
// confidence.
bool MeetsBars(const Figures& figures);

}  // namespace close_lab

#endif
