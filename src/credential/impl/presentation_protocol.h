#pragma once
#include "credential/impl/registry.h"
#include "credential/service.h"

namespace chengxin::credential {

// OpenID4VP 1.0: a signed request object behind request_uri (section 5), answered by direct_post (8.2).
class PresentationProtocol {
 public:
  PresentationProtocol(sql::Database& database, Registry& registry, Verifier& verifier, Domains& domains,
                       const ServiceOptions& options, std::vector<Signer> signers)
      : database_(database),
        registry_(registry),
        verifier_(verifier),
        domains_(domains),
        options_(options),
        signers_(std::move(signers)) {}

  Result<Json> ask(const std::string& template_id, Algorithm algorithm);
  Result<Json> find(const std::string& id);
  Result<std::string> request_object(const std::string& id);
  Result<Json> answer(const std::string& id, const std::string& form);
  Result<Policy> policy();
  std::string client_id() const { return "decentralized_identifier:" + options_.issuer; }

 private:
  struct Request {
    std::string id, template_id, nonce, state;
    int64_t version = 0, attempts = 0, created_ms = 0, until_ms = 0;
    Json body, verdict;
  };
  Result<Request> load(const std::string& id);

  sql::Database& database_;
  Registry& registry_;
  Verifier& verifier_;
  Domains& domains_;
  const ServiceOptions& options_;
  const std::vector<Signer> signers_;
};

}  // namespace chengxin::credential
