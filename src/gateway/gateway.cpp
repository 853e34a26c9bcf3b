#include "gateway/gateway.h"

#include <algorithm>
#include <set>

#include "base/clock.h"
#include "base/log.h"
#include "client/client.h"
#include "crypto/hmac.h"
#include "crypto/random.h"
#include "crypto/sm3.h"
#include "crypto/sm4.h"
#include "gateway/limiter.h"
#include "sql/query.h"

namespace chengxin::gateway {
namespace {

constexpr sql::Migration kHistory[] = {
    {1,
     "create table gateway_route (name {text} primary key, document {text} not null, token {blob} not null) "
     "{strict};"
     "create table gateway_write ("
     "  number {id}, ticket {text} not null unique, application {text} not null, route {text} not null,"
     "  method {text} not null, path {text} not null, type {text} not null,  body {blob} not null, digest "
     "{blob} not null, own_key "
     "{text},"
     "  state {int} not null, attempts {int} not null, accepted_ms {int} not null, settled_ms {int} not null,"
     "  status {int} not null, answer_type {text} not null, answer {blob} not null, error {text} not null) "
     "{strict};"
     "create index gateway_write_waiting on gateway_write (route, number) where state = 0;"
     "create unique index gateway_write_key on gateway_write (application, route, own_key) where own_key is "
     "not null;"
     "create table gateway_traffic ("
     "  minute_ms {int} not null, application {text} not null, route {text} not null, requests {int} not "
     "null,"
     "  refused {int} not null, failed {int} not null, bytes_in {int} not null, bytes_out {int} not null,"
     "  latency {text} not null, primary key (minute_ms, application, route)) {strict}"},
    {2,
     "drop index gateway_write_waiting;"
     "create index gateway_write_waiting on gateway_write (route, application, number) where state = 0"},
};
constexpr auto kFlushEvery = std::chrono::seconds(10);
constexpr size_t kMostConnections = 8, kMostRoutes = 200, kMostKeyBytes = 128;
constexpr int kFirstRetryMs = 100;
// Deliveries at once: of all, and of one route, so that what hangs behind one leaves room for others.
constexpr int kDeliverers = 8, kMostOfARoute = 2;

bool is_write(const std::string& method) { return method != "GET"; }

bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::islower(c) || std::isdigit(c) || c == '-';
  });
}

Json document_of(const Route& route) {
  return {{"name", route.name},         {"upstream", route.upstream},
          {"root_pem", route.root_pem}, {"applications", route.applications},
          {"paths", route.paths},       {"writes", route.writes},
          {"buffered", route.buffered}, {"per_second", route.per_second},
          {"burst", route.burst},       {"most_waiting", route.most_waiting}};
}

Route route_of(const Json& json) {
  Route out;
  out.name = json.at("name");
  out.upstream = json.at("upstream");
  out.root_pem = json.at("root_pem");
  out.applications = json.at("applications");
  out.paths = json.at("paths");
  out.writes = json.at("writes");
  out.buffered = json.at("buffered");
  out.per_second = json.at("per_second");
  out.burst = json.at("burst");
  out.most_waiting = json.at("most_waiting");
  return out;
}

// HOST, HOST:PORT.
bool is_loopback(std::string_view place) {
  for (std::string_view host : {"127.0.0.1", "[::1]"})
    if (place.starts_with(host) && (place.size() == host.size() || place[host.size()] == ':')) return true;
  return false;
}

Status check_route(const Route& route) {
  auto refused = [](std::string_view what) {
    return fail(Code::invalid_argument, "gateway.route_invalid", "{}", what);
  };
  if (!is_name(route.name)) return refused("name: lower-case letters, digits, hyphens");
  const bool known = route.upstream.starts_with("http://") || route.upstream.starts_with("https://") ||
                     route.upstream.starts_with("tlcp://");
  if (!known) return refused("upstream: http://, https:// or tlcp://");
  // In clear only to what stands on this machine: the credential travels with every call.
  if (route.upstream.starts_with("http://") && !is_loopback(route.upstream.substr(7)))
    return refused("upstream: http:// only to 127.0.0.1 or [::1]");
  if (route.applications.empty() || route.paths.empty())
    return refused("applications and paths must be named");
  for (const std::string& path : route.paths)
    if (!path.starts_with("/")) return refused("a path begins with /");
  if (route.per_second < 1 || route.burst < 1 || route.most_waiting < 1) return refused("limits begin at 1");
  if (route.buffered && !route.writes) return refused("what is buffered are writes");
  return {};
}

// A path that could be read in two ways passes no rule that names a beginning.
bool is_plain_path(std::string_view path) {
  if (!std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c < 0x7f; })) return false;
  path = path.substr(0, path.find('?'));
  return path.starts_with("/") && path.find("//") == path.npos && path.find("/.") == path.npos &&
         path.find('%') == path.npos && path.find('\\') == path.npos;
}

bool begins(const std::string& path, const std::string& rule) {
  if (!path.starts_with(rule)) return false;
  return rule.back() == '/' || path.size() == rule.size() || path[rule.size()] == '/' ||
         path[rule.size()] == '?';
}

// What may be otherwise a moment later: of an answer by its status alone, whatever it says.
bool may_pass(int status) {
  return status == 408 || status == 425 || status == 429 || (status >= 500 && status != 501);
}
bool may_pass(const Error& error) {
  return error.code == Code::busy || error.code == Code::unavailable || error.code == Code::internal ||
         error.code == Code::data_loss;
}

size_t latency_place(int64_t ms) {
  size_t i = 0;
  while (i < kLatencyMs.size() && ms > kLatencyMs[i]) ++i;
  return i;
}

Error error_of(const std::string& text) {
  auto json = parse_json(text);
  if (text.empty() || !json) return {};
  Error out{Code(json->value("code", 0)), json->value("reason", ""), json->value("detail", ""), 0};
  return out;
}

std::string error_text(const Error& error) {
  if (error.reason.empty()) return {};
  return Json{{"code", int(error.code)}, {"reason", error.reason}, {"detail", error.detail}}.dump(
      -1, ' ', false, Json::error_handler_t::replace);
}

// `context`: what it belongs to, so that rows cannot be exchanged.
Result<Bytes> opened(const Options& options, std::string_view context, ByteView sealed) {
  auto plain = crypto::sm4_gcm_unseal(options.seal_key, view(context), sealed);
  if (!plain) return fail(Code::data_loss, "gateway.damaged", "{}", context);
  return plain;
}

}  // namespace

std::string_view state_name(WriteState state) {
  constexpr std::string_view kNames[] = {"waiting", "done", "refused"};
  return kNames[size_t(state)];
}

// What waits on a route, by application.
struct Held {
  struct Queue {
    int64_t writes = 0;
    size_t bytes = 0;
    bool busy = false;  // somebody delivers its oldest write
    int retry_ms = 0;   // until the next attempt after one that failed
    int64_t not_before_ns = 0, tried_ns = 0;
  };
  std::mutex mutex;
  std::map<std::string, Queue> queues;

  // gateway.buffer_full. Taken before the row is there: what waits is never more than this.
  Status take(const std::string& application, size_t count, int64_t most, size_t most_bytes) {
    std::lock_guard lock(mutex);
    Queue& queue = queues[application];
    if (queue.writes >= most || queue.bytes + count > most_bytes)
      return tl::unexpected(
          Error{Code::busy, "gateway.buffer_full", fmt::format("{} wait", queue.writes), 1000});
    ++queue.writes;
    queue.bytes += count;
    return {};
  }
  void give_back(const std::string& application, size_t count) {
    std::lock_guard lock(mutex);
    auto at = queues.find(application);
    --at->second.writes;
    at->second.bytes -= count;
    if (at->second.writes == 0 && !at->second.busy) queues.erase(at);
  }
  int64_t writes() {
    std::lock_guard lock(mutex);
    int64_t out = 0;
    for (const auto& [application, queue] : queues) out += queue.writes;
    return out;
  }
  // The application that waited longest and may be tried now, marked as busy.
  std::optional<std::string> claim(int64_t now_ns) {
    std::lock_guard lock(mutex);
    auto best = queues.end();
    int busy = 0;
    for (auto at = queues.begin(); at != queues.end(); ++at) {
      busy += at->second.busy;
      if (at->second.busy || at->second.writes == 0 || at->second.not_before_ns > now_ns) continue;
      if (best == queues.end() || at->second.tried_ns < best->second.tried_ns) best = at;
    }
    if (best == queues.end() || busy >= kMostOfARoute) return std::nullopt;
    best->second.busy = true;
    best->second.tried_ns = now_ns;
    return best->first;
  }
  // wait_ms: what the far side asks for; negative when nothing failed.
  void release(const std::string& application, int wait_ms, int most_retry_ms) {
    std::lock_guard lock(mutex);
    auto at = queues.find(application);
    Queue& queue = at->second;
    queue.busy = false;
    if (wait_ms < 0) {
      queue.retry_ms = 0;
      queue.not_before_ns = 0;
    } else {
      queue.retry_ms = std::clamp(queue.retry_ms * 2, kFirstRetryMs, most_retry_ms);
      queue.not_before_ns =
          steady_ns() + int64_t(std::max(queue.retry_ms, std::min(wait_ms, most_retry_ms))) * 1'000'000;
    }
    if (queue.writes == 0) queues.erase(at);
  }
};

struct Gateway::Sent {
  Result<Answer> answer;
  bool again;  // it may go otherwise a moment later
};

struct Gateway::Due {
  PlacePtr place;
  std::string application;
};

struct Gateway::Place {
  explicit Place(Route given) : route(std::move(given)), limiter(route.per_second, route.burst) {}

  const Route route;
  Limiter limiter;
  std::mutex mutex;
  std::vector<client::Client> idle;
  std::shared_ptr<Held> held =
      std::make_shared<Held>();  // of all that had the name: a route may be changed meanwhile

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

Gateway::Gateway(sql::Database& database, Options options)
    : database_(database), options_(std::move(options)) {}

Status migrate(sql::Database& database) { return database.migrate("gateway", kHistory); }

Result<std::unique_ptr<Gateway>> Gateway::open(sql::Database& database, Options options) {
  std::unique_ptr<Gateway> out(new Gateway(database, std::move(options)));
  TRY(migrate(database));
  TRY(out->load());
  return out;
}

Gateway::~Gateway() { stop(); }

Status Gateway::load() {
  auto read = [&](sql::Session& session) -> Status {
    ASSIGN(const auto rows,
           session.rows("select document, token from gateway_route order by name limit ?", kMostRoutes));
    for (const sql::Row& row : rows) {
      ASSIGN(const Json document, parse_json(row.text(0)));
      Route route = route_of(document);
      ASSIGN(const Bytes token, opened(options_, route.name, row.blob(1)));
      route.token = to_string(token);
      auto place = std::make_shared<Place>(std::move(route));
      ASSIGN(const auto sums,
             session.rows("select application, count(*), coalesce(cast(sum(length(body) - ?) as bigint), 0) "
                          "from gateway_write where route = ? and state = 0 group by application",
                          int64_t(crypto::kSm4SealBytes), place->route.name));
      for (const sql::Row& sum : sums)
        place->held->queues[sum.text(0)] = {.writes = sum.integer(1), .bytes = size_t(sum.integer(2))};
      places_[place->route.name] = std::move(place);
    }
    return {};
  };
  std::lock_guard lock(mutex_);
  places_.clear();
  return database_.read(read);
}

Status Gateway::put(const Route& route) {
  TRY(check_route(route));
  ASSIGN(const Bytes sealed, crypto::sm4_gcm_seal(options_.seal_key, view(route.name), view(route.token)));
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN([[maybe_unused]] const auto gone,
           session.run("delete from gateway_route where name = ?", route.name));
    ASSIGN(const auto count, session.row("select count(*) from gateway_route"));
    if (count->integer(0) >= int64_t(kMostRoutes))
      return fail(Code::conflict, "gateway.route_invalid", "too many");
    ASSIGN([[maybe_unused]] const auto added,
           session.run("insert into gateway_route (name, document, token) values (?, ?, ?)", route.name,
                       document_of(route).dump(), sealed));
    return {};
  }));
  std::lock_guard lock(mutex_);
  auto place = std::make_shared<Place>(route);
  if (auto former = places_.find(route.name); former != places_.end()) place->held = former->second->held;
  places_[route.name] = std::move(place);
  wake_.notify_all();
  return {};
}

Status Gateway::remove(const std::string& name) {
  ASSIGN(const PlacePtr place, this->place(name));
  if (waiting(name) > 0) return fail(Code::conflict, "gateway.writes_wait", "{}", waiting(name));
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN([[maybe_unused]] const auto gone, session.run("delete from gateway_route where name = ?", name));
    return {};
  }));
  std::lock_guard lock(mutex_);
  places_.erase(name);
  return {};
}

std::vector<Route> Gateway::routes() const {
  std::lock_guard lock(mutex_);
  std::vector<Route> out;
  for (const auto& [name, place] : places_) {
    out.push_back(place->route);
    out.back().token.clear();
  }
  return out;
}

Result<Gateway::PlacePtr> Gateway::place(const std::string& name) const {
  std::lock_guard lock(mutex_);
  auto at = places_.find(name);
  if (at == places_.end()) return fail(Code::not_found, "gateway.no_route", "{}", name);
  return at->second;
}

size_t Gateway::waiting(const std::string& route) const {
  auto place = this->place(route);
  if (!place) return 0;
  return size_t((*place)->held->writes());
}

Status Gateway::admit(Place& place, const Request& request) {
  const Route& route = place.route;
  auto any_of = [](const auto& list, auto test) { return std::any_of(list.begin(), list.end(), test); };
  if (!any_of(route.applications,
              [&](const auto& each) { return each == "*" || each == request.application; }))
    return fail(Code::forbidden, "gateway.application", "{}", route.name);
  if (is_write(request.method) && !route.writes)
    return fail(Code::forbidden, "gateway.method", "{}", request.method);
  if (!is_plain_path(request.path) ||
      !any_of(route.paths, [&](const auto& each) { return begins(request.path, each); }))
    return fail(Code::forbidden, "gateway.path", "{}", route.name);
  if (const int wait_ms = place.limiter.take(request.application, steady_ns()); wait_ms > 0)
    return tl::unexpected(
        Error{Code::busy, "gateway.rate", fmt::format("{} a second", route.per_second), wait_ms});
  return {};
}

Result<Answer> Gateway::pass(const std::string& name, Request request) {
  ASSIGN(const PlacePtr place, this->place(name));
  const int64_t began = steady_ns();
  Counts counts{.requests = 1, .bytes_in = int64_t(request.body.size()), .latency = {}};
  Status admitted = admit(*place, request);
  Result<Answer> answer = admitted
                              ? (place->route.buffered && is_write(request.method) ? buffer(*place, request)
                                                                                   : direct(*place, request))
                              : Result<Answer>(tl::unexpected(admitted.error()));
  const int64_t ms = (steady_ns() - began) / 1'000'000;
  const bool refused = !admitted || (!answer && answer.error().reason.starts_with("gateway."));
  if (refused)
    counts.refused = 1;
  else
    ++counts.latency[latency_place(ms)];
  if (!refused && !answer) counts.failed = 1;
  if (answer) counts.bytes_out = int64_t(answer->body.size());
  meter_.count(request.application, name, options_.now_ms(), counts);
  log::info("gateway.request", {{"request_id", request.request_id},
                                {"application", request.application},
                                {"route", name},
                                {"method", request.method},
                                {"path", request.path.substr(0, request.path.find('?'))},
                                {"outcome", answer ? std::to_string(answer->status) : answer.error().reason},
                                {"ms", ms}});
  return answer;
}

Gateway::Sent Gateway::send(Place& place, const std::string& method, const std::string& path,
                            const std::string& type, ByteView body, const std::string& key) {
  client::Client connection = place.connection(options_.timeout_ms);
  std::map<std::string, std::string> headers;
  if (!key.empty()) headers["Idempotency-Key"] = key;
  auto response = connection.send(method, path, body, type, headers);
  if (!response) return {tl::unexpected(response.error()), may_pass(response.error())};
  place.give_back(std::move(connection));
  const int status = response->status;
  Error error = status < 400 ? Error() : client::error_of(*response);
  const bool problem = error.reason != "client.protocol";
  if (may_pass(status)) return {tl::unexpected(std::move(error)), true};
  if (status >= 400 && problem) return {tl::unexpected(std::move(error)), false};
  return {Answer{status, response->content_type, std::move(response->body), ""}, false};
}

Result<Answer> Gateway::direct(Place& place, const Request& request) {
  std::string key;
  if (!request.key.empty()) {
    const std::string_view tag("chengxin/gateway/idempotency/v1\0", 32), end("\0", 1);
    key = hex(crypto::hmac_sm3(options_.seal_key,
                               {view(tag), view(request.application), view(end), view(request.key)}));
  }
  return send(place, request.method, request.path, request.type, request.body, key).answer;
}

// The ticket of the write: of the one that is there under the application's own key, if it is the same.
Result<Gateway::Kept> Gateway::keep(Place& place, const Request& request) {
  const std::string ticket = hex(crypto::random_bytes(16));
  const std::string_view end("\0", 1);
  const Digest digest =
      crypto::sm3({view(request.method), view(end), view(request.path), view(end), request.body});
  std::string former;
  const std::optional<std::string> own = request.key.empty() ? std::nullopt : std::optional(request.key);
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    former.clear();
    if (own) {
      ASSIGN(const auto row, session.row("select ticket, digest from gateway_write where application = ? and "
                                         "route = ? and own_key = ?",
                                         request.application, place.route.name, *own));
      if (row) {
        if (!equal(row->blob(1), digest)) return fail(Code::conflict, "gateway.key_reused", "{}", *own);
        former = row->text(0);
        return {};
      }
    }
    ASSIGN(const Bytes sealed, crypto::sm4_gcm_seal(options_.seal_key, view(ticket), request.body));
    ASSIGN([[maybe_unused]] const auto added,
           session.run("insert into gateway_write (ticket, application, route, method, path, type, body, "
                       "digest, own_key, state, attempts, accepted_ms, settled_ms, status, answer_type, "
                       "answer, error) values "
                       "(?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, 0, 0, '', ?, '')",
                       ticket, request.application, place.route.name, request.method, request.path,
                       request.type, sealed, digest, own, options_.now_ms(), Bytes()));
    return {};
  }));
  return former.empty() ? Kept{ticket, true} : Kept{former, false};
}

Result<Answer> Gateway::buffer(Place& place, const Request& request) {
  if (request.key.size() > kMostKeyBytes)
    return fail(Code::invalid_argument, "gateway.key_reused", "the key is too long");
  TRY(place.held->take(request.application, request.body.size(), place.route.most_waiting,
                       options_.most_waiting_bytes));
  auto kept = keep(place, request);
  if (!kept || !kept->fresh) place.held->give_back(request.application, request.body.size());
  if (!kept) return tl::unexpected(kept.error());
  {
    std::lock_guard lock(mutex_);
    wake_.notify_all();
  }
  return await(request.application, kept->ticket);
}

namespace {

Result<Write> write_of(const Options& options, const sql::Row& row) {
  Write out;
  out.ticket = row.text(1);
  out.application = row.text(2);
  out.route = row.text(3);
  out.method = row.text(4);
  out.path = row.text(5);
  out.state = WriteState(row.integer(6));
  out.attempts = row.integer(7);
  out.accepted_ms = row.integer(8);
  out.settled_ms = row.integer(9);
  out.status = int(row.integer(10));
  out.type = row.text(11);
  if (const Bytes& sealed = row.blob(12); !sealed.empty()) {
    ASSIGN(const Bytes answer, opened(options, out.ticket, sealed));
    out.answer = to_string(answer);
  }
  out.error = error_of(row.text(13));
  return out;
}

constexpr const char* kWriteColumns =
    "select number, ticket, application, route, method, path, state, attempts, accepted_ms, settled_ms, "
    "status, "
    "answer_type, answer, error from gateway_write";

}  // namespace

Result<Write> Gateway::write(const std::string& application, const std::string& ticket) const {
  Write out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(const auto row, session.row(std::string(kWriteColumns) + " where ticket = ? and application = ?",
                                       ticket, application));
    if (!row) return fail(Code::not_found, "gateway.no_ticket", "{}", ticket);
    ASSIGN(out, write_of(options_, *row));
    return {};
  }));
  return out;
}

Result<std::vector<Write>> Gateway::writes(const std::string& route, std::optional<WriteState> state,
                                           int64_t limit) const {
  sql::Query query(kWriteColumns);
  query.where("route = ?", route);
  if (state) query.where("state = ?", int(*state));
  query.keys({"number"});
  std::vector<Write> out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(const auto page, session.page(query, "", size_t(limit)));
    for (const sql::Row& row : page.rows) {
      ASSIGN(Write one, write_of(options_, row));
      out.push_back(std::move(one));
    }
    return {};
  }));
  return out;
}

// Until the write is settled or patience is over: then the ticket says where to ask.
Result<Answer> Gateway::await(const std::string& application, const std::string& ticket) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.patience_ms);
  while (true) {
    uint64_t seen = 0;
    {
      std::lock_guard lock(mutex_);
      seen = settlements_;
    }
    ASSIGN(Write now, write(application, ticket));
    if (now.state == WriteState::done) return Answer{now.status, now.type, std::move(now.answer), ticket};
    if (now.state == WriteState::refused) return tl::unexpected(now.error);
    std::unique_lock lock(mutex_);
    if (!settled_.wait_until(lock, until, [&] { return settlements_ != seen || stopping_; }) || stopping_)
      return Answer{202, "application/json", Json{{"ticket", ticket}, {"state", "waiting"}}.dump(), ticket};
  }
}

Status Gateway::settle(Place& place, const Write& write, size_t bytes) {
  ASSIGN(const Bytes sealed, crypto::sm4_gcm_seal(options_.seal_key, view(write.ticket), view(write.answer)));
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    // The body is needed no longer.
    ASSIGN(
        [[maybe_unused]] const auto changed,
        session.run(
            "update gateway_write set state = ?, attempts = ?, settled_ms = ?, status = ?, answer_type = ?, "
            "answer = ?, error = ?, body = ? where ticket = ?",
            int(write.state), write.attempts, options_.now_ms(), write.status, write.type, sealed,
            error_text(write.error), Bytes(), write.ticket));
    return {};
  }));
  place.held->give_back(write.application, bytes);
  std::lock_guard lock(mutex_);
  ++settlements_;
  settled_.notify_all();
  return {};
}

// The oldest write of an application on a route; false when there is none, or it has to be tried again:
// wait_ms is then at least 0.
Result<bool> Gateway::deliver_next(const Due& due, int& wait_ms) {
  Place& place = *due.place;
  Write write;
  std::string type;
  Bytes body;
  TRY(database_.read([&](sql::Session& session) -> Status {
    write = {};
    ASSIGN(const auto row,
           session.row("select ticket, method, path, type, body, attempts from gateway_write where "
                       "route = ? and application = ? and state = 0 order by number limit 1",
                       place.route.name, due.application));
    if (!row) return {};
    write.ticket = row->text(0);
    write.application = due.application;
    write.method = row->text(1);
    write.path = row->text(2);
    type = row->text(3);
    ASSIGN(body, opened(options_, write.ticket, row->blob(4)));
    write.attempts = row->integer(5) + 1;
    return {};
  }));
  if (write.ticket.empty()) return false;
  auto [answer, again] = send(place, write.method, write.path, type, body, write.ticket);
  if (again) {
    wait_ms = std::max(answer.error().retry_after_ms, 0);
    TRY(database_.transaction([&](sql::Session& session) -> Status {
      ASSIGN([[maybe_unused]] const auto noted,
             session.run("update gateway_write set attempts = ?, error = ? where ticket = ?", write.attempts,
                         error_text(answer.error()), write.ticket));
      return {};
    }));
    return false;
  }
  write.state = answer ? WriteState::done : WriteState::refused;
  if (answer) {
    write.status = answer->status;
    write.type = answer->type;
    write.answer = std::move(answer->body);
  } else {
    write.error = answer.error();
  }
  TRY(settle(place, write, body.size()));
  return true;
}

std::vector<Gateway::PlacePtr> Gateway::places() const {
  std::lock_guard lock(mutex_);
  std::vector<PlacePtr> out;
  for (const auto& [name, place] : places_) out.push_back(place);
  return out;
}

bool Gateway::deliver_claimed(const Due& due) {
  int wait_ms = -1;
  auto done = deliver_next(due, wait_ms);
  if (!done) {
    log::error("gateway.deliver", {{"route", due.place->route.name}, {"error", done.error().to_string()}});
    wait_ms = std::max(wait_ms, 0);
  }
  due.place->held->release(due.application, wait_ms, options_.most_retry_ms);
  return done && *done;
}

// One of those that may be delivered now, of the routes in turn.
std::optional<Gateway::Due> Gateway::claim() {
  const auto all = places();
  const size_t first = turn_++;
  for (size_t i = 0; i < all.size(); ++i) {
    const PlacePtr& place = all[(first + i) % all.size()];
    if (auto application = place->held->claim(steady_ns())) return Due{place, std::move(*application)};
  }
  return std::nullopt;
}

size_t Gateway::deliver() {
  size_t settled = 0;
  for (const PlacePtr& place : places()) {
    const int64_t began_ns = steady_ns();
    std::set<std::string> tried;
    while (auto application = place->held->claim(began_ns)) {
      const bool again = !tried.insert(*application).second;
      if (again) {
        place->held->release(*application, -1, options_.most_retry_ms);
        break;
      }
      settled += deliver_claimed({place, *application});
    }
  }
  return settled;
}

Result<std::vector<Traffic>> Gateway::traffic(const TrafficFilter& filter) {
  TRY(meter_.flush(database_));
  std::vector<Traffic> out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(out, Meter::read(session, filter));
    return {};
  }));
  return out;
}

void Gateway::work(bool flushes) {
  int64_t flushed_ns = steady_ns();
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const auto due = claim();
    if (due) deliver_claimed(*due);
    if (flushes && steady_ns() - flushed_ns > std::chrono::nanoseconds(kFlushEvery).count()) {
      flushed_ns = steady_ns();
      if (Status done = meter_.flush(database_); !done)
        log::warn("gateway.traffic", {{"error", done.error().to_string()}});
    }
    lock.lock();
    if (!due && !stopping_) wake_.wait_for(lock, std::chrono::milliseconds(kFirstRetryMs));
  }
}

void Gateway::start() {
  for (int i = 0; i < kDeliverers; ++i) workers_.emplace_back([this, i] { work(i == 0); });
}

void Gateway::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  settled_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  if (Status done = meter_.flush(database_); !done)
    log::warn("gateway.traffic", {{"error", done.error().to_string()}});
}

}  // namespace chengxin::gateway
