// One HTTP exchange with a server on this machine's loopback, the way the smallest client does it.
// Thread rule: any thread; blocks up to the given time for each step.
#ifndef SAMPLES_COMMON_HTTP_H
#define SAMPLES_COMMON_HTTP_H

#include <cstdint>
#include <string>

namespace samples {

struct HttpAnswer {
  int status = 0;  // 0: none
  std::string body;
};

// `headers` are "Name: value\r\n" lines, for Content-Length and Connection none is needed. 127.0.0.1, `port`.
HttpAnswer ExchangeHttp(const std::string& port, const std::string& method, const std::string& target,
                        const std::string& headers, const std::string& body, int timeout_ms);

}  // namespace samples

#endif
