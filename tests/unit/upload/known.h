// What a collector knows once it has all batches of a directory.
#ifndef WHYDROP_TESTS_UNIT_UPLOAD_KNOWN_H
#define WHYDROP_TESTS_UNIT_UPLOAD_KNOWN_H

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "fixture.h"
#include "upload/outbox.h"
#include "whydrop/v1/batch.pb.h"
#include "zlib.h"

// "" if it is no whole gzip member.
inline std::string Inflate(const std::string& packed) {
  std::string out(1 << 20, '\0');
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 31) == Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(&out[0]);
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = inflate(&stream, Z_FINISH);
  out.resize(result == Z_STREAM_END ? stream.total_out : 0);
  inflateEnd(&stream);
  return out;
}

// What a collector would know after all batches of the directory: the last word about each connection, and the sums.
struct Known {
  std::map<uint32_t, bool> open;  // by number
  std::map<uint32_t, int> tellings;
  std::map<int32_t, uint64_t> totals;
  std::map<uint32_t, whydrop::v1::Session> sessions;  // by rotation
  std::map<uint32_t, whydrop::v1::Losses> losses;     // by rotation
  std::map<uint32_t, int> open_told;                  // connections told as open, by rotation
  std::set<uint32_t> with_token;

  explicit Known(const StateDirectory& state) {
    const whydrop::Outbox outbox(state.path, {});
    std::map<std::pair<uint32_t, uint32_t>, whydrop::Outbox::Entry> entries;
    for (const whydrop::Outbox::Entry& entry : outbox.List()) entries[{entry.rotation, entry.part}] = entry;
    for (const auto& entry : entries) {
      whydrop::BatchFile file;
      REQUIRE(outbox.Load(entry.second, &file).ok());
      whydrop::v1::Batch batch;
      const std::string body = Inflate(file.body);
      REQUIRE_FALSE(body.empty());
      REQUIRE(batch.ParseFromString(body));
      Take(batch);
    }
  }
  void Take(const whydrop::v1::Batch& batch) {
    sessions[batch.id().rotation()] = batch.session();
    if (batch.has_losses()) losses[batch.id().rotation()] = batch.losses();
    for (const whydrop::v1::Connection& connection : batch.connections()) {
      const uint32_t number = connection.number();
      if (!connection.open()) ++tellings[number];
      if (connection.open()) ++open_told[batch.id().rotation()];
      if (!connection.token_hash().empty()) with_token.insert(number);
      const auto known = open.find(number);
      CHECK((known == open.end() || known->second));  // the end is the last word
      open[number] = connection.open();
    }
    for (const whydrop::v1::CloseTotal& total : batch.close_totals()) totals[total.cause()] += total.count();
  }
};

#endif
