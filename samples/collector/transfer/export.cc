#include "samples/collector/transfer/export.h"

#include <string>
#include <utility>
#include <vector>

#include "core/cause.h"
#include "samples/collector/admin/answers.h"
#include "samples/collector/admin/parameters.h"
#include "samples/collector/config/load.h"
#include "samples/collector/json.h"
#include "samples/collector/transfer/log_file.h"

namespace whydrop::collector {
namespace {

struct Cell {
  const char* name;
  std::string text;
  bool is_text;  // else a number or a truth value
};

std::string Truth(bool value) { return value ? "true" : "false"; }

std::vector<Cell> CellsOf(const ConnectionRow& row) {
  return {
      {"app_id", row.app_id, true},
      {"ended_unix_s", std::to_string(row.at_s), false},
      {"token_hash", Hex(row.token_hash), true},
      {"session_id", Hex(row.session_id), true},
      {"reported", Truth(row.reported), false},
      {"unjoined_server_record", Truth(row.unjoined), false},
      {"pending", Truth(row.pending), false},
      {"connections", std::to_string(row.connections), false},
      {"cause", CauseName(row.cause), true},
      {"side", CauseSide(row.cause), true},
      {"confidence", ConfidenceName(row.confidence), true},
      {"outcome", OutcomeName(row.outcome), true},
      {"app_version", row.app_version, true},
      {"endpoint", row.endpoint, true},
      {"network", row.network, true},
      {"platform", PlatformName(row.platform), true},
      {"server_error", row.server_error, true},
  };
}

// A spreadsheet takes a cell that begins like a formula for one, and labels come from strangers.
std::string CsvCell(const Cell& cell) {
  if (!cell.is_text) return cell.text;
  std::string text = cell.text;
  if (!text.empty() && std::string("=+-@\t\r").find(text[0]) != std::string::npos) text = "'" + text;
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string CsvLine(const std::vector<Cell>& cells) {
  std::string line;
  for (const Cell& cell : cells) line += (line.empty() ? "" : ",") + CsvCell(cell);
  return line + "\n";
}

std::string CsvHead() {
  std::string line;
  for (const Cell& cell : CellsOf(ConnectionRow())) line += (line.empty() ? "" : ",") + std::string(cell.name);
  return line + "\n";
}

std::string JsonLine(const std::vector<Cell>& cells) {
  JsonObject object;
  for (const Cell& cell : cells) cell.is_text ? object.Text(cell.name, cell.text) : object.Raw(cell.name, cell.text);
  return object.Finish() + "\n";
}

ConnectionQuery QueryOf(const Options& options) {
  Parameters parameters = options.filter;
  if (!options.app_id.empty()) parameters["app_id"] = options.app_id;
  if (!options.app_version.empty()) parameters["app_version"] = options.app_version;
  ConnectionQuery query;
  try {
    GetFilter(parameters, &query);
    query.outcome = GetOutcome(parameters);
  } catch (const BadRequest& error) {
    throw ConfigError(error.what());
  }
  return query;
}

void Write(const std::string& line, std::FILE* out) {
  if (std::fwrite(line.data(), 1, line.size(), out) != line.size()) throw FileError("the output cannot be written");
}

}  // namespace

uint64_t Export(const Options& options, Store* store, std::FILE* out) {
  const bool csv = options.format != FileFormat::kJsonLines;
  uint64_t lines = 0;
  const ConnectionQuery query = QueryOf(options);
  if (csv) Write(CsvHead(), out);
  store->VisitConnections(query, [&](const ConnectionRow& row) {
    const std::vector<Cell> cells = CellsOf(row);
    Write(csv ? CsvLine(cells) : JsonLine(cells), out);
    return ++lines, true;
  });
  if (std::fflush(out) != 0) throw FileError("the output cannot be written");
  return lines;
}

}  // namespace whydrop::collector
