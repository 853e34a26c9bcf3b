#include "ethereum/contract.h"

#include <algorithm>

#include "contract/frames.h"
#include "format/consortium.h"

namespace chengxin::ethereum {
namespace {

using contract::Outcome;
using format::ReceiptStatus;
using ledger::CallContext;
using ledger::CallResult;
using ledger::ended;

constexpr uint64_t kRecoverGas =
    25'000;  // a point multiplication and a Keccak, on top of what any call costs

Result<CallResult> admit(const CallContext& context) {
  if (context.arguments.size() != 1 || context.arguments[0] > uint8_t(Admitted::deployers))
    return ended(ReceiptStatus::bad_arguments, "ethereum.admit_arguments");
  ASSIGN(const auto consortium, context.state.get(format::kConsortiumKey));
  if (consortium) return ended(ReceiptStatus::refused, "governance.by_vote");
  if (context.arguments[0] == 0)
    context.state.erase(kAdmitKey);
  else
    context.state.put(kAdmitKey, to_bytes(context.arguments));
  CallResult out;
  out.events.push_back({std::string(kContract), "admitted", to_bytes(context.arguments)});
  return out;
}

Result<Admitted> admitted(const CallContext& context) {
  ASSIGN(const auto policy, context.state.get(kAdmitKey));
  return policy && policy->size() == 1 ? Admitted(policy->front()) : Admitted::nobody;
}

Result<Outcome> run(contract::Frames& frames, const CallContext& context, const RawTransaction& raw,
                    SendOutput& told) {
  const uint64_t gas = std::min(raw.gas, context.gas);
  if (raw.to) {
    ASSIGN(Outcome outcome, frames.call({contract::CallKind::call, *raw.to, raw.input, gas, {}}));
    // An account: nothing runs, as in Ethereum.
    const auto reason = text(outcome.output);
    if (outcome.ending == contract::Ending::trapped && reason == "contract.unknown") return Outcome();
    return outcome;
  }
  const Address self = contract::create_address(raw.sender, raw.nonce);
  const contract::Read read = [&](std::string_view key) { return context.state.get(key); };
  ASSIGN(const auto occupied, contract::code_record(read, self));
  if (occupied) return Outcome{contract::Ending::trapped, gas, to_bytes(view("contract.trap.occupied"))};
  ASSIGN(Outcome outcome, frames.deploy(*contract::evm_module(), self, raw.input, gas));
  if (outcome.returned()) {
    told.created = self;
    outcome.output.clear();
  }
  return outcome;
}

Result<CallResult> send(const contract::Directory& directory, const CallContext& context) {
  ASSIGN(const Admitted policy, admitted(context));
  if (policy == Admitted::nobody) return ended(ReceiptStatus::refused, "ethereum.secp256k1_off");
  const auto raw = decode_raw(context.arguments);
  if (!raw) return ended(ReceiptStatus::bad_arguments, raw.error().reason);
  if (auto fits = check_raw(*raw, context.chain); !fits)
    return ended(ReceiptStatus::refused, fits.error().reason);
  if (!raw->to && policy != Admitted::deployers)
    return ended(ReceiptStatus::refused, "ethereum.deployment_off");
  const contract::Read read = [&](std::string_view key) { return context.state.get(key); };
  ASSIGN(const uint64_t nonce, nonce_of(read, raw->sender));
  if (raw->nonce != nonce) return ended(ReceiptStatus::refused, "ethereum.nonce");
  Bytes next;
  put_be(next, nonce + 1);
  context.state.put(nonce_key(raw->sender), std::move(next));
  context.state.put(raw_key(raw->hash), to_bytes(context.transaction));

  contract::FrameContext frame = contract::frame_of(context);
  frame.caller = frame.origin = raw->sender;
  contract::Frames frames(context.state, frame, directory);
  SendOutput told;
  told.sender = raw->sender;
  ASSIGN(Outcome outcome, run(frames, context, *raw, told));
  told.ending = outcome.ending;
  CallResult result = frames.commit(std::move(outcome));
  result.status = ReceiptStatus::accepted;  // the nonce is used, whatever became of the call
  told.data = std::move(result.output);
  result.output = told.encode();
  return result;
}

}  // namespace

std::string nonce_key(const Address& sender) { return "ethereum/n/" + to_string(sender); }
std::string raw_key(const Digest& hash) { return "ethereum/t/" + to_string(hash); }

Result<uint64_t> nonce_of(const contract::Read& read, const Address& address) {
  ASSIGN(const auto stored, read(nonce_key(address)));
  if (stored && stored->size() == 8) return get_be<uint64_t>(stored->data());
  ASSIGN(const auto code, contract::code_record(read, address));
  return code ? code->nonce : 0;
}

Bytes SendOutput::encode() const {
  Bytes out{uint8_t(ending)};
  append(out, sender);
  out.push_back(created.has_value());
  if (created) append(out, *created);
  append(out, data);
  return out;
}

Result<SendOutput> SendOutput::decode(ByteView bytes) {
  Reader in(bytes);
  SendOutput out;
  const uint8_t ending = in.be<uint8_t>();
  out.ending = contract::Ending(ending);
  out.sender = in.array<20>();
  if (in.be<uint8_t>() == 1) out.created = in.array<20>();
  out.data = to_bytes(in.take(in.remaining()));
  if (!in.ok() || ending > uint8_t(contract::Ending::trapped))
    return fail(Code::data_loss, "ethereum.output", "{} bytes", bytes.size());
  return out;
}

ledger::ContractTable contract_methods(std::shared_ptr<const contract::Registry> contracts) {
  ledger::Method admits, sends;
  admits.contract = sends.contract = kContract;
  admits.since_version = sends.since_version = contract::kContractsProtocol;
  admits.name = "admit";
  admits.role = "governor";
  admits.reads = {std::string(format::kConsortiumKey)};
  admits.writes = {std::string(kAdmitKey)};
  admits.run = admit;
  sends.name = "send";
  sends.role = "writer";
  sends.base_gas += kRecoverGas;
  sends.reads = {"key/", "contract/", std::string(kAdmitKey)};
  sends.writes = {"ethereum/n/", "ethereum/t/", std::string(ledger::kDeployedPrefix), "contract/code/",
                  "contract/e/"};
  sends.run = [directory = contract::make_directory(std::move(contracts))](const CallContext& context) {
    return send(*directory, context);
  };
  return {std::move(admits), std::move(sends)};
}

}  // namespace chengxin::ethereum
