// The table of options: one row is a flag, a variable of the environment and a key of the configuration file at once,
// all with one name, one rule for its value and one line of help.
//
//   max-connections   --max-connections N   WHYDROP_COLLECTOR_MAX_CONNECTIONS=N   max-connections = N
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_OPTION_TABLE_H
#define WHYDROP_COLLECTOR_OPTION_TABLE_H

#include <string>
#include <vector>

#include "samples/collector/config/options.h"

namespace whydrop::collector {

// What the program can be asked to do; a row of the table names all that listen to it.
enum Command : unsigned { kServe = 1, kImport = 2, kExport = 4, kBackup = 8, kSchema = 16 };

enum class Arity { kOne, kMany };

// What may be shown of a value. Whatever hides something can be kept in a file of its own: a row NAME also makes the
// option NAME-file, a file with one value on each line.
enum class Secrecy { kOpen, kUrlWithPassword, kSecret };

struct OptionRow {
  unsigned commands;  // Command, or-ed
  const char* name;
  const char* argument;  // "ADDRESS:PORT"
  Arity arity;
  Secrecy secrecy;
  const char* fallback;                              // the value if none is given, nullptr: none
  bool (*take)(const std::string& value, Options*);  // false: the value breaks the rule
  const char* wanted;                                // the rule, as the end of "'x' is not ..."
  const char* help;                                  // lines of at most 80 characters
};

const std::vector<OptionRow>& OptionTable();

// What may be shown of a value of the row.
std::string Showable(const OptionRow& row, const std::string& value);

}  // namespace whydrop::collector

#endif
