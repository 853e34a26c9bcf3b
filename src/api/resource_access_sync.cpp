#include "api/resource_access_sync.h"

#include "access/service.h"
#include "access/sync.h"
#include "api/app.h"
#include "api/describe.h"
#include "base/clock.h"

namespace chengxin::api {
namespace {

Result<std::vector<access::User>> every_account(access::Service& service) {
  constexpr size_t kAtATime = 1000;
  std::vector<access::User> out;
  for (size_t got = kAtATime; got == kAtATime;) {
    ASSIGN(auto some, service.users().list(out.empty() ? "" : out.back().id, kAtATime));
    got = some.size();
    std::move(some.begin(), some.end(), std::back_inserter(out));
  }
  return out;
}

// Blocks.
Result<access::Comparison> compared(const Call& call, const access::Policy& policy) {
  auto& service = *call.app.services.access;
  if (auto bent = service.policies().bent()) return tl::unexpected(*bent);
  ASSIGN(const auto exported, access::read_export(call.json));
  for (const auto& [chain, accounts] : exported.chains)
    if (!host::valid_name(chain)) return fail(Code::invalid_argument, "chain.name", "{}", chain);
  access::Present present{policy, {}, {}, service.policies().actions()};
  ASSIGN(present.accounts, every_account(service));
  for (const auto& chain : call.app.services.host->list()) present.chains.insert(chain->name);
  return access::compare(exported, present);
}

Json describe(const std::vector<access::Difference>& differences, const access::Comparison& of) {
  return {{"differences", access::to_json(differences)},
          {"plan", hex(access::digest_of(differences))},
          {"notes", of.notes}};
}

Task<Result<Response>> compare_accounts(Call& call) {
  const auto policy = call.app.services.access->policies().current();
  co_return co_await call.app.comparisons.run([&]() -> Result<Response> {
    ASSIGN(const auto found, compared(call, *policy));
    return json_response(describe(found.accounts, found));
  });
}

Task<Result<Response>> compare_policy(Call& call) {
  const auto policy = call.app.services.access->policies().current();
  co_return co_await call.app.comparisons.run([&]() -> Result<Response> {
    ASSIGN(auto found, compared(call, *policy));
    Json out = describe(found.policy, found);
    out["accounts_first"] = !found.accounts.empty();
    if (found.accounts.empty() && !found.policy.empty()) {
      found.document["version"] = policy->version() + 1;
      found.document["previous"] = hex(policy->digest());
      found.document["made_ms"] = now_ms();
      out["document"] = std::move(found.document);
    }
    return json_response(out);
  });
}

Schemas schemas() {
  const Json open = {{"type", "object"}}, flag = {{"type", "boolean"}};
  const Json difference = object_schema({{"change", text_schema()},
                                         {"what", text_schema()},
                                         {"detail", text_schema()},
                                         {"account", text_schema()}},
                                        {"change", "what"});
  Schemas out;
  out["AccessExport"] = open;
  out["AccessDifferences"] = object_schema({{"differences", list_schema(difference)},
                                            {"plan", sm3_schema()},
                                            {"notes", list_schema(text_schema())},
                                            {"accounts_first", flag},
                                            {"document", open}},
                                           {"differences", "plan", "notes"});
  return out;
}

}  // namespace

Resource access_sync_resource() {
  Resource resource;
  resource.schemas = schemas();
  Route accounts;
  accounts.method = Method::post;
  accounts.path = "/api/v1/users/comparison";
  accounts.id = "compareAccounts";
  accounts.summary = {"导出与账户、链的差异", "What an export would change of accounts and chains"};
  accounts.tag = "users";
  accounts.access = Access::owner;
  accounts.body = {{"application/json", reference("AccessExport")}};
  accounts.answers = {{200, "application/json", reference("AccessDifferences"), {}}};
  accounts.reasons = {"access.sync_form",          "access.sync_duplicate",
                      "access.sync_duty",          "access.sync_source",
                      "access.sync_chain_unknown", "access.sync_service",
                      "access.role_unknown",       "access.organisation_unknown",
                      "access.organisation_loop",  "access.everyone_out",
                      "access.user_name",          "access.shared_name",
                      "access.duties_overlap",     "access.read_only_writes",
                      "access.policy_bent",        "access.policy_form",
                      "access.key_shared",         "chain.name"};
  accounts.handler = compare_accounts;
  accounts.max_body_bytes = access::kMaxPolicyBytes;
  accounts.reads = true;
  Route policy = accounts;
  policy.path = "/api/v1/access/comparison";
  policy.id = "compareAccess";
  policy.summary = {"导出与权限策略的差异", "What an export would change of the policy"};
  policy.tag = "access";
  policy.handler = compare_policy;
  resource.routes = {std::move(accounts), std::move(policy)};
  return resource;
}

}  // namespace chengxin::api
