#include "samples/collector/http/address.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>

namespace whydrop::collector {
namespace {

namespace ip = boost::asio::ip;

bool ToBytes(const std::string& text, std::array<uint8_t, 16>* out, bool* is_v4) {
  boost::system::error_code error;
  const ip::address address = ip::make_address(text, error);
  if (error) return false;
  *is_v4 = address.is_v4();
  *out = address.is_v4() ? ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes() : address.to_v6().to_bytes();
  return true;
}

std::string Trim(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Some proxies write the port too: "192.0.2.1:4711", "[2001:db8::1]:4711".
std::string WithoutPort(const std::string& hop) {
  if (hop.compare(0, 1, "[") == 0) return hop.substr(1, hop.find(']') - 1);
  const size_t colon = hop.find(':');
  return hop.find(':', colon + 1) == std::string::npos ? hop.substr(0, colon) : hop;
}

}  // namespace

bool IsAddress(const std::string& text) {
  std::array<uint8_t, 16> bytes;
  bool is_v4 = false;
  return ToBytes(text, &bytes, &is_v4);
}

bool IsLoopback(const std::string& address) {
  boost::system::error_code error;
  const ip::address parsed = ip::make_address(address, error);
  return !error && parsed.is_loopback();
}

bool Cidr::Parse(const std::string& text, Cidr* out) {
  const size_t slash = text.find('/');
  bool is_v4 = false;
  Cidr cidr;
  if (!ToBytes(text.substr(0, slash), &cidr.bytes_, &is_v4)) return false;
  if (slash != std::string::npos) {
    unsigned bits = 0;
    const char* end = text.data() + text.size();
    const auto [stop, status] = std::from_chars(text.data() + slash + 1, end, bits);
    if (status != std::errc() || stop != end || bits > (is_v4 ? 32u : 128u)) return false;
    cidr.bits_ = is_v4 ? bits + 96 : bits;
  }
  *out = cidr;
  return true;
}

bool Cidr::Contains(const std::string& address) const {
  std::array<uint8_t, 16> bytes;
  bool is_v4 = false;
  if (!ToBytes(address, &bytes, &is_v4)) return false;
  const size_t whole = bits_ / 8;
  if (!std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(whole), bytes_.begin())) return false;
  const unsigned rest = bits_ % 8;
  return rest == 0 || ((bytes[whole] ^ bytes_[whole]) >> (8 - rest)) == 0;
}

std::string SenderGroup(const std::string& address) {
  std::array<uint8_t, 16> bytes;
  bool is_v4 = false;
  if (!ToBytes(address, &bytes, &is_v4)) return address;
  const ip::address_v6 v6(bytes);
  if (v6.is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, v6).to_string();
  std::fill(bytes.begin() + 8, bytes.end(), uint8_t{0});
  return ip::address_v6(bytes).to_string();
}

std::string SenderAddress(const std::string& peer, const std::string& forwarded_for, const std::vector<Cidr>& trusted) {
  const auto is_trusted = [&trusted](const std::string& address) {
    return std::any_of(trusted.begin(), trusted.end(), [&](const Cidr& cidr) { return cidr.Contains(address); });
  };
  std::string sender = peer;
  size_t end = forwarded_for.size();
  while (is_trusted(sender) && end > 0) {
    const size_t comma = forwarded_for.rfind(',', end - 1);
    const size_t begin = comma == std::string::npos ? 0 : comma + 1;
    const std::string hop = WithoutPort(Trim(forwarded_for.substr(begin, end - begin)));
    if (!IsAddress(hop)) break;
    sender = hop;
    end = comma == std::string::npos ? 0 : comma;
  }
  return sender;
}

}  // namespace whydrop::collector
