#include "samples/collector/options.h"

#include <charconv>

#include "core/labels.h"

namespace whydrop::collector {
namespace {

bool ParseEndpoint(const std::string& value, Endpoint* out) {
  const size_t colon = value.rfind(':');
  if (colon == std::string::npos) return false;
  std::string host = value.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  unsigned port = 0;
  const char* end = value.data() + value.size();
  const auto [stop, status] = std::from_chars(value.data() + colon + 1, end, port);
  if (status != std::errc() || stop != end || port > 65535 || !IsAddress(host)) return false;
  *out = {host, static_cast<uint16_t>(port)};
  return true;
}

bool ParseKey(const std::string& value, std::map<std::string, std::string>* out) {
  const size_t equals = value.find('=');
  if (equals == std::string::npos || !IsAppId(value.data(), equals)) return false;
  const std::string key = value.substr(equals + 1);
  if (key.empty() || key.size() > 128 || !IsPrintableAscii(key.data(), key.size())) return false;
  (*out)[value.substr(0, equals)] = key;
  return true;
}

bool ParseHostName(const std::string& value, std::set<std::string>* out) {
  std::string name;
  for (const char c : value) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  if (name.empty() || name.size() > 253) return false;
  if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") != std::string::npos) return false;
  out->insert(name);
  return true;
}

bool ParseNumber(const std::string& value, uint32_t* out) {
  const char* end = value.data() + value.size();
  const auto [stop, status] = std::from_chars(value.data(), end, *out);
  return status == std::errc() && stop == end;
}

// Returns what the value should have been, or nullptr if it was taken. "" means that there is no such flag.
const char* Take(const std::string& flag, const std::string& value, Options* options) {
  constexpr const char* kAddress = "ADDRESS:PORT with a numeric address";
  constexpr const char* kKey = "APP_ID=KEY, the key 1-128 printable characters";
  if (flag == "--listen") return ParseEndpoint(value, &options->listen) ? nullptr : kAddress;
  if (flag == "--admin-listen") return ParseEndpoint(value, &options->admin_listen) ? nullptr : kAddress;
  if (flag == "--admin-host") {
    return ParseHostName(value, &options->admin_hosts) ? nullptr : "a host name without a port";
  }
  if (flag == "--key") return ParseKey(value, &options->keys) ? nullptr : kKey;
  if (flag == "--server-key") return ParseKey(value, &options->server_keys) ? nullptr : kKey;
  if (flag == "--rate-limit") return ParseNumber(value, &options->rate_limit) ? nullptr : "a number, 0 for none";
  if (flag == "--join-window") return ParseNumber(value, &options->join_window_s) ? nullptr : "a number of seconds";
  if (flag == "--store") return options->store_url = value, nullptr;
  if (flag == "--tls-cert") return options->tls_cert = value, nullptr;
  if (flag == "--tls-key") return options->tls_key = value, nullptr;
  if (flag == "--trusted-proxy") {
    Cidr cidr;
    if (!Cidr::Parse(value, &cidr)) return "ADDRESS/BITS";
    options->trusted_proxies.push_back(cidr);
    return nullptr;
  }
  if (flag == "--disable") {
    if (!IsAppId(value.data(), value.size())) return "an app id";
    options->disabled_apps.insert(value);
    return nullptr;
  }
  return "";
}

}  // namespace

ParseResult ParseOptions(const std::vector<std::string>& arguments, Options* options, std::string* error) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string flag = arguments[i];
    if (flag == "--help" || flag == "-h") return ParseResult::kHelp;
    if (flag == "--version") return ParseResult::kVersion;
    std::string value;
    const size_t equals = flag.find('=');
    const bool attached = flag.compare(0, 2, "--") == 0 && equals != std::string::npos;
    if (attached) {
      value = flag.substr(equals + 1);
      flag.resize(equals);
    } else if (i + 1 < arguments.size()) {
      value = arguments[i + 1];
    }
    const char* wanted = Take(flag, value, options);
    if (wanted != nullptr && *wanted == '\0') {
      *error = "unknown argument '" + flag + "'";
      return ParseResult::kError;
    }
    if (!attached && ++i >= arguments.size()) {
      *error = flag + " needs a value";
      return ParseResult::kError;
    }
    if (wanted != nullptr) {
      *error = flag + ": '" + value + "' is not " + wanted;
      return ParseResult::kError;
    }
  }
  if (options->tls_cert.empty() != options->tls_key.empty()) {
    *error = "--tls-cert and --tls-key go together";
    return ParseResult::kError;
  }
  return ParseResult::kRun;
}

const char* HelpText() {
  return "Usage: whydrop-collector [options]\n"
         "Takes whydrop batches, joins the two ends of every connection and tells why players drop.\n"
         "\n"
         "  --listen ADDRESS:PORT        where batches are posted to (127.0.0.1:8787; port 0: any)\n"
         "  --admin-listen ADDRESS:PORT  page, JSON interface, metrics (127.0.0.1:8788)\n"
         "  --admin-host NAME            a host name that the admin address answers to beside addresses and\n"
         "                               localhost; may be repeated (a loopback one: none, others: any)\n"
         "  --store URL                  sqlite:PATH (sqlite:whydrop.db)\n"
         "  --key APP_ID=KEY             this app's batches need this key; may be repeated\n"
         "  --server-key APP_ID=KEY      batches of this app's servers need this key; may be repeated\n"
         "  --tls-cert FILE              PEM certificate chain: the ingest address speaks HTTPS, and so does\n"
         "                               an admin address that is not loopback\n"
         "  --tls-key FILE               PEM private key\n"
         "  --trusted-proxy CIDR         believe X-Forwarded-For from here; may be repeated\n"
         "  --disable APP_ID             tell this app's senders to stop; may be repeated\n"
         "  --join-window SECONDS        how long a connection that one end reported is pending: waits for the\n"
         "                               other end (900)\n"
         "  --rate-limit N               requests a second for each address, for IPv6 each /64 (1000; 0: none)\n"
         "  --help, --version\n"
         "\n"
         "Without --key any app id is taken. Batches of servers need a --server-key, unless --listen is loopback\n"
         "and there is no --trusted-proxy.\n"
         "The admin address has no password: keep it on loopback or behind a proxy that asks for one.\n";
}

}  // namespace whydrop::collector
