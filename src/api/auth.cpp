#include "api/auth.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>

#include "crypto/random.h"
#include "crypto/secret.h"
#include "crypto/sm3.h"

namespace chengxin::api {
namespace {

constexpr std::string_view kPrefix = "cxt_";
constexpr size_t kIdDigits = 16, kSecretBytes = 32;
constexpr int64_t kUseGrainMs = 60'000;  // how exactly the time of the last use is kept

Digest hash_of(ByteView salt, std::string_view token) { return crypto::sm3({salt, view(token)}); }

}  // namespace

Result<Principal> Tokens::authenticate(std::string_view authorization, int64_t now_ms) const {
  constexpr std::string_view scheme = "Bearer ";
  if (authorization.empty()) return fail(Code::unauthenticated, "auth.missing");
  if (!boost::beast::iequals(authorization.substr(0, scheme.size()), scheme))
    return fail(Code::unauthenticated, "auth.invalid", "the scheme is Bearer");
  std::string_view token = authorization.substr(scheme.size());
  if (!owner_.empty() && crypto::constant_time_equal(view(owner_), view(token)))
    return Principal{
        .id = "owner", .owner = true, .kind = Principal::Kind::owner, .grant = access::Grant::everything()};
  if (!token.starts_with(kPrefix)) return fail(Code::unauthenticated, "auth.invalid");

  std::shared_lock lock(mutex_);
  auto found = table_.find(std::string(token.substr(kPrefix.size(), kIdDigits)));
  if (found == table_.end()) return fail(Code::unauthenticated, "auth.invalid");
  Entry& entry = *found->second;
  if (!crypto::constant_time_equal(hash_of(entry.salt, token), entry.hash))
    return fail(Code::unauthenticated, "auth.invalid");
  if (entry.info.expires_ms && now_ms >= *entry.info.expires_ms)
    return fail(Code::unauthenticated, "auth.expired");
  entry.used_ms.store(now_ms, std::memory_order_relaxed);
  return Principal{.id = "token:" + entry.info.id, .kind = Principal::Kind::token, .role = entry.info.role};
}

Status Tokens::refresh() {
  if (!database_) return {};
  std::vector<std::pair<std::string, int64_t>> used;
  {
    std::shared_lock lock(mutex_);
    for (auto& [id, entry] : table_)
      if (entry->used_ms > entry->info.last_used_ms.value_or(0) + kUseGrainMs)
        used.emplace_back(id, entry->used_ms);
  }
  auto note_use = [&](sql::Session& session) -> Status {
    for (auto& [id, time] : used)
      TRY(session.run("update api_token set last_used_ms = ? where id = ?", time, id));
    return {};
  };
  if (!used.empty()) TRY(database_->transaction(note_use));
  Table fresh;
  auto load = [&](sql::Session& session) -> Status {
    ASSIGN(
        auto rows,
        session.rows(
            "select id, name, salt, hash, created_ms, expires_ms, last_used_ms, role from api_token limit ?",
            kMaxTokens));
    fresh.clear();
    for (auto& row : rows) {
      auto entry = std::make_shared<Entry>();
      entry->info = {row.text(0),
                     row.text(1),
                     row.text(7),
                     row.integer(4),
                     row.optional_integer(5),
                     row.optional_integer(6)};
      entry->salt = row.blob(2);
      entry->hash = row.blob(3);
      entry->used_ms = entry->info.last_used_ms.value_or(0);
      fresh[entry->info.id] = std::move(entry);
    }
    return {};
  };
  TRY(database_->read(load));
  std::unique_lock lock(mutex_);
  for (auto& [id, entry] : fresh)
    if (auto old = table_.find(id); old != table_.end())
      entry->used_ms = std::max(entry->used_ms.load(), old->second->used_ms.load());
  table_.swap(fresh);
  return {};
}

Result<Tokens::Created> Tokens::create(const std::string& name, const std::string& role,
                                       std::optional<int64_t> expires_ms, int64_t now_ms) {
  // Nobody approves a token, so it can be given nothing that people approve of each other.
  if (role != "integrator" && role != "reader" && role != "regulator")
    return fail(Code::invalid_argument, "access.token_role", "{}", role);
  if (expires_ms && *expires_ms <= now_ms)
    return fail(Code::invalid_argument, "auth.expiry", "the expiry has passed already");
  if (list().size() >= kMaxTokens)
    return fail(Code::conflict, "auth.too_many_tokens", "at most {}", kMaxTokens);
  Created created;
  created.info = {hex(crypto::random_bytes(kIdDigits / 2)), name, role, now_ms, expires_ms, std::nullopt};
  created.token = fmt::format("{}{}_{}", kPrefix, created.info.id, hex(crypto::random_secret(kSecretBytes)));
  Bytes salt = crypto::random_bytes(16);
  Digest hash = hash_of(salt, created.token);
  auto insert = [&](sql::Session& session) -> Status {
    TRY(
        session.run("insert into api_token (id, name, role, salt, hash, created_ms, expires_ms) values (?, "
                    "?, ?, ?, ?, ?, ?)",
                    created.info.id, name, role, salt, hash, now_ms, expires_ms));
    return {};
  };
  TRY(database_->transaction(insert));
  TRY(refresh());
  return created;
}

Status Tokens::remove(const std::string& id) {
  TRY(database_->transaction([&](sql::Session& session) -> Status {
    ASSIGN(int64_t count, session.run("delete from api_token where id = ?", id));
    if (count == 0) return fail(Code::not_found, "auth.no_token");
    return {};
  }));
  return refresh();
}

std::vector<Tokens::Info> Tokens::list() const {
  std::vector<Info> all;
  std::shared_lock lock(mutex_);
  for (auto& [id, entry] : table_) {
    all.push_back(entry->info);
    if (entry->used_ms > 0) all.back().last_used_ms = entry->used_ms;
  }
  std::sort(all.begin(), all.end(),
            [](auto& a, auto& b) { return std::tie(a.created_ms, a.id) < std::tie(b.created_ms, b.id); });
  return all;
}

}  // namespace chengxin::api
