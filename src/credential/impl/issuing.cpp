#include "credential/impl/issuing.h"

#include <algorithm>

#include "credential/impl/time.h"
#include "crypto/hmac.h"
#include "crypto/sm3.h"
#include "sql/query.h"

namespace chengxin::credential {
namespace {

constexpr int64_t kListTtlMs = 60'000, kListLifeMs = 86'400'000, kListAgainMs = kListLifeMs / 2;
constexpr std::string_view kReserved[] = {"iss", "iat",    "nbf", "exp",     "cnf",
                                          "vct", "status", "_sd", "_sd_alg", "..."};
constexpr std::string_view kColumns =
    "serial, id, template, version, holder, principal, state, reason, issued_ms, until_ms, changed_ms";

Json describe(const sql::Row& row) {
  return {{"id", row.text(1)},          {"template", row.text(2)},
          {"version", row.integer(3)},  {"holder", row.text(4)},
          {"issued_by", row.text(5)},   {"state", row.text(6)},
          {"reason", row.text(7)},      {"issued_ms", row.integer(8)},
          {"until_ms", row.integer(9)}, {"changed_ms", row.integer(10)}};
}

// One half of a number of 20 bits, stirred by the other: four rounds of a Feistel network.
size_t permuted(ByteView key, size_t value) {
  uint32_t left = uint32_t(value >> 10), right = uint32_t(value & 1023);
  for (uint8_t round = 0; round < 4; ++round) {
    const uint8_t input[] = {round, uint8_t(right >> 8), uint8_t(right)};
    const Digest digest = crypto::hmac_sm3(key, ByteView(input));
    const uint32_t next = left ^ (get_be<uint32_t>(digest.data()) & 1023);
    left = right;
    right = next;
  }
  return size_t(left) << 10 | right;
}

}  // namespace

// Serial numbers begin with 1. The walk ends: a permutation of 2^20 leads back below a million.
Issuing::Place Issuing::place_of(int64_t serial) const {
  size_t index = size_t(serial - 1) % kStatusEntries;
  do index = permuted(permutation_key_, index);
  while (index >= kStatusEntries);
  return {(serial - 1) / int64_t(kStatusEntries), index};
}

Status Issuing::load() {
  return database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(permutation_key_, kept_secret(session, "status_permutation", 16));
    std::lock_guard lock(mutex_);
    lists_.clear();
    ASSIGN(auto last, session.row("select coalesce(max(serial), 0) from credential_issued"));
    last_serial_ = last->integer(0);
    return session.each("select serial, state from credential_issued where state <> 'active' order by serial",
                        [&](const sql::Row& row) {
                          note(row.integer(0), row.text(1));
                          return Status();
                        });
  });
}

// With the mutex held.
void Issuing::note(int64_t serial, std::string_view state) {
  const Place place = place_of(serial);
  for (auto purpose : {StatusPurpose::revocation, StatusPurpose::suspension}) {
    List& list = lists_[{purpose, place.list}];
    const bool set = state == (purpose == StatusPurpose::revocation ? "revoked" : "suspended");
    if (list.bits.get(place.index) == set) continue;
    list.bits.set(place.index, set);
    list.changed = true;
  }
}

std::string Issuing::list_address(StatusPurpose purpose, int64_t number) const {
  return fmt::format("{}/api/v1/status-lists/{}/{}", options_.url, name(purpose), number);
}

std::vector<Signer> Issuing::signers_of(const CredentialTemplate& kind) const {
  std::vector<Signer> out;
  for (auto algorithm : kind.proofs) out.push_back(signers_[size_t(algorithm)]);
  return out;
}

Result<PublicKey> Issuing::key_of(const Json& holder) {
  auto wrong = [](std::string_view why) {
    return fail(Code::invalid_argument, "credential.holder", "{}", why);
  };
  if (holder.is_object()) return PublicKey::from_jwk(holder);
  if (!holder.is_string()) return wrong("the holder is a DID or a JWK");
  ASSIGN(const auto resolution, resolver_.resolve(holder));
  if (resolution.deactivated())
    return fail(Code::forbidden, "did.deactivated", "{}", holder.get<std::string>());
  for (const auto& method : resolution.document->methods)
    if (method.key && resolution.document->find(method.id, Relationship::authentication)) return *method.key;
  return wrong("the DID has no key for authentication");
}

Result<Issuing::Times> Issuing::times_of(const CredentialTemplate& kind, const Issuance& issuance) const {
  const int64_t now = options_.now_ms();
  Times out{issuance.from_ms.value_or(now), 0};
  out.until_ms = issuance.until_ms.value_or(out.from_ms + kind.validity_ms);
  if (out.from_ms < now - 86'400'000 || out.until_ms <= out.from_ms || out.until_ms <= now ||
      out.until_ms > out.from_ms + kind.validity_ms)
    return fail(Code::invalid_argument, "credential.time",
                "from at most a day ago to at most {} days later, and not over yet",
                kind.validity_ms / 86'400'000);
  return out;
}

Result<std::shared_ptr<const CredentialTemplate>> Issuing::check(const Caller& caller,
                                                                 const Issuance& issuance) {
  ASSIGN(const auto kind, registry_.credential(issuance.template_id));
  if (!caller.owner &&
      std::find(kind->delegates.begin(), kind->delegates.end(), caller.id) == kind->delegates.end())
    return fail(Code::forbidden, "credential.delegate", "{} does not name this credential", kind->id);
  if (!issuance.claims.is_object())
    return fail(Code::invalid_argument, "credential.claim", "claims are an object");
  for (const auto reserved : kReserved)
    if (issuance.claims.contains(reserved))
      return fail(Code::invalid_argument, "credential.claim", "\"{}\" is the format's own", reserved);
  if (kind->format == Format::vc_jwt && issuance.claims.contains("id"))
    return fail(Code::invalid_argument, "credential.claim", "\"id\" is the holder's");
  if (kind->schema) {
    ASSIGN(const auto violations, kind->schema->check(issuance.claims));
    if (!violations.empty())
      return fail(Code::invalid_argument, "credential.schema", "{}: {}", violations[0].path,
                  violations[0].message);
  }
  TRY(times_of(*kind, issuance).map([](const Times&) {}));
  return kind;
}

Result<std::string> Issuing::make_sd_jwt(const CredentialTemplate& kind, Json claims, const Times& times,
                                         const Json& holder, const Json& status) {
  claims["iss"] = options_.issuer;
  claims["vct"] = kind.type;
  claims["iat"] = options_.now_ms() / 1'000;
  claims["nbf"] = times.from_ms / 1'000;
  claims["exp"] = times.until_ms / 1'000;
  if (!holder.is_null()) {
    ASSIGN(const PublicKey key, key_of(holder));
    claims["cnf"] = {{"jwk", key.jwk()}};
  }
  if (!status.is_null()) claims["status"] = {{"bitstring_status_list", status}};
  ASSIGN(const auto made, issue_sd_jwt({{"typ", "dc+sd-jwt"}}, claims, kind.frame, signers_of(kind)));
  return made.encode();
}

Result<std::string> Issuing::make_vc(const CredentialTemplate& kind, Json claims, const Times& times,
                                     const Json& holder, const Json& status, const std::string& id) {
  if (!holder.is_null()) {
    if (holder.is_string()) {
      claims["id"] = holder;
    } else {
      ASSIGN(const PublicKey key, key_of(holder));
      claims["id"] = key_did(key);
    }
  }
  if (claims.empty()) return fail(Code::invalid_argument, "credential.claim", "a credential says something");
  Json credential = {{"@context", {kVcContext}},
                     {"id", "urn:chengxin:credential:" + id},
                     {"type", {"VerifiableCredential", kind.type}},
                     {"issuer", options_.issuer},
                     {"validFrom", whole_seconds(times.from_ms)},
                     {"validUntil", whole_seconds(times.until_ms)},
                     {"credentialSubject", std::move(claims)}};
  if (!status.is_null()) credential["credentialStatus"] = status;
  if (kind.schema)
    credential["credentialSchema"] = {
        {"id", fmt::format("{}/api/v1/credential-schemas/{}/{}", options_.url, kind.id, kind.version)},
        {"type", "JsonSchema"}};
  return secure_credential(credential, signers_of(kind));
}

Result<std::string> Issuing::make(const CredentialTemplate& kind, const Issuance& issuance,
                                  const Times& times, int64_t serial, const std::string& id) {
  Json status;
  if (kind.with_status) {
    const Place place = place_of(serial);
    for (auto purpose : {StatusPurpose::revocation, StatusPurpose::suspension})
      status.push_back(status_entry({list_address(purpose, place.list), purpose, place.index}));
  }
  const Json holder = kind.holder_bound ? issuance.holder : Json();
  if (kind.holder_bound && holder.is_null())
    return fail(Code::invalid_argument, "credential.holder", "the template binds a holder, none is given");
  return kind.format == Format::sd_jwt ? make_sd_jwt(kind, issuance.claims, times, holder, status)
                                       : make_vc(kind, issuance.claims, times, holder, status, id);
}

Result<Json> Issuing::issue(const Caller& caller, const Issuance& issuance) {
  ASSIGN(const auto kind, check(caller, issuance));
  ASSIGN(const Times times, times_of(*kind, issuance));
  const std::string id = random_text(16);
  std::string holder;
  if (kind->holder_bound) {
    ASSIGN(const PublicKey key, key_of(issuance.holder));
    holder = issuance.holder.is_string() ? issuance.holder.get<std::string>() : key.thumbprint();
  }
  std::string token;
  int64_t made_serial = 0;
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    const int64_t now = options_.now_ms();
    ASSIGN(auto row,
           session.row("insert into credential_issued (id, template, version, holder, principal, state,"
                       " reason, issued_ms, until_ms, changed_ms)"
                       " values (?, ?, ?, ?, ?, 'active', '', ?, ?, ?) returning serial",
                       id, kind->id, kind->version, holder, caller.id, now, times.until_ms, now));
    made_serial = row->integer(0);
    ASSIGN(token, make(*kind, issuance, times, made_serial, id));
    return {};
  }));
  std::lock_guard lock(mutex_);
  last_serial_ = std::max(last_serial_, made_serial);
  return Json{{"id", id}, {"format", name(kind->format)}, {"credential", token}};
}

Result<Json> Issuing::list(const Json& filter, const std::string& cursor, size_t limit) {
  Json out = {{"items", Json::array()}, {"next", ""}};
  TRY(database_.read([&](sql::Session& session) -> Status {
    sql::Query query(fmt::format("select {} from credential_issued", kColumns));
    for (const char* column : {"template", "state", "holder"})
      if (filter.contains(column))
        query.where(fmt::format("{} = ?", column), filter[column].get<std::string>());
    query.keys({"serial"}, sql::Order::descending);
    ASSIGN(auto page, session.page(query, cursor, limit));
    for (const auto& row : page.rows) out["items"].push_back(describe(row));
    out["next"] = page.next;
    return {};
  }));
  return out;
}

Result<Json> Issuing::find(const std::string& id) {
  Json out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(auto row, session.row(fmt::format("select {} from credential_issued where id = ?", kColumns), id));
    if (!row) return fail(Code::not_found, "credential.not_found", "{}", id.substr(0, 100));
    out = describe(*row);
    return {};
  }));
  return out;
}

Result<Json> Issuing::set_state(const std::string& id, const std::string& state, const std::string& why) {
  if (state != "active" && state != "suspended" && state != "revoked")
    return fail(Code::invalid_argument, "credential.state", "active, suspended or revoked");
  int64_t serial = 0;
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(auto row, session.row("select serial, state from credential_issued where id = ?", id));
    if (!row) return fail(Code::not_found, "credential.not_found", "{}", id.substr(0, 100));
    serial = row->integer(0);
    if (row->text(1) == "revoked" && state != "revoked")
      return fail(Code::conflict, "credential.state", "what was revoked stays revoked");
    return session
        .run("update credential_issued set state = ?, reason = ?, changed_ms = ? where serial = ?", state,
             why, options_.now_ms(), serial)
        .map([](int64_t) {});
  }));
  {
    std::lock_guard lock(mutex_);
    note(serial, state);
  }
  for (auto purpose : {StatusPurpose::revocation, StatusPurpose::suspension})
    if (on_changed) on_changed(list_address(purpose, place_of(serial).list));
  return find(id);
}

Result<std::string> Issuing::status_list(StatusPurpose purpose, int64_t number) {
  std::lock_guard lock(mutex_);
  if (number < 0 || number > last_serial_ / int64_t(kStatusEntries))
    return fail(Code::not_found, "status.not_found", "{} {}", name(purpose), number);
  List& list = lists_[{purpose, number}];
  const int64_t now = options_.now_ms();
  if (!list.changed && !list.token.empty() && now < list.signed_ms + kListAgainMs && now >= list.signed_ms)
    return list.token;
  const std::string address = list_address(purpose, number);
  const Json content = status_list_credential(
      {address, options_.issuer, purpose, now, now + kListLifeMs, kListTtlMs}, list.bits);
  ASSIGN(list.token, secure_credential(content, signers_));  // both proofs: anybody may have to read it
  list.signed_ms = now;
  if (list.changed && options_.anchor) options_.anchor(crypto::sm3(view(list.token)), address);
  list.changed = false;
  return list.token;
}

}  // namespace chengxin::credential
