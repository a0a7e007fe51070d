// Feeds hostile bytes to the first steps of a post: inflate, then decode. With libFuzzer or AFL the entry point stands
// alone; without them `main` mutates batches of its own: collector_fuzz ROUNDS, or collector_fuzz FILE...
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "samples/collector/batch_decoder.h"
#include "samples/collector/inflate.h"
#include "whydrop/v1/batch.pb.h"

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
    connection->mutable_evidence()->set_os_error(104);
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
