#include "tools/inspect.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <vector>

#include "core/cause.h"
#include "tools/text.h"

namespace whydrop::tools {

namespace {

// "LINK_DOWN" as "link down"; a number that has no name here as it is.
std::string Words(const std::string& name, int number) {
  if (name.empty()) return "type " + std::to_string(number);
  std::string words = name;
  for (char& c : words) c = c == '_' ? ' ' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return words;
}

std::string CauseText(int32_t cause, v1::Confidence confidence) {
  std::string text = IsKnownCause(cause) ? CauseName(cause) : "cause " + std::to_string(cause);
  if (confidence != v1::CONFIDENCE_UNSPECIFIED && v1::Confidence_IsValid(confidence)) {
    text += std::string(" (") + ConfidenceName(static_cast<Confidence>(confidence)) + " confidence)";
  }
  return text;
}

void AppendCrash(const v1::Crash& crash, std::string* out) {
  *out += "crash        " + Words(v1::Crash::Kind_Name(crash.kind()), crash.kind()) + ", code " +
          std::to_string(crash.code());
  if (!crash.module().empty()) {
    char offset[32];
    std::snprintf(offset, sizeof offset, "+0x%llx", static_cast<unsigned long long>(crash.offset()));
    *out += ", in " + Safe(crash.module()) + offset;
  }
  *out += ", " + Seconds(crash.at_ms()) + " after the start";
  if (crash.alive_after_fault_ms() > 0) {
    *out += ", other threads lived " + Seconds(crash.alive_after_fault_ms()) + " longer";
  }
  *out += "\n";
  if (!crash.report_id().empty()) *out += "report       " + Safe(crash.report_id()) + "\n";
}

void AppendSession(const Loaded& loaded, std::string* out) {
  const v1::Batch& first = loaded.batches.front();
  const v1::Session& session = first.session();
  *out += "session      " + Hex(first.id().session_id()) + "\n";
  *out += "application  " + Safe(session.app_id()) + " " + Safe(session.app_version()) + ", " +
          Words(v1::Role_Name(session.role()), session.role()) + " on " +
          Words(v1::Platform_Name(session.platform()), session.platform()) + ", whydrop " +
          Safe(session.sdk_version()) + "\n";
  *out += "started      " + UtcTime(session.started_unix_ms()) + " by its own clock\n";
  switch (loaded.state) {
    case Loaded::State::kRunning:
      *out += "state        still running, process " + std::to_string(loaded.pid) + "\n";
      break;
    case Loaded::State::kMayRun:
      *out += "state        may still be running, in another container as process " + std::to_string(loaded.pid) + "\n";
      break;
    case Loaded::State::kEnded:
      *out += "end          " +
              (session.end() == 0 ? std::string("unknown, or not yet at this report")
                                  : CauseText(session.end(), session.end_confidence())) +
              "\n";
      break;
  }
  *out += "uptime       " + Seconds(session.uptime_ms()) + "\n";
  if (session.has_crash()) AppendCrash(session.crash(), out);
  if (session.handler_displaced()) *out += "note         another crash handler took the place of whydrop's\n";
  for (const v1::Tag& tag : session.tags()) *out += "tag          " + Safe(tag.key()) + " = " + Safe(tag.value()) + "\n";
}

void AppendConnection(const v1::Connection& connection, Loaded::State state, std::string* out) {
  const v1::Evidence& evidence = connection.evidence();
  *out += "  #" + std::to_string(connection.number());
  if (!connection.endpoint().empty()) *out += " to " + Safe(connection.endpoint());
  if (!connection.network().empty()) *out += " over " + Safe(connection.network());
  if (evidence.has_protocol()) *out += ", " + Words(v1::Protocol_Name(evidence.protocol()), evidence.protocol());
  if (connection.previous() != 0) *out += ", reconnect of #" + std::to_string(connection.previous());
  if (connection.open() && state == Loaded::State::kRunning && !evidence.has_failure_ms()) {
    *out += ": open\n";
    return;
  }
  if (connection.open()) *out += ", left open";
  const Reason reason = ReasonOf(connection);
  *out += ": " + CauseText(connection.cause(), connection.confidence()) + "\n";
  if (reason.verdict.cause != connection.cause()) {
    *out += std::string("     judged by this version: ") + CauseName(reason.verdict.cause) + "\n";
  }
  *out += "     " + Safe(reason.sentence) + " (rule " + reason.verdict.rule + ")\n";
}

void AppendEvent(const v1::Event& event, std::string* out) {
  *out += "  " + Seconds(event.at_ms()) + "  ";
  if (event.connection() != 0) *out += "#" + std::to_string(event.connection()) + " ";
  *out += Words(v1::Event::Type_Name(event.type()), event.type());
  if (event.a() != 0 || event.b() != 0) {
    *out += " (" + std::to_string(event.a()) + ", " + std::to_string(event.b()) + ")";
  }
  *out += "\n";
}

// Every counter of the message that is not 0, by its name in the schema.
void AppendLosses(const v1::Losses& losses, std::string* out) {
  std::vector<const google::protobuf::FieldDescriptor*> present;
  losses.GetReflection()->ListFields(losses, &present);
  for (const auto* field : present) {
    *out += "lost         " + field->name() + " " + std::to_string(losses.GetReflection()->GetUInt64(losses, field)) + "\n";
  }
}

}  // namespace

std::string InspectText(const Loaded& loaded) {
  std::string text;
  text += std::string("file         a ") + (loaded.kind == Loaded::Kind::kRing ? "ring" : "batch") + " of " +
          std::to_string(loaded.size_bytes) + " bytes\n";
  AppendSession(loaded, &text);

  text += "connections\n";
  for (const v1::Batch& batch : loaded.batches) {
    for (const v1::Connection& connection : batch.connections()) AppendConnection(connection, loaded.state, &text);
  }
  for (const v1::Batch& batch : loaded.batches) {
    for (const v1::CloseTotal& total : batch.close_totals()) {
      text += "  and " + std::to_string(total.count()) + " more to " +
              (total.endpoint().empty() ? "an unnamed endpoint" : Safe(total.endpoint())) + ": " +
              CauseText(total.cause(), v1::CONFIDENCE_UNSPECIFIED) + "\n";
    }
  }
  text += "events\n";
  for (const v1::Batch& batch : loaded.batches) {
    for (const v1::Event& event : batch.events()) AppendEvent(event, &text);
  }
  for (const v1::Batch& batch : loaded.batches) AppendLosses(batch.losses(), &text);
  for (const auto& [what, count] : loaded.damage) text += "damaged      " + what + " " + std::to_string(count) + "\n";
  if (loaded.damage.empty()) text += "damaged      nothing\n";
  return text;
}

}  // namespace whydrop::tools
