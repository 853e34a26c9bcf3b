#include "format/contract_policy.h"

#include <algorithm>

#include "base/json.h"
#include "format/contract.h"

namespace chengxin::format {
namespace {

constexpr size_t kMaxRoles = 16, kMaxRoleBytes = 64, kMaxContracts = 256;
constexpr uint32_t kMaxApprovals = 64;

struct Act {
  const char* name;
  ContractPolicy::Roles ContractPolicy::*roles;
};
constexpr Act kActs[] = {{"approve", &ContractPolicy::approve},   {"call", &ContractPolicy::call},
                         {"deploy", &ContractPolicy::deploy},     {"freeze", &ContractPolicy::freeze},
                         {"propose", &ContractPolicy::propose},   {"retire", &ContractPolicy::retire},
                         {"unfreeze", &ContractPolicy::unfreeze}, {"upgrade", &ContractPolicy::upgrade}};

tl::unexpected<Error> bad(std::string_view why) {
  return fail(Code::invalid_argument, "format.contract_policy", "{}", why);
}

Result<ContractPolicy::Roles> read_roles(const Json& json) {
  auto roles = json.get<ContractPolicy::Roles>();
  if (roles.empty() || roles.size() > kMaxRoles) return bad("a list names 1 to 16 roles");
  for (size_t i = 0; i < roles.size(); ++i)
    if (roles[i].empty() || roles[i].size() > kMaxRoleBytes || (i > 0 && roles[i - 1] >= roles[i]))
      return bad("roles are of 1 to 64 bytes, each once, in order");
  return roles;
}

std::string write(const ContractPolicy& policy) {
  Json json = {{"approvals", policy.approvals}, {"quota_gas", policy.quota_gas}, {"calls", policy.calls}};
  for (const Act& act : kActs) json[act.name] = policy.*act.roles;
  return canonical_json(json).value();
}

Result<ContractPolicy> read(const Json& json) {
  ContractPolicy out;
  for (const Act& act : kActs) {
    ASSIGN(out.*act.roles, read_roles(json.at(act.name)));
  }
  for (const auto& [contract, roles] : json.at("calls").items()) {
    if (!is_contract_name(contract)) return bad("no name of a contract");
    ASSIGN(out.calls[contract], read_roles(roles));
  }
  if (out.calls.size() > kMaxContracts) return bad("more than 256 contracts with rules of their own");
  out.approvals = json.at("approvals").get<uint32_t>();
  if (out.approvals > kMaxApprovals) return bad("more than 64 approvals");
  out.quota_gas = json.at("quota_gas").get<uint64_t>();
  if (out.quota_gas > uint64_t(1) << 53) return bad("a quota beyond what JSON holds");
  return out;
}

}  // namespace

const ContractPolicy::Roles& ContractPolicy::of_call(std::string_view contract) const {
  const auto found = calls.find(std::string(contract));
  return found == calls.end() ? call : found->second;
}

std::string ContractPolicy::encode() const { return write(*this); }

Result<ContractPolicy> ContractPolicy::decode(std::string_view document) {
  auto json = parse_json(document);
  if (!json) return bad(json.error().to_string());
  try {
    auto out = read(*json);
    if (out && write(*out) != document) return bad("not the canonical spelling, or unknown fields");
    return out;
  } catch (const Json::exception& error) {
    return bad(error.what());
  }
}

}  // namespace chengxin::format
