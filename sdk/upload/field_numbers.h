// Field numbers of whydrop.v1, made from the .proto files by proto/make_field_numbers.py. Do not edit.
#ifndef WHYDROP_UPLOAD_FIELD_NUMBERS_H
#define WHYDROP_UPLOAD_FIELD_NUMBERS_H

#include <cstdint>

namespace whydrop::fields {

namespace batch_id {
inline constexpr uint32_t kSessionId = 1;
inline constexpr uint32_t kRotation = 2;
inline constexpr uint32_t kPart = 3;
}  // namespace batch_id

namespace batch {
inline constexpr uint32_t kId = 1;
inline constexpr uint32_t kParts = 2;
inline constexpr uint32_t kSession = 3;
inline constexpr uint32_t kConnections = 4;
inline constexpr uint32_t kEvents = 5;
inline constexpr uint32_t kCloseTotals = 6;
inline constexpr uint32_t kLosses = 7;
inline constexpr uint32_t kReferenceMs = 8;
}  // namespace batch

namespace ack {
inline constexpr uint32_t kId = 1;
inline constexpr uint32_t kSha256 = 2;
inline constexpr uint32_t kVerdict = 3;
inline constexpr uint32_t kRetryAfterS = 4;
}  // namespace ack

namespace tag {
inline constexpr uint32_t kKey = 1;
inline constexpr uint32_t kValue = 2;
}  // namespace tag

namespace crash {
inline constexpr uint32_t kCode = 1;
inline constexpr uint32_t kSignalCode = 2;
inline constexpr uint32_t kAddressClass = 3;
inline constexpr uint32_t kModule = 4;
inline constexpr uint32_t kOffset = 5;
inline constexpr uint32_t kThreadId = 6;
inline constexpr uint32_t kReportId = 7;
inline constexpr uint32_t kAtMs = 8;
inline constexpr uint32_t kAliveAfterFaultMs = 9;
inline constexpr uint32_t kKind = 10;
}  // namespace crash

namespace session {
inline constexpr uint32_t kAppId = 1;
inline constexpr uint32_t kAppVersion = 2;
inline constexpr uint32_t kRole = 3;
inline constexpr uint32_t kPlatform = 4;
inline constexpr uint32_t kSdkVersion = 5;
inline constexpr uint32_t kTags = 6;
inline constexpr uint32_t kEnd = 7;
inline constexpr uint32_t kEndConfidence = 8;
inline constexpr uint32_t kUptimeMs = 9;
inline constexpr uint32_t kStartedUnixMs = 10;
inline constexpr uint32_t kCrash = 11;
inline constexpr uint32_t kConnectionsOpened = 12;
inline constexpr uint32_t kConnectionsOpen = 13;
inline constexpr uint32_t kBootId = 14;
inline constexpr uint32_t kMachineId = 15;
inline constexpr uint32_t kRotateIntervalMs = 16;
inline constexpr uint32_t kExitReason = 17;
inline constexpr uint32_t kHandlerDisplaced = 18;
inline constexpr uint32_t kHandlersInstalled = 19;
}  // namespace session

namespace connection {
inline constexpr uint32_t kNumber = 1;
inline constexpr uint32_t kPrevious = 2;
inline constexpr uint32_t kTokenHash = 3;
inline constexpr uint32_t kEndpoint = 4;
inline constexpr uint32_t kNetwork = 5;
inline constexpr uint32_t kOpen = 6;
inline constexpr uint32_t kCause = 7;
inline constexpr uint32_t kConfidence = 8;
inline constexpr uint32_t kEvidence = 9;
}  // namespace connection

namespace evidence {
inline constexpr uint32_t kErrorKind = 1;
inline constexpr uint32_t kOsError = 2;
inline constexpr uint32_t kOperation = 3;
inline constexpr uint32_t kEstablished = 4;
inline constexpr uint32_t kPeerClosed = 5;
inline constexpr uint32_t kClosedLocally = 6;
inline constexpr uint32_t kCloseReason = 7;
inline constexpr uint32_t kAnnouncedReason = 8;
inline constexpr uint32_t kProtocol = 9;
inline constexpr uint32_t kTcpState = 10;
inline constexpr uint32_t kRetransmits = 11;
inline constexpr uint32_t kProbes = 12;
inline constexpr uint32_t kOutqBytes = 13;
inline constexpr uint32_t kInqBytes = 14;
inline constexpr uint32_t kNotsentBytes = 15;
inline constexpr uint32_t kSndWndBytes = 16;
inline constexpr uint32_t kLastAckRecvMs = 17;
inline constexpr uint32_t kLastDataRecvMs = 18;
inline constexpr uint32_t kLastDataSentMs = 19;
inline constexpr uint32_t kRttUs = 20;
inline constexpr uint32_t kMinRttUs = 21;
inline constexpr uint32_t kSndMssBytes = 22;
inline constexpr uint32_t kPathMtuBytes = 23;
inline constexpr uint32_t kSinceRecvMs = 24;
inline constexpr uint32_t kSinceSendMs = 25;
inline constexpr uint32_t kSentSinceRecvBytes = 26;
inline constexpr uint32_t kLinkUp = 27;
inline constexpr uint32_t kLinkDownSinceRecv = 28;
inline constexpr uint32_t kLocalAddressPresent = 29;
inline constexpr uint32_t kRoutePresent = 30;
inline constexpr uint32_t kSuspendedMs = 31;
inline constexpr uint32_t kLoopGapMs = 32;
inline constexpr uint32_t kPeerLoopback = 33;
inline constexpr uint32_t kLinkTunnel = 34;
inline constexpr uint32_t kLingerZero = 35;
inline constexpr uint32_t kAppMinRttUs = 36;
inline constexpr uint32_t kAppRttUs = 37;
inline constexpr uint32_t kLargestSendBytes = 38;
inline constexpr uint32_t kUnreadAtCloseBytes = 39;
inline constexpr uint32_t kBytesSent = 40;
inline constexpr uint32_t kBytesReceived = 41;
inline constexpr uint32_t kPollError = 42;
inline constexpr uint32_t kWine = 43;
inline constexpr uint32_t kBackoff = 44;
inline constexpr uint32_t kTotalRto = 45;
inline constexpr uint32_t kTotalRetrans = 46;
inline constexpr uint32_t kUnacked = 47;
inline constexpr uint32_t kLost = 48;
inline constexpr uint32_t kNoRouteErrors = 49;
inline constexpr uint32_t kSessionEnd = 50;
inline constexpr uint32_t kSessionEndConfidence = 51;
inline constexpr uint32_t kLinkDownAtDeath = 52;
inline constexpr uint32_t kFailureMs = 53;
inline constexpr uint32_t kEndedMs = 54;
inline constexpr uint32_t kOpenedMs = 55;
inline constexpr uint32_t kConnectedMs = 56;
inline constexpr uint32_t kHangGapMs = 57;
inline constexpr uint32_t kSendingForMs = 58;
inline constexpr uint32_t kRefusedBytes = 59;
inline constexpr uint32_t kRefusedRetransmits = 60;
inline constexpr uint32_t kLargestSinceRecvBytes = 61;
// Bit n is set when field n is a bool, which the wire knows as 0 or 1 only.
inline constexpr uint64_t kBoolFields = 0x00100c0e78000070u;
}  // namespace evidence

namespace event {
inline constexpr uint32_t kIndex = 1;
inline constexpr uint32_t kAtMs = 2;
inline constexpr uint32_t kType = 3;
inline constexpr uint32_t kConnection = 4;
inline constexpr uint32_t kA = 5;
inline constexpr uint32_t kB = 6;
}  // namespace event

namespace close_total {
inline constexpr uint32_t kEndpoint = 1;
inline constexpr uint32_t kCause = 2;
inline constexpr uint32_t kCount = 3;
inline constexpr uint32_t kFirstMs = 4;
inline constexpr uint32_t kLastMs = 5;
}  // namespace close_total

namespace losses {
inline constexpr uint32_t kEventsDropped = 1;
inline constexpr uint32_t kEventsOverwritten = 2;
inline constexpr uint32_t kConnectionsRefused = 3;
inline constexpr uint32_t kLabelsInvalid = 4;
inline constexpr uint32_t kTagsDropped = 5;
inline constexpr uint32_t kSlotsDamaged = 6;
inline constexpr uint32_t kSlotsUnfinished = 7;
inline constexpr uint32_t kEvidenceCut = 8;
inline constexpr uint32_t kBatchesDropped = 9;
inline constexpr uint32_t kBytesDropped = 10;
inline constexpr uint32_t kBatchesGivenUp = 11;
inline constexpr uint32_t kBatchesRejected = 12;
inline constexpr uint32_t kRingsCorrupt = 13;
}  // namespace losses

}  // namespace whydrop::fields

#endif
