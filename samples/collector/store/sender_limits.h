// What one sender may do to the tables, the same for every engine: how many values of a label are told apart, and how
// many rows a session or a token may have.
//
// Thread rule: one thread at a time.
#ifndef WHYDROP_COLLECTOR_STORE_SENDER_LIMITS_H
#define WHYDROP_COLLECTOR_STORE_SENDER_LIMITS_H

#include <cstdint>
#include <map>
#include <string>

#include "samples/collector/store/store.h"

namespace whydrop::collector {

inline constexpr uint32_t kMaxTokenShared = 64;            // records; judging a token costs as much as it has records
inline constexpr uint64_t kMaxClientConnections = 100000;  // of one session

// One app must not be able to fill the tables, or the page, with values that it makes up: what is beyond the limit
// becomes "(other)".
class LabelLimits {
 public:
  explicit LabelLimits(Metrics* metrics) : metrics_(metrics) {}
  virtual ~LabelLimits() = default;

  bool AdmitApp(const std::string& app_id);  // false: there are too many already
  void Fold(Batch* batch);
  std::string FoldServerError(const std::string& app_id, std::string server_error);

 protected:
  // True if the app has the value already, or has fewer than `limit` and now has this one too.
  virtual bool Keep(const std::string& app_id, const std::string& dimension, const std::string& value,
                    size_t limit) = 0;

 private:
  bool Admit(const std::string& app_id, const std::string& dimension, std::string* value, size_t limit);

  Metrics* const metrics_;
};

// False for what only counts against its limit: no connection is asked for by it.
bool IsToChooseFrom(const Label& label);

// Each key once, none with an empty value.
std::map<std::string, std::string> TagsOf(const SessionInfo& info);

}  // namespace whydrop::collector

#endif
