#include <google/protobuf/util/json_util.h>

#include "core/cause.h"
#include "tools/inspect.h"
#include "tools/text.h"

namespace whydrop::tools {

namespace {

// `text` holds printable ASCII only, so two characters need escaping.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

const char* StateName(Loaded::State state) {
  switch (state) {
    case Loaded::State::kRunning:
      return "running";
    case Loaded::State::kMayRun:
      return "may_run";
    case Loaded::State::kEnded:
      return "ended";
  }
  return "ended";
}

std::string VerdictJson(const v1::Connection& connection) {
  const Reason reason = ReasonOf(connection);
  return "{\"connection\":" + std::to_string(connection.number()) +
         ",\"sent_cause\":" + Quoted(CauseName(connection.cause())) +
         ",\"cause\":" + Quoted(CauseName(reason.verdict.cause)) +
         ",\"confidence\":" + Quoted(ConfidenceName(reason.verdict.confidence)) +
         ",\"rule\":" + Quoted(reason.verdict.rule) + ",\"reason\":" + Quoted(Safe(reason.sentence)) + "}";
}

}  // namespace

bool InspectJson(const Loaded& loaded, std::string* out) {
  const v1::Batch& first = loaded.batches.front();
  std::string json = std::string("{\"kind\":") + (loaded.kind == Loaded::Kind::kRing ? "\"ring\"" : "\"batch\"") +
                     ",\"size_bytes\":" + std::to_string(loaded.size_bytes) +
                     ",\"session_id\":" + Quoted(Hex(first.id().session_id())) +
                     ",\"state\":" + Quoted(StateName(loaded.state)) +
                     ",\"end\":" + Quoted(CauseName(first.session().end())) + ",\"damage\":{";
  const char* separator = "";
  for (const auto& [what, count] : loaded.damage) {
    json += separator + Quoted(what) + ":" + std::to_string(count);
    separator = ",";
  }
  json += "},\"verdicts\":[";
  separator = "";
  for (const v1::Batch& batch : loaded.batches) {
    for (const v1::Connection& connection : batch.connections()) {
      json += separator + VerdictJson(connection);
      separator = ",";
    }
  }
  json += "],\"batches\":[";
  separator = "";
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  for (const v1::Batch& batch : loaded.batches) {
    std::string one;
    if (!google::protobuf::util::MessageToJsonString(batch, &one, options).ok()) return false;
    json += separator + one;
    separator = ",";
  }
  *out = json + "]}\n";
  return true;
}

}  // namespace whydrop::tools
