// The game's messages: a big-endian 32-bit length, then a type byte and the payload that the length counts.
// Pure: bytes in, messages out. Not thread-safe.
#ifndef SAMPLES_GAME_PROTOCOL_H
#define SAMPLES_GAME_PROTOCOL_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace game {

enum class MessageType : uint8_t {
  kLogin = 1,     // client: token, '\n', wish
  kWelcome = 2,   // server: the login was taken
  kPing = 3,      // either: 8 bytes that come back in the pong
  kPong = 4,      // either
  kMove = 5,      // client: the player did something
  kState = 6,     // server: the answer to a move
  kTransfer = 7,  // server: go to another server, this connection ends
  kKick = 8,      // server: the player is thrown out
  kShutdown = 9,  // server: it goes down
  kLogout = 10,   // client: the player leaves
};

struct Message {
  MessageType type;
  std::string payload;
};

std::string EncodeMessage(MessageType type, const std::string& payload);

// A player's wish comes true at this ping.
inline constexpr int kPingsBeforeWish = 3;
// Whether the server then closes without a word. Who wished that says nothing behind that ping: it could arrive where
// nobody reads any more, and a reset would come of it.
bool ClosesAtOnce(const std::string& wish);

// A number as the 8 bytes of a ping. Reading anything shorter gives 0.
std::string EncodeNumber(uint64_t value);
uint64_t DecodeNumber(const std::string& payload);

// Cuts a stream of bytes into messages.
class MessageReader {
 public:
  enum class Result { kMessage, kIncomplete, kBroken };

  void Append(const char* data, size_t size) { buffer_.append(data, size); }

  // kBroken: the stream is no game's and must be given up; the length is 0 or more than 16 KiB.
  Result Next(Message* out);

 private:
  std::string buffer_;
};

}  // namespace game

#endif
