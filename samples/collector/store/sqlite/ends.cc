#include "samples/collector/store/sqlite/ends.h"

#include "samples/collector/model/evidence_message.h"

namespace whydrop::collector {
namespace {

const std::string kSelect =
    "SELECT r.id, r.session, s.role, r.app_id, r.network, r.evidence, r.open, s.platform, s.end, s.replaced, "
    "s.rotate_interval_ms, s.session_id, s.app_version, r.endpoint, r.at_s, EXISTS (SELECT 1 FROM records n "
    "INDEXED BY records_by_previous WHERE "
    "n.session = r.session AND n.previous = r.number AND n.previous <> 0 AND n.established = 1), r.received_s, "
    "r.token_hash IS NOT NULL, (SELECT n.evidence FROM records n INDEXED BY records_by_previous WHERE n.session = "
    "r.session AND n.previous = r.number "
    "AND n.previous <> 0 ORDER BY n.number LIMIT 1), s.tag_set "
    "FROM records r JOIN sessions s ON s.id = r.session WHERE ";

}  // namespace

EndReader::EndReader(const Database& db)
    : by_token_(db, kSelect + "r.app_id = ? AND r.token_hash = ? ORDER BY r.id"), by_id_(db, kSelect + "r.id = ?") {}

std::vector<StoredEnd> EndReader::ByToken(const std::string& app_id, const std::string& token_hash) {
  return Read(&by_token_.Text(app_id).Blob(token_hash));
}

std::vector<StoredEnd> EndReader::ById(int64_t record) { return Read(&by_id_.Int(record)); }

std::vector<StoredEnd> EndReader::Read(Statement* statement) {
  const ScopedReset reset(statement);
  std::vector<StoredEnd> ends;
  while (statement->Step()) {
    StoredEnd end;
    end.id = statement->IntAt(0);
    end.session = statement->IntAt(1);
    end.role = statement->IntAt(2) == 0 ? Role::kClient : Role::kServer;
    end.app_id = statement->TextAt(3);
    end.network = statement->TextAt(4);
    EndRecord& record = end.view.record;
    record.evidence = DecodeEvidence(statement->TextAt(5));
    record.next_refused = IsRefusedAfter(record.evidence, DecodeEvidence(statement->TextAt(18)));
    record.open = statement->IntAt(6) != 0;
    record.platform = static_cast<int32_t>(statement->IntAt(7));
    record.session_end = static_cast<int32_t>(statement->IntAt(8));
    record.replaced = static_cast<Replaced>(statement->IntAt(9));
    record.more_reports_follow = statement->IntAt(10) != 0 && record.session_end == 0;
    end.view.session_id = statement->TextAt(11);
    end.view.app_version = statement->TextAt(12);
    end.view.endpoint = statement->TextAt(13);
    end.view.ended_unix_s = statement->IntAt(14);
    end.recovered = statement->IntAt(15) != 0;
    end.received_s = statement->IntAt(16);
    end.has_token = statement->IntAt(17) != 0;
    end.tag_set = statement->IntAt(19);
    ends.push_back(std::move(end));
  }
  return ends;
}

}  // namespace whydrop::collector
