#pragma once
#include "credential/sd_jwt.h"
#include "credential/status_list.h"
#include "rules/rule.h"
#include "rules/schema.h"

// Templates: what credentials of a kind hold, and what a verifier asks for (docs/formats/credential.md).
namespace chengxin::credential {

enum class Format { sd_jwt, vc_jwt };
std::string_view name(Format format);  // "dc+sd-jwt", "vc+jwt": as OpenID4VCI and DCQL name them

struct CredentialTemplate {
  std::string id, title, type;  // type: vct of an SD-JWT VC, further type of a W3C credential
  int64_t version = 1;
  Format format = Format::sd_jwt;
  Json schema_json = Json::object();
  std::optional<rules::Schema> schema;  // of the claims
  Frame frame;
  int64_t validity_ms = 0;  // from its issue
  std::vector<Algorithm> proofs;
  bool with_status = true, holder_bound = true;
  std::vector<std::string> delegates;  // principals who may issue by it besides the owner
  Json json;

  // template.malformed, schema.*.
  static Result<CredentialTemplate> parse(const Json& json);
};

// A credential that is asked for: the subset of DCQL (OpenID4VP 1.0 section 6) without credential_sets and
// claim_sets, and what this verifier accepts.
struct CredentialQuery {
  std::string id;
  Format format = Format::sd_jwt;
  std::vector<std::string> types;  // any of these
  struct Claim {
    ClaimPath path;
    std::vector<Json> values;  // any of these; empty: whatever it is
  };
  std::vector<Claim> claims;
  std::vector<std::string> issuers;  // DIDs that are believed; empty: those of the trust list
};

struct PresentationTemplate {
  std::string id, title, purpose;  // purpose: shown to the holder
  int64_t version = 1;
  std::vector<CredentialQuery> queries;
  std::optional<rules::Rule> rule;  // over {"credentials": {query id: claims}}; must be true
  int64_t max_age_ms = 300'000;     // of a presentation
  bool status_required = false;     // a credential without a status is refused
  Json json;

  static Result<PresentationTemplate> parse(const Json& json);  // template.malformed, rule.*
  Json dcql() const;
};

// Values at a path: none, one, or those of each element (DCQL section 7).
std::vector<const Json*> values_at(const Json& claims, const ClaimPath& path);

}  // namespace chengxin::credential
