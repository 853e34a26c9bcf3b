#include "access/sessions.h"

#include <algorithm>
#include <bit>

#include "base/json.h"
#include "base/log.h"
#include "crypto/derive.h"
#include "crypto/hmac.h"
#include "crypto/random.h"
#include "crypto/sm3.h"

namespace chengxin::access {
namespace {

constexpr std::string_view kPrefix = "cxs_";
constexpr int64_t kUseGrainMs = 30'000;  // how exactly the time of the last use is kept on disk
constexpr size_t kMaxSessions = 200'000, kMaxAgentBytes = 200, kMaxEnded = 10'000;
constexpr int64_t kEndedMs = 10 * 60'000;  // asking a provider and a ticket (oidc) take less

Digest hash_of(std::string_view secret) { return crypto::sm3({view("chengxin session\n"), view(secret)}); }

std::string new_secret() { return std::string(kPrefix) + hex(crypto::random_secret(32)); }

Json to_json(const Outside& one) {
  Json facts = Json::array();
  for (const auto& [claim, value] : one.facts) facts.push_back(Json::array({claim, value}));
  return {{"provider", one.provider},
          {"sub", one.sub},
          {"sid", one.sid},
          {"facts", facts},
          {"asked_ms", one.asked_ms}};
}

Outside outside_of(const Json& json) {  // of to_json(): a MAC says so
  Outside out{json["provider"], json["sub"], json["sid"], {}, json.value("asked_ms", int64_t(0))};
  for (const Json& fact : json["facts"]) out.facts.emplace_back(fact[0], fact[1]);
  return out;
}

Result<std::string> encode(const Session& one) {
  Json body = {{"id", one.id},
               {"user", one.user},
               {"factors", one.factors},
               {"must_change", one.must_change},
               {"agent", one.agent},
               {"address", one.address},
               {"created_ms", one.created_ms}};
  if (one.must_prove) body["must_prove"] = true;
  if (!one.outside.provider.empty()) body["outside"] = to_json(one.outside);
  return canonical_json(body);
}

}  // namespace

Sessions::Sessions(sql::Database& database, ByteView key, SessionLimits limits)
    : database_(database), mac_key_(crypto::derived_key(key, "access sessions", 32)), limits_(limits) {}

Digest Sessions::mac(const Digest& hash, std::string_view body) const {
  return crypto::hmac_sm3(mac_key_, {hash, view(body)});
}

int factor_count(int factors) { return std::popcount(unsigned(factors)); }

std::string Sessions::page_token(std::string_view secret) {
  return hex(ByteView(crypto::hmac_sm3(view(secret), view("page token"))).first(16));
}

bool Sessions::over(const Session& session, int64_t now_ms) const {
  return now_ms - session.used_ms >= limits_.idle_ms || now_ms - session.created_ms >= limits_.absolute_ms;
}

Result<Session> Sessions::find(std::string_view secret, int64_t now_ms) {
  if (!secret.starts_with(kPrefix)) return fail(Code::unauthenticated, "auth.invalid");
  const Digest hash = hash_of(secret);
  std::unique_lock lock(mutex_);
  auto found = sessions_.find(hash);
  if (found == sessions_.end()) return fail(Code::unauthenticated, "auth.invalid");
  Session& session = found->second;
  if (now_ms - session.used_ms >= limits_.idle_ms) return fail(Code::unauthenticated, "access.session_idle");
  if (now_ms - session.created_ms >= limits_.absolute_ms)
    return fail(Code::unauthenticated, "access.session_over");
  session.used_ms = std::max(session.used_ms, now_ms);
  return session;
}

Status Sessions::load(int64_t now_ms) {
  std::unordered_map<Digest, Session, DigestHash> fresh;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(auto rows,
           session.rows("select hash, mac, body, used_ms from access_session limit ?", kMaxSessions));
    fresh.clear();
    for (const auto& row : rows) {
      ASSIGN(Digest hash, row.digest(0));
      if (!crypto::constant_time_equal(mac(hash, row.text(2)), row.blob(1))) {
        log::warn("access.session_bent", {{"session", hex(hash)}});
        continue;
      }
      ASSIGN(Json body, parse_json(row.text(2)));
      Session one;
      one.user = body.value("user", "");
      one.id = body.value("id", "");
      one.factors = body.value("factors", 0);
      one.must_change = body.value("must_change", true);
      one.must_prove = body.value("must_prove", false);
      if (body.contains("outside")) one.outside = outside_of(body["outside"]);
      one.agent = body.value("agent", "");
      one.address = body.value("address", "");
      one.created_ms = body.value("created_ms", int64_t(0));
      one.used_ms = row.integer(3);
      if (!over(one, now_ms)) fresh[hash] = std::move(one);
    }
    return {};
  }));
  std::unique_lock lock(mutex_);
  sessions_.swap(fresh);
  return {};
}

Status Sessions::insert(sql::Session& session, const Digest& hash, const Session& one) const {
  ASSIGN(std::string body, encode(one));
  TRY(session.run("insert into access_session (hash, body, mac, user_id, used_ms) values (?, ?, ?, ?, ?)",
                  hash, body, mac(hash, body), one.user, one.used_ms));
  return {};
}

Status Sessions::remove(const std::vector<Digest>& hashes) {
  if (hashes.empty()) return {};
  return database_.transaction([&](sql::Session& session) -> Status {
    for (const Digest& hash : hashes) TRY(session.run("delete from access_session where hash = ?", hash));
    return {};
  });
}

Result<Sessions::Opened> Sessions::open(Session session, int64_t now_ms) {
  std::lock_guard changing(changing_);
  if (ended_since(session.outside)) return fail(Code::unauthenticated, "access.ended_meanwhile");
  session.id = hex(crypto::random_bytes(8));
  session.created_ms = session.used_ms = now_ms;
  if (session.agent.size() > kMaxAgentBytes) session.agent.resize(kMaxAgentBytes);
  Opened out{session, new_secret()};
  const Digest hash = hash_of(out.secret);
  TRY(database_.transaction([&](sql::Session& work) { return insert(work, hash, session); }));
  std::vector<Digest> ended;
  {
    std::unique_lock lock(mutex_);
    std::vector<std::pair<int64_t, Digest>> own;
    for (const auto& [key, one] : sessions_)
      if (one.user == session.user) own.emplace_back(one.used_ms, key);
    std::sort(own.begin(), own.end());
    for (size_t i = 0; i + limits_.most_of_user <= own.size(); ++i) {
      ended.push_back(own[i].second);
      sessions_.erase(own[i].second);
    }
    sessions_[hash] = session;
  }
  TRY(remove(ended));
  return out;
}

Result<Sessions::Opened> Sessions::renew(std::string_view secret, const std::function<void(Session&)>& change,
                                         int64_t now_ms) {
  std::lock_guard changing(changing_);
  ASSIGN(Session session, find(secret, now_ms));
  change(session);
  Opened out{session, new_secret()};
  const Digest old = hash_of(secret), fresh = hash_of(out.secret);
  TRY(database_.transaction([&](sql::Session& work) -> Status {
    ASSIGN(int64_t count, work.run("delete from access_session where hash = ?", old));
    if (count == 0) return fail(Code::unauthenticated, "auth.invalid");  // ended, or renewed at the same time
    return insert(work, fresh, session);
  }));
  std::unique_lock lock(mutex_);
  sessions_.erase(old);
  sessions_[fresh] = session;
  return out;
}

Status Sessions::end(const std::string& user, const std::string& id) {
  std::lock_guard changing(changing_);
  std::vector<Digest> ended;
  {
    std::unique_lock lock(mutex_);
    for (auto at = sessions_.begin(); at != sessions_.end();) {
      const bool it = at->second.user == user && at->second.id == id;
      if (it) ended.push_back(at->first);
      at = it ? sessions_.erase(at) : std::next(at);
    }
  }
  if (ended.empty()) return fail(Code::not_found, "access.no_session", "{}", id);
  return remove(ended);
}

Status Sessions::end_all(const std::string& user) {
  std::lock_guard changing(changing_);
  {
    std::unique_lock lock(mutex_);
    std::erase_if(sessions_, [&](const auto& one) { return one.second.user == user; });
  }
  return database_.transaction([&](sql::Session& session) -> Status {
    TRY(session.run("delete from access_session where user_id = ?", user));
    return {};
  });
}

bool Sessions::Ended::names(const Outside& one) const {
  return one.provider == provider && (sub.empty() || one.sub == sub) && (sid.empty() || one.sid == sid);
}

bool Sessions::ended_since(const Outside& one) const {
  return std::any_of(ended_.begin(), ended_.end(),
                     [&](const Ended& end) { return end.names(one) && end.at_ms >= one.asked_ms; });
}

Result<size_t> Sessions::end_outside(const std::string& provider, const std::string& sub,
                                     const std::string& sid, int64_t now_ms) {
  if (provider.empty() || (sub.empty() && sid.empty())) return size_t(0);
  const Ended end{provider, sub, sid, now_ms};
  std::lock_guard changing(changing_);
  std::erase_if(ended_, [&](const Ended& one) {  // one token, shown often, takes the place of no other
    return now_ms - one.at_ms >= kEndedMs || (one.provider == provider && one.sub == sub && one.sid == sid);
  });
  if (ended_.size() >= kMaxEnded) ended_.pop_front();
  ended_.push_back(end);
  std::vector<Digest> ended;
  {
    std::unique_lock lock(mutex_);
    for (auto at = sessions_.begin(); at != sessions_.end();) {
      const bool it = end.names(at->second.outside);
      if (it) ended.push_back(at->first);
      at = it ? sessions_.erase(at) : std::next(at);
    }
  }
  TRY(remove(ended));
  return ended.size();
}

Status Sessions::maintain(int64_t now_ms) {
  std::vector<Digest> ended;
  std::vector<std::pair<Digest, int64_t>> used;
  {
    std::unique_lock lock(mutex_);
    for (auto at = sessions_.begin(); at != sessions_.end();) {
      const bool gone = over(at->second, now_ms);
      if (gone) ended.push_back(at->first);
      if (!gone && now_ms - at->second.used_ms < kUseGrainMs)
        used.emplace_back(at->first, at->second.used_ms);
      at = gone ? sessions_.erase(at) : std::next(at);
    }
  }
  TRY(remove(ended));
  if (used.empty()) return {};
  return database_.transaction([&](sql::Session& session) -> Status {
    for (const auto& [hash, time] : used)
      TRY(session.run("update access_session set used_ms = ? where hash = ? and used_ms < ?", time, hash,
                      time - kUseGrainMs));
    return {};
  });
}

std::vector<Session> Sessions::list(const std::string& user, int64_t now_ms) const {
  std::vector<Session> out;
  std::shared_lock lock(mutex_);
  for (const auto& [hash, one] : sessions_)
    if (one.user == user && !over(one, now_ms)) out.push_back(one);
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.created_ms > b.created_ms; });
  return out;
}

}  // namespace chengxin::access
