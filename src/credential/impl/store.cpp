#include "credential/impl/store.h"

#include "credential/service.h"
#include "crypto/derive.h"
#include "crypto/random.h"
#include "crypto/sm3.h"
#include "crypto/sm4.h"

namespace chengxin::credential {
namespace {

constexpr sql::Migration kHistory[] = {
    {1,
     "create table credential_setting (name {text} primary key, value {blob} not null) {strict};"
     "create table credential_template (kind {text} not null, id {text} not null, version {int} not null,"
     "  body {text} not null, created_ms {int} not null, primary key (kind, id, version)) {strict};"
     // What a credential said is not kept, only that it was issued; holder: thumbprint of the key or a DID.
     "create table credential_issued (serial {id}, id {text} not null unique, template {text} not null,"
     "  version {int} not null, holder {text} not null, principal {text} not null, state {text} not null,"
     "  reason {text} not null, issued_ms {int} not null, until_ms {int} not null, changed_ms {int} not null)"
     "  {strict};"
     "create index credential_issued_state on credential_issued (serial) where state <> 'active';"
     "create table credential_once (key {blob} primary key, body {text} not null, until_ms {int} not null)"
     "  {strict};"
     "create index credential_once_until on credential_once (until_ms);"
     "create table credential_request (id {text} primary key, template {text} not null, version {int} not "
     "null,"
     "  nonce {text} not null, body {text} not null, state {text} not null, attempts {int} not null,"
     "  verdict {text} not null, created_ms {int} not null, until_ms {int} not null) {strict};"
     "create table credential_domain (id {text} primary key, body {text} not null, created_ms {int} not null)"
     "  {strict}"},
    // Who made it; of what was there before nobody but the owner knows.
    {2, "alter table credential_template add column author {text} not null default ''"}};

Digest key_of(std::string_view kind, std::string_view secret) {
  return crypto::sm3({view(kind), view(std::string_view("\0", 1)), view(secret)});
}

crypto::Secret body_key(std::string_view kind, std::string_view secret) {
  return sealing_key(view(secret), fmt::format("once/{}", kind));
}

}  // namespace

crypto::Secret sealing_key(ByteView from, std::string_view use) {
  return crypto::derived_key(from, fmt::format("chengxin/credential/{}/v1", use), 16);
}

std::string seal_json(ByteView key, const Json& json) {
  const auto sealed = crypto::sm4_gcm_seal(key, {}, view(json.dump()));
  CHECK(sealed);  // the length of the key is ours
  return base64(*sealed);
}

Result<Json> unseal_json(ByteView key, std::string_view sealed) {
  const auto bytes = unbase64(sealed);
  if (!bytes) return fail(Code::data_loss, "credential.row_damaged");
  const auto plain = crypto::sm4_gcm_unseal(key, {}, *bytes);
  if (!plain) return fail(Code::data_loss, "credential.row_damaged");
  return parse_json(text(*plain), {.max_bytes = 4 << 20});
}

Status migrate(sql::Database& database) { return database.migrate("credential", kHistory); }

std::string random_text(size_t bytes) { return hex(crypto::random_bytes(bytes)); }

Status Once::put(sql::Session& session, std::string_view kind, std::string_view secret, const Json& body,
                 int64_t until_ms) {
  return session
      .run("insert into credential_once (key, body, until_ms) values (?, ?, ?)", key_of(kind, secret),
           seal_json(body_key(kind, secret), body), until_ms)
      .map([](int64_t) {});
}

Status Once::change(sql::Session& session, std::string_view kind, std::string_view secret, const Json& body) {
  return session
      .run("update credential_once set body = ? where key = ?", seal_json(body_key(kind, secret), body),
           key_of(kind, secret))
      .map([](int64_t) {});
}

Status Once::put(std::string_view kind, std::string_view secret, const Json& body, int64_t until_ms) {
  return database_.transaction(
      [&](sql::Session& session) { return put(session, kind, secret, body, until_ms); });
}

Result<std::optional<Json>> Once::look(std::string_view kind, std::string_view secret, int64_t now_ms) {
  std::optional<Json> out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(auto row, session.row("select body from credential_once where key = ? and until_ms > ?",
                                 key_of(kind, secret), now_ms));
    if (row) {
      ASSIGN(out, unseal_json(body_key(kind, secret), row->text(0)));
    }
    return {};
  }));
  return out;
}

Result<std::optional<Json>> Once::take(sql::Session& session, std::string_view kind, std::string_view secret,
                                       int64_t now_ms) {
  ASSIGN(auto row, session.row("delete from credential_once where key = ? and until_ms > ? returning body",
                               key_of(kind, secret), now_ms));
  if (!row) return std::optional<Json>();
  ASSIGN(Json body, unseal_json(body_key(kind, secret), row->text(0)));
  return std::optional(std::move(body));
}

Result<std::optional<Json>> Once::take(std::string_view kind, std::string_view secret, int64_t now_ms) {
  std::optional<Json> out;
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(out, take(session, kind, secret, now_ms));
    return {};
  }));
  return out;
}

Status Once::use(const Digest& key, int64_t until_ms, int64_t now_ms) {
  return database_.transaction([&](sql::Session& session) -> Status {
    const Digest own = key_of("shown", text(key));
    TRY(session.run("delete from credential_once where key = ? and until_ms <= ?", own, now_ms)
            .map([](int64_t) {}));
    ASSIGN(const int64_t added,
           session.run("insert into credential_once (key, body, until_ms) values (?, '{}', ?)"
                       " on conflict (key) do nothing",
                       own, until_ms));
    if (added == 0) return fail(Code::forbidden, "presentation.replayed", "it was shown before");
    return {};
  });
}

Status Once::drop_old(int64_t now_ms) {
  return database_.transaction([&](sql::Session& session) {
    return session.run("delete from credential_once where until_ms <= ?", now_ms).map([](int64_t) {});
  });
}

Result<Bytes> kept_secret(sql::Session& session, std::string_view name, size_t bytes) {
  ASSIGN(auto row, session.row("select value from credential_setting where name = ?", name));
  if (row) return row->blob(0);
  const Bytes made = crypto::random_bytes(bytes);
  TRY(session.run("insert into credential_setting (name, value) values (?, ?)", name, made).map([](int64_t) {
  }));
  return made;
}

Result<std::string> kept_text(sql::Session& session, std::string_view name) {
  ASSIGN(auto row, session.row("select value from credential_setting where name = ?", name));
  return row ? to_string(row->blob(0)) : std::string();
}

Status keep_text(sql::Session& session, std::string_view name, std::string_view value) {
  return session
      .run(
          "insert into credential_setting (name, value) values (?, ?)"
          " on conflict (name) do update set value = excluded.value",
          name, view(value))
      .map([](int64_t) {});
}

}  // namespace chengxin::credential
