// A ring's contents with a value in every field that the encoder reads.
#ifndef WHYDROP_TESTS_UNIT_UPLOAD_SAMPLE_RING_H
#define WHYDROP_TESTS_UNIT_UPLOAD_SAMPLE_RING_H

#include <cstdio>
#include <cstring>

#include "ring/ring_reader.h"

inline void SetText(char* to, const char* text) { std::strcpy(to, text); }

inline whydrop::RingConnection SampleConnection(uint32_t number, bool open) {
  using namespace whydrop;
  RingConnection connection;
  connection.identity.number = number;
  connection.identity.previous = number - 1;
  connection.identity.protocol = WHYDROP_TCP;
  connection.identity.has_token = number % 2 == 1;
  connection.identity.token_hash.fill(static_cast<uint8_t>(number));
  SetText(connection.identity.endpoint, "gate-3");
  SetText(connection.identity.network, "isp-7");
  connection.open = open;
  connection.cause = open ? 0 : WHYDROP_CAUSE_PATH_TIMEOUT;
  connection.confidence = open ? Confidence::kNone : Confidence::kHigh;
  connection.key_index = number;
  for (int field = 1; field < kFieldLimit; ++field) {
    if (FieldName(field) == nullptr || (number + static_cast<uint32_t>(field)) % 3 == 0) continue;
    connection.evidence.Set(static_cast<Field>(field), field % 4);
  }
  connection.evidence.Set(Field::os_error, -2);
  connection.evidence.Set(Field::bytes_sent, int64_t{1} << 40);
  return connection;
}

inline whydrop::RingContents SampleRing(int32_t role) {
  using namespace whydrop;
  RingContents ring;
  RingIdentity& identity = ring.identity;
  for (size_t i = 0; i < 16; ++i) identity.session_id[i] = static_cast<uint8_t>(i * 17);
  identity.boot_id.fill(3);
  identity.machine_hash.fill(4);
  identity.started_unix_ms = 1700000000000;
  identity.started_boot_ms = 5000;
  identity.role = role;
  identity.system = 1;
  identity.rotate_interval_ms = role == WHYDROP_ROLE_SERVER ? 60000 : 0;
  SetText(identity.app_id, "sample.game");
  SetText(identity.app_version, "1.2.3");
  RingLife& life = ring.life;
  life.heartbeat_ms = 9000;
  life.tick_ms = 9250;
  life.tick_boot_ms = 14250;
  life.connections_opened = 12;
  life.handlers_installed = true;
  life.handlers_displaced = true;
  for (uint32_t i = 1; i <= 13; ++i) life.losses[i] = i;
  life.crash.state = MarkerState::kCrashed;
  life.crash.kind = 1;
  life.crash.code = 11;
  life.crash.signal_code = -6;
  life.crash.address_class = 1;
  life.crash.thread_id = 77;
  life.crash.offset = 0x1234;
  life.crash.at_ms = 9100;
  life.crash.alive_ms = 9200;
  life.crash.module = "game.so";
  life.crash.report_id = "r-1";
  ring.damage.slots_damaged = 2;
  ring.damage.slots_unfinished = 3;
  ring.tags = {{"gpu", "RTX+4090"}, {"map", ""}};
  for (uint32_t number = 1; number <= 4; ++number) ring.connections.push_back(SampleConnection(number, number == 4));
  ring.totals = {{"gate-3", WHYDROP_CAUSE_PATH_TIMEOUT, 10, 100, 900}, {"gate-3", WHYDROP_CAUSE_SERVER_CLOSE, 5, 1, 2}};
  for (uint64_t i = 0; i < 5; ++i) {
    RingEvent event;
    event.index = 20 + i;
    event.key = i % 2 == 0;
    if (event.key) event.index = i;
    event.at_ms = 100 * i;
    event.type = EventType::kFailed;
    event.connection = 1;
    event.a = -static_cast<int64_t>(i);
    event.b = 104;
    ring.events.push_back(event);
  }
  return ring;
}

#endif
