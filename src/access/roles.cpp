#include <algorithm>

#include "access/policy.h"

namespace chengxin::access {
namespace {

// Governing contracts uses the platform's key: it is not for whoever calls them in his business. Nor does who
// issues credentials say whose are believed.
constexpr std::pair<std::string_view, Duty> kDuties[] = {{"access", Duty::security},
                                                         {"audit", Duty::audit},
                                                         {"chains", Duty::system},
                                                         {"consortium", Duty::system},
                                                         {"gateway", Duty::system},
                                                         {"jobs", Duty::system},
                                                         {"keys", Duty::security},
                                                         {"mirror", Duty::system},
                                                         {"packs", Duty::system},
                                                         {"system", Duty::system},
                                                         {"tokens", Duty::system},
                                                         {"authority", Duty::security},
                                                         {"users", Duty::system},
                                                         {"contract-governance", Duty::system},
                                                         {"trusted-domains", Duty::security}};

std::map<std::string, Role, std::less<>> make_built_in() {
  std::map<std::string, Role, std::less<>> all;
  all["system-administrator"] = {"系统管理员 system administrator",
                                 {},
                                 {"read:users",
                                  "write:users",
                                  "read:system",
                                  "write:system",
                                  "read:jobs",
                                  "write:jobs",
                                  "read:mirror",
                                  "write:mirror",
                                  "read:consortium",
                                  "write:consortium",
                                  "read:tokens",
                                  "call:removeToken",
                                  "read:chains",
                                  "write:chains",
                                  "call:listContracts",
                                  "call:getContract",
                                  "call:getContractVersion",
                                  "call:getContractPackage",
                                  "call:getContractPolicy",
                                  "write:contract-governance",
                                  "read:blocks",
                                  "read:crypto",
                                  "read:gateway",
                                  "write:gateway",
                                  "read:packs",
                                  "write:packs",
                                  "read:cases",
                                  "write:cases"},
                                 {},
                                 true};
  all["security-administrator"] = {
      "安全管理员 security administrator",
      {},
      {"read:access", "write:access", "write:access-approval", "read:users", "read:system", "read:chains",
       "read:crypto", "read:keys", "write:keys", "read:authority", "write:authority", "write:trusted-domains",
       "call:listTrustedDomains", "call:checkTrustedDomain"},
      {},
      true};
  all["audit-administrator"] = {"审计管理员 audit administrator",
                                {},
                                {"read:audit", "write:audit", "read:access", "write:access-approval",
                                 "read:keys", "read:users", "read:system", "read:chains"},
                                {},
                                true};
  all["regulator"] = {"监管人员 regulator", {}, {"read:*"}, {}, true, true, 9};
  all["official"] = {
      "业务人员 official",
      {"reader"},
      {"write:evidence", "write:originals", "write:transactions", "write:contracts", "write:crypto"},
      {},
      false,
      false,
      3};
  all["registrar"] = {"身份登记员 registrar of identities",
                      {},
                      {"read:chains", "call:getReceipt", "read:identities", "write:identities"},
                      {}};
  all["issuer"] = {
      "凭证签发员 issuer of credentials", {}, {"read:chains", "read:credentials", "write:credentials"}, {}};
  all["reader"] = {"只读人员 reader",
                   {},
                   {"read:evidence", "read:originals", "read:proofs", "read:chains", "read:blocks",
                    "read:transactions", "read:contracts", "read:crypto", "read:events"},
                   {}};
  all["integrator"] = {"应用接入 integrator", {}, {"integration:*"}, {}, true, false, 9};
  return all;
}

}  // namespace

Duty duty_of(const Action& action) {
  // What any program may call with a token is no administration.
  if (action.integration || (!action.writes && action.tag != "audit")) return Duty::none;
  for (const auto& [tag, duty] : kDuties)
    if (tag == action.tag) return duty;
  return Duty::none;
}

const Action& propose_action() {
  static const Action action{"proposeAccessPolicy", "access", true};
  return action;
}
const Action& approve_action() {
  static const Action action{"approveAccessProposal", "access-approval", true};
  return action;
}
const Action& add_user_action() {
  static const Action action{"addUser", "users", true};
  return action;
}

std::string_view duty_name(Duty duty) {
  constexpr std::string_view names[] = {"none", "system", "security", "audit"};
  return names[int(duty)];
}

const std::map<std::string, Role, std::less<>>& built_in_roles() {
  static const auto all = make_built_in();
  return all;
}

bool permits(const std::string& permission, const Action& action) {
  const size_t colon = permission.find(':');
  const std::string_view kind = std::string_view(permission).substr(0, colon);
  const std::string_view what = std::string_view(permission).substr(colon + 1);
  if (kind == "call") return what == action.id;
  if (kind == "integration") return action.integration;
  if (kind != (action.writes ? "write" : "read")) return false;
  return what == "*" || what == action.tag;
}

bool permits(const Role& role, const Action& action) {
  return std::any_of(role.permissions.begin(), role.permissions.end(),
                     [&](const std::string& permission) { return permits(permission, action); });
}

Duty duty_in(const Role& role, const Action& action) {
  return role.read_only || !permits(role, action) ? Duty::none : duty_of(action);
}

}  // namespace chengxin::access
