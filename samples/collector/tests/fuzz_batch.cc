// Feeds hostile bytes to the first steps of a post, inflate and decode, and judges what came of them. With libFuzzer or
// AFL the entry point stands alone; without them `main` mutates batches of its own: collector_fuzz ROUNDS, or
// collector_fuzz FILE...
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "samples/collector/ingest/batch_decoder.h"
#include "samples/collector/ingest/inflate.h"
#include "samples/collector/model/join.h"
#include "whydrop/v1/batch.pb.h"

// Whatever a stranger's numbers are, judging and explaining them must end.
static void Judge(const whydrop::collector::Batch& batch) {
  using namespace whydrop::collector;
  std::optional<EndRecord> last;
  for (const ConnectionRecord& from : batch.connections) {
    EndRecord record;
    record.evidence = from.evidence;
    record.open = from.open;
    record.session_end = batch.session.end;
    record.platform = batch.session.platform;
    const Joined joined = Join(record, last, from.previous != 0);
    if (whydrop::ExplainJoined(joined.verdict.verdict, &record.evidence, last ? &last->evidence : nullptr).empty()) {
      std::abort();
    }
    if (PlaceUnixS(batch, static_cast<uint64_t>(from.evidence.Get(whydrop::Field::ended_ms))) > 0) std::abort();
    Join(std::nullopt, record, false);
    last = record;
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace whydrop::collector;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  std::string inflated;
  const InflateResult result = InflateGzip(body, kMaxInflatedBytes, &inflated);
  Batch batch;
  std::string error;
  const DecodeResult decoded = DecodeBatch(result == InflateResult::kOk ? inflated : body, &batch, &error);
  if (inflated.size() > kMaxInflatedBytes || batch.connections.size() > kMaxRecords) std::abort();
  if ((decoded == DecodeResult::kOk) != error.empty()) std::abort();
  Judge(batch);
  return 0;
}

#ifndef WHYDROP_EXTERNAL_FUZZER
namespace {

std::string Seed() {
  whydrop::v1::Batch batch;
  batch.mutable_id()->set_session_id(std::string(16, 's'));
  batch.mutable_session()->set_app_id("game");
  batch.mutable_session()->set_app_version("1.0");
  batch.mutable_session()->add_tags()->set_key("gpu");
  batch.mutable_session()->mutable_crash()->set_module("game.so");
  for (uint32_t number = 1; number <= 3; ++number) {
    auto* connection = batch.add_connections();
    connection->set_number(number);
    connection->set_token_hash(std::string(16, 't'));
    auto* evidence = connection->mutable_evidence();
    evidence->set_os_error(104);
    evidence->set_error_kind(whydrop::v1::RESET);
    evidence->set_retransmits(number);
    evidence->set_ended_ms(UINT64_MAX);
    if (number == 2) evidence->set_session_end(201);
    if (number == 3) evidence->set_closed_locally(true);
  }
  batch.add_close_totals()->set_count(2);
  batch.add_events()->set_index(1);
  return batch.SerializeAsString();
}

void Mutate(std::mt19937* random, std::string* bytes) {
  for (uint32_t changes = 1 + (*random)() % 8; changes > 0 && !bytes->empty(); --changes) {
    const size_t at = (*random)() % bytes->size();
    switch ((*random)() % 4) {
      case 0:
        (*bytes)[at] = static_cast<char>((*random)());
        break;
      case 1:
        bytes->erase(at, 1 + (*random)() % 16);
        break;
      case 2:
        bytes->insert(at, bytes->substr((*random)() % bytes->size(), (*random)() % 32));
        break;
      default:
        bytes->resize(at);
    }
  }
}

void Run(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned long rounds = argc == 2 ? std::strtoul(argv[1], nullptr, 10) : 0;
  std::mt19937 random(1);
  const std::string seed = Seed();
  for (unsigned long round = 0; round < rounds; ++round) {
    std::string bytes = seed;
    Mutate(&random, &bytes);
    Run(bytes);
  }
  for (int i = 1; rounds == 0 && i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    Run(std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()));
  }
  return 0;
}
#endif
