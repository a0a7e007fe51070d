#include "samples/collector/store/clickhouse/judging/ends.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "samples/collector/model/evidence_message.h"
#include "samples/collector/store/clickhouse/engine/keys.h"

namespace whydrop::collector::clickhouse {
namespace {

constexpr const char* kColumns =
    "app_id, join_key, row_id, received_us, role, session_id, number, rotation, has_token, open, recovered, "
    "next_refused, linked, is_session, endpoint, network, evidence, at_s, counted, cause, app_version, platform, "
    "session_end, rotate_interval_ms, tag_keys, "
    "tag_values";

EndRow ReadRow(RowReader* reader) {
  EndRow row;
  EndView& view = row.end.view;
  row.end.app_id = reader->Text();
  row.join_key = reader->Fixed16();
  row.row_id = reader->U64();
  row.received_us = reader->U64();
  row.end.received_s = static_cast<int64_t>(row.received_us / 1000000);
  row.end.role = reader->U8() == 0 ? Role::kClient : Role::kServer;
  view.session_id = reader->Fixed16();
  row.number = reader->U32();
  row.rotation = reader->U32();
  row.end.has_token = reader->U8() != 0;
  view.record.open = reader->U8() != 0;
  row.end.recovered = reader->U8() != 0;
  view.record.next_refused = reader->U8() != 0;
  row.linked = reader->U8() != 0;
  row.is_session = reader->U8() != 0;
  view.endpoint = reader->Text();
  row.end.network = reader->Text();
  view.record.evidence = DecodeEvidence(reader->Text());
  view.ended_unix_s = reader->U32();
  row.counted = reader->U64();
  row.cause = reader->I32();
  view.app_version = reader->Text();
  view.record.platform = reader->I32();
  view.record.session_end = reader->I32();
  view.record.more_reports_follow = reader->U32() != 0 && view.record.session_end == 0;
  row.tag_keys = reader->Texts();
  row.tag_values = reader->Texts();
  return row;
}

// The first end that arrived holds; while there is none, the newest word about the open connection.
bool Holds(const EndRow& row, const EndRow& over) {
  const bool open = row.end.view.record.open;
  if (open != over.end.view.record.open) return !open;
  if (open && row.rotation != over.rotation) return row.rotation > over.rotation;
  return std::tie(row.received_us, row.row_id) < std::tie(over.received_us, over.row_id);
}

void ChooseHeld(KeyRows* key) {
  using Identity = std::tuple<Role, std::string, uint32_t, bool>;
  std::map<Identity, size_t> held;
  for (size_t i = 0; i < key->rows.size(); ++i) {
    const EndRow& row = key->rows[i];
    const Identity identity{row.end.role, row.end.view.session_id, row.number, row.counted != 0};
    const auto [known, added] = held.emplace(identity, i);
    if (!added && Holds(row, key->rows[known->second])) known->second = i;
  }
  for (const auto& [identity, index] : held) key->held.push_back(index);
  std::sort(key->held.begin(), key->held.end());
}

struct ServerState {
  uint32_t rotation = 0;
  int32_t end = 0;
  Replaced replaced = Replaced::kNo;
};

std::map<std::pair<std::string, std::string>, ServerState> ReadStates(const Settings& settings,
                                                                      const std::vector<KeyRows>& all,
                                                                      const AskFn& ask) {
  std::set<std::pair<std::string, std::string>> sessions;
  for (const KeyRows& key : all) {
    for (const EndRow& row : key.rows) {
      if (row.end.role == Role::kServer) sessions.emplace(key.app_id, row.end.view.session_id);
    }
  }
  std::map<std::pair<std::string, std::string>, ServerState> states;
  if (sessions.empty()) return states;
  const ExternalTable keys = KeyTable("session_id", {sessions.begin(), sessions.end()});
  const std::string answer =
      ask("SELECT app_id, session_id, argMax(rotation, version), argMax(ended_as, version), argMax(replaced, version) "
          "FROM " +
              Everywhere(settings, "server_states") +
              " WHERE (app_id, session_id) IN keys GROUP BY app_id, session_id FORMAT RowBinary",
          &keys);
  RowReader reader(answer);
  while (reader.More()) {
    ServerState& state = states[reader.AppAndKey()];
    state.rotation = reader.U32();
    state.end = reader.I32();
    state.replaced = static_cast<Replaced>(reader.U8());
  }
  return states;
}

// What connections of one session have to do with each other although they came in several batches.
void ReadAttempts(const Settings& settings, const AskFn& ask, std::vector<KeyRows>* all) {
  struct Linked {
    KeyRows* key;
    EndRow* row;
  };
  std::multimap<std::pair<std::string, std::string>, Linked> linked;  // by app and link key
  for (KeyRows& key : *all) {
    for (EndRow& row : key.rows) {
      if (!row.linked) continue;
      linked.emplace(std::pair(key.app_id, KeyOfConnection(row.end.role, row.end.view.session_id, row.number)),
                     Linked{&key, &row});
      row.end.recovered = row.end.view.record.next_refused = false;
    }
  }
  if (linked.empty()) return;
  std::set<std::pair<std::string, std::string>> wanted;
  for (const auto& [key, of] : linked) wanted.insert(key);
  const ExternalTable keys = KeyTable("link_key", {wanted.begin(), wanted.end()});
  // Of one attempt the first word of its end holds; of several the first one tells whether it was refused.
  const std::string answer =
      ask("SELECT app_id, link_key, number, established, evidence FROM " + Everywhere(settings, "links") +
              " WHERE (app_id, link_key) IN keys AND number > 0 ORDER BY app_id, link_key, number, open, received_us "
              "FORMAT RowBinary",
          &keys);
  RowReader reader(answer);
  std::pair<std::string, std::string> last;
  uint32_t last_number = 0;
  while (reader.More()) {
    std::pair<std::string, std::string> key = reader.AppAndKey();
    const uint32_t number = reader.U32();
    const bool established = reader.U8() != 0;
    const Evidence attempt = DecodeEvidence(reader.Text());
    const bool first = key != last;
    const auto [begin, end] = linked.equal_range(key);
    for (auto at = begin; at != end; ++at) {
      const Linked& of = at->second;
      EndView& view = of.row->end.view;
      of.row->end.recovered |= established;
      if (first) view.record.next_refused = IsRefusedAfter(view.record.evidence, attempt);
      of.key->attempts += first || number != last_number;
    }
    last = std::move(key);
    last_number = number;
  }
}

}  // namespace

ExternalTable KeyTable(const std::string& column, const std::vector<std::pair<std::string, std::string>>& keys) {
  ExternalTable table{"app_id String, " + column + " FixedString(16)", ""};
  RowWriter rows;
  for (const auto& [app_id, key] : keys) rows.Text(app_id).Fixed16(key);
  table.rows = rows.Take();
  return table;
}

std::string OfKeys(const std::string& column) {
  return column + " IN (SELECT " + column + " FROM keys) WHERE (app_id, " + column + ") IN keys";
}

std::vector<KeyRows> ReadEnds(const Settings& settings, const std::string& table, const std::string& where,
                              const AskFn& ask, const AskFn& ask_everywhere, const ExternalTable* keys) {
  const std::string answer = ask(std::string("SELECT ") + kColumns + " FROM " + table + " PREWHERE " + where +
                                     " ORDER BY app_id, join_key, received_us, row_id FORMAT RowBinary",
                                 keys);
  RowReader reader(answer);
  std::vector<KeyRows> all;
  while (reader.More()) {
    EndRow row = ReadRow(&reader);
    if (all.empty() || all.back().app_id != row.end.app_id || all.back().join_key != row.join_key) {
      all.push_back({row.end.app_id, row.join_key, {}, {}});
    }
    std::vector<EndRow>& rows = all.back().rows;
    if (rows.empty() || rows.back().row_id != row.row_id) rows.push_back(std::move(row));
  }
  ReadAttempts(settings, ask_everywhere, &all);
  const auto states = ReadStates(settings, all, ask_everywhere);
  for (KeyRows& key : all) {
    for (EndRow& row : key.rows) {
      const auto state = states.find({key.app_id, row.end.view.session_id});
      // A report that is newer than the state speaks for itself.
      if (row.end.role != Role::kServer || state == states.end() || state->second.rotation < row.rotation) continue;
      row.end.view.record.session_end = state->second.end;
      row.end.view.record.replaced = state->second.replaced;
      if (state->second.end != 0) row.end.view.record.more_reports_follow = false;
    }
    ChooseHeld(&key);
  }
  return all;
}

std::vector<StoredEnd> HeldEnds(const KeyRows& key) {
  std::vector<StoredEnd> ends;
  for (const size_t index : key.held) {
    if (key.rows[index].counted == 0) ends.push_back(key.rows[index].end);
  }
  return ends;
}

}  // namespace whydrop::collector::clickhouse
