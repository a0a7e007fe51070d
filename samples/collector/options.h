// The command line of whydrop-collector.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_OPTIONS_H
#define WHYDROP_COLLECTOR_OPTIONS_H

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "samples/collector/http/address.h"

namespace whydrop::collector {

struct Options {
  Endpoint listen{"127.0.0.1", 8787};
  Endpoint admin_listen{"127.0.0.1", 8788};
  std::set<std::string> admin_hosts;  // names that the admin address answers to, in lower case
  std::string store_url = "sqlite:whydrop.db";
  std::map<std::string, std::string> keys;         // by app id
  std::map<std::string, std::string> server_keys;  // by app id
  std::set<std::string> disabled_apps;
  std::string tls_cert;
  std::string tls_key;
  std::vector<Cidr> trusted_proxies;
  uint32_t join_window_s = 900;
  uint32_t rate_limit = 1000;  // requests a second for each address, 0: none
};

enum class ParseResult { kRun, kHelp, kVersion, kError };

// `error` is written on kError only: one sentence that names the flag.
ParseResult ParseOptions(const std::vector<std::string>& arguments, Options* options, std::string* error);

const char* HelpText();

}  // namespace whydrop::collector

#endif
