// The recording calls of the C interface: checks, translates and bounds what the game hands in, keeps its last error,
// and asks the session. No logic.
#include <cstddef>
#include <cstring>

#include "api/sized_struct.h"
#include "core/labels.h"
#include "platform/crash_hooks.h"
#include "platform/identity.h"
#include "platform/last_error.h"
#include "session/session.h"
#include "whydrop/whydrop.h"

using whydrop::BoundedLength;
using whydrop::Loss;
using whydrop::Session;
using whydrop::platform::LastErrorKeeper;

namespace {

// Copies a label; one that breaks the rules becomes "" and is counted.
void CopyLabel(Session* session, const char* text, char* out) {
  const size_t size = text == nullptr ? 0 : BoundedLength(text, whydrop::kMaxLabelBytes);
  if (whydrop::IsLabel(text, size)) {
    std::memcpy(out, text, size);
  } else {
    session->writer().CountLoss(Loss::kLabelsInvalid);
  }
}

// The token's size; 0 for none. One that is too long is none, and counted.
size_t TokenSize(Session* session, const char* token) {
  const size_t size = token == nullptr ? 0 : BoundedLength(token, whydrop::kMaxTokenBytes);
  if (size <= whydrop::kMaxTokenBytes) return size;
  session->writer().CountLoss(Loss::kLabelsInvalid);
  return 0;
}

}  // namespace

extern "C" {

// ---------------------------------------------------------------- connections

whydrop_conn WHYDROP_CALL whydrop_conn_open(const whydrop_conn_info* info) {
  Session* session = Session::Current();
  if (session == nullptr) return 0;
  const LastErrorKeeper keep;
  whydrop_conn_info copy = {};
  constexpr size_t kRequired = offsetof(whydrop_conn_info, endpoint);
  if (!whydrop::CopyIn(info, kRequired, &copy) || (copy.protocol != WHYDROP_TCP && copy.protocol != WHYDROP_UDP)) {
    session->writer().CountLoss(Loss::kConnectionsRefused);
    return 0;
  }
  whydrop::ConnectionIdentity identity;
  identity.protocol = static_cast<uint8_t>(copy.protocol);
  CopyLabel(session, copy.endpoint, identity.endpoint);
  if (copy.network != nullptr) CopyLabel(session, copy.network, identity.network);
  const size_t token_size = TokenSize(session, copy.token);
  identity.has_token = token_size != 0;
  if (identity.has_token) identity.token_hash = session->HashOf(copy.token, token_size);
  identity.previous = session->NumberIn(copy.previous);
  return session->Open(identity);
}

void WHYDROP_CALL whydrop_conn_set_token(whydrop_conn conn, const char* token) {
  Session* session = Session::Current();
  if (session == nullptr) return;
  const LastErrorKeeper keep;
  session->SetToken(conn, token, TokenSize(session, token));
}

void WHYDROP_CALL whydrop_conn_connected(whydrop_conn conn, whydrop_socket socket) {
  Session* session = Session::Current();
  if (session == nullptr) return;
  const LastErrorKeeper keep;
  session->Connected(conn, socket);
}

void WHYDROP_CALL whydrop_conn_sent(whydrop_conn conn, uint64_t bytes) {
  Session* session = Session::Current();
  if (session != nullptr) session->Sent(conn, bytes);
}

void WHYDROP_CALL whydrop_conn_received(whydrop_conn conn, uint64_t bytes) {
  Session* session = Session::Current();
  if (session != nullptr) session->Received(conn, bytes);
}

void WHYDROP_CALL whydrop_conn_rtt(whydrop_conn conn, uint32_t rtt_us) {
  Session* session = Session::Current();
  if (session != nullptr) session->Rtt(conn, rtt_us);
}

void WHYDROP_CALL whydrop_conn_expect_close(whydrop_conn conn, int32_t close_reason) {
  Session* session = Session::Current();
  if (session == nullptr) return;
  const LastErrorKeeper keep;
  session->ExpectClose(conn, close_reason);
}

whydrop_cause WHYDROP_CALL whydrop_conn_failed(whydrop_conn conn, int32_t operation, int32_t os_error) {
  Session* session = Session::Current();
  if (session == nullptr) return WHYDROP_CAUSE_UNKNOWN;
  const LastErrorKeeper keep;
  return session->Failed(conn, operation, os_error);
}

whydrop_cause WHYDROP_CALL whydrop_conn_peer_closed(whydrop_conn conn) {
  Session* session = Session::Current();
  if (session == nullptr) return WHYDROP_CAUSE_UNKNOWN;
  const LastErrorKeeper keep;
  return session->PeerClosed(conn);
}

whydrop_cause WHYDROP_CALL whydrop_conn_close(whydrop_conn conn, int32_t close_reason) {
  Session* session = Session::Current();
  if (session == nullptr) return WHYDROP_CAUSE_UNKNOWN;
  const LastErrorKeeper keep;
  return session->Close(conn, close_reason);
}

// ---------------------------------------------------------------- the process

void WHYDROP_CALL whydrop_heartbeat(void) {
  Session* session = Session::Current();
  if (session != nullptr) session->Heartbeat();
}

void WHYDROP_CALL whydrop_set_tag(const char* key, const char* value) {
  Session* session = Session::Current();
  if (session == nullptr) return;
  const LastErrorKeeper keep;
  if (key == nullptr) {
    session->writer().CountLoss(Loss::kTagsDropped);
    return;
  }
  const size_t value_size = value == nullptr ? 0 : BoundedLength(value, whydrop::kMaxTagValueBytes);
  session->writer().SetTag(key, BoundedLength(key, whydrop::kMaxTagKeyBytes), value, value_size);
}

void WHYDROP_CALL whydrop_note_exit(int32_t exit_reason) {
  Session* session = Session::Current();
  if (session == nullptr) return;
  const LastErrorKeeper keep;
  session->NoteExit(exit_reason);
}

void WHYDROP_CALL whydrop_mark_crash(uint32_t code, const char* report_id) {
  Session* session = Session::Crashing();
  if (session == nullptr) return;
  const LastErrorKeeper keep;
  whydrop::platform::CrashFacts facts;
  facts.kind = whydrop::platform::CrashKind::kMarked;
  facts.code = code;
  facts.thread_id = whydrop::platform::CurrentThreadId();
  facts.stack_pointer = UINT64_MAX;  // the game's word: no later call of its handler takes it back
  size_t size = report_id == nullptr ? 0 : BoundedLength(report_id, whydrop::kMaxReportIdBytes);
  if (size > whydrop::kMaxReportIdBytes || !whydrop::IsPrintableAscii(report_id, size)) {
    session->writer().CountLoss(Loss::kLabelsInvalid);
    size = 0;
  }
  session->MarkCrashed(facts, size == 0 ? nullptr : report_id, size);
}

void WHYDROP_CALL whydrop_thread_attach(void) {
  Session* session = Session::Current();
  if (session == nullptr || (session->settings().flags & WHYDROP_FLAG_NO_CRASH_HANDLER) != 0) return;
  const LastErrorKeeper keep;
  whydrop::platform::AttachThreadForCrashes();
}

}  // extern "C"
