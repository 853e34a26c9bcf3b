#pragma once
#include "credential/did.h"

namespace chengxin::sql {
class Database;
}

// Mutual recognition between domains: which other domains are believed, by what, and whether what one shows
// is what it proved (did-02).
namespace chengxin::credential {

// {id, title, dids: [did], roots?: PEM, anchor?: .cxanchor, resolver?: address before a DID}.
//   roots: a key of the domain's document must have a certificate that leads to one of these;
//   anchor: its document must be proved on that chain, by the bundle at the service "ChengxinDocumentProof";
//   resolver: what the domain's own resolver shows must be the same document.
class Domains {
 public:
  Domains(sql::Database& database, Resolvers& resolvers, WebOptions web)
      : database_(database), resolvers_(resolvers), web_(std::move(web)) {}

  Status put(const Json& domain, int64_t now_ms);  // domain.malformed
  Status remove(const std::string& id);            // domain.not_found
  Result<Json> list();
  Result<std::vector<std::string>> trusted();  // the DIDs of all domains

  // Each DID of the domain: {domain, consistent, dids: [{did, consistent, checks: [{check, outcome, reason?,
  // detail?}], differences: [{path, shown, elsewhere}]}]}. domain.not_found.
  Result<Json> check(const std::string& id, int64_t now_ms);

 private:
  Json check_did(const Json& domain, const std::string& did, int64_t now_ms);

  sql::Database& database_;
  Resolvers& resolvers_;
  const WebOptions web_;
};

// Where two documents differ: JSON pointers with both values, at most 100.
Json document_differences(const Json& shown, const Json& elsewhere);

}  // namespace chengxin::credential
