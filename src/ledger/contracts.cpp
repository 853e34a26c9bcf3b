#include <algorithm>

#include "base/check.h"
#include "ledger/impl/execution.h"

namespace chengxin::ledger {
namespace {

using format::ReceiptStatus;

// State as one call sees it. What the method did not declare is neither read nor written, and remembered.
class CheckedState : public StateView {
 public:
  CheckedState(const Method& method, StateLayer& layer) : method_(method), layer_(layer) {}

  Result<std::optional<Bytes>> get(std::string_view key) override {
    if (!declared(method_.reads, key) && !declared(method_.writes, key)) {
      violated_ = true;
      return fail(Code::forbidden, "ledger.access_violation", "{}.{} reads {}", method_.contract,
                  method_.name, key);
    }
    return layer_.get(to_bytes(view(key)));
  }
  void put(std::string_view key, Bytes value) override { set(key, std::move(value)); }
  void erase(std::string_view key) override { set(key, std::nullopt); }
  bool violated() const { return violated_; }

 private:
  static bool declared(const std::vector<std::string>& prefixes, std::string_view key) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const std::string& prefix) { return key.starts_with(prefix); });
  }
  void set(std::string_view key, std::optional<Bytes> value) {
    if (declared(method_.writes, key))
      layer_.set(to_bytes(view(key)), std::move(value));
    else
      violated_ = true;
  }

  const Method& method_;
  StateLayer& layer_;
  bool violated_ = false;
};

CallResult ended(ReceiptStatus status, std::string_view reason) {
  CallResult result;
  result.status = status;
  result.output = to_bytes(view(reason));
  return result;
}

struct Frame {
  const format::Account& signer;
  const format::KeyId& signer_id;
  const BlockFrame& block;
};

Result<CallResult> run_call(const Methods& methods, const Method* method, const format::Call& call,
                            ByteView attachment, const Frame& frame, StateLayer& layer) {
  if (!method) {
    if (!methods.has_contract(call.contract, frame.block.version))
      return ended(ReceiptStatus::unknown_contract, "contract.unknown");
    return ended(ReceiptStatus::unknown_method, "contract.unknown_method");
  }
  if (!method->role.empty() && !frame.signer.has_role(method->role))
    return ended(ReceiptStatus::forbidden, "contract.forbidden");
  CheckedState state(*method, layer);
  auto result = method->run({frame.signer_id, frame.signer, frame.block.height, frame.block.time_ms,
                             call.arguments, attachment, state, frame.block.version});
  if (state.violated()) return ended(ReceiptStatus::access_violation, "contract.access_violation");
  return result;
}

}  // namespace

Methods::Methods(ContractTable table) {
  for (ContractTable rows : {governance_contract(), consortium_contract(), std::move(table)}) {
    for (Method& row : rows) {
      auto [since, fresh] = contracts_.emplace(row.contract, row.since_version);
      if (!fresh) since->second = std::min(since->second, row.since_version);
      std::pair key(row.contract, row.name);
      CHECK(methods_.emplace(std::move(key), std::move(row)).second);
    }
  }
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
  const Frame frame{signer, transaction.body.signer, block_frame};
  StateLayer layer([&block](const Bytes& key) { return block.get(key); });
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
    ASSIGN(CallResult result, run_call(methods, method, call, attachment, frame, layer));
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
    if (method->stands_for) {
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
