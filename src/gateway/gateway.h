#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
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
// - a ticket is given out after its write is in SQL; a write is settled once, by an answer of the far side
//   only, in the order in which its application handed it in on its route; no application waits for
//   another's;
// - what cannot be delivered is parked: not tried any more, and still the first of its application on its
//   route, so that those behind it wait too, until an operator has it tried again or discards it;
// - a route goes only when nothing is held on it; from that moment nothing is accepted on it;
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

enum class WriteState { waiting, done, refused, parked, discarded };  // numbers of the table
inline constexpr WriteState kWriteStates[] = {WriteState::waiting, WriteState::done, WriteState::refused,
                                              WriteState::parked, WriteState::discarded};
std::string_view state_name(WriteState state);

struct Write {
  std::string ticket, application, route, method, path;
  WriteState state = WriteState::waiting;
  int64_t accepted_ms = 0, settled_ms = 0, attempts = 0;
  int64_t first_ms = 0, last_ms = 0;  // attempts since it was accepted or retried; 0: none
  int64_t failures = 0;               // of these attempts: answers that say that the far side failed
  int status = 0;                     // of the last answer; 0: none
  std::string type, answer;           // when done
  Error error;                        // when refused, parked or discarded, or of the last attempt
};

struct WriteFilter {
  std::string route, application;  // empty: all
  std::optional<WriteState> state = std::nullopt;
  int64_t limit = 100;
};

struct Discarded {
  Write write;         // as it was
  int64_t writes = 0;  // it and those that waited behind it
};

struct Finding {
  std::string reason, detail, advice;
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
  // What is held of all routes and applications; of one application at most a quarter.
  int64_t most_writes = 100'000;
  size_t most_bytes = size_t(1) << 30;  // of their bodies
  // A write is parked after so many answers of a far side that failed (5xx; not 502, 503 and 504, by which it
  // is away), or so long after the first attempt.
  int64_t park_failures = 100, park_after_ms = 24 * 3600'000;
};

class Total;

// Brings the tables of this module up to date; Gateway::open() does it too.
Status migrate(sql::Database& database);

class Gateway {
 public:
  static Result<std::unique_ptr<Gateway>> open(sql::Database& database, Options options);
  ~Gateway();  // stop()

  Status put(const Route& route);  // new, or in the place of the one of that name; gateway.route_invalid
  Status remove(const std::string& name);  // gateway.no_route, gateway.writes_wait (parked ones too)
  std::vector<Route> routes() const;       // without credentials

  // gateway.no_route, gateway.application, gateway.path, gateway.method; gateway.rate, gateway.buffer_full
  // and gateway.buffer_total (Code::busy, with a time); gateway.key_reused; gateway.discarded; what the
  // upstream answered as a problem, with its own reason; client.* when it does not answer. A 4xx without a
  // problem is an answer.
  Result<Answer> pass(const std::string& route, Request request);
  Result<Write> write(const std::string& application, const std::string& ticket) const;  // gateway.no_ticket
  Result<std::vector<Write>> writes(const WriteFilter& filter) const;                    // the oldest first
  // How many are parked in all, of a route, of an application; empty: of all.
  Result<int64_t> count_parked(const std::string& route, const std::string& application) const;
  // Of a parked write: it is tried again, with as many attempts as a new one. gateway.no_ticket,
  // gateway.not_parked, gateway.no_route.
  Result<Write> retry(const std::string& ticket);
  // Of a parked write, and of what waits behind it if that is wanted: the bodies are gone, their tickets say
  // gateway.discarded and why. gateway.no_ticket, gateway.not_parked.
  Result<Discarded> discard(const std::string& ticket, const std::string& why, bool behind);
  Result<std::vector<Traffic>> traffic(const TrafficFilter& filter);
  // Not settled, parked ones too; of all applications or of one.
  size_t waiting(const std::string& route,
                 const std::optional<std::string>& application = std::nullopt) const;
  size_t parked(const std::string& route) const;
  std::vector<Finding> findings() const;  // gateway.parked

  void start();  // hands buffered writes on, and notes the traffic, until stop()
  void stop();
  size_t deliver();  // one round; how many were settled

 private:
  struct Sent;
  struct Due;
  struct Next;   // the oldest write of an application on a route
  struct Place;  // a route with its limits, connections and what waits
  using PlacePtr = std::shared_ptr<Place>;

  Gateway(sql::Database& database, Options options);
  Status load();
  // The counts of an application, of which SQL may say something else. For who claimed it.
  Status recount(const Due& due);
  Status park_strays();
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
  Result<Answer> await(Place& place, const std::string& application, const std::string& ticket);
  std::vector<PlacePtr> places() const;
  std::optional<Due> claim();
  Result<std::optional<Next>> next(const Due& due) const;
  Result<bool> deliver_next(const Due& due, int& wait_ms);
  void tell_waiters();
  Status note(const Write& write);
  Status park(Place& place, Write write);
  bool is_hopeless(const Write& write) const;
  bool deliver_claimed(const Due& due);
  void work(bool flushes);
  Status settle(Place& place, const Write& write, size_t bytes);

  sql::Database& database_;
  const Options options_;
  Meter meter_;
  const std::unique_ptr<Total> total_;
  std::mutex changing_;  // one change of routes, or of what is parked, at a time; taken before mutex_
  mutable std::mutex mutex_;
  std::condition_variable wake_, settled_;
  std::map<std::string, PlacePtr> places_;
  bool stopping_ = false;
  uint64_t settlements_ = 0;
  std::atomic<size_t> turn_ = 0;
  std::vector<std::thread> workers_;
};

}  // namespace chengxin::gateway
