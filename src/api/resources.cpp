#include "api/resources.h"

#include "api/authorise.h"
#include "api/crypto_service.h"
#include "api/resource_access.h"
#include "api/resource_access_sync.h"
#include "api/resource_audit.h"
#include "api/resource_authority.h"
#include "api/resource_cases.h"
#include "api/resource_chains.h"
#include "api/resource_consortium.h"
#include "api/resource_contract_calls.h"
#include "api/resource_contracts.h"
#include "api/resource_credentials.h"
#include "api/resource_crypto.h"
#include "api/resource_crypto_keys.h"
#include "api/resource_crypto_service.h"
#include "api/resource_documentation.h"
#include "api/resource_ethereum.h"
#include "api/resource_events.h"
#include "api/resource_evidence.h"
#include "api/resource_gateway.h"
#include "api/resource_identities.h"
#include "api/resource_jobs.h"
#include "api/resource_mirror.h"
#include "api/resource_openid.h"
#include "api/resource_originals.h"
#include "api/resource_outside.h"
#include "api/resource_packs.h"
#include "api/resource_records.h"
#include "api/resource_sessions.h"
#include "api/resource_system.h"
#include "api/resource_tokens.h"
#include "api/resource_transaction_stream.h"
#include "api/resource_transactions.h"
#include "api/resource_users.h"
#include "api/resource_verify.h"

namespace chengxin::api {
namespace {

struct Row {
  Resource (*make)();
  bool (*available)(const Services&);
};

bool always(const Services&) { return true; }
bool has_database(const Services& services) { return services.database; }
bool has_host(const Services& services) { return services.host; }
bool has_evidence(const Services& services) { return services.host && services.evidence; }
bool has_blobs(const Services& services) { return services.blobs; }
bool has_mirror(const Services& services) {
  return services.host && services.mirror && services.database && services.jobs;
}
bool has_consortium(const Services& services) { return services.consortium; }
bool has_contracts(const Services& services) {
  return services.host && services.contracts && services.service_key;
}
bool has_authority(const Services& services) { return services.authority; }
bool has_gateway(const Services& services) { return services.gateway; }
bool has_packs(const Services& services) { return services.packs; }
bool has_cases(const Services& services) { return services.cases; }
bool has_audit(const Services& services) { return services.audit; }
bool has_access(const Services& services) { return services.access; }
bool has_outside(const Services& services) { return services.access && services.oidc; }
bool has_credentials(const Services& services) { return services.credentials; }
bool has_keys(const Services& services) { return services.crypto; }
bool has_jobs(const Services& services) { return services.jobs; }

const Row kResources[] = {
    {system_resource, always},
    {documentation_resource, always},
    {verify_resource, always},
    {tokens_resource, has_database},
    {chains_resource, has_host},
    {transactions_resource, has_host},
    {transaction_stream_resource, has_host},
    {events_resource, has_host},
    {evidence_resource, has_evidence},
    {originals_resource, has_blobs},
    {mirror_resource, has_mirror},
    {jobs_resource, has_jobs},
    {consortium_resource, has_consortium},
    {authority_resource, has_authority},
    {gateway_resource, has_gateway},
    {packs_resource, has_packs},
    {records_resource, has_packs},
    {cases_resource, has_cases},
    {contracts_resource, has_contracts},
    {contract_calls_resource, has_contracts},
    {ethereum_resource, has_contracts},
    {identities_resource, has_contracts},
    {crypto_resource, always},
    {audit_resource, has_audit},
    {sessions_resource, has_access},
    {outside_resource, has_outside},
    {users_resource, has_access},
    {access_resource, has_access},
    {access_sync_resource, has_access},
    {credentials_resource, has_credentials},
    {openid_resource, has_credentials},
    {crypto_keys_resource, has_keys},
    {crypto_service_resource, has_keys},
};

}  // namespace

Resource every_resource() {
  Resource out;
  for (const Row& row : kResources) {
    Resource one = row.make();
    for (Route& route : one.routes) out.routes.push_back(std::move(route));
    out.schemas.merge(one.schemas);
  }
  return out;
}

std::vector<access::Action> all_actions() {
  std::vector<access::Action> out;
  for (const Route& route : every_route()) out.push_back(action_of(route));
  return out;
}

Resource all_resources(const Options&, const Services& services) {
  Resource all;
  for (const Row& row : kResources) {
    if (!row.available(services)) continue;
    Resource resource = row.make();
    for (auto& route : resource.routes) all.routes.push_back(std::move(route));
    all.schemas.merge(resource.schemas);
  }
  return all;
}

}  // namespace chengxin::api
