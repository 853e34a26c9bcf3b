#include "access/users.h"

#include <algorithm>

#include "crypto/derive.h"
#include "crypto/hmac.h"
#include "crypto/random.h"
#include "crypto/sm4.h"

namespace chengxin::access {
namespace {

constexpr std::string_view kColumns = "id, body, mac";

Json to_json(const PasswordHash& hash) {
  return {{"salt", hex(hash.salt)}, {"iterations", hash.iterations}, {"hash", hex(hash.hash)}};
}

Result<PasswordHash> password_of(const Json& json) {
  ASSIGN(Bytes salt, unhex(json.at("salt").get<std::string>()));
  ASSIGN(Bytes hash, unhex(json.at("hash").get<std::string>()));
  return PasswordHash{salt, json.at("iterations").get<uint32_t>(), crypto::to_secret(hash)};
}

}  // namespace

Status check_name(std::string_view name) {
  constexpr std::string_view nobodys[] = {"admin",    "administrator", "anonymous", "guest",
                                          "operator", "public",        "root",      "shared",
                                          "sysadmin", "test",          "user"};
  const bool signs = std::all_of(name.begin(), name.end(), [](char c) {
    return c < 0 || std::isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("._-@").find(c) != std::string_view::npos;
  });
  if (name.size() < 2 || name.size() > 64 || !signs)
    return fail(Code::invalid_argument, "access.user_name", "2 to 64 bytes: letters, digits, . _ - @");
  const std::string key = name_key(name);
  for (std::string_view one : nobodys)
    if (key == one) return fail(Code::invalid_argument, "access.shared_name", "{}", name);
  return {};
}

Status migrate(sql::Database& database) {
  static const sql::Migration migrations[] = {{1,
                                               "create table access_user (id {text} primary key, name_key "
                                               "{text} not null unique, outside {text} unique, body "
                                               "{text} not null, mac {blob} not null) {strict};"
                                               "create table access_session (hash {blob} primary key, body "
                                               "{text} not null, mac {blob} not null, user_id {text} "
                                               "not null, used_ms {int} not null) {strict};"
                                               "create table access_policy (version {int} primary key, "
                                               "document {text} not null, signatures {text} not null, "
                                               "applied_ms {int} not null) {strict};"
                                               "create table access_head (one {int} primary key, version "
                                               "{int} not null, digest {blob} not null, mac {blob} "
                                               "not null) {strict};"
                                               "create table access_proposal (id {text} primary key, body "
                                               "{text} not null, state {text} not null, created_ms "
                                               "{int} not null) {strict};"
                                               "create table access_stranger (name_key {text} primary key, "
                                               "failures {int} not null, locked_until_ms {int} not null) "
                                               "{strict};"
                                               "create table access_label (object {text} primary key, "
                                               "organisation {text} not null, level {int} not null) "
                                               "{strict};"},
                                              {2,
                                               "alter table access_stranger add column noted_ms {int} not "
                                               "null default 0;"
                                               "create index access_stranger_noted on access_stranger "
                                               "(noted_ms);"}};
  return database.migrate("access", migrations);
}

std::string name_key(std::string_view name) {
  std::string out(name);
  for (char& c : out) c = char(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

Users::Users(sql::Database& database, ByteView key)
    : database_(database),
      mac_key_(crypto::derived_key(key, "access rows", 32)),
      seal_key_(crypto::derived_key(key, "access codes", 16)) {}

Digest Users::mac(const std::string& id, std::string_view body) const {
  return crypto::hmac_sm3(mac_key_, {view(id), view("\n"), view(body)});
}

Result<Bytes> Users::seal(const std::string& id, ByteView secret) const {
  return crypto::sm4_gcm_seal(seal_key_, view(id), secret);
}

Result<crypto::Secret> Users::unseal(const std::string& id, ByteView sealed) const {
  if (sealed.size() < crypto::kSm4SealBytes) return fail(Code::data_loss, "access.row_bent", "{}", id);
  ASSIGN(Bytes plain, crypto::sm4_gcm_unseal(seal_key_, view(id), sealed));
  crypto::Secret out = crypto::to_secret(plain);
  crypto::secure_zero(plain.data(), plain.size());
  return out;
}

Result<std::string> Users::encode(const User& user) const {
  Json former = Json::array();
  for (const auto& one : user.former) former.push_back(to_json(one));
  Json body = {{"name", user.name},
               {"service", user.service},
               {"disabled", user.disabled},
               {"password", to_json(user.password)},
               {"former", former},
               {"password_set_ms", user.password_set_ms},
               {"must_change", user.must_change},
               {"failures", user.failures.count},
               {"locked_until_ms", user.failures.locked_until_ms},
               {"certified_failures", user.certified_failures.count},
               {"certified_locked_until_ms", user.certified_failures.locked_until_ms},
               {"code_algorithm", algorithm_name(user.code_algorithm)},
               {"code_confirmed", user.code_confirmed},
               {"code_step", user.code_step},
               {"certificate", base64(user.certificate)},
               {"outside", user.outside},
               {"created_ms", user.created_ms},
               {"signed_in_ms", user.signed_in_ms}};
  if (!user.code_secret.empty()) {
    ASSIGN(Bytes sealed, seal(user.id, user.code_secret));
    body["code_secret"] = base64(sealed);
  }
  return canonical_json(body);
}

Result<User> Users::decode(const sql::Row& row) const {
  User out;
  out.id = row.text(0);
  const std::string& text = row.text(1);
  if (!crypto::constant_time_equal(mac(out.id, text), row.blob(2)))
    return fail(Code::data_loss, "access.row_bent", "account {}", out.id);
  ASSIGN(Json body, parse_json(text));  // written by encode(): the MAC says so
  out.name = body["name"];
  out.service = body["service"];
  out.disabled = body["disabled"];
  ASSIGN(out.password, password_of(body["password"]));
  for (const Json& one : body["former"]) {
    ASSIGN(auto former, password_of(one));
    out.former.push_back(std::move(former));
  }
  out.password_set_ms = body["password_set_ms"];
  out.must_change = body["must_change"];
  out.failures = {body["failures"], body["locked_until_ms"]};
  out.certified_failures = {body.value("certified_failures", 0),  // rows of before have none
                            body.value("certified_locked_until_ms", int64_t(0))};
  out.code_algorithm = algorithm_of(body["code_algorithm"].get<std::string>()).value_or(CodeAlgorithm::sha1);
  out.code_confirmed = body["code_confirmed"];
  out.code_step = body["code_step"];
  ASSIGN(out.certificate, unbase64(body["certificate"].get<std::string>()));
  out.outside = body["outside"];
  out.created_ms = body["created_ms"];
  out.signed_in_ms = body["signed_in_ms"];
  if (body.contains("code_secret")) {
    ASSIGN(Bytes sealed, unbase64(body["code_secret"].get<std::string>()));
    ASSIGN(out.code_secret, unseal(out.id, sealed));
  }
  return out;
}

Result<User> Users::add(User user) {
  TRY(check_name(user.name));
  user.id = hex(crypto::random_bytes(8));
  ASSIGN(std::string body, encode(user));
  std::optional<std::string> outside;
  if (!user.outside.empty()) outside = user.outside;
  auto insert = [&](sql::Session& session) -> Status {
    ASSIGN(auto count, session.row("select count(*) from access_user"));
    if (size_t(count->integer(0)) >= kMaxUsers)
      return fail(Code::conflict, "access.too_many_users", "at most {}", kMaxUsers);
    TRY(session.run("insert into access_user (id, name_key, outside, body, mac) values (?, ?, ?, ?, ?)",
                    user.id, name_key(user.name), outside, body, mac(user.id, body)));
    return {};
  };
  auto status = database_.transaction(insert);
  if (!status && status.error().reason == "sql.conflict")
    return fail(Code::conflict, "access.user_exists", "{}", user.name);
  TRY(status);
  return user;
}

Status Users::remove(const std::string& id) {
  return database_.transaction([&](sql::Session& session) -> Status {
    TRY(session.run("delete from access_user where id = ?", id));
    return {};
  });
}

Result<User> Users::get(const std::string& id) const {
  std::optional<sql::Row> row;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(row, session.row(fmt::format("select {} from access_user where id = ?", kColumns), id));
    return {};
  }));
  if (!row) return fail(Code::not_found, "access.no_user", "{}", id);
  return decode(*row);
}

Result<std::optional<User>> Users::find(std::string_view name) const {
  std::optional<sql::Row> row;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(row, session.row(fmt::format("select {} from access_user where name_key = ?", kColumns),
                            name_key(name)));
    return {};
  }));
  if (!row) return std::nullopt;
  ASSIGN(User user, decode(*row));
  // The columns beside the body are not under the MAC: a row moved under another name is bent too.
  if (name_key(user.name) != name_key(name))
    return fail(Code::data_loss, "access.row_bent", "account {}", user.id);
  return user;
}

Result<std::optional<User>> Users::find_outside(const std::string& account) const {
  std::optional<sql::Row> row;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(row, session.row(fmt::format("select {} from access_user where outside = ?", kColumns), account));
    return {};
  }));
  if (!row) return std::nullopt;
  ASSIGN(User user, decode(*row));
  if (user.outside != account) return fail(Code::data_loss, "access.row_bent", "account {}", user.id);
  return user;
}

Result<std::vector<User>> Users::list(const std::string& after, size_t limit) const {
  std::vector<sql::Row> rows;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(rows,
           session.rows(fmt::format("select {} from access_user where id > ? order by id limit ?", kColumns),
                        after, limit));
    return {};
  }));
  std::vector<User> out;
  for (const auto& row : rows) {
    ASSIGN(User user, decode(row));
    out.push_back(std::move(user));
  }
  return out;
}

Result<User> Users::change(const std::string& id, const std::function<Status(User&)>& change) {
  User user;
  auto work = [&](sql::Session& session) -> Status {
    ASSIGN(auto row, session.row(fmt::format("select {} from access_user where id = ?", kColumns), id));
    if (!row) return fail(Code::not_found, "access.no_user", "{}", id);
    ASSIGN(user, decode(*row));
    TRY(change(user));
    ASSIGN(std::string body, encode(user));
    std::optional<std::string> outside;
    if (!user.outside.empty()) outside = user.outside;
    TRY(session.run("update access_user set outside = ?, body = ?, mac = ? where id = ?", outside, body,
                    mac(id, body), id));
    return {};
  };
  TRY(database_.transaction(work));
  return user;
}

}  // namespace chengxin::access
