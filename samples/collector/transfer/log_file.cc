#include "samples/collector/transfer/log_file.h"

#include <nlohmann/json.hpp>
#include <set>

namespace whydrop::collector {
namespace {

constexpr size_t kMaxLineBytes = 64 * 1024;
constexpr size_t kMaxColumns = 256;

std::string Text(const nlohmann::json& value, const std::string& name) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "1" : "0";
  if (value.is_number()) return value.dump();
  if (value.is_null()) return "";
  throw LineError(name + ": must be a text, a number, true, false or null");
}

FileFormat FormatOf(const std::string& path, FileFormat format) {
  if (format != FileFormat::kByName) return format;
  const auto ends_with = [&path](const std::string& end) {
    return path.size() > end.size() && path.compare(path.size() - end.size(), end.size(), end) == 0;
  };
  if (ends_with(".csv")) return FileFormat::kCsv;
  if (ends_with(".jsonl") || ends_with(".ndjson") || ends_with(".json")) return FileFormat::kJsonLines;
  throw FileError("'" + path + "': the name does not say the format; --format csv or jsonl does");
}

}  // namespace

LogFile::LogFile(const std::string& path, FileFormat format)
    : path_(path), format_(FormatOf(path, format)), file_(path, std::ios::binary) {
  if (!file_) throw FileError("cannot read '" + path + "'");
  SkipMark();
  if (format_ != FileFormat::kCsv) return;
  try {
    std::vector<std::string> head;
    if (!ReadRecord(&head)) throw FileError("'" + path + "' is empty: the first line names the columns");
    columns_ = std::move(head);
  } catch (const LineError& error) {
    throw FileError(path + " line 1: " + error.what());
  }
  if (std::set<std::string>(columns_.begin(), columns_.end()).size() != columns_.size()) {
    throw FileError(path + " line 1: a column stands there twice");
  }
}

// What spreadsheets put before UTF-8.
void LogFile::SkipMark() {
  for (const char wanted : {'\xEF', '\xBB', '\xBF'}) {
    if (file_.peek() != std::ifstream::traits_type::to_int_type(wanted)) break;
    file_.get();
  }
  file_.clear(file_.rdstate() & ~std::ios::eofbit);
}

bool LogFile::Next(LogRow* row) {
  row->clear();
  const bool found = format_ == FileFormat::kCsv ? NextCsv(row) : NextJson(row);
  if (file_.bad()) throw FileError("cannot read '" + path_ + "' behind line " + std::to_string(lines_read_));
  return found;
}

bool LogFile::ReadLine(std::string* line) {
  line->clear();
  // Read by hand, so that a file without line ends costs no more memory than a line may have.
  for (int c = file_.get(); c != std::ifstream::traits_type::eof(); c = file_.get()) {
    if (c == '\n') {
      ++lines_read_;
      return true;
    }
    if (line->size() <= kMaxLineBytes) *line += static_cast<char>(c);
  }
  if (!line->empty()) ++lines_read_;
  return !line->empty();
}

bool LogFile::ReadRecord(std::vector<std::string>* fields) {
  std::string line;
  do {
    if (!ReadLine(&line)) return false;
  } while (line.empty() || line == "\r");
  row_line_ = lines_read_;
  const std::streampos behind = file_.tellg();
  try {
    SplitRecord(std::move(line), fields);
  } catch (const LineError&) {
    if (lines_read_ != row_line_) {
      file_.clear();
      file_.seekg(behind);
      lines_read_ = row_line_;
    }
    throw;
  }
  return true;
}

void LogFile::SplitRecord(std::string line, std::vector<std::string>* fields) {
  fields->assign(1, "");
  bool quoted = false;
  for (size_t i = 0;; ++i) {
    if (i == line.size()) {
      if (!quoted) break;
      // A quoted field holds the line's end, and goes on.
      std::string more;
      if (!ReadLine(&more)) throw LineError("a quote is not closed");
      if (line.size() + more.size() > kMaxLineBytes) throw LineError("longer than 64 KiB, or a quote is not closed");
      line += "\n" + more;
    }
    if (line.size() > kMaxLineBytes) throw LineError("longer than 64 KiB");
    const char c = line[i];
    if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      fields->back() += line[++i];
    } else if (c == '"') {
      const bool ends = quoted && (i + 1 == line.size() || line[i + 1] == ',' || line[i + 1] == '\r');
      if (!ends && (quoted || !fields->back().empty())) throw LineError("a quote in the middle of a field");
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      if (fields->size() == kMaxColumns) throw LineError("more than 256 columns");
      fields->emplace_back();
    } else if (c != '\r' || quoted || i + 1 != line.size()) {
      fields->back() += c;
    }
  }
  if (!columns_.empty() && fields->size() != columns_.size()) {
    throw LineError(std::to_string(fields->size()) + " fields, but " + std::to_string(columns_.size()) + " columns");
  }
}

bool LogFile::NextCsv(LogRow* row) {
  std::vector<std::string> fields;
  if (!ReadRecord(&fields)) return false;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (!fields[i].empty()) row->emplace_back(columns_[i], fields[i]);
  }
  return true;
}

bool LogFile::NextJson(LogRow* row) {
  std::string line;
  do {
    if (!ReadLine(&line)) return false;
  } while (line.find_first_not_of(" \t\r") == std::string::npos);
  row_line_ = lines_read_;
  if (line.size() > kMaxLineBytes) throw LineError("longer than 64 KiB");
  nlohmann::json object;
  try {
    object = nlohmann::json::parse(line);
  } catch (const nlohmann::json::exception& error) {
    const auto* place = dynamic_cast<const nlohmann::json::parse_error*>(&error);
    throw LineError("is no JSON object" + (place == nullptr ? "" : ": wrong at byte " + std::to_string(place->byte)));
  }
  if (!object.is_object()) throw LineError("is no JSON object");
  for (const auto& [name, value] : object.items()) {
    const std::string text = Text(value, name);
    if (!text.empty()) row->emplace_back(name, text);
  }
  return true;
}

}  // namespace whydrop::collector
