// What stands behind the '?' of a question, checked. Everything throws BadRequest, which names the parameter.
//
// Thread rule: pure.
#ifndef WHYDROP_COLLECTOR_PARAMETERS_H
#define WHYDROP_COLLECTOR_PARAMETERS_H

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "samples/collector/store/store.h"

namespace whydrop::collector {

// The asker's mistake; what() names the parameter.
class BadRequest : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

using Parameters = std::map<std::string, std::string>;

enum class TakesTags { kNo, kYes };  // parameters named "tag:<key>"

// A parameter without a value counts as not given.
Parameters ParseQuery(std::string_view query, const std::set<std::string>& known,
                      TakesTags takes_tags = TakesTags::kNo);

std::string Get(const Parameters& parameters, const std::string& name);  // "" if not given
std::optional<int64_t> GetNumber(const Parameters& parameters, const std::string& name);
uint32_t GetLimit(const Parameters& parameters);
std::string GetAppId(const Parameters& parameters);
std::optional<Outcome> GetOutcome(const Parameters& parameters);
std::optional<Cause> GetCause(const Parameters& parameters, const std::string& name);
std::vector<std::string> GetGroupBy(const Parameters& parameters);
std::string GetTokenHash(const Parameters& parameters, const std::string& app_id);  // of token or token_hash
std::string GetSessionId(const Parameters& parameters);                             // raw bytes, "" if not given

// The names that each filter takes beside its tags.
extern const std::set<std::string> kSessionFilterNames;
extern const std::set<std::string> kConnectionFilterNames;

void GetFilter(const Parameters& parameters, SessionFilter* filter);
void GetFilter(const Parameters& parameters, ConnectionFilter* filter);

}  // namespace whydrop::collector

#endif
