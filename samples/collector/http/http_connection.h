// One HTTP connection: reads requests, keeps their limits and time-outs, writes the answers. All of its steps run on
// the one thread of its socket.
#ifndef WHYDROP_COLLECTOR_HTTP_CONNECTION_H
#define WHYDROP_COLLECTOR_HTTP_CONNECTION_H

#include <memory>

#include "samples/collector/http/connection_set.h"
#include "samples/collector/http/http_server.h"
#include "samples/collector/http/http_stream.h"

namespace whydrop::collector {

// What a connection needs of its server, all of which outlives it.
struct ConnectionContext {
  const HttpHandler* handler;
  ConnectionSet* connections;
  Metrics* metrics;
};

// Serves the connection until it ends; it keeps itself alive. Returns false if the set takes no more.
bool ServeConnection(std::unique_ptr<HttpStream> stream, const ConnectionContext& context);

}  // namespace whydrop::collector

#endif
