// Reads a log of connections line by line: CSV with a head of column names, or one JSON object on each line. What comes
// out is names and texts; what they mean is decided elsewhere.
//
// Thread rule: one thread.
#ifndef WHYDROP_COLLECTOR_LOG_FILE_H
#define WHYDROP_COLLECTOR_LOG_FILE_H

#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "samples/collector/config/options.h"

namespace whydrop::collector {

// One line cannot be read; the next one may be.
class LineError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The file cannot be read at all.
class FileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

using LogRow = std::vector<std::pair<std::string, std::string>>;  // without what is empty or null

class LogFile {
 public:
  // Throws FileError.
  LogFile(const std::string& path, FileFormat format);

  // False at the end. Throws LineError for a line that is wrong, and goes on behind it; FileError if reading fails.
  bool Next(LogRow* row);

  size_t line() const { return row_line_; }  // of the row that was read last, counted from 1

 private:
  void SkipMark();
  // One record of CSV, which may span lines inside quotes. Throws LineError, and goes on behind its first line: a quote
  // that is not closed would take good lines along.
  bool ReadRecord(std::vector<std::string>* fields);
  void SplitRecord(std::string line, std::vector<std::string>* fields);
  bool ReadLine(std::string* line);
  bool NextCsv(LogRow* row);
  bool NextJson(LogRow* row);

  const std::string path_;
  const FileFormat format_;
  std::ifstream file_;
  std::vector<std::string> columns_;
  size_t lines_read_ = 0;
  size_t row_line_ = 0;
};

}  // namespace whydrop::collector

#endif
