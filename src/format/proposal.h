#pragma once
#include <variant>

#include "base/json.h"
#include "format/contract_policy.h"
#include "format/genesis.h"

// What organisations of a consortium propose to each other and vote on: arguments of the native contract
// `consortium`, and what it keeps in the state. Canonical JSON (docs/formats/consortium.md).
namespace chengxin::format {

// As in a consortium's document. Readers: format.consortium.
Json to_json(const Organisation& organisation);
Json to_json(const Node& node);
Result<Organisation> read_organisation(const Json& json);
Result<Node> read_node(const Json& json);

// The organisation's governor key becomes an account of the chain.
struct AddOrganisation {
  Organisation organisation;
  bool operator==(const AddOrganisation&) const = default;
};
// With all its nodes and their accounts.
struct RemoveOrganisation {
  std::string organisation;
  bool operator==(const RemoveOrganisation&) const = default;
};
struct ReplaceGovernor {
  std::string organisation;
  crypto::Sm2Point key{};
  bool operator==(const ReplaceGovernor&) const = default;
};
struct ReplaceRoot {
  std::string organisation;
  Bytes certificate;  // DER
  bool operator==(const ReplaceRoot&) const = default;
};
struct AddNode {
  Node node;
  bool operator==(const AddNode&) const = default;
};
struct SetRole {
  std::string node;
  NodeRole role = NodeRole::voter;
  uint64_t weight = 1;
  bool operator==(const SetRole&) const = default;
};
struct RemoveNode {
  std::string node;
  bool operator==(const RemoveNode&) const = default;
};
// As RemoveNode; its key, and certificates of these serial numbers, are never admitted again.
struct RevokeNode {
  std::string node, why;
  std::vector<Bytes> serials;  // at most 16 of 1 to 20 bytes
  bool operator==(const RevokeNode&) const = default;
};
// Those given; each that is replaced is revoked.
struct ReplaceNodeKeys {
  std::string node;
  std::optional<crypto::Sm2Point> key, service_key;
  std::optional<std::array<uint8_t, 32>> engine_key;
  std::optional<std::array<uint8_t, 20>> engine_id;
  bool operator==(const ReplaceNodeKeys&) const = default;
};
struct MoveNode {
  std::string node, address;
  bool operator==(const MoveNode&) const = default;
};
// An ordinary account. Governors come with their organisations, writers of nodes with their nodes.
struct RegisterAccount {
  crypto::Sm2Point key{};
  std::vector<std::string> roles;
  bool operator==(const RegisterAccount&) const = default;
};
struct RevokeAccount {
  KeyId id{};
  bool operator==(const RevokeAccount&) const = default;
};
struct SetProtocol {
  ProtocolChange change;
  bool operator==(const SetProtocol&) const = default;
};
struct SetApproval {
  Approval approval = Approval::two_thirds;
  bool operator==(const SetApproval&) const = default;
};

// From version 2 of the protocol on; before it an unknown action.
struct SetLimits {
  ChainLimits limits;
  bool operator==(const SetLimits&) const = default;
};

// From version 3 on.
struct SetContractPolicy {
  ContractPolicy policy;
  bool operator==(const SetContractPolicy&) const = default;
};

using Action = std::variant<AddOrganisation, RemoveOrganisation, ReplaceGovernor, ReplaceRoot, AddNode,
                            SetRole, RemoveNode, RevokeNode, ReplaceNodeKeys, MoveNode, RegisterAccount,
                            RevokeAccount, SetProtocol, SetApproval, SetLimits, SetContractPolicy>;
std::string_view action_name(const Action& action);  // add_organisation, …
Json action_json(const Action& action);
Result<Action> read_action(const Json& json);  // format.consortium

inline constexpr size_t kMaxActions = 16, kMaxWhyBytes = 500;
inline constexpr int64_t kMaxProposalMs = int64_t(30) * 24 * 3600 * 1000;

// Arguments of consortium.propose, vote and withdraw.
struct Propose {
  std::vector<Action> actions;  // 1 to kMaxActions, taken together or not at all, in this order
  std::string why;
  int64_t open_ms = kMaxProposalMs / 4;  // how long it may be voted on; 1 to kMaxProposalMs
  bool operator==(const Propose&) const = default;
  Bytes encode() const;
  static Result<Propose> decode(ByteView arguments);  // format.consortium
};
struct VoteOn {
  uint64_t proposal = 0;
  bool yes = false;
  bool operator==(const VoteOn&) const = default;
  Bytes encode() const;
  static Result<VoteOn> decode(ByteView arguments);  // format.consortium
};
struct Withdraw {
  uint64_t proposal = 0;
  Bytes encode() const;
  static Result<Withdraw> decode(ByteView arguments);  // format.consortium
};

// failed: enough voted for it, and it did not fit the consortium of that time any more.
enum class ProposalState : uint8_t { open, executed, failed, rejected, withdrawn, expired };
std::string_view state_name(ProposalState state);

struct Vote {
  std::string organisation;
  bool yes = false;
  uint64_t height = 0;
  bool operator==(const Vote&) const = default;
};

struct Proposal {
  uint64_t number = 0;       // 1, 2, … on its chain
  std::string organisation;  // whose it is
  Propose what;
  uint64_t height = 0;  // of the block it stands in
  int64_t time_ms = 0, until_ms = 0;
  std::vector<Vote> votes;  // one for each organisation at most, as they came
  ProposalState state = ProposalState::open;
  uint64_t closed_height = 0;
  std::string reason;  // of a failure
  bool operator==(const Proposal&) const = default;
  Json json() const;
  Bytes encode() const;
  static Result<Proposal> decode(ByteView bytes);  // format.consortium
};

// In the state at kProposalsKey: what was numbered last, and which are kept, each at proposal_key(number).
struct ProposalIndex {
  uint64_t last = 0;
  std::vector<uint64_t> open, closed;  // both ascending by when they came there
  bool operator==(const ProposalIndex&) const = default;
  Bytes encode() const;
  static Result<ProposalIndex> decode(ByteView bytes);  // format.consortium
};
inline constexpr std::string_view kProposalsKey = "consortium/proposals";
std::string proposal_key(uint64_t number);

// In the state at kRevocationsKey, the newest last: keys and certificates that no link takes again.
struct Revoked {
  std::string node, why;
  bool replaced = false;  // by a newer key of the same node: a routine, not a distrust
  crypto::Sm2Point key{};
  std::vector<Bytes> serials;
  uint64_t height = 0;
  bool operator==(const Revoked&) const = default;
};
struct Revocations {
  std::vector<Revoked> entries;  // at most kMaxRevocations; the oldest go
  bool holds(const crypto::Sm2Point& key, ByteView serial) const;
  bool operator==(const Revocations&) const = default;
  Json json() const;
  Bytes encode() const;
  static Result<Revocations> decode(ByteView bytes);  // format.consortium
};
inline constexpr size_t kMaxRevocations = 256;
inline constexpr std::string_view kRevocationsKey = "consortium/revocations";

// The newest revocation list of an organisation's authority, DER.
std::string crl_key(std::string_view organisation);
inline constexpr size_t kMaxCrlBytes = 16 << 10;

}  // namespace chengxin::format
