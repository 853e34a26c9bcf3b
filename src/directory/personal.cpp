#include "directory/personal.h"

#include "crypto/derive.h"
#include "crypto/hmac.h"
#include "crypto/random.h"
#include "crypto/sm3.h"
#include "crypto/sm4.h"
#include "sql/database.h"

namespace chengxin::directory {
namespace {

constexpr size_t kMaxDocument = 16 << 10, kSaltBytes = 32;

template <size_t N>
ByteView tag(const char (&literal)[N]) {
  return {reinterpret_cast<const uint8_t*>(literal), N};
}

constexpr sql::Migration kMigrations[] = {{1, R"(
create table identity_personal (chain text not null, subject text not null, sealed {blob}, kept_ms {int} not null,
  erased_ms {int} not null, primary key (chain, subject)) {strict};
create table identity_look (id {id}, chain text not null, subject text not null, reader text not null,
  purpose text not null, fields text not null, masked {int} not null, time_ms {int} not null) {strict};
create index identity_look_subject on identity_look (chain, subject, id);
create table identity_entry (chain text not null, source text not null, external text not null, subject text not null,
  seed {blob} not null, content {blob} not null, primary key (chain, source, external)) {strict};
)"}};

Bytes bound_to(std::string_view chain, const SubjectId& subject) {
  Bytes out = to_bytes(tag("chengxin/identity/personal/v1"));
  put_sized(out, view(chain));
  append(out, subject);
  return out;
}

bool is_document(const Json& data) {
  if (!data.is_object() || data.empty()) return false;
  for (const auto& [name, value] : data.items())
    if (!value.is_string() || name.empty() || name.size() > 64) return false;
  return true;
}

}  // namespace

Status migrate(sql::Database& database) { return database.migrate("directory", kMigrations); }

Digest commitment(ByteView salt, std::string_view document) {
  return crypto::sm3({tag("chengxin/identity/personal/v1"), salt, view(document)});
}

std::string mask(std::string_view text) {
  std::string out;
  for (char c : text) {
    const bool continues = (uint8_t(c) & 0xc0) == 0x80;
    if (out.empty() || (continues && out.find('*') == out.npos))
      out += c;
    else if (!continues)
      out += '*';
  }
  return out;
}

Personal::Personal(sql::Database& database, ByteView key, std::function<int64_t()> now_ms)
    : database_(database),
      seal_key_(crypto::derived_key(key, "chengxin/directory/seal/v1", 16)),
      mark_key_(crypto::derived_key(key, "chengxin/directory/mark/v1", 32)),
      now_ms_(std::move(now_ms)) {}

Digest Personal::mark(std::string_view kind, std::string_view identifier) const {
  Bytes sized;
  put_sized(sized, view(kind));
  return crypto::hmac_sm3(mark_key_, {ByteView(sized), view(identifier)});
}

Result<Bytes> Personal::seal(std::string_view chain, const SubjectId& subject, ByteView plain) const {
  return crypto::sm4_gcm_seal(seal_key_, bound_to(chain, subject), plain);
}

Result<crypto::Secret> Personal::open(std::string_view chain, const SubjectId& subject,
                                      ByteView sealed) const {
  auto plain = crypto::sm4_gcm_unseal(seal_key_, bound_to(chain, subject), sealed);
  if (!plain || plain->size() < kSaltBytes) return fail(Code::data_loss, "directory.damaged");
  crypto::Secret out = crypto::to_secret(*plain);
  crypto::secure_zero(plain->data(), plain->size());
  return out;
}

Result<Digest> Personal::keep(sql::Session& session, std::string_view chain, const SubjectId& subject,
                              const Json& data) const {
  if (!is_document(data)) return fail(Code::invalid_argument, "directory.personal", "an object of texts");
  ASSIGN(const std::string document, canonical_json(data));
  if (document.size() > kMaxDocument)
    return fail(Code::invalid_argument, "directory.personal", "{} bytes", document.size());
  const Bytes salt = crypto::random_bytes(kSaltBytes);
  crypto::Secret plain = crypto::to_secret(salt);
  plain.insert(plain.end(), document.begin(), document.end());
  ASSIGN(const Bytes sealed, seal(chain, subject, plain));
  TRY(session.run("delete from identity_personal where chain = ? and subject = ?", chain, hex(subject)));
  TRY(session.run(
      "insert into identity_personal (chain, subject, sealed, kept_ms, erased_ms) values (?, ?, ?, ?, 0)",
      chain, hex(subject), sealed, now_ms_()));
  return commitment(salt, document);
}

Result<Sight> Personal::read(std::string_view chain, const SubjectId& subject,
                             const std::vector<std::string>& fields, bool masked, std::string_view reader,
                             std::string_view purpose) {
  if (purpose.empty() || purpose.size() > 200) return fail(Code::invalid_argument, "directory.purpose");
  std::optional<sql::Row> row;
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(row, session.row("select sealed, erased_ms from identity_personal where chain = ? and subject = ?",
                            chain, hex(subject)));
    if (!row) return {};
    TRY(
        session.run("insert into identity_look (chain, subject, reader, purpose, fields, masked, time_ms) "
                    "values (?, ?, ?, ?, ?, ?, ?)",
                    chain, hex(subject), reader, purpose, Json(fields).dump(), masked, now_ms_()));
    return {};
  }));
  if (!row) return fail(Code::not_found, "directory.no_personal");
  if ((*row)[1].integer() != 0) return fail(Code::gone, "directory.erased");
  ASSIGN(const crypto::Secret plain, open(chain, subject, (*row)[0].blob()));
  ASSIGN(const Json all, parse_json(text(ByteView(plain).subspan(kSaltBytes))));
  Sight out{Json::object(), {}};
  for (const auto& [name, value] : all.items()) {
    if (!fields.empty() && std::find(fields.begin(), fields.end(), name) == fields.end()) continue;
    out.data[name] = masked ? mask(value.get<std::string>()) : value.get<std::string>();
  }
  // With the salt the commitment can be checked, so it goes with the whole only.
  if (!masked && fields.empty()) out.salt = to_bytes(ByteView(plain).first(kSaltBytes));
  return out;
}

Status Personal::erase(std::string_view chain, const SubjectId& subject) {
  int64_t changed = 0;
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(changed,
           session.run(
               "update identity_personal set sealed = null, erased_ms = ? where chain = ? and subject = ? "
               "and erased_ms = 0",
               std::max<int64_t>(now_ms_(), 1), chain, hex(subject)));
    return {};
  }));
  if (changed == 0) return fail(Code::not_found, "directory.no_personal");
  return {};
}

Result<std::vector<Look>> Personal::looks(std::string_view chain, const SubjectId& subject) {
  std::vector<Look> out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(const auto rows, session.rows("select reader, purpose, fields, masked, time_ms from identity_look "
                                         "where chain = ? and subject = ? order by id desc limit 500",
                                         chain, hex(subject)));
    for (const auto& row : rows) {
      ASSIGN(const Json fields, parse_json(row[2].text()));
      out.push_back({std::string(chain), hex(subject), row[0].text(), row[1].text(),
                     fields.get<std::vector<std::string>>(), row[3].integer() != 0, row[4].integer()});
    }
    return {};
  }));
  return out;
}

}  // namespace chengxin::directory
