// How many connections or sessions there are by what is asked for, from counts and rows as count_plan.h says.
//
// Thread rule: as Database.
#ifndef WHYDROP_COLLECTOR_SQLITE_COUNTING_H
#define WHYDROP_COLLECTOR_SQLITE_COUNTING_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "samples/collector/store/count_plan.h"
#include "samples/collector/store/sqlite/db.h"

namespace whydrop::collector {

// A value of a dimension: a number, or a text beside a number of 0.
struct GroupValue {
  int64_t number = 0;
  std::string text;
  bool operator<(const GroupValue& other) const {
    return number != other.number ? number < other.number : text < other.text;
  }
};

struct CountedGroup {
  std::vector<GroupValue> values;  // in the order of the dimensions
  int64_t kind = 0;
  int64_t count = 0;
};

// Ordered by their values. Read inside a transaction, so that all parts are of the same moment.
std::vector<CountedGroup> CountGroups(const Database& db, const CountQuery& query);

// "client_crash", "2026-11-28", "gate-1".
std::string NameOfValue(const std::string& dimension, const GroupValue& value);

}  // namespace whydrop::collector

#endif
