// The calls about connections. The first failure, or the peer's close, is what counts: its evidence is taken once, on
// the caller's thread, and kept in the ring; everything later only adds counters.
#include "causes/classifier.h"
#include "core/sha256.h"
#include "session/session.h"

namespace whydrop {
namespace {

bool IsCloseReason(int32_t reason) { return reason >= WHYDROP_CLOSE_NORMAL && reason <= WHYDROP_CLOSE_IDLE; }
bool IsOperation(int32_t operation) { return operation >= WHYDROP_OP_RESOLVE && operation <= WHYDROP_OP_APP_TIMEOUT; }

}  // namespace

std::array<uint8_t, kTokenHashBytes> Session::HashOf(const char* token, size_t size) const {
  const UploadConfig& upload = settings_.upload;
  return HashToken(upload.app_id.data(), upload.app_id.size(), token, size);
}

whydrop_conn Session::Open(const ConnectionIdentity& identity) {
  RevokeIfRecoveredHere();
  const ConnectionRef ref = writer_.OpenConnection(identity);
  if (!ref.valid()) return 0;
  const uint32_t number = writer_.NumberOf(ref);
  LiveConnection* live = writer_.Live(ref);
  if (live == nullptr) return 0;
  writer_.RecordFlow(EventType::kOpened, number, 0, 0);
  return connections_.Publish(epoch_, ref, number, identity.protocol, live, worker_.refused_retransmits());
}

void Session::SetToken(whydrop_conn conn, const char* token, size_t size) {
  ConnectionTable::Entry entry;
  if (!connections_.Find(conn, &entry)) return;
  std::array<uint8_t, kTokenHashBytes> hash{};
  if (size != 0) hash = HashOf(token, size);
  writer_.SetToken(entry.ref, size != 0, hash);
}

void Session::Connected(whydrop_conn conn, whydrop_socket socket) {
  ConnectionTable::Entry entry;
  if (!connections_.Find(conn, &entry)) return;
  RevokeIfRecoveredHere();
  LiveConnection* live = entry.live;
  int64_t rtt_us = 0;
  platform::SocketIdentity identity;
  if (socket != WHYDROP_NO_SOCKET && platform::IdentifySocket(socket, &identity)) {
    connections_.SetSocket(entry.ref, identity);
    live->link_index.store(identity.interface_index, std::memory_order_relaxed);
    uint32_t flags = 0;
    if (identity.peer_loopback) flags |= kFlagPeerLoopback;
    if (identity.tunnel) flags |= kFlagLinkTunnel;
    live->flags.fetch_or(flags, std::memory_order_relaxed);
    platform::SocketFacts facts;
    platform::ProbeSocket(identity, &facts);
    if (facts.rtt_us.known) rtt_us = facts.rtt_us.value;
  }
  uint64_t never = 0;
  live->connected_ms.compare_exchange_strong(never, writer_.NowMs(), std::memory_order_relaxed);
  writer_.RecordFlow(EventType::kConnected, entry.number, rtt_us, 0);
}

void Session::Rtt(whydrop_conn conn, uint32_t rtt_us) {
  LiveConnection* live = connections_.Live(conn);
  if (live == nullptr) return;
  if (rtt_us == 0) rtt_us = 1;  // 0 stands for "none yet"
  live->app_rtt_us.store(rtt_us, std::memory_order_relaxed);
  const uint32_t smallest = live->app_min_rtt_us.load(std::memory_order_relaxed);
  if (smallest == 0 || rtt_us < smallest) live->app_min_rtt_us.store(rtt_us, std::memory_order_relaxed);
}

void Session::ExpectClose(whydrop_conn conn, int32_t close_reason) {
  ConnectionTable::Entry entry;
  if (!connections_.Find(conn, &entry)) return;
  if (!IsCloseReason(close_reason)) {
    writer_.CountLoss(Loss::kLabelsInvalid);
    return;
  }
  RevokeIfRecoveredHere();
  entry.live->announced.store(static_cast<uint32_t>(close_reason) + 1, std::memory_order_relaxed);
  writer_.RecordFlow(EventType::kCloseAnnounced, entry.number, close_reason, 0);
}

whydrop_cause Session::Failed(whydrop_conn conn, int32_t operation, int32_t os_error) {
  ConnectionTable::Entry entry;
  if (!connections_.Find(conn, &entry)) return WHYDROP_CAUSE_UNKNOWN;
  RevokeIfRecoveredHere();
  Evidence evidence;
  if (writer_.ReadFailure(entry.ref, &evidence)) return ClassifyConnection(evidence).cause;

  const bool connecting = operation == WHYDROP_OP_RESOLVE || operation == WHYDROP_OP_CONNECT;
  evidence = Observe(entry, connecting ? ProbeDepth::kDefaultRoute : ProbeDepth::kRoute);
  evidence.Set(Field::error_kind, static_cast<int64_t>(ClassifySocketError(operation, os_error)));
  if (os_error != 0) evidence.Set(Field::os_error, os_error);
  if (IsOperation(operation)) {
    evidence.Set(Field::operation, operation);
  } else {
    writer_.CountLoss(Loss::kLabelsInvalid);
  }
  return KeepFirst(entry, evidence, EventType::kFailed, operation, os_error);
}

whydrop_cause Session::PeerClosed(whydrop_conn conn) {
  ConnectionTable::Entry entry;
  if (!connections_.Find(conn, &entry)) return WHYDROP_CAUSE_UNKNOWN;
  RevokeIfRecoveredHere();
  Evidence evidence;
  if (writer_.ReadFailure(entry.ref, &evidence)) return ClassifyConnection(evidence).cause;
  evidence = Observe(entry, ProbeDepth::kRoute);
  evidence.Set(Field::peer_closed, 1);
  return KeepFirst(entry, evidence, EventType::kPeerClosed, 0, 0);
}

whydrop_cause Session::KeepFirst(const ConnectionTable::Entry& entry, Evidence& evidence, EventType type, int64_t a,
                                 int64_t b) {
  evidence.Set(Field::protocol, entry.protocol);
  evidence.Set(Field::failure_ms, static_cast<int64_t>(writer_.NowMs()));
  if (writer_.KeepFailure(entry.ref, evidence)) {
    writer_.RecordFlow(type, entry.number, a, b);
  } else {
    // Another thread was faster: its word is the first. It may still be writing; then ours is the best there is.
    writer_.ReadFailure(entry.ref, &evidence);
  }
  return ClassifyConnection(evidence).cause;
}

whydrop_cause Session::Close(whydrop_conn conn, int32_t close_reason) {
  ConnectionTable::Entry entry;
  if (!connections_.Find(conn, &entry)) return WHYDROP_CAUSE_UNKNOWN;
  RevokeIfRecoveredHere();
  if (!IsCloseReason(close_reason)) {
    writer_.CountLoss(Loss::kLabelsInvalid);
    close_reason = WHYDROP_CLOSE_NORMAL;
  }
  if (!connections_.Claim(conn)) return WHYDROP_CAUSE_UNKNOWN;

  Evidence evidence;
  if (writer_.ReadFailure(entry.ref, &evidence)) {
    // Times and queues stay those of the failure; only what was counted in the meantime is brought up to date.
    AddTotals(*entry.live, &evidence);
  } else {
    evidence = Observe(entry, ProbeDepth::kSocket);
    evidence.Set(Field::protocol, entry.protocol);
    evidence.Set(Field::closed_locally, 1);
    if (evidence.Has(Field::inq_bytes)) evidence.Set(Field::unread_at_close_bytes, evidence.Get(Field::inq_bytes));
  }
  evidence.Set(Field::close_reason, close_reason);
  evidence.Set(Field::ended_ms, static_cast<int64_t>(writer_.NowMs()));
  const Verdict verdict = ClassifyConnection(evidence);
  connections_.ClearSocket(entry.ref);
  writer_.EndConnection(entry.ref, evidence, verdict.cause, verdict.confidence);
  writer_.RecordFlow(EventType::kClosed, entry.number, close_reason, verdict.cause);
  return verdict.cause;
}

}  // namespace whydrop
