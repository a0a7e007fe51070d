// Makes the N-th system call or the N-th allocation of this program fail. The program's own functions stand in front of
// the system's (faults_linux.cc, faults_windows.cc).
//
// Thread rule: any thread; arm and disarm on one.
#ifndef WHYDROP_TESTS_UNIT_UPLOAD_FAULTS_H
#define WHYDROP_TESTS_UNIT_UPLOAD_FAULTS_H

#include <atomic>

class Fault {
 public:
  // From now on the n-th one fails, with the system's number `error`; all behind it too if `lasting`.
  void Arm(int n, bool lasting, int error) {
    struck_.store(false);
    lasting_.store(lasting);
    error_.store(error);
    left_.store(n);
  }
  void Disarm() { left_.store(0); }
  bool struck() const { return struck_.load(); }
  int error() const { return error_.load(); }

  // Asked by each call or allocation.
  bool Strikes() {
    int left = left_.load();
    while (left > 1 && !left_.compare_exchange_weak(left, left - 1)) {
    }
    if (left != 1) return false;
    if (!lasting_.load()) left_.store(0);
    struck_.store(true);
    return true;
  }

 private:
  std::atomic<int> left_{0};  // 0: off
  std::atomic<bool> lasting_{false}, struck_{false};
  std::atomic<int> error_{0};
};

extern Fault g_calls, g_allocations;

// The system's numbers.
extern const int kDeviceError, kNoSpace, kTooManyOpen;

#endif
