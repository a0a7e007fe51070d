// ClickHouse's RowBinary: little-endian numbers, lengths as varints, no names and no types.
//
// Thread rule: one thread at a time for a reader.
#ifndef WHYDROP_COLLECTOR_CLICKHOUSE_ROW_BINARY_H
#define WHYDROP_COLLECTOR_CLICKHOUSE_ROW_BINARY_H

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "samples/collector/store/count_plan.h"

namespace whydrop::collector::clickhouse {

class RowWriter {
 public:
  template <typename T>
  RowWriter& Number(T value) {
    auto left = static_cast<uint64_t>(value);
    char bytes[sizeof(T)];
    for (size_t i = 0; i < sizeof(T); ++i, left >>= 8) bytes[i] = static_cast<char>(left & 0xff);
    out_.append(bytes, sizeof(T));
    return *this;
  }
  RowWriter& U8(uint64_t value) { return Number(static_cast<uint8_t>(value)); }
  RowWriter& U32(uint64_t value) { return Number(static_cast<uint32_t>(value)); }
  RowWriter& U64(uint64_t value) { return Number(value); }
  RowWriter& I32(int32_t value) { return Number(value); }
  // The days that a Date knows end in 2106; times outside are put at the border.
  RowWriter& Day(int64_t unix_s) { return Number(static_cast<uint16_t>(Seconds(unix_s) / kDayS)); }
  RowWriter& Time(int64_t unix_s) { return U32(Seconds(unix_s)); }
  RowWriter& Text(std::string_view text) {
    Length(text.size());
    out_.append(text);
    return *this;
  }
  RowWriter& Fixed16(std::string_view bytes) {
    out_.append(bytes.substr(0, 16));
    out_.append(16 - (bytes.size() < 16 ? bytes.size() : 16), '\0');
    return *this;
  }
  RowWriter& Texts(const std::vector<std::string>& texts) {
    Length(texts.size());
    for (const std::string& text : texts) Text(text);
    return *this;
  }
  // What is encoded already.
  RowWriter& Raw(std::string_view bytes) {
    out_.append(bytes);
    return *this;
  }
  void Reserve(size_t bytes) { out_.reserve(bytes); }
  std::string Take() { return std::move(out_); }
  std::string_view bytes() const { return out_; }
  // For the next row, in the same memory.
  RowWriter& Clear() {
    out_.clear();
    return *this;
  }

 private:
  static uint64_t Seconds(int64_t unix_s) {
    constexpr int64_t kLast = 65535 * kDayS;
    return static_cast<uint64_t>(unix_s < 0 ? 0 : (unix_s > kLast ? kLast : unix_s));
  }
  void Length(size_t length) {
    for (; length > 0x7f; length >>= 7) out_.push_back(static_cast<char>((length & 0x7f) | 0x80));
    out_.push_back(static_cast<char>(length));
  }

  std::string out_;
};

// Reads an answer column by column, in the order of the question. A short one throws StoreError.
class RowReader {
 public:
  explicit RowReader(std::string_view bytes) : left_(bytes) {}

  bool More() const { return !left_.empty(); }
  template <typename T>
  T Number() {
    const std::string_view bytes = Take(sizeof(T));
    uint64_t value = 0;
    for (size_t i = sizeof(T); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
    return static_cast<T>(value);
  }
  uint8_t U8() { return Number<uint8_t>(); }
  uint32_t U32() { return Number<uint32_t>(); }
  uint64_t U64() { return Number<uint64_t>(); }
  int32_t I32() { return Number<int32_t>(); }
  std::string Text() { return std::string(TextView()); }
  std::string_view TextView() { return Take(Length()); }  // in the bytes that are read
  std::string Fixed16() { return std::string(Fixed16View()); }
  std::string_view Fixed16View() { return Take(16); }
  // An app, and 16 bytes that name something of it.
  std::pair<std::string, std::string> AppAndKey() {
    std::string app_id = Text();
    return {std::move(app_id), Fixed16()};
  }
  std::vector<std::string> Texts() {
    std::vector<std::string> texts;
    for (uint64_t left = Length(); left > 0; --left) texts.push_back(Text());
    return texts;
  }
  std::vector<std::string> Fixed16s() {
    std::vector<std::string> all;
    for (uint64_t left = Length(); left > 0; --left) all.push_back(Fixed16());
    return all;
  }

 private:
  uint64_t Length() {
    uint64_t length = 0;
    for (int shift = 0; shift < 63; shift += 7) {
      const uint8_t byte = U8();
      length |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return length;
    }
    throw StoreError("ClickHouse's answer has a length that is no number");
  }
  std::string_view Take(uint64_t size) {
    if (size > left_.size()) throw StoreError("ClickHouse's answer is cut short");
    const std::string_view bytes = left_.substr(0, size);
    left_.remove_prefix(size);
    return bytes;
  }

  std::string_view left_;
};

// Every row of an answer, each as `read` makes it of a RowReader*.
template <typename ReadRow>
auto ReadRows(std::string_view answer, ReadRow read) {
  RowReader row(answer);
  std::vector<decltype(read(&row))> rows;
  while (row.More()) rows.push_back(read(&row));
  return rows;
}

}  // namespace whydrop::collector::clickhouse

#endif
