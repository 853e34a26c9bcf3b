#pragma once
#include "credential/impl/issuing.h"
#include "crypto/random.h"

namespace chengxin::credential {

// OpenID4VCI 1.0: pre-authorised code (section 4.1.1), token, nonce (7), credential (8), metadata (12.2).
// Errors are openid.NAME with the names of sections 6.3, 8.3.1 and RFC 6750.
class IssuanceProtocol {
 public:
  IssuanceProtocol(sql::Database& database, Registry& registry, Issuing& issuing, Resolver& resolver,
                   const ServiceOptions& options)
      : database_(database),
        once_(database),
        registry_(registry),
        issuing_(issuing),
        resolver_(resolver),
        options_(options) {}

  Result<Json> offer(const Caller& caller, const Issuance& issuance, bool with_code);
  Result<Json> find_offer(const std::string& id);
  Result<Json> issuer_metadata();
  Json server_metadata() const;
  Result<Json> token(const std::string& form);
  Result<Json> nonce();
  Result<Json> credential(const std::string& access_token, const Json& request);

 private:
  Result<Json> proved_holder(const Json& request);  // JWK
  Digest nonce_mac(std::string_view body) const;
  Status use_nonce(const std::string& nonce);  // openid.invalid_nonce
  Result<std::string> use_code(sql::Session& session, const std::string& code, const std::string& digits);

  sql::Database& database_;
  Once once_;
  Registry& registry_;
  Issuing& issuing_;
  Resolver& resolver_;
  const ServiceOptions& options_;
  const crypto::Secret nonce_key_ = crypto::random_secret(32);  // of this process
};

}  // namespace chengxin::credential
