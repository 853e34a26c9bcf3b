#include <algorithm>

#include "base/check.h"
#include "contract/registry.h"
#include "crypto/sm3.h"
#include "format/consortium.h"

// docs/formats/contract.md, "Life cycle".
namespace chengxin::contract {
namespace {

using namespace format;
using ledger::CallContext;
using ledger::CallResult;
using ledger::ended;

// Read, hashed, parsed and kept; what an engine does with the code is added (docs/adr/0036).
constexpr uint64_t kProposeGasPerByte = 200;
// Names of native contracts, with the protocol version from which on they are reserved.
struct Native {
  std::string_view name;
  uint32_t since_version = kContractsProtocol;
};
constexpr Native kNative[] = {{"consortium"}, {"contract"},   {"ethereum"},
                              {"evidence"},   {"governance"}, {"identity", 4}};

CallResult refused(std::string_view reason) { return ended(ReceiptStatus::refused, reason); }

CallResult done(std::string_view type, std::string_view name, uint32_t version) {
  CallResult out;
  Bytes data;
  put_be(data, version);
  append(data, view(name));
  out.events.push_back({"contract", std::string(type), std::move(data)});
  put_be(out.output, version);
  return out;
}

// One call's contract, as the state has it.
struct Subject {
  const CallContext& context;
  Read read{[this](std::string_view key) { return context.state.get(key); }};

  // `record` null: of no contract yet.
  bool may(const ContractPolicy::Roles& roles, const ContractRecord* record) const {
    return may_act(roles, context.account, record && record->owner == context.signer);
  }
  void put(std::string_view name, const ContractRecord& record) const {
    context.state.put(ContractRecord::state_key(name), record.encode());
  }
  void put(std::string_view name, uint32_t version, const ContractVersionRecord& record) const {
    context.state.put(ContractVersionRecord::state_key(name, version), record.encode());
  }
};

bool is_package(ByteView arguments, ByteView attachment) {
  auto call = ContractPropose::decode(arguments);
  return call && crypto::sm3(attachment) == call->package;
}

Result<CallResult> propose(const Registry& registry, const CallContext& context) {
  const Subject subject{context};
  auto call = ContractPropose::decode(context.arguments);
  if (!call) return ended(ReceiptStatus::bad_arguments, call.error().reason);
  if (crypto::sm3(context.attachment) != call->package) return refused("contract.package_digest");
  if (!is_contract_name(call->name)) return refused("contract.name");
  if (std::any_of(std::begin(kNative), std::end(kNative), [&](const Native& each) {
        return each.name == call->name && context.protocol >= each.since_version;
      }))
    return refused("contract.name_reserved");

  ASSIGN(auto record, record_of(subject.read, call->name));
  const ContractRecord* known = record ? &*record : nullptr;
  if (!subject.may(context.policy.propose, known) || (known && !subject.may(context.policy.upgrade, known)))
    return ended(ReceiptStatus::forbidden, "contract.forbidden");
  if (record && record->state == ContractState::retired) return refused("contract.retired");
  ASSIGN(const Registry::Checked checked, registry.check(context.attachment));
  if (checked.refusal) {
    CallResult out = refused(checked.refusal->reason);
    out.own_gas = checked.gas;
    return out;
  }
  if (!record) {
    record.emplace();
    record->owner = context.signer;
    context.state.put(address_key(contract_address(call->name)), to_bytes(view(call->name)));
  }
  const uint32_t version = ++record->latest;
  ContractVersionRecord proposed;
  proposed.package = call->package;
  proposed.proposer = context.signer;
  proposed.height = context.height;
  context.state.put(package_key(call->package), to_bytes(context.attachment));
  subject.put(call->name, version, proposed);
  subject.put(call->name, *record);
  CallResult out = done("proposed", call->name, version);
  out.own_gas = checked.gas;
  return out;
}

Result<size_t> approvals_needed(const CallContext& context) {
  if (context.policy.approvals > 0) return size_t(context.policy.approvals);
  ASSIGN(const auto document, context.state.get(kConsortiumKey));
  if (!document) return size_t(1);
  ASSIGN(const auto consortium, Consortium::decode(text(*document)));
  return consortium.votes_needed();
}

// approve and reject.
Result<CallResult> judge(const CallContext& context, bool yes) {
  const Subject subject{context};
  auto call = ContractVersionRef::decode(context.arguments);
  if (!call) return ended(ReceiptStatus::bad_arguments, call.error().reason);
  if (!subject.may(context.policy.approve, nullptr))
    return ended(ReceiptStatus::forbidden, "contract.forbidden");
  ASSIGN(auto version, version_of(subject.read, call->name, call->version));
  if (!version) return refused("contract.no_version");
  if (version->state != ContractVersionState::proposed) return refused("contract.version_decided");
  if (!yes) {
    version->state = ContractVersionState::rejected;
  } else {
    auto& given = version->approvals;
    if (std::find(given.begin(), given.end(), context.signer) != given.end())
      return refused("contract.approved_already");
    given.push_back(context.signer);
    ASSIGN(const size_t needed, approvals_needed(context));
    if (given.size() >= needed) version->state = ContractVersionState::approved;
  }
  subject.put(call->name, call->version, *version);
  return done(name_of(version->state), call->name, call->version);
}

Result<CallResult> deploy(const Registry& registry, const Directory& directory, const CallContext& context) {
  const Subject subject{context};
  auto call = ContractVersionRef::decode(context.arguments);
  if (!call) return ended(ReceiptStatus::bad_arguments, call.error().reason);
  ASSIGN(auto record, record_of(subject.read, call->name));
  ASSIGN(auto version, version_of(subject.read, call->name, call->version));
  if (!record || !version) return refused("contract.no_version");
  const auto& roles = record->current == 0 ? context.policy.deploy : context.policy.upgrade;
  if (!subject.may(roles, &*record)) return ended(ReceiptStatus::forbidden, "contract.forbidden");
  if (record->state == ContractState::retired) return refused("contract.retired");
  if (version->state != ContractVersionState::approved) return refused("contract.not_approved");
  if (call->version < record->current) return refused("contract.version_old");

  ASSIGN(const LoadedPtr loaded, load_version(registry, subject.read, version->package));
  ASSIGN(auto before, version_of(subject.read, call->name, record->current));
  if (before) {  // each engine keeps state in its own way
    ASSIGN(const LoadedPtr standing, load_version(registry, subject.read, before->package));
    if (standing->engine != loaded->engine) return refused("contract.engine_changed");
  }
  Frames frames(context.state, frame_of(context), directory);
  ASSIGN(Outcome outcome,
         frames.deploy(*loaded->module, contract_address(call->name), call->input, context.gas));
  const bool stands = outcome.returned();
  CallResult out = frames.commit(std::move(outcome));
  if (!stands) return out;

  if (before) {
    before->state = ContractVersionState::superseded;
    subject.put(call->name, record->current, *before);
  }
  version->state = ContractVersionState::deployed;
  subject.put(call->name, call->version, *version);
  record->current = call->version;
  if (record->state == ContractState::proposed) record->state = ContractState::active;
  subject.put(call->name, *record);
  CallResult told = done("deployed", call->name, call->version);
  told.gas = out.gas;
  told.events.insert(told.events.end(), out.events.begin(), out.events.end());
  return told;
}

std::string_view cannot_move(ContractState state) {
  constexpr std::string_view reasons[] = {"contract.state_proposed", "contract.state_active",
                                          "contract.state_frozen", "contract.state_retired"};
  return reasons[uint32_t(state) - 1];
}

struct Move {
  std::vector<ContractState> from;
  ContractState to;
  std::string_view event;
  ContractPolicy::Roles ContractPolicy::*roles;
};

// freeze, unfreeze and retire.
Result<CallResult> move(const CallContext& context, const Move& what) {
  const Subject subject{context};
  auto call = ContractReason::decode(context.arguments);
  if (!call) return ended(ReceiptStatus::bad_arguments, call.error().reason);
  ASSIGN(auto record, record_of(subject.read, call->name));
  if (!record) return refused("contract.unknown");
  if (!subject.may(context.policy.*what.roles, &*record))
    return ended(ReceiptStatus::forbidden, "contract.forbidden");
  if (std::find(what.from.begin(), what.from.end(), record->state) == what.from.end())
    return refused(cannot_move(record->state));
  record->state = what.to;
  record->why = call->why;
  subject.put(call->name, *record);
  return done(what.event, call->name, record->current);
}

ledger::Method method(std::string name, std::function<Result<CallResult>(const CallContext&)> run) {
  ledger::Method out;
  out.contract = "contract";
  out.name = std::move(name);
  out.since_version = kContractsProtocol;
  out.reads = {"key/", std::string(kConsortiumKey)};
  out.writes = {"contract/", std::string(ledger::kDeployedPrefix)};
  out.run = std::move(run);
  return out;
}

ledger::Method mover(std::string name, Move what) {
  return method(std::move(name),
                [what = std::move(what)](const CallContext& context) { return move(context, what); });
}

}  // namespace

bool may_act(const ContractPolicy::Roles& roles, const Account& account, bool owner) {
  return std::any_of(roles.begin(), roles.end(), [&](const std::string& role) {
    return role == "*" || (role == "owner" ? owner : account.has_role(role));
  });
}

ledger::ContractTable lifecycle(std::shared_ptr<const Registry> registry) {
  auto directory = make_directory(registry);
  ledger::Method first =
      method("propose", [registry](const CallContext& context) { return propose(*registry, context); });
  first.stands_for = is_package;
  first.gas_per_byte = kProposeGasPerByte;
  using State = ContractState;
  return {
      std::move(first),
      method("approve", [](const CallContext& context) { return judge(context, true); }),
      method("reject", [](const CallContext& context) { return judge(context, false); }),
      method("deploy", [registry, directory](
                           const CallContext& context) { return deploy(*registry, *directory, context); }),
      mover("freeze", {{State::active}, State::frozen, "frozen", &ContractPolicy::freeze}),
      mover("unfreeze", {{State::frozen}, State::active, "unfrozen", &ContractPolicy::unfreeze}),
      mover("retire", {{State::proposed, State::active, State::frozen},
                       State::retired,
                       "retired",
                       &ContractPolicy::retire})};
}

}  // namespace chengxin::contract
