// One HTTP connection: reads requests, keeps their limits and time-outs, writes the answers. All of its steps run on
// the strand of its socket; ConnectionSet is used from any thread.
#ifndef WHYDROP_COLLECTOR_HTTP_CONNECTION_H
#define WHYDROP_COLLECTOR_HTTP_CONNECTION_H

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>

#include "samples/collector/http/http_server.h"
#include "samples/collector/http/http_stream.h"

namespace whydrop::collector {

// What can be stopped without knowing what it does.
class OpenConnection {
 public:
  virtual ~OpenConnection() = default;
  virtual void StopSoon() = 0;
  virtual std::shared_ptr<OpenConnection> Self() = 0;  // nullptr once it is being destroyed
};

// The open connections of all listeners of a server.
class ConnectionSet {
 public:
  bool Add(OpenConnection* connection);  // false: too many, or the end has begun
  void Remove(OpenConnection* connection);
  bool stopping();
  // Ends idle connections and waits for up to 10 s for the others.
  void StopAll();

 private:
  std::mutex mutex_;
  std::condition_variable empty_;
  std::set<OpenConnection*> connections_;  // guarded by mutex_
  bool stopping_ = false;                  // guarded by mutex_
};

// Serves the connection until it ends; it keeps itself alive. Returns false if `connections` takes no more.
// `handler` and `connections` outlive it.
bool ServeConnection(std::unique_ptr<HttpStream> stream, const HttpHandler* handler, ConnectionSet* connections);

}  // namespace whydrop::collector

#endif
