// Checksums, hashes and labels against published vectors and their own limits.
#include <doctest/doctest.h>

#include <string>

#include "core/bytes.h"
#include "core/cause.h"
#include "core/crc32c.h"
#include "core/crc32c_portable.h"
#include "core/evidence.h"
#include "core/labels.h"
#include "core/sha256.h"

using namespace whydrop;

TEST_CASE("the checksum matches RFC 3720 and continues over pieces") {
  CHECK(Crc32c(0, "123456789", 9) == 0xE3069283u);
  const std::string zeros(32, '\0');
  CHECK(Crc32c(0, zeros.data(), zeros.size()) == 0x8A9136AAu);
  std::string text;
  for (int i = 0; i < 300; ++i) text.push_back(static_cast<char>(i * 7));
  const uint32_t whole = Crc32c(0, text.data(), text.size());
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    CHECK(Crc32c(Crc32c(0, text.data(), cut), text.data() + cut, text.size() - cut) == whole);
    CHECK(PortableCrc32c<1>(PortableCrc32c<8>(0, text.data(), cut), text.data() + cut, text.size() - cut) == whole);
    CHECK(PortableCrc32c<8>(PortableCrc32c<1>(0, text.data(), cut), text.data() + cut, text.size() - cut) == whole);
  }
}

static std::string Hex(const uint8_t* bytes, size_t size) {
  static const char* digits = "0123456789abcdef";
  std::string out;
  for (size_t i = 0; i < size; ++i) {
    out.push_back(digits[bytes[i] >> 4]);
    out.push_back(digits[bytes[i] & 15]);
  }
  return out;
}

TEST_CASE("SHA-256 matches the vectors of FIPS 180-4") {
  CHECK(Hex(Sha256Of("abc", 3).data(), 32) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(Hex(Sha256Of("", 0).data(), 32) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const std::string million(1000000, 'a');
  CHECK(Hex(Sha256Of(million.data(), million.size()).data(), 32) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  const char* long_text = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  CHECK(Hex(Sha256Of(long_text, 56).data(), 32) == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_CASE("a token's hash covers the app id, a zero and the token") {
  const std::string joined("a\0tok", 5);
  CHECK(Hex(HashToken("a", 1, "tok", 3).data(), 16) == Hex(Sha256Of(joined.data(), joined.size()).data(), 16));
}

TEST_CASE("labels are bounded and plain") {
  CHECK(IsLabel("gate-3", 6));
  CHECK_FALSE(IsLabel("", 0));
  CHECK_FALSE(IsLabel("Gate", 4));
  CHECK_FALSE(IsLabel("a b", 3));
  const std::string long_label(33, 'a');
  CHECK(IsLabel(long_label.data(), 32));
  CHECK_FALSE(IsLabel(long_label.data(), 33));
  CHECK(IsAppId("my.game_1-x", 11));
  CHECK_FALSE(IsAppId("..", 2));
  CHECK_FALSE(IsAppId("a/b", 3));
  CHECK(IsTagKey("build_7", 7));
  CHECK_FALSE(IsTagKey("build-7", 7));
  CHECK(IsTagValue("", 0));
  CHECK(IsTagValue("RTX+4090", 8));
  CHECK_FALSE(IsTagValue("a b", 3));
  CHECK(BoundedLength("abc", 3) == 3);
  CHECK(BoundedLength("abcd", 3) == 4);
}

TEST_CASE("UTF-8 is checked strictly") {
  CHECK(IsUtf8("z\xC5\xBC\xE6\xBC\xA2\xF0\x9F\x8E\xAE", 10));
  CHECK_FALSE(IsUtf8("\xC0\xAF", 2));          // overlong
  CHECK_FALSE(IsUtf8("\xED\xA0\x80", 3));      // surrogate
  CHECK_FALSE(IsUtf8("\xF4\x90\x80\x80", 4));  // above U+10FFFF
  CHECK_FALSE(IsUtf8("\xE6\xBC", 2));          // cut short
  CHECK_FALSE(IsUtf8("\x80", 1));
  CHECK(IsAppVersion("1.2 beta", 8));
  CHECK_FALSE(IsAppVersion("1\n2", 3));
}

TEST_CASE("causes have names and sides, and unknown ones say so") {
  CHECK(std::string(CauseName(WHYDROP_CAUSE_CLIENT_CRASH)) == "client_crash");
  CHECK(std::string(CauseSide(WHYDROP_CAUSE_CLIENT_CRASH)) == "client_process");
  CHECK(std::string(CauseSide(WHYDROP_CAUSE_TLS_FAILED)) == "connect");
  CHECK(std::string(CauseName(299)) == "unknown");
  CHECK(std::string(CauseSide(-5)) == "unknown");
  int count = 0;
  const Cause* all = AllCauses(&count);
  CHECK(count == 38);
  for (int i = 0; i < count; ++i) {
    Cause found = -1;
    CHECK(CauseFromName(CauseName(all[i]), &found));
    CHECK(found == all[i]);
  }
}

TEST_CASE("evidence tells absent from zero") {
  Evidence evidence;
  CHECK_FALSE(evidence.Has(Field::outq_bytes));
  evidence.Set(Field::outq_bytes, 0);
  CHECK(evidence.Has(Field::outq_bytes));
  CHECK(evidence.IsFalse(Field::outq_bytes));
  CHECK_FALSE(evidence.IsTrue(Field::link_up));
  CHECK_FALSE(evidence.IsFalse(Field::link_up));
  CHECK(std::string(FieldName(61)) == "largest_since_recv_bytes");
  CHECK(FieldName(63) == nullptr);
}

TEST_CASE("little-endian stores read back") {
  uint8_t bytes[8];
  StoreLe<uint64_t>(bytes, 0x0102030405060708u);
  CHECK(bytes[0] == 8);
  CHECK(LoadLe<uint64_t>(bytes) == 0x0102030405060708u);
  StoreLe<int32_t>(bytes, -2);
  CHECK(LoadLe<int32_t>(bytes) == -2);
}
