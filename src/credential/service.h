#pragma once
#include "credential/did_chain.h"
#include "credential/domains.h"
#include "credential/verifier.h"

namespace chengxin::sql {
class Database;
}

// Issues credentials, asks for presentations and judges them, for one platform (ADR 0038). What a credential
// says is not kept here: templates, states and what was asked are.
namespace chengxin::credential {

struct ServiceOptions {
  std::string url;     // where others reach this platform: https://platform.example
  std::string issuer;  // its DID; empty: did:web of `url`
  PrivateKey sm2_key, p256_key;
  crypto::Secret data_key;  // at least 16 bytes: what people showed is sealed with one that comes from it
  std::vector<crypto::Certificate> certificates;  // of the SM2 key, leaf first; may be empty
  WebOptions web;                                 // for DIDs, lists and proofs elsewhere
  FindChain find_chain;                           // for DIDs of identities on chains; null: not resolved
  std::function<int64_t()> now_ms;
  // Keeps a digest on a chain; null: nothing is anchored. Must not block.
  std::function<void(const Digest&, const std::string& title)> anchor;
};

struct Caller {
  std::string id;  // of the credential used
  bool owner = false;
};

struct Issuance {
  std::string template_id;
  Json claims = Json::object();
  Json holder;  // a DID or a JWK; null when the template binds nobody
  std::optional<int64_t> from_ms, until_ms;
};

// Brings the tables of this module up to date; Service::open() does it too.
Status migrate(sql::Database& database);

class Service {
 public:
  static Result<std::unique_ptr<Service>> open(sql::Database& database, ServiceOptions options);
  virtual ~Service() = default;

  virtual const std::string& url() const = 0;
  virtual const std::string& issuer() const = 0;
  virtual Resolvers& resolvers() = 0;
  virtual Json did_document() const = 0;

  // --- templates: `kind` is "credential" or "presentation" ---
  // A new version stands beside the earlier ones, whose credentials stay what they are. template.malformed,
  // template.exists (this version), schema.*, rule.*.
  virtual Status put_template(const Caller& caller, const std::string& kind, const Json& json) = 0;
  virtual Result<Json> find_template(const std::string& kind, const std::string& id,
                                     std::optional<int64_t> version) = 0;  // template.not_found
  virtual Result<Json> list_templates(const std::string& kind) = 0;        // newest versions

  // --- issuing ---
  // {id, credential, format}. credential.delegate (the caller may not issue by it), credential.schema,
  // credential.claim (a name of the format's own), credential.holder, credential.time, template.not_found.
  virtual Result<Json> issue(const Caller& caller, const Issuance& issuance) = 0;
  // {items, next}; newest first.
  virtual Result<Json> list_issued(const Json& filter, const std::string& cursor, size_t limit) = 0;
  virtual Result<Json> find_issued(const std::string& id) = 0;  // credential.not_found
  // active, suspended, revoked; what was revoked stays so. credential.state.
  virtual Result<Json> set_state(const Caller& caller, const std::string& id, const std::string& state,
                                 const std::string& why) = 0;
  virtual Result<std::string> status_list(StatusPurpose purpose, int64_t number) = 0;  // status.not_found

  // --- OpenID4VCI 1.0, pre-authorised code (openid.*: the error names of the standard) ---
  virtual Result<Json> offer(const Caller& caller, const Issuance& issuance, bool with_code) = 0;
  virtual Result<Json> find_offer(const std::string& id) = 0;
  virtual Result<Json> issuer_metadata() = 0;
  virtual Json server_metadata() const = 0;
  virtual Result<Json> token(const std::string& form) = 0;
  virtual Result<Json> nonce() = 0;
  virtual Result<Json> credential(const std::string& access_token, const Json& request) = 0;

  // --- OpenID4VP 1.0, request_uri and direct_post ---
  virtual Result<Json> ask(const std::string& template_id, Algorithm algorithm) = 0;
  virtual Result<Json> find_request(const std::string& id) = 0;  // presentation.not_found
  virtual Result<std::string> request_object(const std::string& id) = 0;
  virtual Result<Json> answer(const std::string& id, const std::string& form) = 0;

  // --- verifying what somebody brought ---
  // {credential} or {presentation, audience, nonce}, {template}? Believed: this issuer and the trust list.
  virtual Result<Verdict> verify(const Json& request) = 0;

  virtual Domains& domains() = 0;
  virtual void maintain() = 0;  // now and then: drops what is over
};

}  // namespace chengxin::credential
