#include <algorithm>

#include "base/check.h"
#include "contract/code.h"
#include "contract/frames.h"
#include "contract/keccak.h"
#include "contract/local_chain.h"
#include "contract/registry.h"
#include "contract/wasm.h"

// The host of contracts, in both engines, asked by what bytes say (probe.rs): how much gas (u32, of which 23
// bits), whether the call may only read (u8), how long (u16) and which EVM code stands at one address, and a
// script of calls. Whatever they are: a frame uses no more gas than it was given, what a frame did that did
// not return or may not write is undone, the chain has what the frames kept, and a second run is the first.
namespace chengxin::contract {
extern const std::string_view probe_module;

namespace {

Address address(uint8_t first) { return {first}; }
constexpr uint8_t kProbes = 3, kFrozen = 4, kEvm = 5;  // of addresses' first byte; 1 to 3 run the script

std::shared_ptr<const Module> probe() {
  static const auto module = wasm_engine({}).value()->load(view(probe_module)).value();
  return module;
}

struct Logged {
  std::string contract;
  Bytes data;
  bool operator==(const Logged&) const = default;
};

class World : public Directory, public Watch {
 public:
  explicit World(MapState& state) : state_(state) {}

  Result<Callee> at(const Address& who, const FrameContext&, Journal& journal) const override {
    journal_ = &journal;
    if (who[0] > 0 && std::all_of(who.begin() + 1, who.end(), [](uint8_t byte) { return byte == 0; })) {
      if (who[0] <= kProbes) return Callee{probe(), {}};
      if (who[0] == kFrozen) return fail(Code::conflict, "contract.frozen");
    }
    return evm_callee([&](std::string_view key) { return journal.get(to_bytes(view(key))); }, who);
  }
  Result<std::optional<Bytes>> name(const Address& who, Journal&) const override {
    return who[0] == 1 ? std::optional(to_bytes(view("probe"))) : std::nullopt;
  }
  Result<std::optional<Bytes>> attribute(const Address& who, std::string_view attribute,
                                         Journal&) const override {
    return who[0] == 9 && attribute == "status" ? std::optional(to_bytes(view("active"))) : std::nullopt;
  }
  Watch* watch() const override { return const_cast<World*>(this); }

  void entered(const Entrant& who) override {
    const bool read_only = who.kind == CallKind::read_only || (!open_.empty() && open_.back().read_only);
    const bool creates = who.kind == CallKind::create || who.kind == CallKind::create2;
    open_.push_back({who.gas, read_only, creates ? "c/" : "c", rows(creates ? "c/" : "c"), events.size()});
  }
  void left(const Outcome& outcome) override {
    CHECK(!open_.empty());
    const Open before = std::move(open_.back());
    open_.pop_back();
    CHECK(outcome.gas_used <= before.gas);
    if (outcome.ending == Ending::trapped)
      CHECK(text(outcome.output).starts_with("contract.") && text(outcome.output) != "contract.refused");
    if (!outcome.returned()) events.resize(before.events);
    if (!outcome.returned() || before.read_only) {
      CHECK(rows(before.of) == before.rows);
      CHECK(events.size() == before.events);
    }
    if (open_.empty()) kept = rows("c");
  }
  void logged(const Address& contract, std::span<const Digest> topics, ByteView data) override {
    Logged out{hex(contract), {uint8_t(topics.size())}};
    for (const Digest& topic : topics) append(out.data, topic);
    append(out.data, data);
    events.push_back(std::move(out));
  }

  std::vector<Logged> events;
  ledger::StateRows kept;  // after the outermost

 private:
  // The counter of a creator goes on also when what it created failed: of creations only state counts.
  ledger::StateRows rows(std::string_view from) const {
    constexpr size_t kAll = 1 << 20;
    const std::string end = from == "c/" ? "c0" : "d";
    if (!journal_) return state_.range(from, end, kAll).value();
    return journal_->range(to_bytes(view(from)), to_bytes(view(end)), kAll).value();
  }
  struct Open {
    uint64_t gas;
    bool read_only;
    std::string_view of;
    ledger::StateRows rows;
    size_t events;
  };
  MapState& state_;
  mutable const Journal* journal_ = nullptr;
  std::vector<Open> open_;
};

struct Input {
  uint64_t gas;
  bool read_only;
  Bytes evm, script;
};

struct Ended {
  Outcome outcome;
  std::vector<Logged> events;
  std::map<std::string, std::optional<Bytes>, std::less<>> state;
};

MapState before(const Input& input) {
  MapState out;
  for (uint8_t i = 1; i <= kProbes; ++i)
    for (const char* key : {"", "a", "ab", "b"})
      out.put(format::contract_state_prefix(address(i)) + key, to_bytes(view("before")));
  CodeRecord record{keccak256(input.evm), uint32_t(input.evm.size()), 1};
  out.put(code_record_key(address(kEvm)), record.encode());
  if (!input.evm.empty()) out.put(code_key(record.digest), input.evm);
  return out;
}

Ended run(const Input& input) {
  MapState state = before(input);
  const auto initial = state.values;
  World world(state);
  FrameContext transaction;
  transaction.caller = transaction.origin = address(9);
  transaction.chain = transaction.transaction = keccak256(view("fuzz"));
  transaction.height = 7;
  transaction.time_ms = 1'767'225'600'000;
  transaction.protocol = kContractsProtocol;
  Frames frames(state, transaction, world);
  auto outcome = frames.call(
      {input.read_only ? CallKind::read_only : CallKind::call, address(1), input.script, input.gas});
  CHECK(outcome.has_value());  // nothing that a contract does is a fault of the node
  CHECK(outcome->gas_used <= input.gas);
  CHECK(state.values == initial);
  const auto result = frames.commit(*outcome);
  Ended out{*outcome, {}, state.values};
  for (const auto& event : result.events) out.events.push_back({event.contract, event.data});
  CHECK(out.events == (outcome->returned() ? world.events : std::vector<Logged>()));
  if (!outcome->returned()) CHECK(out.state == initial);
  CHECK(out.state.size() == world.kept.size());
  for (const auto& [key, value] : world.kept) CHECK(out.state.at(to_string(key)) == value);
  return out;
}

}  // namespace
}  // namespace chengxin::contract

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  (void)chengxin::contract::probe();  // compiled once, before inputs are timed
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace chengxin;
  using namespace chengxin::contract;
  Reader in(ByteView(data, size));
  Input input;
  input.gas = in.be<uint32_t>() & 0x7fffff;
  input.read_only = in.be<uint8_t>() & 1;
  const size_t evm = in.be<uint16_t>();
  if (!in.ok()) return 0;
  input.evm = to_bytes(in.take(std::min(evm, in.remaining())));
  input.script = to_bytes(in.take(in.remaining()));
  const Ended first = run(input), again = run(input);
  CHECK(first.outcome.ending == again.outcome.ending);
  CHECK(first.outcome.gas_used == again.outcome.gas_used);
  CHECK(first.outcome.output == again.outcome.output);
  CHECK(first.events == again.events && first.state == again.state);
  return 0;
}
