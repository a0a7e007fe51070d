#include "samples/collector/admin/admin_api.h"

#include <chrono>
#include <exception>
#include <map>

#include "samples/collector/admin/answers.h"
#include "samples/collector/admin/host_guard.h"
#include "samples/collector/admin/parameters.h"
#include "samples/collector/json.h"
#include "samples/collector/log_line.h"
#include "samples/collector/page/page.h"

namespace whydrop::collector {
namespace {

std::set<std::string> With(std::set<std::string> names, std::initializer_list<std::string> more) {
  names.insert(more);
  return names;
}

HttpResponse JsonResponse(const std::string& json) {
  HttpResponse response;
  response.body = json + "\n";
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

HttpResponse FileResponse(const PageFile& file) {
  HttpResponse response;
  response.content_type = file.content_type;
  response.body = file.content;
  response.headers.emplace_back("Content-Security-Policy", kPagePolicy);
  // The files change with the program, and asking costs nothing on the way to it.
  response.headers.emplace_back("Cache-Control", "no-cache");
  return response;
}

}  // namespace

void AdminApi::Handle(const HttpRequest& request, const RespondFn& respond) const {
  const auto finish = [respond](HttpResponse response) {
    response.headers.emplace_back("Referrer-Policy", "no-referrer");
    response.headers.emplace_back("X-Frame-Options", "DENY");
    response.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
    respond(std::move(response));
  };
  if (!guard_.Allows(request.host)) {
    return finish(ErrorResponse(421, "this address is not asked by that Host name; --admin-host allows more"));
  }
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse response = ErrorResponse(405, "use GET");
    response.headers.emplace_back("Allow", "GET, HEAD");
    return finish(std::move(response));
  }
  const Question question = FindQuestion(request.path);
  if (question == nullptr) return finish(AnswerAtOnce(request));
  if (queue_->Add([this, question, text = request.query, finish] { finish(AnswerQuestion(question, text)); })) return;
  metrics_->Add(Counter::kQuestionsRefused);
  finish(TryLater(503, "too many questions wait; ask again", 5));
}

AdminApi::Question AdminApi::FindQuestion(const std::string& path) {
  static const std::map<std::string, Question> questions = {
      {"/v1/attribution", &AdminApi::Attribute},     {"/v1/connections", &AdminApi::Connections},
      {"/v1/recent_connections", &AdminApi::Recent}, {"/v1/sessions", &AdminApi::Sessions},
      {"/v1/session_ends", &AdminApi::SessionEnds},  {"/v1/crashes", &AdminApi::CrashPlaces},
      {"/v1/findings", &AdminApi::Findings},         {"/v1/labels", &AdminApi::Labels}};
  const auto found = questions.find(path);
  return found == questions.end() ? nullptr : found->second;
}

HttpResponse AdminApi::AnswerQuestion(Question question, const std::string& text) const {
  const auto begun = std::chrono::steady_clock::now();
  try {
    HttpResponse response = (this->*question)(text);
    metrics_->Observe(Histogram::kQuestions, std::chrono::steady_clock::now() - begun);
    return response;
  } catch (const BadRequest& error) {
    return ErrorResponse(400, error.what());
  } catch (const QuestionGivenUp& error) {
    metrics_->Add(Counter::kQuestionsFailed);
    LogWarning("query", error.what());
    return ErrorResponse(503, error.what());
  } catch (const std::exception& error) {
    metrics_->Add(Counter::kQuestionsFailed);
    LogWarning("query", error.what());
    return ErrorResponse(503, "the store cannot be read");
  }
}

HttpResponse AdminApi::AnswerAtOnce(const HttpRequest& request) const {
  if (request.path == "/v1/freshness") return JsonResponse(FreshnessJson(store_->Health()));
  if (request.path == "/metrics") {
    HttpResponse response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics_text_();
    return response;
  }
  if (const std::optional<PageFile> file = FindPageFile(request.path)) return FileResponse(*file);
  return ErrorResponse(404, "no such page");
}

HttpResponse AdminApi::Attribute(const std::string& text) const {
  const Parameters parameters =
      ParseQuery(text, With(kConnectionFilterNames, {"group_by", "outcome"}), TakesTags::kYes);
  AttributionQuery query;
  query.group_by = GetGroupBy(parameters);
  query.outcome = GetOutcome(parameters);
  GetFilter(parameters, &query);
  return JsonResponse(AttributionJson(query, store_->QueryAttribution(query)));
}

HttpResponse AdminApi::Connections(const std::string& text) const {
  const Parameters parameters = ParseQuery(text, {"app_id", "token", "token_hash", "session_id", "limit"});
  const std::string app_id = GetAppId(parameters);
  if (app_id.empty()) throw BadRequest("app_id: is needed");
  const std::string session_id = GetSessionId(parameters);
  if (session_id.empty()) {
    return JsonResponse(ConnectionsJson(store_->FindConnections(app_id, GetTokenHash(parameters, app_id))));
  }
  if (!Get(parameters, "token").empty() || !Get(parameters, "token_hash").empty()) {
    throw BadRequest("session_id: stands in place of a token, not beside it");
  }
  return JsonResponse(ConnectionsJson(store_->FindConnectionsOfSession(app_id, session_id, GetLimit(parameters))));
}

HttpResponse AdminApi::Recent(const std::string& text) const {
  const Parameters parameters =
      ParseQuery(text, With(kConnectionFilterNames, {"cause", "outcome", "limit"}), TakesTags::kYes);
  ConnectionQuery query;
  query.cause = GetCause(parameters, "cause");
  query.outcome = GetOutcome(parameters);
  GetFilter(parameters, &query);
  return JsonResponse(ConnectionRowsJson(store_->RecentConnections(query, GetLimit(parameters))));
}

HttpResponse AdminApi::Sessions(const std::string& text) const {
  const Parameters parameters = ParseQuery(text, {"end", "app_id", "limit"});
  return JsonResponse(
      SessionsJson(store_->FindSessions(GetCause(parameters, "end"), GetAppId(parameters), GetLimit(parameters))));
}

HttpResponse AdminApi::SessionEnds(const std::string& text) const {
  SessionFilter filter;
  GetFilter(ParseQuery(text, kSessionFilterNames, TakesTags::kYes), &filter);
  return JsonResponse(SessionEndsJson(filter, store_->QuerySessionEnds(filter)));
}

HttpResponse AdminApi::CrashPlaces(const std::string& text) const {
  const Parameters parameters = ParseQuery(text, With(kSessionFilterNames, {"limit"}), TakesTags::kYes);
  SessionFilter filter;
  GetFilter(parameters, &filter);
  return JsonResponse(CrashesJson(filter, store_->QueryCrashes(filter, GetLimit(parameters))));
}

HttpResponse AdminApi::Findings(const std::string& text) const {
  ConnectionFilter filter;
  GetFilter(ParseQuery(text, kConnectionFilterNames, TakesTags::kYes), &filter);
  return JsonResponse(FindingsJson(store_->QueryFindings(filter)));
}

HttpResponse AdminApi::Labels(const std::string& text) const {
  const std::string app_id = GetAppId(ParseQuery(text, {"app_id"}));
  return JsonResponse(LabelsJson(store_->ListApps(), store_->ListLabels(app_id)));
}

}  // namespace whydrop::collector
