#include "api/idempotency.h"

#include "crypto/derive.h"
#include "crypto/sm3.h"
#include "crypto/sm4.h"

namespace chengxin::api {
namespace {

// A caller may have a quarter of all rows, so that none takes the keys of all others. Before that many are
// there of all together, nothing has to be counted.
Status check_room(sql::Session& session, const std::string& principal, int64_t all) {
  const Error full{Code::busy, "idempotency.full", "too many keys within a day", 60'000};
  if (all >= Idempotency::kMaxRows) return tl::unexpected(full);
  if (all < Idempotency::kMaxRows / 4) return {};
  ASSIGN(auto own, session.row("select count(*) from api_idempotency where principal = ?", principal));
  if (own->integer(0) >= Idempotency::kMaxRows / 4) return tl::unexpected(full);
  return {};
}

// The caller's key is not kept: rows are found by its hash, and their answers, which may hold what is
// somebody's own, open with what comes from the key. A key that can be guessed protects nothing.
std::string kept(const std::string& key) {
  return hex(crypto::sm3(view("chengxin/api/idempotency/name/v1\n" + key)));
}
crypto::Secret seal_key(const std::string& principal, const std::string& key) {
  return crypto::derived_key(view(key), "chengxin/api/idempotency/seal/v1\n" + principal, 16);
}

Result<Response> stored_answer(const std::string& principal, const std::string& key, const sql::Row& row) {
  if (row.is_null(4))
    return fail(Code::conflict, "idempotency.answer_dropped",
                "executed; its answer was too large to be kept");
  const auto body = crypto::sm4_gcm_unseal(seal_key(principal, key), {}, row.blob(4));
  if (!body)
    return fail(Code::conflict, "idempotency.answer_dropped", "executed; its answer cannot be opened");
  Response response{int(row.integer(1)), row.text(2), to_string(*body), {}, {}};
  if (!row.is_null(3)) response.headers.emplace_back("Location", row.text(3));
  response.headers.emplace_back("Idempotency-Replayed", "true");
  return response;
}

}  // namespace

Result<std::optional<Response>> Idempotency::begin(const std::string& principal, const std::string& key,
                                                   const Digest& request, int64_t now_ms) {
  Name name{principal, key};
  bool ours;
  {
    std::lock_guard lock(mutex_);
    ours = under_way_.insert(name).second;
  }
  std::optional<Response> answer;
  int64_t replaced = 0;
  auto status = database_->transaction([&](sql::Session& session) -> Status {
    answer.reset();
    ASSIGN(auto row, session.row("select digest, status, type, location, body from api_idempotency where "
                                 "principal = ? and key = ? "
                                 "and created_ms > ?",
                                 principal, kept(key), now_ms - kKeepMs));
    if (row) {
      if (!equal(row->blob(0), request))
        return fail(Code::conflict, "idempotency.key_reused", "the key was used for another request");
      if (!row->is_null(1)) {
        ASSIGN(answer, stored_answer(principal, key, *row));
        return {};
      }
      if (!ours) return fail(Code::conflict, "idempotency.in_progress");
      return fail(Code::conflict, "idempotency.outcome_unknown",
                  "the first request was interrupted; look whether it was executed");
    }
    if (!ours) return fail(Code::conflict, "idempotency.in_progress");
    TRY(check_room(session, principal, rows_));
    ASSIGN(replaced,
           session.run("delete from api_idempotency where principal = ? and key = ?", principal, kept(key)));
    TRY(session.run("insert into api_idempotency (principal, key, digest, created_ms) values (?, ?, ?, ?)",
                    principal, kept(key), request, now_ms));
    return {};
  });
  if (ours && (!status || answer)) forget(name);
  if (!status) return tl::unexpected(status.error());
  if (!answer) rows_ += 1 - replaced;
  return answer;
}

Status Idempotency::finish(const std::string& principal, const std::string& key, const Response& response) {
  std::optional<std::string> location;
  for (auto& [name, value] : response.headers)
    if (name == "Location") location = value;
  std::optional<Bytes> body;
  if (response.body.size() <= kMaxBodyBytes) {
    ASSIGN(body, crypto::sm4_gcm_seal(seal_key(principal, key), {}, view(response.body)));
  }
  auto status = database_->transaction([&](sql::Session& session) -> Status {
    TRY(
        session.run("update api_idempotency set status = ?, type = ?, location = ?, body = ? where principal "
                    "= ? and key = ?",
                    response.status, response.type, location, body, principal, kept(key)));
    return {};
  });
  forget({principal, key});
  return status;
}

Status Idempotency::abandon(const std::string& principal, const std::string& key) {
  int64_t removed = 0;
  auto status = database_->transaction([&](sql::Session& session) -> Status {
    ASSIGN(removed,
           session.run("delete from api_idempotency where principal = ? and key = ?", principal, kept(key)));
    return {};
  });
  if (status) rows_ -= removed;
  forget({principal, key});
  return status;
}

void Idempotency::forget(const Name& name) {
  std::lock_guard lock(mutex_);
  under_way_.erase(name);
}

Status Idempotency::purge(int64_t now_ms) {
  if (!database_) return {};
  return database_->transaction([&](sql::Session& session) -> Status {
    TRY(session.run("delete from api_idempotency where created_ms <= ?", now_ms - kKeepMs));
    ASSIGN(auto row, session.row("select count(*) from api_idempotency"));
    rows_ = row->integer(0);
    return {};
  });
}

}  // namespace chengxin::api
