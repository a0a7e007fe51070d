#include "samples/collector/model/findings.h"

#include "whydrop/whydrop.h"

namespace whydrop::collector {
namespace {

// IPv4 and UDP headers: the least that comes on top of a datagram's own bytes.
constexpr int64_t kUdpHeaderBytes = 28;
// A socket that is connected to nobody knows no path; more than this passes hardly any.
constexpr int64_t kUsualMtuBytes = 1500;

// The server ended it by its own will, before the client did.
bool ServerClosedFirst(const Evidence& server) {
  return server.IsTrue(Field::closed_locally) && !server.IsTrue(Field::peer_closed);
}

bool ClosesWithUnreadData(const Evidence& server) {
  return ServerClosedFirst(server) && server.GetOr(Field::unread_at_close_bytes, 0) > 0;
}

bool LingersZero(const Evidence* end) { return end != nullptr && end->IsTrue(Field::linger_zero); }

// The player was sent elsewhere, but the message never came to it, or its sending was answered by a reset.
bool LosesTransfer(const Evidence& client, const Evidence& server) {
  if (!ServerClosedFirst(server) || server.GetOr(Field::close_reason, 0) != WHYDROP_CLOSE_TRANSFER) return false;
  if (client.IsTrue(Field::closed_locally)) return false;
  return !client.Has(Field::announced_reason) || client.Has(Field::error_kind);
}

bool FallsSilentAfterOversize(const Evidence* end) {
  if (end == nullptr || end->GetOr(Field::protocol, 0) != WHYDROP_UDP) return false;
  const bool silent = end->GetOr(Field::operation, 0) == WHYDROP_OP_APP_TIMEOUT ||
                      end->GetOr(Field::error_kind, 0) == static_cast<int64_t>(ErrorKind::kTimedOut);
  // What was answered has passed. Reports of others than the SDK may know the connection's largest datagram only.
  const int64_t largest = end->GetOr(Field::largest_since_recv_bytes, end->Get(Field::largest_send_bytes));
  const int64_t mtu = end->GetOr(Field::path_mtu_bytes, kUsualMtuBytes);
  return silent && mtu > kUdpHeaderBytes && largest > mtu - kUdpHeaderBytes;
}

}  // namespace

const FindingText kFindings[kFindingTexts] = {
    {kUnreadClose, "server_closes_with_unread_data", "Servers close connections while the player's data lies unread",
     "Such a close is a reset for the player, and may destroy what the server said last. Announce the close, "
     "half-close "
     "(shutdown for writing), read until the player's end arrives or two seconds have passed, and close then."},
    {kLingerZero, "linger_zero", "A socket option turns every close into a reset (SO_LINGER with time 0)",
     "Remove the option from the sockets of players: what is still on its way is thrown away, and the other end sees "
     "an "
     "error instead of an end. Where it is there to avoid TIME_WAIT, let the other side close first."},
    {kTransferLost, "transfer_lost", "Players are sent to another server but never learn of it",
     "Let the client close: send the transfer, keep reading, and wait for the client's end or a deadline. A server "
     "that "
     "closes first resets a client that is sending, and the message is lost with the connection."},
    {kOversizeUdp, "oversize_datagrams", "Silence follows datagrams that are larger than the path takes",
     "Keep datagrams at 1200 bytes, headers included. Larger ones are cut into fragments, which many routers of homes "
     "and offices drop, and some stop working for a while. This is a correlation, not a proof."},
    {0, "resets_on_one_network", "Resets concentrate on one network",
     "Connections of this network are reset far more often than others, and neither end did it: a box on the way, or "
     "its forgotten state, is likely. Keep idle connections busy (a heartbeat below 60 s), try another port or TLS, "
     "and "
     "talk to the operator of that network."},
};

uint32_t FindingsOf(const Evidence* client, const Evidence* server) {
  uint32_t bits = 0;
  if (server != nullptr && ClosesWithUnreadData(*server)) bits |= kUnreadClose;
  if (LingersZero(client) || LingersZero(server)) bits |= kLingerZero;
  if (client != nullptr && server != nullptr && LosesTransfer(*client, *server)) bits |= kTransferLost;
  if (FallsSilentAfterOversize(client) || FallsSilentAfterOversize(server)) bits |= kOversizeUdp;
  return bits;
}

}  // namespace whydrop::collector
