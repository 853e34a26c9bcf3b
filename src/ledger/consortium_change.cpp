#include <algorithm>

#include "crypto/certificate.h"
#include "ledger/impl/consortium_change.h"

namespace chengxin::ledger {
namespace {

using namespace format;

constexpr std::string_view kGovernor = "governor", kWriter = "writer";
constexpr crypto::Sm2Point kNoKey{};

bool on_curve(const crypto::Sm2Point& key) { return crypto::Sm2PublicKey::from_point(key).has_value(); }

std::string key_of(const KeyId& id) { return to_string(Account::state_key(id)); }

}  // namespace

Result<ConsortiumChange> ConsortiumChange::begin(StateView& state, uint64_t height) {
  ConsortiumChange out(state, height);
  ASSIGN(auto document, state.get(kConsortiumKey));
  if (!document) return out;
  out.present_ = true;
  ASSIGN(out.consortium_, Consortium::decode(text(*document)));
  ASSIGN(auto revocations, state.get(kRevocationsKey));
  if (revocations) {
    ASSIGN(out.revocations_, Revocations::decode(*revocations));
  }
  ASSIGN(auto protocol, state.get(kProtocolKey));
  if (protocol) {
    ASSIGN(out.protocol_, ProtocolChange::decode(*protocol));
  }
  return out;
}

Result<ConsortiumChange::Refusal> ConsortiumChange::apply(std::span<const Action> actions) {
  for (const Action& action : actions) {
    ASSIGN(Refusal refusal, std::visit([&](const auto& each) { return act(each); }, action));
    if (!refusal.empty()) return refusal;
  }
  return whole();
}

ConsortiumChange::Refusal ConsortiumChange::whole() const {
  const auto& [organisations, nodes, approval] = consortium_;
  if (organisations.empty()) return "consortium.last_organisation";
  if (organisations.size() > kMaxOrganisations || nodes.size() > kMaxNodes) return "consortium.too_many";
  if (std::none_of(nodes.begin(), nodes.end(), [](const Node& each) { return each.role == NodeRole::voter; }))
    return "consortium.last_voter";
  return consortium_.check() ? "" : "consortium.inconsistent";
}

void ConsortiumChange::write() {
  if (consortium_changed_) {
    state_->put(kConsortiumKey, to_bytes(view(consortium_.encode())));
    state_->put(kValidatorsKey, consortium_.validators().encode());
  }
  for (const std::string& key : erased_) state_->erase(key);
  if (revocations_changed_) state_->put(kRevocationsKey, revocations_.encode());
  if (protocol_changed_) state_->put(kProtocolKey, protocol_->encode());
  if (limits_) state_->put(kLimitsKey, limits_->encode());
  if (contract_policy_) state_->put(kContractPolicyKey, to_bytes(view(contract_policy_->encode())));
  for (const auto& [id, changed] : accounts_) state_->put(key_of(id), changed.encode());
}

Result<ConsortiumChange::Refusal> ConsortiumChange::act(const AddOrganisation& action) {
  const Organisation& added = action.organisation;
  if (organisation(added.name)) return "consortium.organisation_exists";
  if (!on_curve(added.governor_key)) return "consortium.public_key";
  if (auto refusal = root_refused(added.root_certificate, added.name); !refusal.empty()) return refusal;
  if (consortium_.find_governor(added.governor_key)) return "consortium.key_exists";
  ASSIGN(Refusal refusal, grant(added.governor_key, kGovernor));
  if (!refusal.empty()) return refusal;
  consortium_.organisations.push_back(added);
  consortium_.sort();
  consortium_changed_ = true;
  return {};
}

Result<ConsortiumChange::Refusal> ConsortiumChange::act(const RemoveOrganisation& action) {
  Organisation* removed = organisation(action.organisation);
  if (!removed) return "consortium.no_organisation";
  std::vector<std::string> names;
  for (const Node& each : consortium_.nodes)
    if (each.organisation == action.organisation) names.push_back(each.name);
  for (const std::string& name : names) {
    ASSIGN(Refusal refusal, act(RemoveNode{name}));
    if (!refusal.empty()) return refusal;
  }
  TRY(set_dormant(removed->governor_key));
  erased_.push_back(crl_key(action.organisation));
  std::erase_if(consortium_.organisations,
                [&](const auto& each) { return each.name == action.organisation; });
  consortium_changed_ = true;
  return {};
}

Result<ConsortiumChange::Refusal> ConsortiumChange::act(const ReplaceGovernor& action) {
  Organisation* changed = organisation(action.organisation);
  if (!changed) return "consortium.no_organisation";
  if (!on_curve(action.key)) return "consortium.public_key";
  ASSIGN(auto present, account(key_id(action.key)));
  if (present) return "consortium.key_exists";
  TRY(revoke(changed->governor_key));
  changed->governor_key = action.key;
  consortium_changed_ = true;
  return grant(action.key, kGovernor);
}

Result<ConsortiumChange::Refusal> ConsortiumChange::act(const ReplaceRoot& action) {
  Organisation* changed = organisation(action.organisation);
  if (!changed) return "consortium.no_organisation";
  if (auto refusal = root_refused(action.certificate, action.organisation); !refusal.empty()) return refusal;
  changed->root_certificate = action.certificate;
  erased_.push_back(crl_key(action.organisation));  // it is of the old one
  consortium_changed_ = true;
  return {};
}

Result<ConsortiumChange::Refusal> ConsortiumChange::act(const AddNode& action) {
  const Node& added = action.node;
  if (!organisation(added.organisation)) return "consortium.no_organisation";
  if (node(added.name)) return "consortium.node_exists";
  if (auto refusal = keys_refused(added); !refusal.empty()) return refusal;
  for (const Node& each : consortium_.nodes)
    if (each.address == added.address) return "consortium.address_taken";
  if (added.service_key != kNoKey) {
    ASSIGN(Refusal refusal, grant(added.service_key, kWriter));
    if (!refusal.empty()) return refusal;
  }
  consortium_.nodes.push_back(added);
  consortium_.sort();
  consortium_changed_ = true;
  return {};
}

Result<ConsortiumChange::Refusal> ConsortiumChange::act(const SetRole& action) {
  Node* changed = node(action.node);
  if (!changed) return "consortium.no_node";
  changed->role = action.role;
  changed->weight = action.weight;
  consortium_changed_ = true;
  return {};
}

Result<ConsortiumChange::Refusal> ConsortiumChange::act(const RemoveNode& action) {
  const Node* removed = node(action.node);
  if (!removed) return "consortium.no_node";
  TRY(set_dormant(removed->service_key));
  std::erase_if(consortium_.nodes, [&](const Node& each) { return each.name == action.node; });
  consortium_changed_ = true;
  return {};
}

Result<ConsortiumChange::Refusal> ConsortiumChange::act(const RevokeNode& action) {
  const Node* found = node(action.node);
  if (!found) return "consortium.no_node";
  const Node revoked = *found;
  distrust({revoked.name, action.why, false, revoked.key, action.serials, height_});
  TRY(revoke(revoked.service_key));
  std::erase_if(consortium_.nodes, [&](const Node& each) { return each.name == action.node; });
  consortium_changed_ = true;
  return {};
}

Result<ConsortiumChange::Refusal> ConsortiumChange::act(const ReplaceNodeKeys& action) {
  Node* changed = node(action.node);
  if (!changed) return "consortium.no_node";
  Node next = *changed;
  next.key = action.key.value_or(next.key);
  next.service_key = action.service_key.value_or(next.service_key);
  next.engine_key = action.engine_key.value_or(next.engine_key);
  next.engine_id = action.engine_id.value_or(next.engine_id);
  if (auto refusal = keys_refused(next); !refusal.empty()) return refusal;
  if (next.key != changed->key) distrust({changed->name, {}, true, changed->key, {}, height_});
  if (next.service_key != changed->service_key) {
    if (next.service_key != kNoKey) {
      ASSIGN(Refusal refusal, grant(next.service_key, kWriter));
      if (!refusal.empty()) return refusal;
    }
    TRY(revoke(changed->service_key));
  }
  *changed = std::move(next);
  consortium_changed_ = true;
  return {};
}

Result<ConsortiumChange::Refusal> ConsortiumChange::act(const MoveNode& action) {
  Node* changed = node(action.node);
  if (!changed) return "consortium.no_node";
  for (const Node& each : consortium_.nodes)
    if (each.address == action.address && each.name != action.node) return "consortium.address_taken";
  changed->address = action.address;
  consortium_changed_ = true;
  return {};
}

Result<ConsortiumChange::Refusal> ConsortiumChange::act(const RegisterAccount& action) {
  if (std::find(action.roles.begin(), action.roles.end(), kGovernor) != action.roles.end())
    return "consortium.governor_role";
  if (!on_curve(action.key)) return "consortium.public_key";
  const KeyId id = key_id(action.key);
  ASSIGN(auto present, account(id));
  if (present) return "consortium.key_exists";
  accounts_[id] = Account{action.key, true, action.roles};
  return {};
}

Result<ConsortiumChange::Refusal> ConsortiumChange::act(const RevokeAccount& action) {
  ASSIGN(auto present, account(action.id));
  if (!present) return "consortium.no_key";
  if (!present->active) return "consortium.key_revoked";
  if (consortium_.find_governor(present->public_key)) return "consortium.governor_role";
  TRY(revoke(present->public_key));
  return {};
}

// From its height on a block follows a version, below it the one before: so versions come one by one, and one
// change at a time waits for its height. Until then that height may be moved.
Result<ConsortiumChange::Refusal> ConsortiumChange::act(const SetProtocol& action) {
  const bool waits = protocol_ && protocol_->from_height > height_;
  const uint32_t next = !protocol_ ? 2 : waits ? protocol_->version : protocol_->version + 1;
  if (action.change.version != next) return "consortium.protocol_version";
  if (action.change.from_height <= height_ + 1) return "consortium.protocol_height";
  protocol_ = action.change;
  protocol_changed_ = true;
  return {};
}

Result<ConsortiumChange::Refusal> ConsortiumChange::act(const SetApproval& action) {
  consortium_.approval = action.approval;
  consortium_changed_ = true;
  return {};
}

Result<ConsortiumChange::Refusal> ConsortiumChange::act(const SetLimits& action) {
  if (!limits_allowed(action.limits)) return "governance.limits";
  limits_ = action.limits;
  return {};
}

Result<ConsortiumChange::Refusal> ConsortiumChange::act(const SetContractPolicy& action) {
  contract_policy_ = action.policy;
  return {};
}

ConsortiumChange::Refusal ConsortiumChange::root_refused(const Bytes& certificate,
                                                         std::string_view name) const {
  auto root = crypto::Certificate::from_der(certificate);
  if (!root || !root->is_ca || !root->sm2_with_sm3 || !root->public_key || !root->self_issued() ||
      root->unknown_critical_extension || !root->allows(crypto::kKeyCertSign) ||
      !root->signed_by(*root->public_key))
    return "consortium.root_certificate";
  // One authority for two organisations would let each make certificates for the other's nodes.
  for (const Organisation& each : consortium_.organisations) {
    auto other = crypto::Certificate::from_der(each.root_certificate);
    if (each.name != name && other && other->public_key &&
        other->public_key->point() == root->public_key->point())
      return "consortium.root_exists";
  }
  return {};
}

ConsortiumChange::Refusal ConsortiumChange::keys_refused(const Node& given) const {
  if (!on_curve(given.key) || (given.service_key != kNoKey && !on_curve(given.service_key)))
    return "consortium.public_key";
  if (revocations_.holds(given.key, {})) return "consortium.key_revoked";
  for (const Node& each : consortium_.nodes) {
    if (each.name == given.name) continue;
    if (each.key == given.key || each.engine_key == given.engine_key || each.engine_id == given.engine_id ||
        (given.service_key != kNoKey && each.service_key == given.service_key))
      return "consortium.key_exists";
  }
  return {};
}

Result<std::optional<Account>> ConsortiumChange::account(const KeyId& id) {
  if (auto found = accounts_.find(id); found != accounts_.end()) return found->second;
  ASSIGN(auto stored, state_->get(key_of(id)));
  if (!stored) return std::nullopt;
  ASSIGN(Account out, Account::decode(*stored));
  return out;
}

// A key without roles is that of an organisation or node that was removed, and may come back.
Result<ConsortiumChange::Refusal> ConsortiumChange::grant(const crypto::Sm2Point& key,
                                                          std::string_view role) {
  const KeyId id = key_id(key);
  ASSIGN(auto present, account(id));
  if (present && !present->active) return "consortium.key_revoked";
  if (present && !present->roles.empty()) return "consortium.key_exists";
  accounts_[id] = Account{key, true, {std::string(role)}};
  return {};
}

Status ConsortiumChange::set_dormant(const crypto::Sm2Point& key) {
  const KeyId id = key_id(key);
  ASSIGN(auto present, account(id));
  if (!present || !present->active) return {};
  present->roles.clear();
  accounts_[id] = std::move(*present);
  return {};
}

Status ConsortiumChange::revoke(const crypto::Sm2Point& key) {
  const KeyId id = key_id(key);
  ASSIGN(auto present, account(id));
  if (!present) return {};
  present->active = false;
  accounts_[id] = std::move(*present);
  return {};
}

void ConsortiumChange::distrust(Revoked entry) {
  auto& entries = revocations_.entries;
  entries.push_back(std::move(entry));
  if (entries.size() > kMaxRevocations) entries.erase(entries.begin());
  revocations_changed_ = true;
}

Node* ConsortiumChange::node(std::string_view name) {
  return const_cast<Node*>(std::as_const(consortium_).find_node(name));
}
Organisation* ConsortiumChange::organisation(std::string_view name) {
  return const_cast<Organisation*>(std::as_const(consortium_).find_organisation(name));
}

}  // namespace chengxin::ledger
