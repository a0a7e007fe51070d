#include "samples/collector/http/stop_signal.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

namespace whydrop::collector {

class StopSignal::Impl {
 public:
  Impl() { Expect(); }

  void Expect() {
    signals_.async_wait([](const boost::system::error_code&, int) {});
  }

  boost::asio::io_context io_;
  boost::asio::signal_set signals_{io_, SIGTERM, SIGINT};
};

StopSignal::StopSignal() : impl_(std::make_unique<Impl>()) {}
StopSignal::~StopSignal() = default;

void StopSignal::Wait() { impl_->io_.run(); }

void StopSignal::WaitAgain(std::chrono::seconds at_most) {
  impl_->io_.restart();
  impl_->Expect();
  impl_->io_.run_for(at_most);
}

}  // namespace whydrop::collector
