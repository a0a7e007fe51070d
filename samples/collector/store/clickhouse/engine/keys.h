// The keys by which rows find each other: those of one key lie in one shard.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_KEYS_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_KEYS_H

#include <cstdint>
#include <string>
#include <string_view>

#include "samples/collector/model/records.h"

namespace whydrop::collector::clickhouse {

// Evenly spread over all 64 bits.
uint64_t HashOf(std::string_view bytes);

// Of something that nobody else has: a session, by its id, and what of it. 16 bytes.
std::string KeyInSession(Role role, std::string_view session_id, const std::string& what);

// Of a session's connection. It is the join key of one without a token, and the link key of every one (tables.cc).
std::string KeyOfConnection(Role role, std::string_view session_id, uint32_t number);

}  // namespace whydrop::collector::clickhouse

#endif
