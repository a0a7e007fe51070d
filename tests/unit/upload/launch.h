// One launch of a game with batches waiting, and a collector's answers to them.
#ifndef WHYDROP_TESTS_UNIT_UPLOAD_LAUNCH_H
#define WHYDROP_TESTS_UNIT_UPLOAD_LAUNCH_H

#include "core/sha256.h"
#include "fixture.h"
#include "http_server.h"
#include "known.h"
#include "sample_ring.h"
#include "upload/harvest.h"
#include "upload/uploader.h"
#include "whydrop/v1/batch.pb.h"

inline std::string Acknowledge(const Posted& posted, whydrop::v1::Ack::Verdict verdict, bool right_id = true,
                               bool right_hash = true) {
  const std::string body = Inflate(posted.body);
  whydrop::v1::Batch batch;
  batch.ParseFromString(body);
  whydrop::v1::Ack ack;
  *ack.mutable_id() = batch.id();
  if (!right_id) ack.mutable_id()->set_part(99);
  const auto hash = whydrop::Sha256Of(body.data(), body.size() - (right_hash ? 0 : 1));
  ack.set_sha256(hash.data(), hash.size());
  ack.set_verdict(verdict);
  return HttpAnswer("200 OK", ack.SerializeAsString(), "Content-Type: application/x-protobuf\r\n");
}

inline HttpServer::Handler Always(const std::string& answer) {
  return [answer](const Posted&) { return answer; };
}

// One launch: an own ring and `batches` batches of an earlier session in the outbox.
struct Launch {
  StateDirectory state;
  TestRing own{state.path, WHYDROP_ROLE_CLIENT, whydrop::platform::CurrentProcess().pid};
  whydrop::UploadConfig config;
  std::unique_ptr<whydrop::Uploader> uploader;
  std::atomic<bool> stop{false};

  explicit Launch(const std::string& url, uint32_t batches = 1) {
    config.directory = state.path;
    config.app_id = "sample.game";
    config.app_version = "1.2.3";
    config.app_key = "k1";
    config.url = url;
    whydrop::RingContents ring = SampleRing(WHYDROP_ROLE_CLIENT);
    for (uint32_t i = 0; i < batches; ++i) {
      whydrop::BatchScope scope;
      scope.rotation = i;
      REQUIRE(whydrop::PutRotation(whydrop::Outbox(state.path, {}), ring, ReportSession(ring, {}), scope).ok());
    }
    Again();
  }
  void Again() { uploader = std::make_unique<whydrop::Uploader>(config, &own.writer); }
  whydrop::SendResult Send(bool now = false) { return uploader->Send(stop, now); }
  size_t Waiting() const { return state.Count(".batch"); }
};

#endif
