// The recorded closes as they might have happened on another path, at another moment, on another system: the rules must
// not have learnt one recording by heart.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>

#include "recorded_closes.h"

namespace whydrop {
namespace {

class Variation {
 public:
  explicit Variation(uint64_t seed) : random_(seed) {}

  // The same close: what was 0 or absent stays so, because that is what happened.
  Evidence Of(const Evidence& recorded) {
    Evidence e = recorded;
    const double pace = Between(0.8, 1.3);  // of the whole close; each time has a little of its own
    for (const Field field : {Field::last_ack_recv_ms, Field::last_data_recv_ms, Field::last_data_sent_ms,
                              Field::since_recv_ms, Field::since_send_ms, Field::suspended_ms}) {
      Scale(field, pace * Between(0.95, 1.05), &e);
    }
    const auto delay_us = static_cast<int64_t>(Between(0, 200000));
    for (const Field field : {Field::rtt_us, Field::min_rtt_us}) {
      if (e.Has(field)) e.Set(field, e.Get(field) + delay_us);
    }
    const double load = Between(1, 4);
    for (const Field field : {Field::outq_bytes, Field::notsent_bytes, Field::refused_bytes, Field::inq_bytes,
                              Field::unread_at_close_bytes}) {
      Scale(field, load, &e);
    }
    Scale(Field::snd_wnd_bytes, Between(0.5, 3), &e);
    for (const Field field : {Field::retransmits, Field::probes, Field::total_retrans, Field::total_rto}) {
      if (IsPositive(e, field)) e.Set(field, std::max<int64_t>(1, e.Get(field) + Pick(5) - 2));
    }
    return e;
  }
  int64_t Pick(int64_t count) { return std::uniform_int_distribution<int64_t>(0, count - 1)(random_); }

 private:
  static bool IsPositive(const Evidence& e, Field field) { return e.Has(field) && e.Get(field) > 0; }
  double Between(double low, double high) { return std::uniform_real_distribution<double>(low, high)(random_); }
  static void Scale(Field field, double factor, Evidence* e) {
    if (IsPositive(*e, field))
      e->Set(field, std::max<int64_t>(1, static_cast<int64_t>(factor * double(e->Get(field)))));
  }

  std::mt19937_64 random_;
};

struct Tally {
  int all = 0, exact = 0, unknown = 0;
};

void Judge(const Close& close, const Allowed& may, const Verdict& verdict, Tally* tally) {
  const std::string name = CauseName(verdict.cause);
  ++tally->all;
  tally->exact += IsIn(may.exact, name);
  tally->unknown += name == "unknown";
  CHECK_MESSAGE((IsIn(may.exact, name) || IsIn(may.wider, name) || name == "unknown"),
                close.id << " " << close.cause << " judged " << name << " by " << std::string(verdict.rule));
}

TEST_CASE("the recorded closes on other paths and at other moments are right or honestly wider, and seldom unknown") {
  constexpr int kVariations = 200;
  const auto allowed = ReadAllowed();
  Variation variation(1);
  Tally alone, joined;
  for (const Close& close : ClosesWithCause()) {
    if (!close.has_client || SawNothing(close.client)) continue;
    const Allowed& may = allowed.at(close.cause);
    for (int i = 0; i < kVariations; ++i) {
      Close varied = close;
      varied.client = variation.Of(close.client);
      if (close.has_server) varied.server = variation.Of(close.server);
      Judge(varied, may, ClassifyConnection(varied.client), &alone);
      if (!close.has_server) continue;
      const Verdict both = Join(varied, varied.client);
      ++joined.all;
      joined.exact += close.cause == CauseName(both.cause);
      if (both.confidence == Confidence::kHigh) Judge(varied, may, both, &alone);
    }
  }
  MESSAGE("client alone: " << alone.exact << " of " << alone.all << " exact, " << alone.unknown
                           << " unknown; both: " << joined.exact << " of " << joined.all);
  CHECK(alone.exact * 100 >= 60 * alone.all);
  CHECK(alone.unknown * 100 <= 5 * alone.all);
  CHECK(joined.exact * 100 >= 90 * joined.all);
}

// Where the link's state is not known, what follows from it is all that can be said, and true: a device that is down has no
// route and no address, the attempt did time out or found no way, and the process was killed.
bool IsTrueToo(const std::string& cause, const std::string& name) {
  if (cause == "local_link_down")
    return IsIn("local_no_route,local_address_changed,connect_timeout,client_killed", name);
  return cause == "local_no_route" && name == "connect_unreachable";
}

TEST_CASE("a close of which less is known is never judged wrongly with high confidence") {
  const auto allowed = ReadAllowed();
  Variation variation(2);
  for (const Close& close : ClosesWithCause()) {
    Evidence client;
    if (!ClientRecord(close, &client)) continue;
    const Allowed& may = allowed.at(close.cause);
    for (int i = 0; i < 500; ++i) {
      Close less = close;
      Evidence less_client = client;
      // Facts about sockets, link and route, as older kernels, other systems and other senders may lack them; not what
      // the application itself reported.
      for (int number = static_cast<int>(Field::tcp_state); number < kFieldLimit; ++number) {
        const Field field = static_cast<Field>(number);
        if (field == Field::session_end || field == Field::session_end_confidence || FieldName(number) == nullptr)
          continue;
        if (variation.Pick(4) == 0) less_client.Clear(field);
        if (variation.Pick(4) == 0) less.server.Clear(field);
      }
      for (const Verdict& verdict : {ClassifyConnection(less_client), Join(less, less_client)}) {
        if (verdict.confidence != Confidence::kHigh) continue;
        const std::string name = CauseName(verdict.cause);
        CHECK_MESSAGE((IsIn(may.exact, name) || IsIn(may.wider, name) || IsTrueToo(close.cause, name)),
                      close.id << " " << close.cause << " judged " << name << " by " << std::string(verdict.rule));
      }
    }
  }
}

}  // namespace
}  // namespace whydrop
