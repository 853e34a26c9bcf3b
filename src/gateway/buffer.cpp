#include <algorithm>

#include "base/log.h"
#include "crypto/random.h"
#include "crypto/sm3.h"
#include "crypto/sm4.h"
#include "gateway/impl/place.h"
#include "sql/query.h"

// The writes of buffered routes: accepted, handed on, parked, retried and discarded.
namespace chengxin::gateway {
namespace {

constexpr size_t kMostKeyBytes = 128;

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

// Of answers after which one tries again: the far side is there and fails. By the others it is busy or away.
bool is_failure(int status) { return status >= 500 && (status < 502 || status > 504); }

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
  out.failures = row.integer(14);
  out.first_ms = row.integer(15);
  out.last_ms = row.integer(16);
  return out;
}

constexpr const char* kWriteColumns =
    "select number, ticket, application, route, method, path, state, attempts, accepted_ms, settled_ms, "
    "status, answer_type, answer, error, failures, first_ms, last_ms from gateway_write";

Digest digest_of(const Request& request) {
  const std::string_view end("\0", 1);
  return crypto::sm3({view(request.method), view(end), view(request.path), view(end), request.body});
}

// The ticket of the write that is there under the application's own key; empty when there is none.
// gateway.key_reused: it is another write.
Result<std::string> former_ticket(sql::Session& session, const std::string& route, const Request& request) {
  if (request.key.empty()) return std::string();
  ASSIGN(const auto row, session.row("select ticket, digest from gateway_write where application = ? and "
                                     "route = ? and own_key = ?",
                                     request.application, route, request.key));
  if (!row) return std::string();
  if (!equal(row->blob(1), digest_of(request)))
    return fail(Code::conflict, "gateway.key_reused", "{}", request.key);
  return row->text(0);
}

}  // namespace

// The ticket of the write: of the one that is there under the application's own key, if it is the same.
Result<Gateway::Kept> Gateway::keep(Place& place, const Request& request) {
  const std::string ticket = hex(crypto::random_bytes(16));
  std::string former;
  const std::optional<std::string> own = request.key.empty() ? std::nullopt : std::optional(request.key);
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(former, former_ticket(session, place.route.name, request));
    if (!former.empty()) return {};
    ASSIGN(const Bytes sealed, crypto::sm4_gcm_seal(options_.seal_key, view(ticket), request.body));
    ASSIGN([[maybe_unused]] const auto added,
           session.run("insert into gateway_write (ticket, application, route, method, path, type, body, "
                       "digest, own_key, state, attempts, accepted_ms, settled_ms, status, answer_type, "
                       "answer, error, bytes) values "
                       "(?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, 0, 0, '', ?, '', ?)",
                       ticket, request.application, place.route.name, request.method, request.path,
                       request.type, sealed, digest_of(request), own, options_.now_ms(), Bytes(),
                       int64_t(request.body.size())));
    return {};
  }));
  return former.empty() ? Kept{ticket, true} : Kept{former, false};
}

Result<Answer> Gateway::buffer(Place& place, const Request& request) {
  if (request.key.size() > kMostKeyBytes)
    return fail(Code::invalid_argument, "gateway.key_reused", "the key is too long");
  // What is there already takes no room again.
  std::string former;
  if (!request.key.empty()) {
    TRY(database_.read([&](sql::Session& session) -> Status {
      ASSIGN(former, former_ticket(session, place.route.name, request));
      return {};
    }));
  }
  if (!former.empty()) return await(place, request.application, former);
  TRY(place.held->take(request.application, request.body.size(), place.route.most_waiting,
                       options_.most_waiting_bytes));
  auto kept = keep(place, request);
  // What failed may be in SQL all the same.
  const auto outcome = !kept         ? Held::Outcome::unknown
                       : kept->fresh ? Held::Outcome::kept
                                     : Held::Outcome::not_kept;
  place.held->kept(request.application, request.body.size(), outcome);
  if (!kept) return tl::unexpected(kept.error());
  {
    std::lock_guard lock(mutex_);
    wake_.notify_all();
  }
  return await(place, request.application, kept->ticket);
}

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

Result<std::vector<Write>> Gateway::writes(const WriteFilter& filter) const {
  sql::Query query(kWriteColumns);
  // The number stands in the text: by it the databases find the index of such writes.
  if (filter.state) query.where(fmt::format("state = {}", int(*filter.state)));
  if (!filter.route.empty()) query.where("route = ?", filter.route);
  if (!filter.application.empty()) query.where("application = ?", filter.application);
  query.keys({"number"});
  std::vector<Write> out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    out.clear();
    ASSIGN(const auto page, session.page(query, "", size_t(filter.limit)));
    for (const sql::Row& row : page.rows) {
      ASSIGN(Write one, write_of(options_, row));
      out.push_back(std::move(one));
    }
    return {};
  }));
  return out;
}

Result<int64_t> Gateway::count_parked(const std::string& route, const std::string& application) const {
  int64_t out = 0;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(const auto row, session.row("select count(*) from gateway_write where state = 3 and "
                                       "(? = '' or route = ?) and (? = '' or application = ?)",
                                       route, route, application, application));
    out = row->integer(0);
    return {};
  }));
  return out;
}

// Until the write is settled, patience is over or something parked is before it: then the ticket says where
// to ask.
Result<Answer> Gateway::await(Place& place, const std::string& application, const std::string& ticket) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.patience_ms);
  while (true) {
    uint64_t seen = 0;
    {
      std::lock_guard lock(mutex_);
      seen = settlements_;
    }
    ASSIGN(Write now, write(application, ticket));
    const bool is_parked = place.held->count(application).parked > 0;
    if (now.state == WriteState::done) return Answer{now.status, now.type, std::move(now.answer), ticket};
    if (now.state == WriteState::refused || now.state == WriteState::discarded)
      return tl::unexpected(now.error);
    std::unique_lock lock(mutex_);
    const bool over =
        is_parked || !settled_.wait_until(lock, until, [&] { return settlements_ != seen || stopping_; });
    if (over || stopping_)
      return Answer{202, "application/json",
                    Json{{"ticket", ticket}, {"state", state_name(now.state)}}.dump(), ticket};
  }
}

void Gateway::tell_waiters() {
  std::lock_guard lock(mutex_);
  ++settlements_;
  settled_.notify_all();
  wake_.notify_all();
}

Status Gateway::settle(Place& place, const Write& write, size_t bytes) {
  ASSIGN(const Bytes sealed, crypto::sm4_gcm_seal(options_.seal_key, view(write.ticket), view(write.answer)));
  Status done = database_.transaction([&](sql::Session& session) -> Status {
    // The body is needed no longer.
    ASSIGN([[maybe_unused]] const auto changed,
           session.run("update gateway_write set state = ?, attempts = ?, first_ms = ?, last_ms = ?, "
                       "settled_ms = ?, status = ?, answer_type = ?, answer = ?, error = ?, body = ? "
                       "where ticket = ?",
                       int(write.state), write.attempts, write.first_ms, write.last_ms, options_.now_ms(),
                       write.status, write.type, sealed, error_text(write.error), Bytes(), write.ticket));
    return {};
  });
  if (!done) {
    place.held->doubt(write.application);
    return done;
  }
  place.held->give_back(write.application, bytes);
  tell_waiters();
  return {};
}

// Keeps how far a write that is not settled has come.
Status Gateway::note(const Write& write) {
  return database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN([[maybe_unused]] const auto noted,
           session.run("update gateway_write set state = ?, attempts = ?, failures = ?, first_ms = ?, "
                       "last_ms = ?, status = ?, error = ? where ticket = ?",
                       int(write.state), write.attempts, write.failures, write.first_ms, write.last_ms,
                       write.status, error_text(write.error), write.ticket));
    return {};
  });
}

Status Gateway::park(Place& place, Write write) {
  write.state = WriteState::parked;
  // Before the row says so: whoever retries or discards it afterwards takes this back.
  place.held->park(write.application);
  if (Status noted = note(write); !noted) {
    place.held->doubt(write.application);
    return noted;
  }
  log::error("gateway.parked", {{"ticket", write.ticket},
                                {"application", write.application},
                                {"route", write.route},
                                {"attempts", write.attempts},
                                {"reason", write.error.reason}});
  tell_waiters();
  return {};
}

bool Gateway::is_hopeless(const Write& write) const {
  return write.failures >= options_.park_failures || write.last_ms - write.first_ms >= options_.park_after_ms;
}

struct Gateway::Next {
  Write write;
  std::string type;  // of the body
  Bytes sealed;
  size_t bytes = 0;  // of the body when it was accepted, whatever has become of it
};

Result<std::optional<Gateway::Next>> Gateway::next(const Due& due) const {
  std::optional<Next> out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    out.reset();
    ASSIGN(
        const auto row,
        session.row("select ticket, method, path, type, body, bytes, attempts, failures, first_ms from "
                    "gateway_write where route = ? and application = ? and state = 0 order by number limit 1",
                    due.place->route.name, due.application));
    if (!row) return {};
    Write write;
    write.ticket = row->text(0);
    write.application = due.application;
    write.route = due.place->route.name;
    write.method = row->text(1);
    write.path = row->text(2);
    write.attempts = row->integer(6);
    write.failures = row->integer(7);
    write.first_ms = row->integer(8);
    out = Next{std::move(write), row->text(3), row->blob(4), size_t(row->integer(5))};
    return {};
  }));
  return out;
}

// The oldest write of an application on a route; false when there is none, it was parked, or it has to be
// tried again: wait_ms is then at least 0.
Result<bool> Gateway::deliver_next(const Due& due, int& wait_ms) {
  Place& place = *due.place;
  std::optional<Next> next;
  if (!place.held->is_in_doubt(due.application)) {
    ASSIGN(next, this->next(due));
  }
  if (!next) {  // though something was counted, or there is doubt
    TRY(recount(due));
    return false;
  }
  Write& write = next->write;
  const auto body = opened(options_, write.ticket, next->sealed);
  if (!body) {
    write.error = Error{Code::data_loss, "gateway.body_damaged", "", 0};
    TRY(park(place, write));
    return false;
  }
  auto [answer, again, status] = send(place, write.method, write.path, next->type, *body, write.ticket);
  ++write.attempts;
  write.last_ms = options_.now_ms();
  if (write.first_ms == 0) write.first_ms = write.last_ms;
  write.status = status;
  if (!answer) write.error = answer.error();
  if (again) {
    write.failures += is_failure(status);
    if (is_hopeless(write)) {
      TRY(park(place, write));
      return false;
    }
    wait_ms = std::max(answer.error().retry_after_ms, 0);
    TRY(note(write));
    return false;
  }
  write.state = answer ? WriteState::done : WriteState::refused;
  if (answer) {
    write.type = answer->type;
    write.answer = std::move(answer->body);
  }
  TRY(settle(place, write, next->bytes));
  return true;
}

// Writes that are accepted for a route that is not there any more: nobody would deliver or show them.
Status Gateway::park_strays() {
  const Error why{Code::not_found, "gateway.no_route", "the route was removed", 0};
  int64_t count = 0;
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(count,
           session.run("update gateway_write set state = 3, error = ? where state = 0 and route not in "
                       "(select name from gateway_route)",
                       error_text(why)));
    return {};
  }));
  if (count > 0) log::error("gateway.parked", {{"reason", why.reason}, {"writes", count}});
  return {};
}

namespace {

// gateway.no_ticket, gateway.not_parked.
Result<sql::Row> parked_row(sql::Session& session, const std::string& ticket) {
  ASSIGN(auto row, session.row(std::string(kWriteColumns) + " where ticket = ?", ticket));
  if (!row) return fail(Code::not_found, "gateway.no_ticket", "{}", ticket);
  if (const auto state = WriteState(row->integer(6)); state != WriteState::parked)
    return fail(Code::conflict, "gateway.not_parked", "{}", state_name(state));
  return std::move(*row);
}

}  // namespace

Result<Write> Gateway::retry(const std::string& ticket) {
  std::lock_guard changing(changing_);
  Write write;
  PlacePtr place;
  Status done = database_.transaction([&](sql::Session& session) -> Status {
    place.reset();
    ASSIGN(const sql::Row row, parked_row(session, ticket));
    ASSIGN(write, write_of(options_, row));
    ASSIGN(place, this->place(write.route));
    ASSIGN([[maybe_unused]] const auto changed,
           session.run("update gateway_write set state = 0, failures = 0, first_ms = 0, last_ms = 0 "
                       "where ticket = ?",
                       ticket));
    return {};
  });
  if (!done) {
    if (place) place->held->doubt(write.application);
    return tl::unexpected(done.error());
  }
  place->held->unpark(write.application);
  tell_waiters();
  write.state = WriteState::waiting;
  write.failures = write.first_ms = write.last_ms = 0;
  return write;
}

Result<Discarded> Gateway::discard(const std::string& ticket, const std::string& why, bool behind) {
  std::lock_guard changing(changing_);
  Discarded out;
  int64_t parked = 0;
  size_t bytes = 0;
  Status done = database_.transaction([&](sql::Session& session) -> Status {
    out.write = {};
    ASSIGN(const sql::Row row, parked_row(session, ticket));
    ASSIGN(out.write, write_of(options_, row));
    out.writes = parked = 0;
    bytes = 0;
    const Error error{Code::gone, "gateway.discarded",
                      fmt::format("{}; parked for {}", why, out.write.error.reason), 0};
    for (const auto state : {WriteState::parked, WriteState::waiting}) {
      if (state == WriteState::waiting && !behind) continue;
      const std::string which =
          fmt::format(" where route = ? and application = ? and state = {} and number {} ?", int(state),
                      behind ? ">=" : "=");
      ASSIGN(const auto sum,
             session.row("select coalesce(cast(sum(bytes) as bigint), 0) from gateway_write" + which,
                         out.write.route, out.write.application, row.integer(0)));
      ASSIGN(const int64_t changed,
             session.run("update gateway_write set state = 4, settled_ms = ?, body = ?, error = ?" + which,
                         options_.now_ms(), Bytes(), error_text(error), out.write.route,
                         out.write.application, row.integer(0)));
      bytes += size_t(sum->integer(0));
      out.writes += changed;
      if (state == WriteState::parked) parked = changed;
    }
    return {};
  });
  const auto place = this->place(out.write.route);
  if (!done) {
    if (place) (*place)->held->doubt(out.write.application);
    return tl::unexpected(done.error());
  }
  if (place) (*place)->held->give_back(out.write.application, bytes, out.writes, parked);
  tell_waiters();
  return out;
}

std::vector<Finding> Gateway::findings() const {
  std::vector<Finding> out;
  const Status read = database_.read([&](sql::Session& session) -> Status {
    out.clear();
    ASSIGN(const auto rows, session.rows("select route, count(*), min(accepted_ms) from gateway_write "
                                         "where state = 3 group by route order by route"));
    for (const sql::Row& row : rows)
      out.push_back({"gateway.parked",
                     fmt::format("{}: {} writes, the oldest accepted at {}", row.text(0), row.integer(1),
                                 format_time(row.integer(2))),
                     "chengxin gateway parked; then chengxin gateway retry or chengxin gateway discard"});
    return {};
  });
  if (!read) return {{read.error().reason, read.error().detail, "look at the database"}};
  return out;
}

}  // namespace chengxin::gateway
