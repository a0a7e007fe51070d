#include "samples/collector/store/clickhouse/answers/connections.h"

#include <algorithm>
#include <map>

#include "samples/collector/store/clickhouse/answers/filters.h"
#include "samples/collector/store/clickhouse/judging/ends.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr uint64_t kRowsAtOnce = 200000;
constexpr const char* kColumns =
    "app_id, at_s, token, has_token, session_id, kind, decided_s, connections, cause, confidence, outcome, "
    "app_version, "
    "endpoint, network, platform, server_error, findings";

ConnectionRow ReadRow(RowReader* reader, int64_t now_s) {
  ConnectionRow row;
  row.app_id = reader->Text();
  row.at_s = reader->U32();
  row.token_hash = reader->Fixed16();
  if (reader->U8() == 0) row.token_hash.clear();
  row.session_id = reader->Fixed16();
  const auto kind = static_cast<RowKind>(reader->U8());
  row.reported = kind == RowKind::kReported;
  row.unjoined = kind == RowKind::kUnjoinedServer;
  row.pending = reader->U32() > now_s;
  row.connections = reader->U64();
  row.cause = reader->I32();
  row.confidence = static_cast<Confidence>(reader->I32());
  row.outcome = static_cast<Outcome>(reader->I32());
  row.app_version = reader->Text();
  row.endpoint = reader->Text();
  row.network = reader->Text();
  row.platform = reader->I32();
  row.server_error = reader->Text();
  row.findings = reader->U32();
  return row;
}

std::string Wanted(const ConnectionQuery& query) {
  std::string sql = " WHERE 1";
  if (query.cause) sql += " AND cause = " + std::to_string(*query.cause);
  if (query.outcome) sql += " AND outcome = " + std::to_string(static_cast<int32_t>(*query.outcome));
  return sql;
}

std::vector<KeyRows> ReadKeys(const Question& question, const std::string& where, const ExternalTable* keys) {
  const auto ask = [&question](const std::string& sql, const ExternalTable* table) { return question.Ask(sql, table); };
  return ReadEnds(question.settings(), Everywhere(question.settings(), "records"), where, ask, ask, keys);
}

struct CountedDay {
  int64_t starts_s = 0;
  uint64_t rows = 0;
};

// Days that have verdicts, the newest first.
std::vector<CountedDay> ReadDays(const Question& question) {
  const std::string answer =
      question.Ask("SELECT toUInt32(toUInt16(day)), count() FROM " + Everywhere(question.settings(), "verdicts") +
                   " GROUP BY day ORDER BY day DESC FORMAT RowBinary");
  return ReadRows(answer, [](RowReader* row) {
    const int64_t starts_s = int64_t{row->U32()} * kDayS;
    return CountedDay{starts_s, row->U64()};
  });
}

// The part of the query's time that lies in [from, to).
ConnectionQuery Within(ConnectionQuery query, int64_t from, int64_t to) {
  query.from = std::max(query.from.value_or(from), from);
  query.to = std::min(query.to.value_or(to), to);
  return query;
}

}  // namespace

std::vector<ConnectionView> ReadConnections(const Question& question, const std::string& app_id,
                                            const std::string& token_hash, const JoinTime& time) {
  std::vector<ConnectionView> views;
  const std::string where = "app_id = " + Quote(app_id) + " AND join_key = " + Quote(token_hash) + " AND has_token = 1";
  for (const KeyRows& key : ReadKeys(question, where, nullptr)) {
    for (ConnectionView& view : ViewsOfToken(token_hash, HeldEnds(key), time)) views.push_back(std::move(view));
  }
  return views;
}

std::vector<ConnectionView> ReadConnectionsOfSession(const Question& question, const std::string& app_id,
                                                     const std::string& session_id, uint32_t limit,
                                                     const JoinTime& time) {
  const Settings& settings = question.settings();
  const std::string of_session = " WHERE app_id = " + Quote(app_id) + " AND session_id = " + Quote(session_id);
  // The days of its reports, so that not all records are searched.
  const std::string days =
      question.Ask("SELECT toUInt32(toUInt16(min(day))), toUInt32(toUInt16(max(day))), count() FROM " +
                   Everywhere(settings, "sessions") + of_session + " FORMAT RowBinary");
  RowReader range(days);
  const std::string first = std::to_string(range.U32());
  const std::string last = std::to_string(range.U32());
  if (range.U64() == 0) return {};
  const std::string answer = question.Ask(
      "SELECT join_key FROM " + Everywhere(settings, "records") + of_session + " AND counted = 0 AND day >= toDate(" +
      first + ") AND day <= toDate(" + last + ") GROUP BY join_key ORDER BY max(at_s) DESC, max(number) DESC LIMIT " +
      std::to_string(limit) + " FORMAT RowBinary");
  std::vector<std::pair<std::string, std::string>> wanted;
  RowReader row(answer);
  while (row.More()) wanted.emplace_back(app_id, row.Fixed16());
  if (wanted.empty()) return {};
  const ExternalTable keys = KeyTable("join_key", wanted);
  std::map<std::string, std::vector<ConnectionView>> found;
  for (const KeyRows& key : ReadKeys(question, "(app_id, join_key) IN keys", &keys)) {
    const std::vector<StoredEnd> ends = HeldEnds(key);
    if (ends.empty()) continue;
    found[key.join_key] = ends[0].has_token ? ViewsOfToken(key.join_key, ends, time, session_id)
                                            : std::vector<ConnectionView>{ViewOfOne(ends[0], time)};
  }
  std::vector<ConnectionView> views;
  for (const auto& [app, join_key] : wanted) {
    for (ConnectionView& view : found[join_key]) views.push_back(std::move(view));
  }
  return views;
}

std::vector<ConnectionRow> ReadRecentConnections(const Question& question, const ConnectionQuery& query, uint32_t limit,
                                                 int64_t now_s) {
  std::vector<ConnectionRow> recent;
  for (const CountedDay& day : ReadDays(question)) {
    if (recent.size() >= limit) break;
    const ConnectionQuery part = Within(query, day.starts_s, day.starts_s + kDayS);
    if (*part.from >= *part.to) continue;
    const std::string answer = question.Ask(
        "SELECT * FROM (" + SelectVerdicts(question.settings(), part, kColumns, Of::kConnections) + ")" +
        Wanted(query) + " ORDER BY at_s DESC LIMIT " + std::to_string(limit - recent.size()) + " FORMAT RowBinary");
    RowReader reader(answer);
    while (reader.More()) recent.push_back(ReadRow(&reader, now_s));
  }
  return recent;
}

void VisitConnectionRows(const Question& question, const ConnectionQuery& query, int64_t now_s,
                         const std::function<bool(const ConnectionRow&)>& visit) {
  for (const CountedDay& day : ReadDays(question)) {
    const ConnectionQuery part = Within(query, day.starts_s, day.starts_s + kDayS);
    if (*part.from >= *part.to) continue;
    const uint64_t slices = day.rows / kRowsAtOnce + 1;
    for (uint64_t slice = 0; slice < slices; ++slice) {
      const std::string answer =
          question.Ask(std::string("SELECT ") + kColumns + " FROM (" +
                       SelectVerdicts(question.settings(), part, std::string("row_id, ") + kColumns, Of::kConnections) +
                       ")" + Wanted(query) + " AND row_id % " + std::to_string(slices) + " = " + std::to_string(slice) +
                       " FORMAT RowBinary");
      RowReader reader(answer);
      while (reader.More()) {
        if (!visit(ReadRow(&reader, now_s))) return;
      }
    }
  }
}

}  // namespace whydrop::collector::clickhouse
