#include "upload/retry_policy.h"

#include <algorithm>

#include "whydrop/whydrop.h"

namespace whydrop {
namespace {

constexpr uint32_t kFirstBackoffMs = 2000;
constexpr uint32_t kMaxBackoffMs = 300 * 1000;

// Between half and all of 2 s, 4 s, 8 s ... 300 s: never below 1 s, and many clients do not come back together.
uint32_t BackoffMs(uint32_t attempts, uint32_t random) {
  const uint32_t doublings = std::min(attempts == 0 ? 0 : attempts - 1, 16u);
  const auto full = static_cast<uint32_t>(std::min<uint64_t>(uint64_t{kFirstBackoffMs} << doublings, kMaxBackoffMs));
  return full / 2 + random % (full / 2 + 1);
}

uint32_t ClampedMs(uint32_t retry_after_s) { return std::min(retry_after_s, kMaxRetryAfterS) * 1000; }

bool AsksToRetry(int32_t status) { return status == 408 || status == 425 || status == 429 || status / 100 == 5; }

Decision RetryLater(const Attempt& attempt, uint32_t wait_ms) {
  return {Action::kRetryLater, std::max(BackoffMs(attempt.attempts, attempt.random), wait_ms)};
}

}  // namespace

Decision Decide(const Attempt& attempt) {
  const uint32_t wait_ms = ClampedMs(attempt.retry_after_s);
  if (attempt.answered && attempt.status == 200 && attempt.acknowledged) {
    switch (attempt.verdict) {
      case AckVerdict::kAccepted:
      case AckVerdict::kDuplicate:
        return {Action::kDeleteAcknowledged, wait_ms};
      case AckVerdict::kRejected:
        return {Action::kDeleteRejected, wait_ms};
      case AckVerdict::kDisabled:
        return {Action::kDisable, 0};
      case AckVerdict::kUnspecified:
        break;
    }
  }
  // A server has no next launch to wait for, and its operator can mend what refuses it: it goes on for ever.
  if (attempt.role == WHYDROP_ROLE_SERVER) return RetryLater(attempt, attempt.answered ? wait_ms : 0);
  if (!attempt.answered) return {Action::kStopLaunch, 0};
  if (AsksToRetry(attempt.status)) {
    if (attempt.attempts >= kMaxAttemptsPerLaunch) return {Action::kStopLaunch, 0};
    return RetryLater(attempt, wait_ms);
  }
  if (attempt.status / 100 != 4) return {Action::kStopLaunch, 0};
  const bool last = attempt.refused_launches + 1 >= kMaxRefusedLaunches;
  return {last ? Action::kDropRefused : Action::kCountRefusal, 0};
}

}  // namespace whydrop
