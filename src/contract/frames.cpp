#include "contract/frames.h"

namespace chengxin::contract {
namespace {

Outcome trapped(std::string_view reason) { return {Ending::trapped, 0, to_bytes(view(reason))}; }

// The first key after all that begin with the prefix.
Bytes end_of(Bytes prefix) {
  while (!prefix.empty() && ++prefix.back() == 0) prefix.pop_back();
  return prefix;
}

}  // namespace

// What one frame sees of the others.
class Frames::Frame : public Host {
 public:
  Frame(Frames& frames, const FrameContext& context)
      : frames_(frames),
        context_(context),
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
    return {};
  }
  Result<std::optional<Bytes>> ask(Question question, ByteView arguments) override {
    return frames_.answer(context_, question, arguments);
  }
  Result<Outcome> call(const Message& message) override { return frames_.nested(context_, message); }

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
  const Bytes prefix_;
};

Result<Outcome> Frames::deploy(const Module& module, const Address& self, ByteView input, uint64_t gas) {
  FrameContext context = transaction_;
  context.self = self;
  return enter(context, module, Entrance::deploy, input, gas);
}

Result<Outcome> Frames::call(const Message& message) {
  FrameContext context = transaction_;
  context.self = message.to;
  context.read_only = message.kind == CallKind::read_only;
  return enter(context, message);
}

Result<Outcome> Frames::nested(const FrameContext& from, const Message& message) {
  FrameContext context = from;
  ++context.depth;
  if (message.kind != CallKind::delegate) {
    context.self = message.to;
    context.caller = from.self;
  }
  context.read_only = from.read_only || message.kind == CallKind::read_only;
  return enter(context, message);
}

Result<Outcome> Frames::enter(const FrameContext& context, const Message& message) {
  auto module = directory_.at(message.to, journal_);
  if (module) return enter(context, **module, Entrance::call, message.input, message.gas);
  if (!is_of_contract(module.error())) return tl::unexpected(std::move(module).error());
  return trapped(module.error().reason);
}

// Every way into a frame: what it did stays when it returned, and only then.
Result<Outcome> Frames::enter(const FrameContext& context, const Module& module, Entrance entrance,
                              ByteView input, uint64_t gas) {
  if (context.depth >= kMaxDepth) return trapped("contract.trap.depth");
  const size_t mark = journal_.mark(), events = events_.size(), event_bytes = event_bytes_;
  Frame frame(*this, context);
  ASSIGN(Outcome outcome, module.run(entrance, context, frame, input, gas));
  if (!outcome.returned()) {
    journal_.undo_to(mark);
    events_.resize(events);
    event_bytes_ = event_bytes;
  }
  return outcome;
}

Result<std::optional<Bytes>> Frames::answer(const FrameContext& frame, Question question,
                                            ByteView arguments) {
  using Answer = std::optional<Bytes>;
  const auto yes_or_no = [](bool yes) { return Answer(Bytes{uint8_t(yes)}); };
  Reader in(arguments);
  switch (question) {
    case Question::credential:
    case Question::approval:
      break;
    case Question::caller_name:
      return directory_.name(frame.caller, journal_);
    case Question::attribute: {
      const auto address = in.array<20>();
      return directory_.attribute(address, text(in.take(in.remaining())), journal_);
    }
    case Question::evidence: {
      const Digest digest = in.digest();
      ASSIGN(const bool proved, directory_.proves(digest, in.take(in.remaining())));
      return yes_or_no(proved);
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
