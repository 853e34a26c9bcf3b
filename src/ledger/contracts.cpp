#include <algorithm>

#include "base/check.h"
#include "ledger/impl/execution.h"

namespace chengxin::ledger {
namespace {

using format::ReceiptStatus;

using Prefixes = std::vector<std::string>;

// State as one call sees it. What was not declared is neither read nor written, and remembered.
class CheckedState : public StateView {
 public:
  CheckedState(const Prefixes& reads, const Prefixes& writes, StateLayer& layer)
      : reads_(reads), writes_(writes), layer_(layer) {}

  Result<std::optional<Bytes>> get(std::string_view key) override {
    TRY(check_read(key));
    return layer_.get(to_bytes(view(key)));
  }
  Result<StateRows> range(std::string_view from, std::string_view to, size_t limit) override {
    TRY(check_read(from));
    return layer_.range(to_bytes(view(from)), to_bytes(view(to)), limit);
  }
  void put(std::string_view key, Bytes value) override { set(key, std::move(value)); }
  void erase(std::string_view key) override { set(key, std::nullopt); }
  bool violated() const { return violated_; }

 private:
  Status check_read(std::string_view key) {
    if (declared(reads_, key) || declared(writes_, key)) return {};
    violated_ = true;
    return fail(Code::forbidden, "ledger.access_violation", "a read of {}", key);
  }
  static bool declared(const Prefixes& prefixes, std::string_view key) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const std::string& prefix) { return key.starts_with(prefix); });
  }
  void set(std::string_view key, std::optional<Bytes> value) {
    if (declared(writes_, key))
      layer_.set(to_bytes(view(key)), std::move(value));
    else
      violated_ = true;
  }

  const Prefixes &reads_, &writes_;
  StateLayer& layer_;
  bool violated_ = false;
};

struct Frame {
  const format::Account& signer;
  const format::KeyId& signer_id;
  const Digest& transaction;
  const BlockFrame& block;
};

template <typename Run>
Result<CallResult> run_checked(const Frame& frame, const format::Call& call, ByteView attachment,
                               const Prefixes& reads, const Prefixes& writes, uint64_t gas, StateLayer& layer,
                               const Run& run) {
  CheckedState state(reads, writes, layer);
  auto result =
      run(CallContext{frame.signer_id, frame.signer, frame.block.height, frame.block.time_ms, call.arguments,
                      attachment, state, frame.block.version, frame.block.chain, frame.transaction,
                      frame.block.previous, gas, frame.block.policy ? *frame.block.policy : kNoPolicySet});
  if (state.violated()) return ended(ReceiptStatus::access_violation, "contract.access_violation");
  return result;
}

Result<CallResult> run_call(const Methods& methods, const Method* method, const format::Call& call,
                            ByteView attachment, const Frame& frame, uint64_t gas, StateLayer& layer) {
  if (method) {
    if (!method->role.empty() && !frame.signer.has_role(method->role))
      return ended(ReceiptStatus::forbidden, "contract.forbidden");
    return run_checked(frame, call, attachment, method->reads, method->writes, gas, layer, method->run);
  }
  if (methods.has_contract(call.contract, frame.block.version))
    return ended(ReceiptStatus::unknown_method, "contract.unknown_method");
  const Deployed* deployed = methods.deployed(frame.block.version);
  if (!deployed) return ended(ReceiptStatus::unknown_contract, "contract.unknown");
  return run_checked(frame, call, attachment, deployed->reads(), deployed->writes(), gas, layer,
                     [&](const CallContext& context) { return deployed->call(context, call); });
}

}  // namespace

Result<StateRows> merged_range(const merkle::StateUpdates& changes, const Bytes& from, const Bytes& to,
                               size_t limit, const std::function<Result<StateRows>()>& below) {
  ASSIGN(StateRows stored, below());
  StateRows out;
  auto above = changes.lower_bound(from);
  const auto end = changes.lower_bound(to);
  for (auto row = stored.begin(); out.size() < limit && (row != stored.end() || above != end);) {
    if (above == end || (row != stored.end() && row->first < above->first)) {
      out.push_back(std::move(*row++));
      continue;
    }
    if (row != stored.end() && row->first == above->first) ++row;
    out.push_back(*above++);
  }
  return out;
}

Methods::Methods(ContractTable table, std::shared_ptr<const Deployed> deployed)
    : deployed_(std::move(deployed)) {
  for (ContractTable rows : {governance_contract(), consortium_contract(), std::move(table)}) {
    for (Method& row : rows) {
      auto [since, fresh] = contracts_.emplace(row.contract, row.since_version);
      if (!fresh) since->second = std::min(since->second, row.since_version);
      std::pair key(row.contract, row.name);
      CHECK(methods_.emplace(std::move(key), std::move(row)).second);
    }
  }
}

Methods Methods::with(const Ledger::Substitutes& substitutes) const {
  Methods out = *this;
  for (const Method& row : substitutes.methods) {
    const auto found = out.methods_.find({row.contract, row.name});
    CHECK(found != out.methods_.end());
    found->second = row;
  }
  out.deployed_ = substitutes.deployed;
  return out;
}

const Method* Methods::find(const format::Call& call, uint32_t version) const {
  auto found = methods_.find({call.contract, call.method});
  return found == methods_.end() || found->second.since_version > version ? nullptr : &found->second;
}

bool Methods::has_contract(const std::string& contract, uint32_t version) const {
  auto found = contracts_.find(contract);
  return found != contracts_.end() && found->second <= version;
}

size_t Methods::attachments_taken(const format::TransactionBody& body, uint32_t version) const {
  return size_t(std::count_if(body.calls.begin(), body.calls.end(), [&](const format::Call& call) {
    const Method* method = find(call, version);
    return method && method->stands_for;
  }));
}

Status Methods::check_attachments(const format::Transaction& transaction, uint32_t version) const {
  const size_t taken = attachments_taken(transaction.body, version), given = transaction.attachments.size();
  if (taken != given)
    return fail(Code::invalid_argument, "transaction.attachments", "its calls take {}, it has {}", taken,
                given);
  size_t at = 0;
  for (const format::Call& call : transaction.body.calls) {
    const Method* method = find(call, version);
    if (!method || !method->stands_for) continue;
    if (!method->stands_for(call.arguments, transaction.attachments[at++]))
      return fail(Code::invalid_argument, "transaction.attachment_mismatch", "number {} of {}", at, given);
  }
  return {};
}

Result<Outcome> run_transaction(const Methods& methods, const format::Transaction& transaction,
                                const format::Account& signer, const BlockFrame& block_frame,
                                StateLayer& block) {
  const Frame frame{signer, transaction.body.signer, transaction.hash, block_frame};
  StateLayer layer(block.reader());
  uint64_t left = kTransactionGas;
  Outcome out;
  out.taken.reserve(transaction.attachments.size());
  for (size_t i = 0; i < transaction.body.calls.size(); ++i) {
    const format::Call& call = transaction.body.calls[i];
    const Method* method = methods.find(call, block_frame.version);
    ByteView attachment;
    if (method && method->stands_for) {
      attachment = transaction.attachments[out.taken.size()];
      out.taken.push_back({uint16_t(i), 0, {}});
    }
    if (out.status != ReceiptStatus::accepted) continue;  // only who takes which attachment
    CallResult result;
    if (out.gas >= kBlockGas) {  // so many blocks' worth in one transaction none may use
      result = ended(format::ReceiptStatus::out_of_gas, "contract.out_of_gas");
    } else {
      ASSIGN(result, run_call(methods, method, call, attachment, frame, left, layer));
    }
    CHECK(result.gas <= left);
    left -= result.gas;
    out.gas += result.gas + result.own_gas;
    if (method)
      out.gas += method->base_gas + method->gas_per_byte * (call.arguments.size() + attachment.size());
    if (result.status != ReceiptStatus::accepted) {
      out.status = result.status;
      out.events.clear();
      out.output = std::move(result.output);
      continue;
    }
    for (format::Event& event : result.events) out.events.push_back(std::move(event));
    append(out.output, result.output);
    if (method && method->stands_for) {
      out.taken.back().indexed_item_bytes = result.indexed_item_bytes;
      out.taken.back().item_groups = std::move(result.item_groups);
    }
  }
  if (out.status == ReceiptStatus::accepted) {
    block.merge(std::move(layer));
  } else {
    for (Outcome::Taken& each : out.taken) each.indexed_item_bytes = 0;
  }
  return out;
}

uint64_t counted_bytes(const format::Transaction& transaction) {
  uint64_t total = transaction.body_bytes.size() + transaction.signature.size();
  for (const Bytes& attachment : transaction.attachments) total += attachment.size();
  return total;
}

Status check_size(uint64_t bytes, const format::ChainLimits& limits) {
  const uint64_t most = std::min(limits.max_transaction_bytes, limits.max_block_bytes);
  if (bytes <= most) return {};
  return fail(Code::too_large, "transaction.too_large", "{} bytes; the chain takes {}", bytes, most);
}

Status check_window(const format::TransactionBody& body, const format::ChainLimits& limits, int64_t time_ms) {
  const uint64_t now = uint64_t(std::max<int64_t>(time_ms, 0));
  if (body.valid_until_ms < body.valid_from_ms ||
      body.valid_until_ms - body.valid_from_ms > limits.max_validity_ms)
    return fail(Code::invalid_argument, "transaction.window_too_long", "the chain allows {} ms",
                limits.max_validity_ms);
  if (now > body.valid_until_ms)
    return fail(Code::invalid_argument, "transaction.expired", "it was valid until {}, the time is {}",
                body.valid_until_ms, now);
  if (now < body.valid_from_ms)
    return fail(Code::invalid_argument, "transaction.not_yet_valid", "it is valid from {}, the time is {}",
                body.valid_from_ms, now);
  return {};
}

}  // namespace chengxin::ledger
