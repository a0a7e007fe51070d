// The admin address: the JSON interface, the metrics and the page. What needs the store is answered on the queue's
// threads, everything else at once.
//
// Thread rule: from any thread.
#ifndef WHYDROP_COLLECTOR_ADMIN_API_H
#define WHYDROP_COLLECTOR_ADMIN_API_H

#include <functional>
#include <string>
#include <utility>

#include "samples/collector/admin/host_guard.h"
#include "samples/collector/admin/question_queue.h"
#include "samples/collector/http/http_server.h"
#include "samples/collector/metrics.h"
#include "samples/collector/store/store.h"

namespace whydrop::collector {

class AdminApi {
 public:
  AdminApi(Store* store, QuestionQueue* queue, std::function<std::string()> metrics_text, Metrics* metrics,
           HostGuard guard)
      : store_(store),
        queue_(queue),
        metrics_text_(std::move(metrics_text)),
        metrics_(metrics),
        guard_(std::move(guard)) {}

  void Handle(const HttpRequest& request, const RespondFn& respond) const;

 private:
  using Question = HttpResponse (AdminApi::*)(const std::string&) const;

  // nullptr: the path is none of a question.
  static Question FindQuestion(const std::string& path);

  HttpResponse AnswerAtOnce(const HttpRequest& request) const;
  HttpResponse AnswerQuestion(Question question, const std::string& text) const;
  // Each takes what stands behind the '?'.
  HttpResponse Attribute(const std::string& text) const;
  HttpResponse Connections(const std::string& text) const;
  HttpResponse Recent(const std::string& text) const;
  HttpResponse Sessions(const std::string& text) const;
  HttpResponse SessionEnds(const std::string& text) const;
  HttpResponse CrashPlaces(const std::string& text) const;
  HttpResponse Findings(const std::string& text) const;
  HttpResponse Labels(const std::string& text) const;

  Store* const store_;
  QuestionQueue* const queue_;
  const std::function<std::string()> metrics_text_;
  Metrics* const metrics_;
  const HostGuard guard_;
};

}  // namespace whydrop::collector

#endif
