#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "format/consortium.h"
#include "format/contract_policy.h"
#include "format/genesis.h"
#include "format/header.h"
#include "merkle/state_tree.h"

// Contracts. Native ones are a table of methods, each declaring what it needs and may touch; the ledger
// enforces the declaration. Deployed ones are on the chain, and one object runs them all. Either is
// deterministic and sees no clock but the block's.
namespace chengxin::ledger {

// Keys with their values, in ascending order of key.
using StateRows = std::vector<std::pair<Bytes, std::optional<Bytes>>>;  // nothing: the key was erased

// What deployed contracts put into the state: alone this can be asked for by ranges.
inline constexpr std::string_view kDeployedPrefix = "c/";

// State as one call sees it. Reads and writes outside the method's declared prefixes end the call with
// access_violation.
class StateView {
 public:
  virtual ~StateView() = default;
  virtual Result<std::optional<Bytes>> get(std::string_view key) = 0;
  virtual void put(std::string_view key, Bytes value) = 0;
  virtual void erase(std::string_view key) = 0;
  // The first `limit` of the keys in [from, to) that have or once had a value, which lie in one declared
  // prefix that begins with "c/". Those that were erased count, as somebody has to pass them.
  virtual Result<StateRows> range(std::string_view from, std::string_view to, size_t limit) = 0;
};

// The same with changes above it; `below`: the first `limit` without them.
Result<StateRows> merged_range(const merkle::StateUpdates& changes, const Bytes& from, const Bytes& to,
                               size_t limit, const std::function<Result<StateRows>()>& below);

// Of a chain that was given none.
inline const format::ContractPolicy kNoPolicySet;

struct CallContext {
  format::KeyId signer;
  const format::Account& account;  // the signer's
  uint64_t height;
  int64_t time_ms;
  ByteView arguments;
  ByteView attachment;  // empty unless the method takes one
  StateView& state;
  uint32_t protocol = format::kFirstProtocol;  // that the block follows
  Digest chain{}, transaction{}, previous_block{};
  uint64_t gas = 0;                                     // that the call may use besides the method's own
  const format::ContractPolicy& policy = kNoPolicySet;  // as it was before the block
};

struct CallResult {
  format::ReceiptStatus status = format::ReceiptStatus::accepted;
  std::vector<format::Event> events;
  Bytes output;
  // Not 0: the attachment is items of this size, to be found by their first 32 bytes.
  uint32_t indexed_item_bytes = 0;
  // Of those items, merkle::Items::group_hashes when the contract has them already; else the ledger makes
  // them.
  std::vector<Digest> item_groups;
  uint64_t gas = 0;      // besides the method's own; at most the context's
  uint64_t own_gas = 0;  // of the method, besides what its bytes cost: no part of what a transaction may use
};

// Of a call that is not accepted: the output is its reason key.
inline CallResult ended(format::ReceiptStatus status, std::string_view reason) {
  CallResult result;
  result.status = status;
  result.output = to_bytes(view(reason));
  return result;
}

struct Method {
  std::string contract, name;
  uint32_t since_version = format::kFirstProtocol;  // unknown in blocks that follow an earlier one
  std::string role;  // the signer's account must hold it; empty: any active account
  // Null: it takes no attachment. Else whether the arguments stand for this attachment and for no other,
  // which is asked at admission: a signature covers the arguments alone.
  std::function<bool(ByteView arguments, ByteView attachment)> stands_for;
  uint64_t base_gas = 1000, gas_per_byte = 1;
  std::vector<std::string> reads, writes;  // key prefixes; writes may also be read
  std::function<Result<CallResult>(const CallContext&)>
      run;  // an Error here is a host fault: the block is not made; may be called by several threads at once
};

using ContractTable = std::vector<Method>;

// Runs the contracts that are on the chain: calls of those that no table names.
class Deployed {
 public:
  virtual ~Deployed() = default;
  virtual uint32_t since_version() const = 0;  // of the protocol
  // What it may touch, as Method says.
  virtual const std::vector<std::string>& reads() const = 0;
  virtual const std::vector<std::string>& writes() const = 0;
  // An Error is a host fault: the block is not made. Several threads call it at once.
  virtual Result<CallResult> call(const CallContext& context, const format::Call& call) const = 0;
};

// What the calls of one transaction, and those of one block, may use together.
inline constexpr uint64_t kTransactionGas = 100'000'000, kBlockGas = 2'000'000'000;

// governance.register_key, revoke_key, set_validators, set_protocol, and from version 2 on set_limits,
// from 3 on set_contract_policy; on a
// chain with a consortium they are refused.
ContractTable governance_contract();

// Limits that a chain may be given: within these, and a transaction fits a block. A transaction's least holds
// the largest body, so that they can always be changed again.
bool limits_allowed(const format::ChainLimits& limits);
inline constexpr format::ChainLimits kLeastLimits{128 << 10, 128 << 10, 60'000};
inline constexpr format::ChainLimits kMostLimits{64 << 20, 8 << 20, uint64_t(7) * 24 * 3600 * 1000};
// consortium.propose, vote, withdraw, publish_crl.
ContractTable consortium_contract();

}  // namespace chengxin::ledger
