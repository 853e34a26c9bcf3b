#include <algorithm>

#include "ethereum/impl/calls.h"

// Calls that no transaction makes, and what stands at an address.
namespace chengxin::ethereum {

using contract::Ending;
using contract::Outcome;

Answer<CallRequest> read_call(const Json& given) {
  if (!given.is_object()) return invalid("a call object is wanted");
  CallRequest out;
  const auto member = [&](const char* name) { return given.value(name, Json()); };
  if (const Json from = member("from"); !from.is_null()) {
    ASSIGN(out.from, read_address(from));
  }
  if (const Json to = member("to"); !to.is_null()) {
    ASSIGN(out.to, read_address(to));
  }
  const Json input = member("input"), old_input = member("data");
  if (!input.is_null() && !old_input.is_null() && input != old_input)
    return invalid("both data and input are given, and differ");
  if (const Json& chosen = input.is_null() ? old_input : input; !chosen.is_null()) {
    ASSIGN(out.input, read_data(chosen));
  }
  if (const Json gas = member("gas"); !gas.is_null()) {
    ASSIGN(out.gas, read_quantity(gas));
  }
  for (const char* name : {"value", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas"}) {
    if (member(name).is_null()) continue;
    ASSIGN(const Digest amount, read_word(member(name)));
    if (amount != Digest{})
      return refuse(RpcCode::server_error, "insufficient funds: {} is not 0, and every balance is", name);
  }
  return out;
}

namespace {

std::string revert_text(ByteView data) {
  const auto value = [&](const char* type) {
    contract::Parameter parameter;
    parameter.type.kind =
        type == std::string_view("string") ? contract::Type::Kind::string : contract::Type::Kind::uint;
    parameter.type.size = 256;
    return contract::decode({parameter}, data.subspan(4));
  };
  if (data.size() < 4) return "execution reverted";
  const uint32_t selector = get_be<uint32_t>(data.data());
  if (selector == 0x08c379a0)  // Error(string)
    if (const auto told = value("string")) return "execution reverted: " + told->at(0).get<std::string>();
  if (selector == 0x4e487b71)  // Panic(uint256)
    if (const auto told = value("uint256"))
      return "execution reverted: panic " + told->at(0).get<std::string>();
  return "execution reverted";
}

// Runs init code as a contract that `from` makes; what it would be is the output.
Result<Outcome> run_creation(Session& session, const CallRequest& call, uint64_t height, uint64_t gas,
                             const std::shared_ptr<const contract::Registry>& contracts) {
  const auto directory = contract::make_directory(contracts);
  contract::ChainState state(session.ledger(), height);
  contract::FrameContext context;
  context.caller = context.origin = call.from;
  context.chain = session.ledger().id();
  context.height = height + 1;
  context.time_ms = session.head.header.time_ms;
  context.previous_block = session.head.header_hash;
  context.protocol = session.head.next_protocol();
  ASSIGN(const uint64_t nonce, nonce_of(session.state_after(height), call.from));
  const Address self = contract::create_address(call.from, nonce);
  contract::Frames frames(state, context, *directory);
  return frames.deploy(*contract::evm_module(), self, call.input, gas);
}

bool nothing_there(const Outcome& outcome) {
  const auto reason = text(outcome.output);
  return outcome.ending == Ending::trapped &&
         (reason == "contract.unknown" || reason == "contract.not_deployed");
}

}  // namespace

Answer<Outcome> run_call(Session& session, const CallRequest& call, uint64_t height, uint64_t gas,
                         const std::shared_ptr<const contract::Registry>& contracts) {
  if (!contracts) return Outcome();
  gas = std::min({gas, session.left.gas, ledger::kTransactionGas});
  if (gas == 0) return refuse(RpcCode::limit_exceeded, "the calls of this request used up its gas");
  Outcome outcome;
  if (!call.to) {
    ASSIGN(outcome, run_creation(session, call, height, gas, contracts));
  } else {
    contract::Query query;
    query.to = *call.to;
    query.input = call.input;
    query.caller = call.from;
    query.gas = gas;
    query.read_only = false;
    query.height = height;
    ASSIGN(auto answered, contract::run(contracts, session.ledger(), query));
    if (text(answered.outcome.output) == "contract.frozen") {  // may be read
      query.read_only = true;
      ASSIGN(answered, contract::run(contracts, session.ledger(), query));
    }
    outcome = std::move(answered.outcome);
  }
  session.left.gas -= std::min(session.left.gas, outcome.gas_used);
  if (nothing_there(outcome)) return Outcome();  // as a call of an account
  return outcome;
}

Answer<Bytes> returned(const Outcome& outcome) {
  switch (outcome.ending) {
    case Ending::returned:
      return outcome.output;
    case Ending::reverted:
      return tl::unexpected(
          RpcError(RpcCode::reverted, revert_text(outcome.output), hex_data(outcome.output)));
    case Ending::out_of_gas:
      return refuse(RpcCode::server_error, "out of gas");
    case Ending::trapped:
      break;
  }
  return tl::unexpected(RpcError(Error{Code::conflict, to_string(outcome.output), {}}));
}

namespace {

// Overrides would be another chain than this one.
Answer<void> no_overrides(const Json& given) {
  if (given.is_null() || given == Json::object()) return {};
  return invalid("state and block overrides are not offered");
}

Answer<Json> call(Session& session, const Params& params) {
  ASSIGN(const CallRequest request, read_call(params[0]));
  ASSIGN(const uint64_t height, session.height_of(params[1]));
  TRY(no_overrides(params[2]));
  ASSIGN(const Outcome outcome, run_call(session, request, height, request.gas, session.chain.contracts));
  ASSIGN(const Bytes output, returned(outcome));
  return Json(hex_data(output));
}

// The least gas with which it returns, to 1.5 percent: a contract may behave otherwise with less, and keeps
// one part in 64 back from whom it calls.
Answer<Json> estimate_gas(Session& session, const Params& params) {
  ASSIGN(const CallRequest request, read_call(params[0]));
  ASSIGN(const uint64_t height, session.height_of(params[1]));
  TRY(no_overrides(params[2]));
  const auto run = [&](uint64_t gas) {
    return run_call(session, request, height, gas, session.chain.contracts);
  };
  uint64_t high = std::min({request.gas, ledger::kTransactionGas, session.left.gas});
  ASSIGN(const Outcome first, run(high));
  TRY(returned(first));
  uint64_t low = first.gas_used > 0 ? first.gas_used - 1 : 0;
  uint64_t next = std::min(high, first.gas_used + first.gas_used / 63 + 2'300);
  while (low + 1 < high && (high - low) * 1000 > high * 15) {
    ASSIGN(const Outcome again, run(next));
    (again.returned() ? high : low) = next;
    next = low + (high - low) / 2;
  }
  return Json(quantity(high));
}

Answer<Json> get_code(Session& session, const Params& params) {
  ASSIGN(const Address address, read_address(params[0]));
  ASSIGN(const uint64_t height, session.height_of(params[1]));
  const contract::Read read = session.state_after(height);
  ASSIGN(const auto record, contract::code_record(read, address));
  if (record && record->size > 0) {
    ASSIGN(const auto code, read(contract::code_key(record->digest)));
    return Json(hex_data(code.value_or(Bytes())));
  }
  ASSIGN(const auto name, read(contract::address_key(address)));
  if (!name || record) return Json("0x");
  ASSIGN(const auto contract, contract::record_of(read, text(*name)));
  return Json(contract && contract->current > 0 ? "0xfe" : "0x");
}

Answer<Json> get_storage(Session& session, const Params& params) {
  ASSIGN(const Address address, read_address(params[0]));
  if (!params[1].is_string()) return invalid("a slot of up to 32 bytes is wanted");
  std::string digits = params[1];
  if (digits.starts_with("0x")) digits.erase(0, 2);
  if (digits.size() > 64) return invalid("a slot of up to 32 bytes is wanted");
  ASSIGN(const Digest slot, read_hash("0x" + std::string(64 - digits.size(), '0') + digits));
  ASSIGN(const uint64_t height, session.height_of(params[2]));
  ASSIGN(const auto value,
         session.ledger().state(format::contract_state_prefix(address) + to_string(slot), height));
  Digest word{};
  if (value && value->size() > word.size())
    return refuse(RpcCode::server_error, "{} bytes stand under this key, which are no word", value->size());
  if (value) std::copy(value->begin(), value->end(), word.end() - std::ptrdiff_t(value->size()));
  return Json(hex_data(word));
}

Answer<Json> get_balance(Session& session, const Params& params) {
  TRY(read_address(params[0]));
  TRY(session.height_of(params[1]));
  return Json("0x0");
}

constexpr Row kRows[] = {
    {"eth_call", 1, 4, call},
    {"eth_estimateGas", 1, 3, estimate_gas},
    {"eth_getCode", 1, 2, get_code},
    {"eth_getStorageAt", 2, 3, get_storage},
    {"eth_getBalance", 1, 2, get_balance},
};

}  // namespace

std::span<const Row> call_methods() { return kRows; }

}  // namespace chengxin::ethereum
