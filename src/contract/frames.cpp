#include "contract/frames.h"

#include "contract/evidence.h"

#include "base/check.h"
#include "contract/keccak.h"

namespace chengxin::contract {
namespace {

using format::ContractEngine;

// What the EVM sees where a contract in another language stands: one byte, INVALID, so that it counts as a
// contract.
constexpr uint8_t kOtherLanguage[] = {0xfe};

bool nothing_there(const Error& error) {
  return error.reason == "contract.unknown" || error.reason == "contract.not_deployed";
}

Outcome trapped(std::string_view reason) { return {Ending::trapped, 0, to_bytes(view(reason))}; }

// The first key after all that begin with the prefix.
Bytes end_of(Bytes prefix) {
  while (!prefix.empty() && ++prefix.back() == 0) prefix.pop_back();
  return prefix;
}

}  // namespace

Result<Callee> evm_callee(const Read& read, const Address& address) {
  ASSIGN(const auto code, code_record(read, address));
  if (!code) return fail(Code::not_found, "contract.unknown", "no contract at {}", hex(address));
  if (code->size == 0) return fail(Code::conflict, "contract.not_deployed", "{} has no code", hex(address));
  return Callee{evm_module(), code->digest};
}

// What one frame sees of the others.
class Frames::Frame : public Host {
 public:
  Frame(Frames& frames, const FrameContext& context, const Module& module)
      : frames_(frames),
        context_(context),
        module_(module),
        prefix_(to_bytes(view(format::contract_state_prefix(context.self)))) {}

  Result<std::optional<Bytes>> get(ByteView key) override { return frames_.journal_.get(own(key)); }
  Status put(ByteView key, Bytes value) override {
    TRY(may_write());
    frames_.journal_.set(own(key), std::move(value));
    return {};
  }
  Status erase(ByteView key) override {
    TRY(may_write());
    frames_.journal_.set(own(key), std::nullopt);
    return {};
  }
  Result<ledger::StateRows> range(ByteView from, ByteView to, size_t limit) override {
    const Bytes begin = own(from), end = to.empty() ? end_of(prefix_) : own(to);
    if (begin >= end) return ledger::StateRows{};
    ASSIGN(ledger::StateRows rows, frames_.journal_.range(begin, end, limit));
    for (auto& [key, value] : rows) key.erase(key.begin(), key.begin() + std::ptrdiff_t(prefix_.size()));
    return rows;
  }
  Status event(std::span<const Digest> topics, ByteView data) override {
    TRY(may_write());
    const size_t size = 32 * topics.size() + data.size();
    if (frames_.events_.size() >= kMaxEvents || kMaxEventBytes - frames_.event_bytes_ < size)
      return fail(Code::too_large, "contract.event_limit", "{} events, {} bytes", kMaxEvents, kMaxEventBytes);
    frames_.event_bytes_ += size;
    frames_.events_.push_back({context_.self, {topics.begin(), topics.end()}, to_bytes(data)});
    if (Watch* watch = frames_.directory_.watch()) watch->logged(context_.self, topics, data);
    return {};
  }
  Result<std::optional<Bytes>> ask(Question question, ByteView arguments) override {
    return frames_.answer(context_, question, arguments);
  }
  Result<Outcome> call(const Message& message) override {
    return frames_.watched(context_, module_, message);
  }
  Status keep(ByteView code) override {
    ASSIGN(auto record, code_record(frames_.read(), context_.self));
    frames_.keep(context_.self, record.value_or(CodeRecord()), code);
    return {};
  }
  Machine& machine() override { return frames_.machine_; }

 private:
  Bytes own(ByteView key) const {
    Bytes out = prefix_;
    append(out, key);
    return out;
  }
  Status may_write() const {
    if (!context_.read_only) return {};
    return fail(Code::forbidden, "contract.trap.read_only", "a call that may only read");
  }

  Frames& frames_;
  const FrameContext& context_;
  const Module& module_;
  const Bytes prefix_;
};

Result<Outcome> Frames::deploy(const Module& module, const Address& self, ByteView input, uint64_t gas) {
  FrameContext context = transaction_;
  context.self = self;
  constructed_ = self;
  return outermost({CallKind::create, context.caller, self, input, gas},
                   [&] { return run(context, module, Entrance::deploy, input, gas); });
}

FrameContext Frames::context_of(const Message& message) const {
  FrameContext out = transaction_;
  out.self = message.to;
  out.read_only = message.kind == CallKind::read_only;
  return out;
}

Result<Outcome> Frames::call(const Message& message) {
  const FrameContext context = context_of(message);
  return outermost({message.kind, context.caller, message.to, message.input, message.gas},
                   [&] { return enter(context, message, std::nullopt); });
}

Result<Outcome> Frames::call(const Message& message, const Callee& callee) {
  FrameContext context = context_of(message);
  context.code = callee.code;
  return outermost({message.kind, context.caller, message.to, message.input, message.gas},
                   [&] { return run(context, *callee.module, Entrance::call, message.input, message.gas); });
}

Result<Outcome> Frames::outermost(const Watch::Entrant& who, const std::function<Result<Outcome>()>& enter) {
  machine_.begin(transaction_.origin, who.to);
  Watch* watch = directory_.watch();
  if (watch) watch->entered(who);
  ASSIGN(Outcome outcome, enter());
  outcome.gas_used -= machine_.refund(outcome.gas_used);
  if (watch) watch->left(outcome);
  return outcome;
}

Result<Outcome> Frames::watched(const FrameContext& from, const Module& module, const Message& message) {
  Watch* watch = directory_.watch();
  if (!watch) return nested(from, module, message);
  watch->entered({message.kind, from.self, message.to, message.input, message.gas});
  ASSIGN(Outcome outcome, nested(from, module, message));
  watch->left(outcome);
  return outcome;
}

Result<Outcome> Frames::nested(const FrameContext& from, const Module& module, const Message& message) {
  if (message.kind == CallKind::create || message.kind == CallKind::create2) return create(from, message);
  FrameContext context = from;
  ++context.depth;
  if (message.kind != CallKind::delegate) {
    context.self = message.to;
    context.caller = from.self;
  }
  context.read_only = from.read_only || message.kind == CallKind::read_only;
  return enter(context, message, module.engine());
}

// An upgrade's constructor may stand in the middle of what it migrates.
Result<Callee> Frames::callee(const Address& address, const FrameContext& frame) {
  if (constructed_ == address)
    return fail(Code::conflict, "contract.not_deployed", "the constructor of {} runs", hex(address));
  return directory_.at(address, frame, journal_);
}

// `from`: the language of who calls; none: the transaction. To the EVM a call of nothing is one that returns
// nothing.
Result<Outcome> Frames::enter(FrameContext context, const Message& message,
                              std::optional<ContractEngine> from) {
  if (context.depth >= kMaxDepth) return trapped("contract.trap.depth");
  auto found = callee(message.to, context);
  if (!found) {
    if (!is_of_contract(found.error())) return tl::unexpected(std::move(found).error());
    if (from == ContractEngine::evm && nothing_there(found.error())) return Outcome();
    return trapped(found.error().reason);
  }
  // Each language keeps its state in its own way.
  if (message.kind == CallKind::delegate && found->module->engine() != from)
    return trapped("contract.trap.delegate");
  context.code = found->code;
  return run(context, *found->module, Entrance::call, message.input, message.gas);
}

// The order is Ethereum's: sandbox/include/chengxin_sandbox.h at cx_evm_create.
Result<Outcome> Frames::create(const FrameContext& from, const Message& message) {
  FrameContext context = from;
  ++context.depth;
  context.caller = from.self;
  if (context.depth >= kMaxDepth) return Outcome{Ending::reverted, 0, {}};
  ASSIGN(auto creator, code_record(read(), from.self));
  CHECK(creator.has_value());
  const uint64_t nonce = creator->nonce++;
  journal_.set(to_bytes(view(code_record_key(from.self))), creator->encode());
  context.self = message.kind == CallKind::create ? create_address(from.self, nonce)
                                                  : create2_address(from.self, message.salt, message.input);
  machine_.touch(context.self);
  ASSIGN(const auto occupied, code_record(read(), context.self));
  if (occupied) return Outcome{Ending::trapped, message.gas, to_bytes(view("contract.trap.occupied"))};
  ASSIGN(Outcome outcome, run(context, *evm_module(), Entrance::deploy, message.input, message.gas));
  if (outcome.returned()) outcome.output = to_bytes(context.self);
  return outcome;
}

// Every way into a frame: what it did stays when it returned, and only then.
Result<Outcome> Frames::run(const FrameContext& context, const Module& module, Entrance entrance,
                            ByteView input, uint64_t gas) {
  const size_t mark = journal_.mark(), events = events_.size(), event_bytes = event_bytes_;
  const uint64_t remembered = machine_.mark();
  Frame frame(*this, context, module);
  ASSIGN(Outcome outcome, module.run(entrance, context, frame, input, gas));
  if (!outcome.returned()) {
    journal_.undo_to(mark);
    machine_.rewind(remembered);
    events_.resize(events);
    event_bytes_ = event_bytes;
  }
  return outcome;
}

void Frames::keep(const Address& address, CodeRecord record, ByteView code) {
  record.digest = keccak256(code);
  record.size = uint32_t(code.size());
  if (!code.empty()) journal_.set(to_bytes(view(code_key(record.digest))), to_bytes(code));
  journal_.set(to_bytes(view(code_record_key(address))), record.encode());
}

Result<std::optional<CodeRecord>> Frames::code_of(const Address& address) {
  ASSIGN(auto record, code_record(read(), address));
  if (record) return record;
  if (auto found = callee(address, transaction_); !found) {
    if (!is_of_contract(found.error())) return tl::unexpected(std::move(found).error());
    if (nothing_there(found.error())) return std::optional<CodeRecord>();
  }
  return std::optional(CodeRecord{keccak256(kOtherLanguage), sizeof kOtherLanguage, 1});
}

Result<std::optional<Bytes>> Frames::code_answer(Question question, ByteView arguments) {
  using Answer = std::optional<Bytes>;
  Reader in(arguments);
  const auto address = in.array<20>();
  ASSIGN(const auto record, code_of(address));
  if (!record) return Answer();
  if (question == Question::code_hash) return Answer(to_bytes(record->digest));
  if (question == Question::code_size) {
    Bytes size;
    put_be(size, record->size);
    return Answer(std::move(size));
  }
  if (record->size == 0) return Answer(Bytes());
  if (record->digest == keccak256(kOtherLanguage)) return Answer(to_bytes(kOtherLanguage));
  return read()(code_key(record->digest));
}

Result<std::optional<Bytes>> Frames::answer(const FrameContext& frame, Question question,
                                            ByteView arguments) {
  using Answer = std::optional<Bytes>;
  const auto yes_or_no = [](bool yes) { return Answer(Bytes{uint8_t(yes)}); };
  Reader in(arguments);
  switch (question) {
    case Question::credential:
    case Question::approval:
    case Question::block_hash:  // of the one before alone, which the engine has
      break;
    case Question::code:
      return read()(code_key(in.digest()));
    case Question::code_at:
    case Question::code_hash:
    case Question::code_size:
      return code_answer(question, arguments);
    case Question::caller_name:
      return directory_.name(frame.caller, journal_);
    case Question::attribute: {
      const auto address = in.array<20>();
      return directory_.attribute(address, text(in.take(in.remaining())), journal_);
    }
    case Question::evidence: {
      const Digest digest = in.digest();
      return yes_or_no(in.ok() && proves(frame, digest, in.take(in.remaining())));
    }
    case Question::sm2_verify: {
      const auto point = in.array<65>();
      const auto signature = in.array<64>();
      const auto key = crypto::Sm2PublicKey::from_point(point);
      return yes_or_no(in.ok() && key && key->verify(in.take(in.remaining()), signature));
    }
  }
  return Answer();
}

ledger::CallResult Frames::commit(Outcome outcome) {
  using format::ReceiptStatus;
  ledger::CallResult out;
  out.gas = outcome.gas_used;
  out.output = std::move(outcome.output);
  switch (outcome.ending) {
    case Ending::returned:
      break;
    case Ending::reverted:
      out.status = ReceiptStatus::reverted;
      return out;
    case Ending::trapped:
      out.status = ReceiptStatus::trapped;
      return out;
    case Ending::out_of_gas:
      out.status = ReceiptStatus::out_of_gas;
      out.output = to_bytes(view("contract.out_of_gas"));
      return out;
  }
  journal_.write_below();
  for (Logged& each : events_) {
    Bytes data{uint8_t(each.topics.size())};
    for (const Digest& topic : each.topics) append(data, topic);
    append(data, each.data);
    out.events.push_back({hex(each.contract), "log", std::move(data)});
  }
  events_.clear();
  return out;
}

}  // namespace chengxin::contract
