#include "samples/collector/ingest/ingest.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string_view>

#include "samples/collector/ingest/batch_decoder.h"
#include "samples/collector/ingest/inflate.h"
#include "samples/collector/log_line.h"
#include "whydrop/v1/batch.pb.h"

namespace whydrop::collector {
namespace {

constexpr int64_t kMaxAgeS = 400 * 86400;
constexpr int64_t kRetryAfterS = 10;

uint64_t SteadyMs() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

// Takes as long for a near miss as for a far one.
bool SameKey(const std::string& wanted, const std::string& given) {
  unsigned char different = wanted.size() == given.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i) {
    different = static_cast<unsigned char>(different | (given[i] ^ wanted[i % wanted.size()]));
  }
  return different == 0;
}

bool IsOneOf(const std::set<std::string>& keys, const std::string& given) {
  bool found = false;
  for (const std::string& key : keys) found |= SameKey(key, given);
  return found;
}

HttpResponse AckResponse(const BatchKey& key, const BodyHash& sha256, v1::Ack::Verdict verdict) {
  v1::Ack ack;
  ack.mutable_id()->set_session_id(key.session_id.data(), key.session_id.size());
  ack.mutable_id()->set_rotation(key.rotation);
  ack.mutable_id()->set_part(key.part);
  ack.set_sha256(sha256.data(), sha256.size());
  ack.set_verdict(verdict);
  HttpResponse response;
  response.content_type = "application/x-protobuf";
  response.body = ack.SerializeAsString();
  return response;
}

const char* InflateError(InflateResult result) {
  if (result == InflateResult::kTrailing) return "the body has bytes behind its one gzip member";
  return "the body is not gzip, damaged or cut short";
}

HttpResponse StoreResponse(StoreVerdict verdict, const BatchKey& key, const BodyHash& sha256, Metrics* metrics) {
  switch (verdict) {
    case StoreVerdict::kAccepted:
      metrics->Add(Counter::kAccepted);
      return AckResponse(key, sha256, v1::Ack::ACCEPTED);
    case StoreVerdict::kDuplicate:
      metrics->Add(Counter::kDuplicate);
      return AckResponse(key, sha256, v1::Ack::DUPLICATE);
    case StoreVerdict::kConflict:
      metrics->Add(Counter::kConflict);
      return AckResponse(key, sha256, v1::Ack::REJECTED);
    case StoreVerdict::kUnavailable:
      break;
  }
  metrics->Add(Counter::kUnavailable);
  return TryLater(503, "the batch could not be stored; nothing of it was kept, send it again", kRetryAfterS);
}

}  // namespace

int64_t ParseAge(const std::string& text) {
  int64_t age = 0;
  const char* end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, age);
  if (stop != end) return 0;
  if (status == std::errc::result_out_of_range) return text[0] == '-' ? 0 : kMaxAgeS;
  return status == std::errc() ? std::clamp<int64_t>(age, 0, kMaxAgeS) : 0;
}

Ingest::Ingest(const Options& options, Store* store, ClockFn now, Metrics* metrics)
    : options_(options),
      // Behind a proxy on this machine every stranger comes from loopback.
      trusts_servers_(IsLoopback(options.listen.host) && options.trusted_proxies.empty()),
      store_(store),
      now_(std::move(now)),
      metrics_(metrics),
      rate_limit_(options.rate_limit),
      quotas_(options.quotas, options.server_quotas) {}

void Ingest::Handle(HttpRequest request, const RespondFn& respond) {
  if (request.path != "/v1/batches") return respond(ErrorResponse(404, "batches are posted to /v1/batches"));
  if (request.method != "POST") {
    HttpResponse response = ErrorResponse(405, "use POST");
    response.headers.emplace_back("Allow", "POST");
    return respond(std::move(response));
  }
  const std::string sender = SenderAddress(request.peer, request.forwarded_for, options_.trusted_proxies);
  // Keys are checked after the body is read, so an unchecked one must not be a way around the limit of its address.
  if (!rate_limit_.Take(SenderGroup(sender), SteadyMs())) {
    metrics_->Add(Counter::kRateLimited);
    LogWarning("rate_limit", "a sender is over its limit");
    return respond(TryLater(429, "too many requests", kRetryAfterS));
  }
  TakeBatch(request, respond);
}

void Ingest::TakeBatch(const HttpRequest& request, const RespondFn& respond) {
  if (request.content_type.compare(0, 22, "application/x-protobuf") != 0) {
    return Refuse(Counter::kUnreadable, 415, "the Content-Type must be application/x-protobuf", respond);
  }
  std::string content;
  std::string_view body = request.body;
  InflateResult inflated = InflateResult::kOk;
  if (request.content_encoding == "gzip") {
    inflated = InflateGzip(request.body, kMaxInflatedBytes, &content);
    body = content;
  } else if (!request.content_encoding.empty() && request.content_encoding != "identity") {
    return Refuse(Counter::kUnreadable, 415, "the Content-Encoding must be gzip or none", respond);
  }
  if (inflated == InflateResult::kTooLarge) {
    return Refuse(Counter::kUnreadable, 413, "the inflated body is larger than 1 MiB", respond);
  }
  if (inflated != InflateResult::kOk) return Refuse(Counter::kUnreadable, 400, InflateError(inflated), respond);

  Batch batch;
  std::string error;
  const DecodeResult decoded = DecodeBatch(body, &batch, &error);
  if (decoded == DecodeResult::kNotABatch) return Refuse(Counter::kUnreadable, 400, error, respond);
  if (decoded == DecodeResult::kTooManyRecords) return Refuse(Counter::kUnreadable, 413, error, respond);
  HttpResponse refusal;
  if (!Authorize(batch.session, request.key, &refusal)) {
    metrics_->Add(Counter::kUnauthorized);
    LogWarning("unauthorized", "a batch came without the key that it needs", {{"app_id", batch.session.app_id}});
    return respond(std::move(refusal));
  }
  if (options_.disabled_apps.count(batch.session.app_id) != 0) {
    metrics_->Add(Counter::kDisabled);
    return respond(AckResponse(batch.key, batch.sha256, v1::Ack::DISABLED));
  }
  if (decoded == DecodeResult::kOutOfBounds) {
    metrics_->Add(Counter::kOutOfBounds);
    LogWarning("rejected", "a batch is " + error, {{"app_id", batch.session.app_id}});
    HttpResponse response = AckResponse(batch.key, batch.sha256, v1::Ack::REJECTED);
    response.headers.emplace_back("X-Whydrop-Error", error);
    return respond(std::move(response));
  }
  batch.received_unix_s = now_();
  if (const int64_t wait_s = quotas_.Take(batch.session, batch.received_unix_s, SteadyMs()); wait_s != 0) {
    metrics_->Add(Counter::kOverQuota);
    LogWarning("quota", "an app is over its quota", {{"app_id", batch.session.app_id}});
    return respond(TryLater(429, "the quota of this app_id is used up", wait_s));
  }
  batch.reference_unix_s = batch.received_unix_s - ParseAge(request.age);
  const auto begun = std::chrono::steady_clock::now();
  const auto done = [key = batch.key, sha256 = batch.sha256, metrics = metrics_, begun, respond](StoreVerdict verdict) {
    metrics->Change(Gauge::kWaiting, -1);
    metrics->Observe(Histogram::kAnswers, std::chrono::steady_clock::now() - begun);
    respond(StoreResponse(verdict, key, sha256, metrics));
  };
  metrics_->Change(Gauge::kWaiting, 1);
  if (!store_->Submit(std::move(batch), done)) {
    metrics_->Change(Gauge::kWaiting, -1);
    Refuse(Counter::kUnavailable, 503, "too many batches wait; send it again", respond);
  }
}

bool Ingest::Authorize(const SessionInfo& session, const std::string& key, HttpResponse* refusal) const {
  const bool server = session.role == Role::kServer;
  const auto& keys = server ? options_.server_keys : options_.keys;
  const auto wanted = keys.find(session.app_id);
  if (wanted != keys.end()) {
    if (IsOneOf(wanted->second, key)) return true;
    *refusal = ErrorResponse(
        401, std::string("X-Whydrop-Key is not the ") + (server ? "server key" : "key") + " of this app_id");
    return false;
  }
  if (server && !trusts_servers_) {
    *refusal = ErrorResponse(403, "batches of servers need a --server-key for this app_id on this address");
    return false;
  }
  if (!server && !options_.keys.empty()) {
    *refusal = ErrorResponse(403, "this app_id is not known here");
    return false;
  }
  return true;
}

void Ingest::Refuse(Counter counter, unsigned status, const std::string& message, const RespondFn& respond) {
  metrics_->Add(counter);
  LogWarning("refused", message);
  HttpResponse response = status == 503 ? TryLater(status, message, kRetryAfterS) : ErrorResponse(status, message);
  respond(std::move(response));
}

}  // namespace whydrop::collector
