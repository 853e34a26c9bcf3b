#include "credential/verifier.h"

#include <algorithm>

#include "credential/impl/time.h"
#include "crypto/secret.h"
#include "crypto/sm3.h"

namespace chengxin::credential {
namespace {

constexpr std::string_view kSdTypes[] = {"dc+sd-jwt", "vc+sd-jwt"};  // the latter: drafts up to 2024

constexpr std::string_view kNotFetched = "the issuer is not believed here: nothing is fetched for it";

// Resolved from itself.
bool is_offline(std::string_view did) { return did.starts_with("did:key:"); }

std::string text_of(const Json& object, const char* member) {
  auto at = object.find(member);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

Status check_issuer(const std::string& issuer, const Policy& policy) {
  if (policy.any_issuer ||
      std::find(policy.issuers.begin(), policy.issuers.end(), issuer) != policy.issuers.end())
    return {};
  return fail(Code::forbidden, "credential.issuer", "{} is not believed here", issuer);
}

Status check_validity(int64_t from_ms, int64_t until_ms, int64_t skew_ms, int64_t now_ms) {
  if (now_ms + skew_ms < from_ms)
    return fail(Code::forbidden, "credential.not_yet_valid", "from {}", whole_seconds(from_ms));
  if (now_ms - skew_ms >= until_ms)
    return fail(Code::forbidden, "credential.expired", "until {}", whole_seconds(until_ms));
  return {};
}

// What is withheld is not missing: the issuer checked the whole.
bool may_be_withheld(const std::string& keyword) {
  constexpr std::string_view kKeywords[] = {"required", "dependentRequired", "minProperties", "minItems",
                                            "contains"};
  return std::find(std::begin(kKeywords), std::end(kKeywords), keyword) != std::end(kKeywords);
}

Status check_schema(const rules::Schema& schema, const Json& claims, bool partly) {
  ASSIGN(const auto violations, schema.check(claims));
  for (const auto& each : violations)
    if (!partly || !may_be_withheld(each.keyword))
      return fail(Code::forbidden, "credential.schema", "{}: {}", each.path, each.message);
  return {};
}

Status check_sd_type(const Jws& jws) {
  for (auto type : kSdTypes)
    if (check_type(jws, type)) return {};
  return check_type(jws, kSdTypes[0]);
}

// Claims of the holder's that are the format's own.
Json plain_claims(Json claims) {
  for (const char* name : {"iss", "iat", "nbf", "exp", "cnf", "vct", "status"}) claims.erase(name);
  return claims;
}

std::string type_of(const Json& credential) {
  for (const Json& each : credential["type"])
    if (each.is_string() && each != "VerifiableCredential") return each;
  return {};
}

}  // namespace

std::string_view name(Outcome outcome) {
  constexpr std::string_view kNames[] = {"passed", "failed", "skipped"};
  return kNames[size_t(outcome)];
}

bool Verdict::valid() const { return !checks.empty() && failed() == nullptr; }

const Check* Verdict::failed() const {
  for (const Check& check : checks)
    if (check.outcome == Outcome::failed) return &check;
  return nullptr;
}

bool Verdict::note(std::string check, const Status& status) {
  if (status)
    pass(std::move(check));
  else
    checks.push_back({std::move(check), Outcome::failed, status.error().reason, status.error().detail});
  return status.has_value();
}

Json Verdict::json() const {
  Json list = Json::array();
  for (const Check& check : checks) {
    Json one = {{"check", check.name}, {"outcome", name(check.outcome)}};
    if (!check.reason.empty()) one["reason"] = check.reason;
    if (!check.detail.empty()) one["detail"] = check.detail;
    list.push_back(std::move(one));
  }
  Json out = {{"valid", valid()}, {"checks", std::move(list)}, {"issuer", issuer},
              {"type", type},     {"holder", holder},          {"claims", claims}};
  if (const Check* bad = failed()) out["reason"] = bad->reason;
  return out;
}

// What both formats say of a credential.
struct Verifier::Facts {
  const Jws* jws;
  std::string issuer, type;
  int64_t from_ms = 0, until_ms = kForever;
  Json claims, status;
  bool partly = false;  // some claims may be withheld
};

Status Verifier::judge_status(const Json& status, const std::string& issuer, bool required, int64_t now_ms) {
  if (status.is_null() || status.empty()) {
    if (required) return fail(Code::forbidden, "status.missing", "the credential tells no status");
    return {};
  }
  const Json entries = status.is_array() ? status : Json::array({status});
  if (entries.size() > 8) return fail(Code::invalid_argument, "status.entry", "above eight");
  for (const Json& each : entries) {
    ASSIGN(const auto entry, parse_status_entry(each));
    ASSIGN(const bool set, lists_.is_set(entry, issuer, now_ms));
    if (set && entry.purpose == StatusPurpose::revocation)
      return fail(Code::forbidden, "credential.revoked", "{} at {}", entry.url, entry.index);
    if (set) return fail(Code::forbidden, "credential.suspended", "{} at {}", entry.url, entry.index);
  }
  return {};
}

// Whom nobody here believes makes us fetch nothing: what can be told without the network is told.
void Verifier::judge_stranger(Verdict& verdict, const Facts& facts, const Policy& policy, int64_t now_ms) {
  if (is_offline(facts.issuer))
    verdict.note("signature", check_proofs(*facts.jws, facts.issuer, Relationship::assertion, resolver_));
  else
    verdict.skip("signature", std::string(kNotFetched));
  verdict.note("validity", check_validity(facts.from_ms, facts.until_ms, policy.skew_ms, now_ms));
  verdict.skip("schema", "the issuer is not believed here");
  verdict.skip("status", std::string(kNotFetched));
}

void Verifier::judge(Verdict& verdict, const Facts& facts, const Policy& policy, int64_t now_ms) {
  verdict.issuer = facts.issuer;
  verdict.type = facts.type;
  verdict.claims = facts.claims;
  if (!verdict.note("issuer", check_issuer(facts.issuer, policy))) {
    judge_stranger(verdict, facts, policy, now_ms);
    return;
  }
  if (!verdict.note("signature", check_proofs(*facts.jws, facts.issuer, Relationship::assertion, resolver_)))
    return;  // the rest would be judging what a stranger wrote
  verdict.note("validity", check_validity(facts.from_ms, facts.until_ms, policy.skew_ms, now_ms));
  const auto schema = schema_of_ ? schema_of_(facts.type) : nullptr;
  if (schema)
    verdict.note("schema", check_schema(*schema, facts.claims, facts.partly));
  else
    verdict.skip("schema", "no schema of this type is known here");
  if (facts.status.is_null() && !policy.status_required)
    verdict.skip("status", "the credential tells no status");
  else
    verdict.note("status", judge_status(facts.status, facts.issuer, policy.status_required, now_ms));
}

void Verifier::judge_sd_jwt(Verdict& verdict, const SdJwt& sd_jwt, const Policy& policy, int64_t now_ms) {
  auto unfolded = unfold(sd_jwt);
  const Status type = check_sd_type(sd_jwt.jws);
  Status form = type ? Status(unfolded.map([](const Unfolded&) {})) : type;
  Facts facts{&sd_jwt.jws};
  const Json& fixed = sd_jwt.jws.payload;  // these may not be disclosed selectively (SD-JWT VC 3.2.2.2)
  facts.issuer = text_of(fixed, "iss");
  facts.type = text_of(fixed, "vct");
  const auto from = numeric_date(fixed, "nbf", 0), until = numeric_date(fixed, "exp", kForever),
             issued = numeric_date(fixed, "iat", 0);
  if (form && (!is_did(facts.issuer) || facts.type.empty() || !from || !until || !issued))
    form = fail(Code::invalid_argument, "sd_jwt.malformed", "it needs iss (a DID), vct and sound times");
  if (!verdict.note("format", form)) return;
  facts.from_ms = *from;
  facts.until_ms = *until;
  facts.claims = plain_claims(std::move(unfolded->claims));
  facts.partly = fixed.contains("_sd_alg");
  if (auto status = fixed.find("status"); status != fixed.end())
    facts.status = status->is_object() ? status->value("bitstring_status_list", *status) : *status;
  judge(verdict, facts, policy, now_ms);
}

void Verifier::judge_vc(Verdict& verdict, std::string_view text, const Policy& policy, int64_t now_ms) {
  const auto opened = read_credential(text);
  if (!verdict.note("format", opened.map([](const Opened&) {}))) return;
  Facts facts{&opened->jws, opened->issuer, type_of(opened->credential), opened->from_ms, opened->until_ms};
  facts.claims = opened->credential["credentialSubject"];
  facts.claims.erase("id");
  if (opened->credential.contains("credentialStatus")) facts.status = opened->credential["credentialStatus"];
  verdict.holder = opened->subject;
  judge(verdict, facts, policy, now_ms);
}

Verdict Verifier::credential(std::string_view text, const Policy& policy, int64_t now_ms) {
  Verdict verdict;
  auto sd_jwt = SdJwt::parse(text);
  const bool is_sd = sd_jwt && (!sd_jwt->jws.general || check_sd_type(sd_jwt->jws));
  if (!is_sd && (text.starts_with('{') || text.find('~') == text.npos)) {
    judge_vc(verdict, text, policy, now_ms);
    return verdict;
  }
  if (!sd_jwt) {
    verdict.note("format", sd_jwt.map([](const SdJwt&) {}));
    return verdict;
  }
  judge_sd_jwt(verdict, *sd_jwt, policy, now_ms);
  if (auto key = holder_key(sd_jwt->jws.payload)) verdict.holder = key->thumbprint();
  return verdict;
}

void Verifier::judge_fresh(Verdict& verdict, const KeyBinding& binding, const Expected& expected,
                           const Policy& policy, int64_t now_ms) {
  auto fresh = [&]() -> Status {
    if (binding.audience != expected.audience)
      return fail(Code::forbidden, "presentation.audience", "it was made for \"{}\"",
                  binding.audience.substr(0, 200));
    if (!crypto::constant_time_equal(view(binding.nonce), view(expected.nonce)))
      return fail(Code::forbidden, "presentation.nonce", "its nonce is not the one that was asked for");
    if (now_ms + policy.skew_ms < binding.issued_ms)
      return fail(Code::forbidden, "presentation.time", "made {}, which is to come",
                  whole_seconds(binding.issued_ms));
    if (now_ms - policy.skew_ms > binding.issued_ms + expected.max_age_ms)
      return fail(Code::forbidden, "presentation.time", "made {}, too long ago",
                  whole_seconds(binding.issued_ms));
    return {};
  };
  verdict.note("freshness", fresh());
}

// A holder whom no believed issuer names is not resolved over the network.
Status Verifier::check_holder(const Verdict& verdict, const OpenedPresentation& opened) {
  if (verdict.holder != opened.holder)
    return fail(Code::forbidden, "presentation.holder", "{} shows a credential of {}", opened.holder,
                verdict.holder.empty() ? "nobody" : verdict.holder);
  if (!verdict.valid() && !is_offline(opened.holder))
    return fail(Code::forbidden, "presentation.holder", "{} is not resolved for such a credential",
                opened.holder);
  return check_proofs(opened.jws, opened.holder, Relationship::authentication, resolver_);
}

Verdict Verifier::presentation(std::string_view text, const Policy& policy, const Expected& expected,
                               int64_t now_ms) {
  Verdict verdict;
  if (text.starts_with('{') || text.find('~') != text.npos) {
    const auto sd_jwt = SdJwt::parse(text);
    if (!sd_jwt) {
      verdict.note("format", sd_jwt.map([](const SdJwt&) {}));
      return verdict;
    }
    judge_sd_jwt(verdict, *sd_jwt, policy, now_ms);
    const auto key = holder_key(sd_jwt->jws.payload);
    if (!verdict.note("holder", key.map([](const PublicKey&) {}))) return verdict;
    verdict.holder = key->thumbprint();
    const auto binding = check_binding(*sd_jwt, *key);
    verdict.checks.pop_back();  // the key alone says nothing
    if (!verdict.note("holder", binding.map([](const KeyBinding&) {}))) return verdict;
    judge_fresh(verdict, *binding, expected, policy, now_ms);
  } else {
    const auto opened = read_presentation(text);
    if (!verdict.note("format", opened.map([](const OpenedPresentation&) {}))) return verdict;
    if (opened->credentials.size() != 1) {
      verdict.note("format", fail(Code::unsupported, "vp.malformed", "one credential a presentation"));
      return verdict;
    }
    judge_vc(verdict, opened->credentials[0], policy, now_ms);
    if (!verdict.note("holder", check_holder(verdict, *opened))) return verdict;
    judge_fresh(verdict, {opened->audience, opened->nonce, opened->issued_ms}, expected, policy, now_ms);
  }
  if (!verdict.valid()) return verdict;  // what does not hold uses no nonce up
  const ByteView end = view(std::string_view("\0", 1));
  const Digest once =
      crypto::sm3({view(expected.audience), end, view(expected.nonce), end, view(expected.query)});
  verdict.note("replay", replays_.use(once, now_ms + expected.max_age_ms + 2 * policy.skew_ms, now_ms));
  return verdict;
}

}  // namespace chengxin::credential
