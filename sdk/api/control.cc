// The calls of the C interface that start, stop and ask. No logic.
#include <cstddef>
#include <cstring>
#include <utility>

#include "api/config.h"
#include "api/sized_struct.h"
#include "core/cause.h"
#include "session/guard.h"
#include "session/session.h"
#include "whydrop/whydrop.h"

using whydrop::Session;

namespace {

constexpr size_t kFirstField = 2 * sizeof(uint32_t);  // struct_size and what follows it

}  // namespace

extern "C" {

const char* WHYDROP_CALL whydrop_version(void) { return WHYDROP_VERSION_STRING; }

const char* WHYDROP_CALL whydrop_cause_name(whydrop_cause cause) { return whydrop::CauseName(cause); }

const char* WHYDROP_CALL whydrop_cause_side(whydrop_cause cause) { return whydrop::CauseSide(cause); }

void WHYDROP_CALL whydrop_config_init(whydrop_config* config, uint32_t struct_size) {
  whydrop::InitConfig(config, struct_size);
}

whydrop_result WHYDROP_CALL whydrop_start(const whydrop_config* config) {
  whydrop_result result = WHYDROP_ERROR_NO_MEMORY;
  WHYDROP_GUARD_BEGIN
  whydrop::Settings settings;
  result = whydrop::CheckConfig(config, &settings) ? whydrop::StartSession(std::move(settings))
                                                   : WHYDROP_ERROR_INVALID_ARGUMENT;
  WHYDROP_GUARD_END(result = WHYDROP_ERROR_NO_MEMORY)
  return result;
}

void WHYDROP_CALL whydrop_stop(void) { whydrop::StopSession(); }

whydrop_result WHYDROP_CALL whydrop_flush(uint32_t timeout_ms) {
  Session* session = Session::Current();
  return session == nullptr ? WHYDROP_ERROR_NOT_STARTED : session->worker().Flush(timeout_ms);
}

whydrop_result WHYDROP_CALL whydrop_get_last_session(whydrop_last_session* out) {
  if (out == nullptr || out->struct_size < kFirstField) return WHYDROP_ERROR_INVALID_ARGUMENT;
  Session* session = Session::Current();
  if (session == nullptr) return WHYDROP_ERROR_NOT_STARTED;
  whydrop::LastSession last;
  const whydrop_result result = session->worker().GetLastSession(&last);
  if (result != WHYDROP_OK) return result;
  whydrop_last_session values = {};
  values.end = last.end;
  values.code = last.code;
  values.open_connections = last.open_connections;
  values.uptime_ms = last.uptime_ms;
  values.ended_unix_ms = last.ended_unix_ms;
  std::memcpy(values.session_id, last.session_id.data(), sizeof values.session_id);
  whydrop::CopyOut(values, out);
  return WHYDROP_OK;
}

whydrop_result WHYDROP_CALL whydrop_get_stats(whydrop_stats* out) {
  if (out == nullptr || out->struct_size < kFirstField) return WHYDROP_ERROR_INVALID_ARGUMENT;
  Session* session = Session::Current();
  if (session == nullptr) return WHYDROP_ERROR_NOT_STARTED;
  whydrop_stats values = {};
  session->Stats(&values);
  whydrop::CopyOut(values, out);
  return WHYDROP_OK;
}

whydrop_result WHYDROP_CALL whydrop_set_consent(int32_t consent) {
  if (consent < WHYDROP_CONSENT_UNKNOWN || consent > WHYDROP_CONSENT_DENIED) return WHYDROP_ERROR_INVALID_ARGUMENT;
  Session* session = Session::Current();
  return session == nullptr ? WHYDROP_ERROR_NOT_STARTED : session->worker().SetConsent(consent);
}

}  // extern "C"
