#pragma once
#include "credential/credential.h"
#include "credential/template.h"

// Verification with a verdict that names each check.
namespace chengxin::credential {

enum class Outcome { passed, failed, skipped };
std::string_view name(Outcome outcome);

struct Check {
  std::string name;  // format, issuer, signature, validity, type, schema, status, holder, freshness, replay,
                     // claims, rule
  Outcome outcome = Outcome::passed;
  std::string reason = {}, detail = {};  // of a failed one
};

struct Verdict {
  bool valid() const;
  const Check* failed() const;  // the first; null: none
  void pass(std::string check) { checks.push_back({std::move(check)}); }
  void skip(std::string check, std::string why) {
    checks.push_back({std::move(check), Outcome::skipped, {}, std::move(why)});
  }
  bool note(std::string check, const Status& status);  // true when it passed
  std::vector<Check> checks;
  std::string issuer, type, holder;  // holder: thumbprint of the bound key, or DID of the subject
  Json claims = Json::object();      // what was shown; trust it only when the verdict is valid
  Json json() const;
};

// Remembers what was used once, for as long as it would be taken. Thread-safe.
class ReplayGuard {
 public:
  virtual ~ReplayGuard() = default;
  // presentation.replayed when the key was used before; presentation.busy when nothing more can be kept.
  virtual Status use(const Digest& key, int64_t until_ms, int64_t now_ms) = 0;
};
std::unique_ptr<ReplayGuard> replay_guard(size_t most = 1'000'000);  // in memory

struct Policy {
  std::vector<std::string> issuers;  // believed; empty: none unless any_issuer
  bool any_issuer = false;
  int64_t skew_ms = 60'000;  // of others' clocks
  bool status_required = false;
};

// What the verifier asked of a presentation.
struct Expected {
  std::string audience, nonce;
  int64_t max_age_ms = 300'000;
  std::string query = {};  // which of an answer's presentations
};

// Schemas of credential types that this verifier knows; null: none.
using SchemaOf = std::function<std::shared_ptr<const rules::Schema>(const std::string& type)>;

class Verifier {
 public:
  Verifier(Resolver& resolver, StatusLists& lists, ReplayGuard& replays, SchemaOf schema_of = {})
      : resolver_(resolver), lists_(lists), replays_(replays), schema_of_(std::move(schema_of)) {}

  // A credential as such, of either format: SD-JWT VC or vc+jwt.
  Verdict credential(std::string_view text, const Policy& policy, int64_t now_ms);
  // A presentation of one credential that its holder bound to `expected`: SD-JWT with key binding, or a
  // vp+jwt.
  Verdict presentation(std::string_view text, const Policy& policy, const Expected& expected, int64_t now_ms);
  // An answer to a template: {query id: [presentation]}. `policy.issuers` is what queries without issuers
  // believe.
  Verdict answer(const Json& vp_token, const PresentationTemplate& wanted, const Policy& policy,
                 const Expected& expected, int64_t now_ms);

 private:
  struct Facts;
  void judge(Verdict& verdict, const Facts& facts, const Policy& policy, int64_t now_ms);
  void judge_stranger(Verdict& verdict, const Facts& facts, const Policy& policy, int64_t now_ms);
  Status check_holder(const Verdict& verdict, const OpenedPresentation& opened);
  void judge_sd_jwt(Verdict& verdict, const SdJwt& sd_jwt, const Policy& policy, int64_t now_ms);
  void judge_vc(Verdict& verdict, std::string_view text, const Policy& policy, int64_t now_ms);
  void judge_fresh(Verdict& verdict, const KeyBinding& binding, const Expected& expected,
                   const Policy& policy, int64_t now_ms);
  Status judge_status(const Json& status, const std::string& issuer, bool required, int64_t now_ms);

  Resolver& resolver_;
  StatusLists& lists_;
  ReplayGuard& replays_;
  const SchemaOf schema_of_;
};

}  // namespace chengxin::credential
