#pragma once
#include <functional>
#include <memory>

#include "abci/application.h"
#include "base/file.h"

// An application behind a socket of the local machine, as an engine in another process asks it (CometBFT
// 0.40, abci/client/socket_client.go: requests in a row, answers in their order, written out at a Flush).
// Invariants:
// - connections are independent: each has a thread, none waits for another but where the application does;
// - whatever a peer sends, at most its own connection ends, with an Exception and a line in the log;
// - the socket is of this user alone.
namespace chengxin::abci {

struct ServerOptions {
  size_t max_message_bytes = 24 << 20;  // the engine's largest are chunks of snapshots, below 16 MiB
  size_t max_connections = 32;
};

// Told of each error that the application answered with, on that connection's thread; must not block.
using OnFailure = std::function<void(const Error&)>;

class Server {
 public:
  // Replaces a socket that nobody listens on. Errors: abci.listen (the path is too long, in use, …).
  static Result<std::unique_ptr<Server>> start(const fs::path& socket, Application& application,
                                               OnFailure on_failure, ServerOptions options = {});
  // Ends the connections and waits for calls under way: what they may wait for must be stopped before.
  virtual ~Server() = default;
  virtual size_t connections() const = 0;
};

}  // namespace chengxin::abci
