// The URL of a cluster: clickhouse:http://user:password@host:8123,host:8123/database?cluster=c
// In the password and in values of options %XX is a byte, as RFC 3986 has it.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_URL_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_URL_H

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace whydrop::collector::clickhouse {

struct Settings {
  std::vector<std::string> nodes;  // "http://host:port" of each
  std::string database;
  std::string cluster;  // as the nodes' remote_servers call it; "": one node that stands alone
  std::string user = "default";
  std::string password;
  std::string spool = "whydrop-spool";
  uint32_t spool_mb = 4096;
  uint32_t block_ms = 2000;      // a block is closed after so long
  uint32_t block_rows = 400000;  // or when it has so many rows
  bool create = false;           // makes the database and the tables where they are missing
  // A node that works on a long question is asked so often whether it lives. No part of the URL.
  std::chrono::milliseconds watch_every{5000};
};

// `text` is what follows "clickhouse:". Throws StoreError that names what is wrong, and shows nothing of a password.
Settings ParseUrl(const std::string& text);

}  // namespace whydrop::collector::clickhouse

#endif
