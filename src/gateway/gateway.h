#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "base/json.h"
#include "crypto/secret.h"
#include "gateway/meter.h"
#include "sql/database.h"

// The entry for applications (ADR 0043): who was authenticated passes, by routes that an operator made, to
// services and chains behind it; limited and metered by application; writes of buffered routes are accepted
// when they are durable here, and handed on in order when what stands behind has time.
//
// Invariants:
// - nothing passes but what a route names: its applications, its paths, its methods;
// - a ticket is given out after its write is in SQL; a write is settled once, in the order in which its
//   application handed it in on its route; no application waits for another's;
// - what stands behind sees the ticket as Idempotency-Key, so a write that was sent twice is done once; an
//   application's own key it sees as a MAC, so that no two applications share one.
namespace chengxin::gateway {

struct Route {
  std::string name;                       // lower-case letters, digits and hyphens
  std::string upstream;                   // http://, https:// or tlcp:// host, port
  std::string root_pem;                   // that its certificates must lead to
  std::string token;                      // our credential there; sealed at rest and never shown
  std::vector<std::string> applications;  // ids of credentials; "*" is every one
  std::vector<std::string> paths;         // what a path must begin with
  bool writes = false;                    // POST, PUT and DELETE too
  bool buffered = false;
  int64_t per_second = 50, burst = 100;  // of each application
  int64_t most_waiting = 10'000;         // writes of each application
};

struct Request {
  std::string application, method, path, type;  // path with its query
  Bytes body;
  std::string key;         // of the application's own, for idempotency; may be empty
  std::string request_id;  // for the log
};

enum class WriteState { waiting, done, refused };
std::string_view state_name(WriteState state);

struct Write {
  std::string ticket, application, route, method, path;
  WriteState state = WriteState::waiting;
  int64_t accepted_ms = 0, settled_ms = 0, attempts = 0;
  int status = 0;            // of the answer, when done
  std::string type, answer;  // of it
  Error error;               // when refused, or of the last attempt
};

struct Answer {
  int status = 200;
  std::string type, body;
  std::string ticket;  // of a buffered write: with status 202 it is not settled yet
};

struct Options {
  crypto::Secret seal_key;  // for what is kept: credentials, and the bodies of writes and of their answers
  std::function<int64_t()> now_ms;
  int patience_ms = 2'000;  // how long the caller of a buffered write waits for its answer
  int timeout_ms = 10'000;  // of a call behind
  int most_retry_ms = 30'000;
  size_t most_waiting_bytes = size_t(256) << 20;  // of the bodies that wait, of an application on a route
};

// Brings the tables of this module up to date; Gateway::open() does it too.
Status migrate(sql::Database& database);

class Gateway {
 public:
  static Result<std::unique_ptr<Gateway>> open(sql::Database& database, Options options);
  ~Gateway();  // stop()

  Status put(const Route& route);  // new, or in the place of the one of that name; gateway.route_invalid
  Status remove(const std::string& name);  // gateway.no_route, gateway.writes_wait
  std::vector<Route> routes() const;       // without credentials

  // gateway.no_route, gateway.application, gateway.path, gateway.method; gateway.rate and gateway.buffer_full
  // (Code::busy, with a time); gateway.key_reused; what the upstream answered as a problem, with its own
  // reason; client.* when it does not answer. A 4xx without a problem is an answer.
  Result<Answer> pass(const std::string& route, Request request);
  Result<Write> write(const std::string& application, const std::string& ticket) const;  // gateway.no_ticket
  Result<std::vector<Write>> writes(const std::string& route, std::optional<WriteState> state,
                                    int64_t limit) const;
  Result<std::vector<Traffic>> traffic(const TrafficFilter& filter);
  size_t waiting(const std::string& route) const;

  void start();  // hands buffered writes on, and notes the traffic, until stop()
  void stop();
  size_t deliver();  // one round; how many were settled

 private:
  struct Sent;
  struct Due;
  struct Place;  // a route with its limits, connections and what waits
  using PlacePtr = std::shared_ptr<Place>;

  Gateway(sql::Database& database, Options options);
  Status load();
  Result<PlacePtr> place(const std::string& name) const;
  Status admit(Place& place, const Request& request);
  Sent send(Place& place, const std::string& method, const std::string& path, const std::string& type,
            ByteView body, const std::string& key);
  Result<Answer> direct(Place& place, const Request& request);
  Result<Answer> buffer(Place& place, const Request& request);
  struct Kept {
    std::string ticket;
    bool fresh = false;
  };
  Result<Kept> keep(Place& place, const Request& request);
  Result<Answer> await(const std::string& application, const std::string& ticket);
  std::vector<PlacePtr> places() const;
  std::optional<Due> claim();
  Result<bool> deliver_next(const Due& due, int& wait_ms);
  bool deliver_claimed(const Due& due);
  void work(bool flushes);
  Status settle(Place& place, const Write& write, size_t bytes);

  sql::Database& database_;
  const Options options_;
  Meter meter_;
  mutable std::mutex mutex_;
  std::condition_variable wake_, settled_;
  std::map<std::string, PlacePtr> places_;
  bool stopping_ = false;
  uint64_t settlements_ = 0;
  std::atomic<size_t> turn_ = 0;
  std::vector<std::thread> workers_;
};

}  // namespace chengxin::gateway
