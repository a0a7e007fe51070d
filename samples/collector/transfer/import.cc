#include "samples/collector/transfer/import.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <future>
#include <thread>
#include <vector>

#include "core/sha256.h"
#include "samples/collector/ingest/batch_decoder.h"
#include "samples/collector/transfer/log_row.h"
#include "whydrop/v1/batch.pb.h"

namespace whydrop::collector {
namespace {

constexpr size_t kRowsPerBatch = 2000;
constexpr uint64_t kErrorsShown = 20;
constexpr int kTries = 30;  // of a store that is busy or full, a second apart

using Rows = std::vector<LoggedConnection>;

// Calls `take` for every good line and counts the others. `shown` of those are said on stderr.
template <typename Take>
void ForEachRow(const Options& options, const std::string& path, const LogContext& context, uint64_t shown,
                ImportSummary* summary, const Take& take) {
  LogFile file(path, options.format);
  LogRow row;
  for (;;) {
    try {
      if (!file.Next(&row)) return;
      ++summary->lines;
      take(ReadRow(row, context));
    } catch (const LineError& error) {
      if (summary->rejected++ < shown) {
        std::fprintf(stderr, "%s line %zu: %s\n", path.c_str(), file.line(), error.what());
      }
    }
  }
}

// The id is made of everything that the batch says, and of its place in the file: two runs of equal lines are two.
std::string SessionIdOf(const Options& options, uint64_t ordinal, const Rows& rows) {
  Sha256 hash;
  const auto add = [&hash](const std::string& text) {
    const uint64_t size = text.size();
    hash.Update(&size, sizeof size);
    hash.Update(text.data(), text.size());
  };
  for (const std::string& text : {std::string("whydrop import"), options.app_id, options.app_version,
                                  std::to_string(static_cast<int>(options.family)), std::to_string(ordinal)}) {
    add(text);
  }
  for (const LoggedConnection& row : rows) {
    add(row.message.SerializeAsString());
    add(std::to_string(row.ended_unix_ms) + "/" + std::to_string(row.opened_unix_ms));
  }
  const auto digest = hash.Finish();
  return std::string(reinterpret_cast<const char*>(digest.data()), sizeof BatchKey::session_id);
}

// `reference_unix_s` is the calendar time of the batch's reference.
std::string MakeBody(const Options& options, uint64_t ordinal, const Rows& rows, int64_t* reference_unix_s) {
  int64_t first_ms = INT64_MAX;
  int64_t last_ms = 0;
  for (const LoggedConnection& row : rows) {
    first_ms = std::min(first_ms, row.opened_unix_ms == 0 ? row.ended_unix_ms : row.opened_unix_ms);
    last_ms = std::max(last_ms, row.ended_unix_ms);
  }
  *reference_unix_s = (last_ms + 999) / 1000;
  v1::Batch batch;
  batch.mutable_id()->set_session_id(SessionIdOf(options, ordinal, rows));
  batch.set_parts(1);
  batch.set_reference_ms(static_cast<uint64_t>(*reference_unix_s * 1000 - first_ms));
  v1::Session* session = batch.mutable_session();
  session->set_app_id(options.app_id);
  session->set_app_version(options.app_version);
  session->set_role(v1::SERVER);
  session->set_platform(options.family == OsFamily::kWindows ? v1::WINDOWS : v1::LINUX);
  session->set_sdk_version("import");
  uint32_t number = 0;
  for (const LoggedConnection& row : rows) {
    v1::Connection* connection = batch.add_connections();
    *connection = row.message;
    connection->set_number(++number);
    v1::Evidence* evidence = connection->mutable_evidence();
    evidence->set_ended_ms(static_cast<uint64_t>(row.ended_unix_ms - first_ms));
    if (evidence->has_error_kind()) evidence->set_failure_ms(evidence->ended_ms());
    if (row.opened_unix_ms != 0) evidence->set_opened_ms(static_cast<uint64_t>(row.opened_unix_ms - first_ms));
  }
  return batch.SerializeAsString();
}

// An engine that takes what it has already, and counts it once, must be asked before. The batch goes there all the
// same: this only decides what is told.
bool IsKnown(const Batch& batch, Store* store, ImportSummary* summary) {
  const auto& id = batch.key.session_id;
  try {
    return store->HasSession(batch.session.app_id, std::string(id.begin(), id.end()));
  } catch (const StoreError& error) {
    if (summary->cannot_tell.empty()) summary->cannot_tell = error.what();
    return false;
  }
}

StoreVerdict StoreOne(const Batch& batch, Store* store) {
  for (int left = kTries; left > 0; --left) {
    std::promise<StoreVerdict> answer;
    StoreVerdict verdict = StoreVerdict::kUnavailable;
    if (store->Submit(batch, [&answer](StoreVerdict given) { answer.set_value(given); })) {
      verdict = answer.get_future().get();
    }
    if (verdict != StoreVerdict::kUnavailable) return verdict;
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  throw StoreError("the store takes no more: " + store->Health().why_not);
}

void StoreRows(const Options& options, uint64_t ordinal, const Rows& rows, int64_t now_s, Store* store,
               ImportSummary* summary) {
  Batch batch;
  std::string error;
  int64_t reference_s = 0;
  const std::string body = MakeBody(options, ordinal, rows, &reference_s);
  if (DecodeBatch(body, &batch, &error) != DecodeResult::kOk) throw StoreError("the batch is refused: " + error);
  batch.received_unix_s = now_s;
  batch.reference_unix_s = std::min(reference_s, now_s);
  const bool known = IsKnown(batch, store, summary);
  switch (StoreOne(batch, store)) {
    case StoreVerdict::kAccepted:
      (known ? summary->known : summary->accepted) += rows.size();
      return;
    case StoreVerdict::kDuplicate:
      summary->known += rows.size();
      return;
    default:
      throw StoreError("the store refuses the app '" + options.app_id + "': there are too many apps");
  }
}

}  // namespace

ImportSummary Import(const Options& options, const std::string& path, const ClockFn& now, Store* store) {
  const LogContext context{options.app_id, options.family, options.ignored_columns, now(), options.keep_days};
  // Who lets wrong lines be left out must be able to bring them later.
  const uint64_t shown = options.bad_lines == BadLines::kSkip ? UINT64_MAX : kErrorsShown;
  ImportSummary summary;
  ForEachRow(options, path, context, shown, &summary, [](const LoggedConnection&) {});
  if (summary.rejected > shown) {
    std::fprintf(stderr, "%s: and %llu more\n", path.c_str(),
                 static_cast<unsigned long long>(summary.rejected - shown));
  }
  if (summary.rejected != 0 && options.bad_lines == BadLines::kRefuse) return summary;
  const uint64_t lines = summary.lines;
  summary = ImportSummary();
  uint64_t ordinal = 0;
  Rows rows;
  const auto store_rows = [&] {
    if (!rows.empty()) StoreRows(options, ordinal++, rows, context.now_unix_s, store, &summary);
    rows.clear();
  };
  ForEachRow(options, path, context, 0, &summary, [&](LoggedConnection row) {
    rows.push_back(std::move(row));
    if (rows.size() == kRowsPerBatch) store_rows();
  });
  store_rows();
  // A pipe has nothing left the second time, and that must not pass for a log without lines.
  if (summary.lines < lines) throw FileError("'" + path + "' had fewer lines when it was read again: import a file");
  return summary;
}

}  // namespace whydrop::collector
