// From dead rings to acknowledged batches: harvest, outbox, upload. Everything a session's worker does with the state
// directory goes through here; the parts are beside this file (harvest, batch_encoder, outbox, retry_policy, http).
//
// Thread rule: the worker thread; counters may be read from any thread.
#ifndef WHYDROP_UPLOAD_UPLOADER_H
#define WHYDROP_UPLOAD_UPLOADER_H

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "core/log.h"
#include "ring/ring_writer.h"
#include "upload/http_transport.h"
#include "whydrop/whydrop.h"

namespace whydrop {

struct UploadConfig {
  std::string directory;  // <state_dir>/<app_id>, exists
  std::string app_id;
  std::string app_version;
  std::string url;      // empty: never upload
  std::string app_key;  // empty: none
  std::string ca_file;  // empty: the system's trust store
  int32_t role = WHYDROP_ROLE_CLIENT;
  whydrop_transport_fn transport = nullptr;  // nullptr: libcurl
  void* transport_user = nullptr;
  TransportHooks hooks;
  Log log;
};

// Whether batches may be posted there: ends in /v1/batches; https, or http to a loopback host (127.0.0.0/8, [::1],
// localhost); no user information, query or fragment. nullptr: false.
bool IsUploadUrl(const char* url);

struct LastSession {
  Cause end = WHYDROP_CAUSE_UNKNOWN;
  uint32_t code = 0;
  uint32_t open_connections = 0;
  uint64_t uptime_ms = 0;
  int64_t ended_unix_ms = 0;
  std::array<uint8_t, 16> session_id{};
};

struct UploadCounters {
  std::atomic<uint64_t> waiting{0}, sent{0}, rejected{0}, lost{0};
};

enum class SendResult {
  kAllSent,   // nothing is left
  kLeft,      // something is left: try again at the next launch (client) or later (server)
  kDisabled,  // the collector switched this application off
  kStopped,   // `stop` became true
};

class Uploader {
 public:
  // `own` is this session's ring: losses of the outbox are counted there, so that the next batch tells of them.
  Uploader(const UploadConfig& config, RingWriter* own);
  ~Uploader();

  // Turns every ring of a dead session in the directory into batches in the outbox and removes it. Own and living
  // rings, and those of another machine younger than 24 h, are left alone. False: not all of them, because another
  // process is just at one, there are more than 64, or the disk refused; worth calling again.
  bool Harvest();
  // How the session that ended last, of those Harvest found, ended. False: there was none.
  bool GetLastSession(LastSession* out) const;

  // Server role: freezes a rotation into batches: the connections that ended, those that opened and stand, and the
  // sign of life that the report itself is. True: nothing left to seal.
  bool Seal();

  // Posts what waits, by the retry policy: a client at most 3 attempts a launch. `ignore_backoff`: a flush.
  SendResult Send(const std::atomic<bool>& stop, bool ignore_backoff);
  // When Send is worth calling again, milliseconds from now; UINT32_MAX: not in this launch.
  uint32_t NextSendDelayMs() const;

  // The collector answered DISABLED for this app version in this or an earlier launch.
  static bool IsDisabled(const std::string& directory, const std::string& app_version);
  // Consent denied: removes outbox and dead rings at once.
  static void EraseAll(const std::string& directory, const Log& log);

  const UploadCounters& counters() const { return counters_; }

 private:
  struct Impl;
  Impl* impl_;
  UploadCounters counters_;
};

}  // namespace whydrop

#endif
