#include "samples/collector/store/clickhouse/engine/node.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>

namespace whydrop::collector::clickhouse {
namespace {

constexpr long kConnectMs = 3000;
constexpr std::chrono::milliseconds kShortAnswer{5000};
constexpr std::chrono::milliseconds kBelievedFor{250};  // after an answer it needs no other sign of life
constexpr std::chrono::seconds kLeftAloneAtMost{30};
constexpr long kStalledS = 30;  // no byte for so long
constexpr size_t kMaxAnswerBytes = size_t{1} << 30;
constexpr size_t kMaxErrorText = 300;

struct Handle {
  Handle() {
    static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (once != CURLE_OK) throw StoreError("libcurl does not start");
    curl = curl_easy_init();
    if (curl == nullptr) throw StoreError("libcurl has no memory");
  }
  ~Handle() { curl_easy_cleanup(curl); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  CURL* curl;
};

// Keep connections to the nodes open; each thread has its own, and another one for short questions beside a long one.
CURL* LongHandle() {
  thread_local Handle handle;
  curl_easy_reset(handle.curl);
  return handle.curl;
}
CURL* BriefHandle() {
  thread_local Handle handle;
  curl_easy_reset(handle.curl);
  return handle.curl;
}

size_t Collect(char* data, size_t size, size_t count, void* user) {
  auto* out = static_cast<std::string*>(user);
  if (out->size() + size * count > kMaxAnswerBytes) return 0;
  out->append(data, size * count);
  return size * count;
}

std::string Escape(const std::string& text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (plain) {
      out += c;
    } else {
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

std::string OneLine(std::string text) {
  if (text.size() > kMaxErrorText) text.resize(kMaxErrorText);
  for (char& c : text) c = c == '\n' || c == '\r' ? ' ' : c;
  return text;
}

// A long question, and when its node is to be asked next whether it lives.
struct Watched {
  Node* node;
  const Patience& patience;
  std::chrono::milliseconds every;
  std::chrono::steady_clock::time_point next;
};

}  // namespace

Node::Node(std::string url, const Settings& settings)
    : url_(std::move(url)), user_(settings.user), password_(settings.password), watch_every_(settings.watch_every) {}

std::string Node::AskBriefly(const std::string& sql) {
  const auto started = std::chrono::steady_clock::now();
  if (started < left_alone_until_.load()) throw Unreachable(url_ + ": has not answered just now");
  try {
    return Post(BriefHandle(), sql, Body::kQuery, sql, {}, nullptr, {kShortAnswer});
  } catch (const Unreachable&) {
    const auto now = std::chrono::steady_clock::now();
    left_alone_until_ = now + std::min<std::chrono::steady_clock::duration>(10 * (now - started), kLeftAloneAtMost);
    throw;
  }
}

void Node::Ping() {
  if (AskBriefly("SELECT 1 FORMAT TabSeparated") != "1\n") throw Unreachable(url_ + ": what answers is no ClickHouse");
}

void Node::MakeSureItLives() {
  if (std::chrono::steady_clock::now() - answered_.load() > kBelievedFor) Ping();
}

// Called about once a second. Not 0: the question is given up.
int Node::Watch(void* watched, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto* const question = static_cast<Watched*>(watched);
  if (question->patience.IsOver()) return 1;
  if (std::chrono::steady_clock::now() < question->next) return 0;
  try {
    question->node->Ping();
  } catch (const Unreachable&) {
    return 1;
  } catch (const std::exception&) {
    // It says something.
  }
  question->next = std::chrono::steady_clock::now() + question->every;
  return 0;
}

std::string Node::Ask(const std::string& sql, const QuerySettings& settings, const ExternalTable* keys,
                      const Patience& patience) {
  MakeSureItLives();
  return Post(LongHandle(), sql, keys != nullptr ? Body::kForm : Body::kQuery, sql, settings, keys, patience);
}

void Node::Insert(const std::string& sql, const std::string& rows, const QuerySettings& settings) {
  MakeSureItLives();
  const std::string answer = Post(LongHandle(), sql, Body::kRows, rows, settings, nullptr, {});
  // An engine that has taken rows says nothing; a failure behind a proxy may come with 200.
  if (!answer.empty()) throw StoreError(url_ + ": " + OneLine(answer));
}

std::string Node::Post(CURL* curl, const std::string& query, Body kind, const std::string& body,
                       const QuerySettings& settings, const ExternalTable* keys, const Patience& patience) {
  // Without the wait a question that fails half-way has already said 200.
  std::string url = url_ + "/?wait_end_of_query=1&buffer_size=1048576&max_query_size=16777216";
  if (kind == Body::kRows) url += "&query=" + Escape(query);
  for (const auto& [name, value] : settings) url += "&" + name + "=" + Escape(value);
  if (keys != nullptr) url += "&keys_format=RowBinary&keys_structure=" + Escape(keys->structure);

  const std::unique_ptr<curl_mime, void (*)(curl_mime*)> form(kind == Body::kForm ? curl_mime_init(curl) : nullptr,
                                                              curl_mime_free);
  if (form != nullptr) {
    curl_mimepart* part = curl_mime_addpart(form.get());
    curl_mime_name(part, "query");
    curl_mime_data(part, query.data(), query.size());
    part = curl_mime_addpart(form.get());
    curl_mime_name(part, "keys");
    curl_mime_filename(part, "keys");
    curl_mime_data(part, keys->rows.data(), keys->rows.size());
    curl_easy_setopt(curl, CURLOPT_MIMEPOST, form.get());
  } else {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
  }
  curl_slist* list = curl_slist_append(nullptr, "Expect:");
  list = curl_slist_append(list, ("X-ClickHouse-User: " + user_).c_str());
  if (!password_.empty()) list = curl_slist_append(list, ("X-ClickHouse-Key: " + password_).c_str());
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(list, curl_slist_free_all);

  std::string answer;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectMs);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(patience.at_most.count()));
  Watched watched{this, patience, watch_every_, std::chrono::steady_clock::now() + watch_every_};
  if (patience.at_most > kShortAnswer) {
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, Watch);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &watched);
  }
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, kStalledS);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Collect);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  const CURLcode status = curl_easy_perform(curl);
  reached_ = status == CURLE_OK;
  if (status == CURLE_OK) answered_ = std::chrono::steady_clock::now();
  if (status != CURLE_OK) throw Unreachable(url_ + ": " + curl_easy_strerror(status));
  long code = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
  if (code == 404) throw Lacking(url_ + ": " + OneLine(answer));
  if (code != 200) throw StoreError(url_ + ": " + OneLine(answer));
  return answer;
}

std::string Quote(const std::string& text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out = "'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\'' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace whydrop::collector::clickhouse
