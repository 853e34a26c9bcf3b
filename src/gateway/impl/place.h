#pragma once
#include "client/client.h"
#include "gateway/gateway.h"
#include "gateway/impl/held.h"
#include "gateway/limiter.h"

// Shared by the sources of this module.
namespace chengxin::gateway {

inline constexpr size_t kMostConnections = 8;

struct Gateway::Sent {
  Result<Answer> answer;
  bool again = false;  // it may go otherwise a moment later
  int status = 0;      // 0: no answer
};

struct Gateway::Due {
  PlacePtr place;
  std::string application;
};

struct Gateway::Place {
  Place(Route given, std::shared_ptr<Held> what)
      : route(std::move(given)), limiter(route.per_second, route.burst), held(std::move(what)) {}

  const Route route;
  Limiter limiter;
  std::mutex mutex;
  std::vector<client::Client> idle;
  const std::shared_ptr<Held> held;  // of all that had the name: a route may be changed meanwhile

  client::Client connection(int timeout_ms) {
    {
      std::lock_guard lock(mutex);
      if (!idle.empty()) {
        client::Client out = std::move(idle.back());
        idle.pop_back();
        return out;
      }
    }
    return client::Client({route.upstream, route.root_pem, route.token, timeout_ms, {}, true});
  }
  void give_back(client::Client connection) {
    std::lock_guard lock(mutex);
    if (idle.size() < kMostConnections) idle.push_back(std::move(connection));
  }
};

// gateway.damaged. `context`: what it belongs to, so that rows cannot be exchanged.
Result<Bytes> opened(const Options& options, std::string_view context, ByteView sealed);

}  // namespace chengxin::gateway
