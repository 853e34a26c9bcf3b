#include "gateway/gateway.h"

#include <algorithm>
#include <set>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/hmac.h"
#include "crypto/sm4.h"
#include "gateway/impl/place.h"

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
    {3,
     "alter table gateway_write add column bytes {int} not null default 0;"
     "alter table gateway_write add column failures {int} not null default 0;"
     "alter table gateway_write add column first_ms {int} not null default 0;"
     "alter table gateway_write add column last_ms {int} not null default 0;"
     "update gateway_write set bytes = length(body) - 28 where state = 0 and length(body) > 28;"
     "create index gateway_write_parked on gateway_write (route, application, number) where state = 3"},
};
constexpr auto kFlushEvery = std::chrono::seconds(10);
constexpr size_t kMostRoutes = 200;
constexpr int kDeliverers = 8;  // deliveries at once, of all routes

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

size_t latency_place(int64_t ms) {
  size_t i = 0;
  while (i < kLatencyMs.size() && ms > kLatencyMs[i]) ++i;
  return i;
}

}  // namespace

Result<Bytes> opened(const Options& options, std::string_view context, ByteView sealed) {
  auto plain = crypto::sm4_gcm_unseal(options.seal_key, view(context), sealed);
  if (!plain) return fail(Code::data_loss, "gateway.damaged", "{}", context);
  return plain;
}

std::string_view state_name(WriteState state) {
  constexpr std::string_view kNames[] = {"waiting", "done", "refused", "parked", "discarded"};
  return kNames[size_t(state)];
}

Gateway::Gateway(sql::Database& database, Options options)
    : database_(database),
      options_(std::move(options)),
      total_(std::make_unique<Total>(options_.most_writes, options_.most_bytes)) {}

Status migrate(sql::Database& database) { return database.migrate("gateway", kHistory); }

Result<std::unique_ptr<Gateway>> Gateway::open(sql::Database& database, Options options) {
  std::unique_ptr<Gateway> out(new Gateway(database, std::move(options)));
  TRY(migrate(database));
  TRY(out->park_strays());
  TRY(out->load());
  return out;
}

Gateway::~Gateway() { stop(); }

namespace {

Result<std::vector<Sum>> sums_of(sql::Session& session, const std::string& route) {
  constexpr std::string_view kText =
      "select application, count(*), coalesce(cast(sum(bytes) as bigint), 0) from gateway_write "
      "where route = ? and state = {} group by application";
  std::vector<Sum> out;
  for (const auto state : {WriteState::waiting, WriteState::parked}) {
    ASSIGN(const auto rows, session.rows(fmt::format(fmt::runtime(kText), int(state)), route));
    for (const sql::Row& row : rows) {
      const int64_t writes = row.integer(1);
      out.push_back({row.text(0), writes, state == WriteState::parked ? writes : 0, size_t(row.integer(2))});
    }
  }
  return out;
}

Result<Sum> sum_of(sql::Session& session, const std::string& route, const std::string& application) {
  constexpr std::string_view kText =
      "select count(*), coalesce(cast(sum(bytes) as bigint), 0) from gateway_write "
      "where route = ? and application = ? and state = {}";
  Sum out{application};
  for (const auto state : {WriteState::waiting, WriteState::parked}) {
    ASSIGN(const auto row, session.row(fmt::format(fmt::runtime(kText), int(state)), route, application));
    out.writes += row->integer(0);
    if (state == WriteState::parked) out.parked = row->integer(0);
    out.bytes += size_t(row->integer(1));
  }
  return out;
}

void add(Held& held, const std::vector<Sum>& sums) {
  for (const Sum& sum : sums) held.add(sum);
}

std::shared_ptr<Held> held_of(Total& total, const std::vector<Sum>& sums) {
  auto out = std::make_shared<Held>(total);
  add(*out, sums);
  return out;
}

}  // namespace

Status Gateway::recount(const Due& due) {
  // Nothing that is parked is retried or discarded between SQL and the counts meanwhile.
  std::lock_guard changing(changing_);
  return due.place->held->recount(due.application, [&]() -> Result<Sum> {
    Sum out;
    TRY(database_.read([&](sql::Session& session) -> Status {
      ASSIGN(out, sum_of(session, due.place->route.name, due.application));
      return {};
    }));
    return out;
  });
}

Status Gateway::load() {
  auto read = [&](sql::Session& session) -> Status {
    ASSIGN(const auto rows,
           session.rows("select document, token from gateway_route order by name limit ?", kMostRoutes));
    for (const sql::Row& row : rows) {
      ASSIGN(const Json document, parse_json(row.text(0)));
      Route route = route_of(document);
      ASSIGN(const Bytes token, opened(options_, route.name, row.blob(1)));
      route.token = to_string(token);
      ASSIGN(const auto sums, sums_of(session, route.name));
      const std::string name = route.name;
      places_[name] = std::make_shared<Place>(std::move(route), held_of(*total_, sums));
    }
    return {};
  };
  std::lock_guard lock(mutex_);
  return database_.read(read);
}

Status Gateway::put(const Route& route) {
  TRY(check_route(route));
  if (route.buffered && route.most_waiting > options_.most_writes)
    return fail(Code::invalid_argument, "gateway.route_invalid", "most_waiting: at most {}, of all routes",
                options_.most_writes);
  ASSIGN(const Bytes sealed, crypto::sm4_gcm_seal(options_.seal_key, view(route.name), view(route.token)));
  std::lock_guard changing(changing_);
  std::vector<Sum> sums;
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN([[maybe_unused]] const auto gone,
           session.run("delete from gateway_route where name = ?", route.name));
    ASSIGN(const auto count, session.row("select count(*) from gateway_route"));
    if (count->integer(0) >= int64_t(kMostRoutes))
      return fail(Code::conflict, "gateway.route_invalid", "too many");
    ASSIGN([[maybe_unused]] const auto added,
           session.run("insert into gateway_route (name, document, token) values (?, ?, ?)", route.name,
                       document_of(route).dump(), sealed));
    ASSIGN(sums, sums_of(session, route.name));
    return {};
  }));
  std::lock_guard lock(mutex_);
  const auto former = places_.find(route.name);
  auto held = former == places_.end() ? held_of(*total_, sums) : former->second->held;
  places_[route.name] = std::make_shared<Place>(route, std::move(held));
  wake_.notify_all();
  return {};
}

Status Gateway::remove(const std::string& name) {
  std::lock_guard changing(changing_);
  ASSIGN(const PlacePtr place, this->place(name));
  // First nothing is taken any more, then the route goes: what is accepted always has one.
  if (!place->held->close()) {
    const auto count = place->held->count();
    return fail(Code::conflict, "gateway.writes_wait", "{}, {} of them parked", count.writes, count.parked);
  }
  // What SQL knows and the counts do not was written by a commit whose answer was lost.
  std::vector<Sum> left;
  Status gone = database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(left, sums_of(session, name));
    if (!left.empty()) return fail(Code::conflict, "gateway.writes_wait", "of {} applications", left.size());
    ASSIGN([[maybe_unused]] const auto rows, session.run("delete from gateway_route where name = ?", name));
    return {};
  });
  if (!gone) {
    add(*place->held, left);
    place->held->reopen();
    return gone;
  }
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

size_t Gateway::waiting(const std::string& route, const std::optional<std::string>& application) const {
  auto place = this->place(route);
  return place ? size_t((*place)->held->count(application).writes) : 0;
}

size_t Gateway::parked(const std::string& route) const {
  auto place = this->place(route);
  return place ? size_t((*place)->held->count().parked) : 0;
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
  // Whoever did not answer refused nothing: a handshake that failed, by whatever fault, may be mended.
  if (!response) return {tl::unexpected(response.error()), true, 0};
  place.give_back(std::move(connection));
  const int status = response->status;
  Error error = status < 400 ? Error() : client::error_of(*response);
  const bool problem = error.reason != "client.protocol";
  if (may_pass(status)) return {tl::unexpected(std::move(error)), true, status};
  if (status >= 400 && problem) return {tl::unexpected(std::move(error)), false, status};
  return {Answer{status, response->content_type, std::move(response->body), ""}, false, status};
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
