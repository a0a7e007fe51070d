#include "bench/collector/batches.h"

#include <zlib.h>

#include <random>

#include "whydrop/v1/batch.pb.h"

namespace whydrop::bench {
namespace {

constexpr uint32_t kClientConnections = 3;

std::string Gzip(const std::string& body) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, body.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Bytes16(std::mt19937_64* random) {
  std::string bytes;
  for (int i = 0; i < 2; ++i) {
    const uint64_t part = (*random)();
    bytes.append(reinterpret_cast<const char*>(&part), sizeof part);
  }
  return bytes;
}

void FillSession(v1::Batch* batch, v1::Role role, std::mt19937_64* random) {
  batch->mutable_id()->set_session_id(Bytes16(random));
  batch->set_parts(1);
  v1::Session* session = batch->mutable_session();
  session->set_app_id("my-game");
  session->set_app_version("1." + std::to_string((*random)() % 8));
  session->set_role(role);
  session->set_platform(v1::LINUX);
  session->set_sdk_version("0.1.0");
  session->set_end(role == v1::CLIENT && (*random)() % 20 == 0 ? 200 : 101);
  session->set_uptime_ms(3600000);
  session->set_boot_id(Bytes16(random));
  session->set_machine_id(Bytes16(random));
  batch->set_reference_ms(3600000);
}

void AddConnection(v1::Batch* batch, uint32_t number, std::mt19937_64* random) {
  v1::Connection* connection = batch->add_connections();
  connection->set_number(number);
  connection->set_token_hash(Bytes16(random));
  connection->set_endpoint("gate-" + std::to_string((*random)() % 40));
  v1::Evidence* evidence = connection->mutable_evidence();
  if ((*random)() % 3 == 0) {
    evidence->set_error_kind(v1::RESET);
    evidence->set_os_error(104);
    evidence->set_operation(v1::RECV);
  } else {
    evidence->set_closed_locally(true);
    evidence->set_close_reason(v1::LOGOUT);
  }
  evidence->set_established(true);
  evidence->set_protocol(v1::TCP);
  evidence->set_tcp_state(1);
  evidence->set_rtt_us(20000 + (*random)() % 40000);
  evidence->set_min_rtt_us(18000 + (*random)() % 1000);
  evidence->set_since_recv_ms((*random)() % 200);
  evidence->set_since_send_ms((*random)() % 100);
  evidence->set_bytes_sent((*random)() % 1000000);
  evidence->set_bytes_received((*random)() % 10000000);
  evidence->set_link_up(true);
  evidence->set_opened_ms(1000 * number);
  evidence->set_connected_ms(1000 * number + 40);
  evidence->set_ended_ms(1000 * number + 600000);
}

}  // namespace

Body ClientBatch(uint64_t number) {
  std::mt19937_64 random(number);
  v1::Batch batch;
  FillSession(&batch, v1::CLIENT, &random);
  v1::Tag* tag = batch.mutable_session()->add_tags();
  tag->set_key("gpu");
  tag->set_value("vendor" + std::to_string(random() % 5));
  for (uint32_t i = 1; i <= kClientConnections; ++i) AddConnection(&batch, i, &random);
  return {Gzip(batch.SerializeAsString()), kClientConnections};
}

Body ServerBatch(uint64_t number, uint32_t connections) {
  std::mt19937_64 random(~number);
  v1::Batch batch;
  FillSession(&batch, v1::SERVER, &random);
  for (uint32_t i = 1; i <= connections; ++i) AddConnection(&batch, i, &random);
  return {Gzip(batch.SerializeAsString()), connections};
}

}  // namespace whydrop::bench
