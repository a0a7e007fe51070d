// One blocking HTTP client over TCP or TLS on loopback, as plain as it can be: the load must cost less than what it
// loads.
//
// Thread rule: one thread for each connection; ClientTls may be shared.
#ifndef WHYDROP_BENCH_LOAD_CLIENT_H
#define WHYDROP_BENCH_LOAD_CLIENT_H

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>

namespace whydrop::bench {

class ClientTls {
 public:
  ClientTls();  // no session is resumed and no certificate is checked
  SSL_CTX* get() const { return context_.get(); }

 private:
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
};

class LoadConnection {
 public:
  LoadConnection() = default;
  ~LoadConnection();
  LoadConnection(const LoadConnection&) = delete;

  // nullptr: without TLS. False: it could not be opened.
  bool Open(uint16_t port, const ClientTls* tls);

  // Posts a gzip body and returns the status of the answer, 0 if there was none.
  int Post(const std::string& gzip);

 private:
  bool Write(const std::string& bytes);
  int Read(char* out, int size);

  int socket_ = -1;
  SSL* ssl_ = nullptr;
};

}  // namespace whydrop::bench

#endif
