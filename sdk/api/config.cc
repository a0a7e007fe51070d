#include "api/config.h"

#include <cstddef>
#include <cstring>
#include <string>

#include "api/sized_struct.h"
#include "core/labels.h"
#include "platform/file.h"
#include "ring/ring_reader.h"
#include "upload/uploader.h"

namespace whydrop {
namespace {

constexpr size_t kMaxPathBytes = 4000;
constexpr size_t kMaxKeyBytes = 128;
constexpr uint32_t kMinRingBytes = 64 * 1024;
constexpr uint32_t kClientRingBytes = 256 * 1024;
constexpr uint32_t kServerRingBytes = 32 * 1024 * 1024;
constexpr uint32_t kClientConnections = 64;
constexpr uint32_t kServerConnections = 65536;
constexpr uint32_t kServerRotateMs = 60 * 1000;
constexpr uint32_t kMinRotateMs = 1000;

whydrop_config Defaults() {
  whydrop_config config;
  std::memset(&config, 0, sizeof config);
  config.role = WHYDROP_ROLE_CLIENT;
  config.upload_delay_ms = WHYDROP_DEFAULT;
  config.rotate_interval_ms = WHYDROP_DEFAULT;
  config.consent = WHYDROP_CONSENT_GRANTED;
  return config;
}

bool Refuse(const Log& log, const char* field, const char* rule) {
  log.Write(LogLevel::kError, "whydrop_start: %s %s", field, rule);
  return false;
}

// An optional string of 1 to `limit` bytes.
bool CopyOptional(const char* text, size_t limit, bool (*is_valid)(const char*, size_t), std::string* out) {
  if (text == nullptr) return true;
  const size_t size = BoundedLength(text, limit);
  if (size == 0 || size > limit || !is_valid(text, size)) return false;
  out->assign(text, size);
  return true;
}

bool CheckText(const whydrop_config& config, const Log& log, UploadConfig* out) {
  const size_t id_size = config.app_id == nullptr ? 0 : BoundedLength(config.app_id, kMaxAppIdBytes);
  if (!IsAppId(config.app_id, id_size)) {
    return Refuse(log, "app_id", "must be 1 to 64 of [a-z0-9._-] and not start with a dot");
  }
  out->app_id.assign(config.app_id, id_size);
  const size_t version_size = config.app_version == nullptr ? 0 : BoundedLength(config.app_version, kMaxVersionBytes);
  if (!IsAppVersion(config.app_version, version_size)) {
    return Refuse(log, "app_version", "must be 1 to 64 bytes of UTF-8 without control characters");
  }
  out->app_version.assign(config.app_version, version_size);
  if (config.upload_url != nullptr && IsUploadUrl(config.upload_url)) {
    out->url = config.upload_url;
  } else if (config.upload_url != nullptr) {
    return Refuse(log, "upload_url", "must end in /v1/batches and be https, or http to a loopback host");
  }
  if (!CopyOptional(config.app_key, kMaxKeyBytes, IsPrintableAscii, &out->app_key)) {
    return Refuse(log, "app_key", "must be 1 to 128 printable ASCII bytes");
  }
  if (!CopyOptional(config.ca_file, kMaxPathBytes, IsUtf8, &out->ca_file)) {
    return Refuse(log, "ca_file", "must be a path in UTF-8");
  }
  std::string state_dir;
  if (!CopyOptional(config.state_dir, kMaxPathBytes, IsUtf8, &state_dir)) {
    return Refuse(log, "state_dir", "must be a path in UTF-8");
  }
  if (state_dir.empty() && !platform::DefaultStateDirectory(&state_dir).ok()) {
    log.Write(LogLevel::kWarning, "no local state directory is known: recording in memory only; set state_dir");
    return true;
  }
  out->directory = state_dir + "/" + out->app_id;
  return true;
}

bool CheckNumbers(const whydrop_config& config, const Log& log, Settings* out) {
  const bool server = config.role == WHYDROP_ROLE_SERVER;
  const size_t max_bytes = server ? kMaxServerRingBytes : kMaxClientRingBytes;
  uint32_t ring_bytes = config.ring_bytes;
  if (ring_bytes == 0) ring_bytes = server ? kServerRingBytes : kClientRingBytes;
  if (ring_bytes < kMinRingBytes || ring_bytes > max_bytes) {
    return Refuse(log, "ring_bytes", "must be 64 KiB to 1 MiB, for a server to 64 MiB");
  }
  uint32_t connections = config.max_connections;
  if (connections == 0) connections = server ? kServerConnections : kClientConnections;
  // A handle has 24 bits for the slot; PlanRing keeps the number far below.
  if (!PlanRing(ring_bytes, connections, &out->layout)) {
    return Refuse(log, "max_connections", "does not fit into ring_bytes");
  }
  out->upload_delay_ms = config.upload_delay_ms;
  out->rotate_interval_ms = config.rotate_interval_ms;
  if (out->rotate_interval_ms == 0 || out->rotate_interval_ms == WHYDROP_DEFAULT) {
    out->rotate_interval_ms = server ? kServerRotateMs : 0;
  } else if (out->rotate_interval_ms < kMinRotateMs) {
    return Refuse(log, "rotate_interval_ms", "must be at least 1000");
  }
  constexpr uint32_t kKnownFlags = WHYDROP_FLAG_NO_CRASH_HANDLER | WHYDROP_FLAG_NO_NETWORK_WATCH;
  if ((config.flags & ~kKnownFlags) != 0) return Refuse(log, "flags", "has a bit that this version does not know");
  out->flags = config.flags;
  if (config.consent < WHYDROP_CONSENT_UNKNOWN || config.consent > WHYDROP_CONSENT_DENIED) {
    return Refuse(log, "consent", "must be WHYDROP_CONSENT_*");
  }
  out->consent = config.consent;
  return true;
}

}  // namespace

void InitConfig(whydrop_config* config, uint32_t struct_size) {
  if (config == nullptr || struct_size < sizeof config->struct_size) return;
  whydrop_config defaults = Defaults();
  defaults.struct_size = struct_size;
  // A newer caller's tail is zeros: what every later field takes for its default.
  std::memset(config, 0, struct_size);
  std::memcpy(config, &defaults, struct_size < sizeof defaults ? struct_size : sizeof defaults);
}

bool CheckConfig(const whydrop_config* config, Settings* out) {
  whydrop_config copy = Defaults();
  constexpr size_t kRequired = offsetof(whydrop_config, app_version) + sizeof(const char*);
  if (!CopyIn(config, kRequired, &copy)) return false;
  UploadConfig& upload = out->upload;
  upload.log = Log{copy.log, copy.log_user};
  if (copy.role != WHYDROP_ROLE_CLIENT && copy.role != WHYDROP_ROLE_SERVER) {
    return Refuse(upload.log, "role", "must be WHYDROP_ROLE_CLIENT or WHYDROP_ROLE_SERVER");
  }
  upload.role = copy.role;
  upload.transport = copy.transport;
  upload.transport_user = copy.transport_user;
  return CheckText(copy, upload.log, &upload) && CheckNumbers(copy, upload.log, out);
}

}  // namespace whydrop
