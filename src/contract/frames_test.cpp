#include "contract/frames.h"

#include <gtest/gtest.h>

#include <random>

#include "contract/testing.h"

namespace chengxin::contract {
namespace {

using testing::MapState;
using testing::Values;

// Contracts at addresses that begin with 1 to 4; the others are not there.
class Scripts : public Directory {
 public:
  Result<Callee> at(const Address& address, const FrameContext&, Journal&) const override {
    if (address[0] == 0 || address[0] > 4) return fail(Code::not_found, "contract.unknown");
    return Callee{std::make_shared<testing::ScriptModule>(), {}};
  }
  Result<std::optional<Bytes>> name(const Address&, Journal&) const override {
    return std::optional<Bytes>();
  }
  Result<std::optional<Bytes>> attribute(const Address&, std::string_view, Journal&) const override {
    return std::optional<Bytes>();
  }
};

Address address(uint8_t first) { return {first}; }

struct FramesTest : ::testing::Test {
  MapState state;
  Scripts scripts;

  std::pair<Result<Outcome>, ledger::CallResult> call(uint8_t to, const Json& steps,
                                                      uint64_t gas = 1'000'000) {
    FrameContext transaction;
    transaction.protocol = 3;
    Frames frames(state, transaction, scripts);
    Message message{CallKind::call, address(to), to_bytes(view("call" + steps.dump())), gas};
    auto outcome = frames.call(message);
    ledger::CallResult result;
    if (outcome) result = frames.commit(*outcome);
    return {std::move(outcome), std::move(result)};
  }
  std::string output(uint8_t to, const Json& steps) {
    return to_string(call(to, steps).first.value().output);
  }
};

// What a script does by copying all there is before each call, and taking the copy back.
struct Model {
  Values state;
  std::vector<std::string> events;
  struct Ended {
    bool returned = true;
    std::string output;
  };
  Ended run(uint8_t self, bool read_only, const Json& steps, uint32_t depth = 0) {
    if (self == 0 || self > 4) return {false, "contract.unknown"};
    if (depth >= kMaxDepth) return {false, "contract.trap.depth"};
    return enter(self, read_only, steps, depth);
  }
  Ended enter(uint8_t self, bool read_only, const Json& steps, uint32_t depth) {
    const auto before = std::pair(state, events);
    Ended out = body(self, read_only, steps, depth);
    if (!out.returned) std::tie(state, events) = before;
    return out;
  }
  Ended body(uint8_t self, bool read_only, const Json& steps, uint32_t depth) {
    const std::string prefix = format::contract_state_prefix(address(self));
    std::string output;
    for (const Json& step : steps) {
      const std::string what = step.at(0);
      const bool writes = what == "put" || what == "erase" || what == "event";
      if (writes && read_only) return {false, "contract.trap.read_only"};
      if (what == "put")
        state[prefix + step.at(1).get<std::string>()] = to_bytes(view(step.at(2).get<std::string>()));
      if (what == "erase") state[prefix + step.at(1).get<std::string>()] = std::nullopt;
      if (what == "event") events.push_back(hex(address(self)) + step.at(1).get<std::string>());
      if (what == "revert") return {false, step.at(1)};
      if (what == "trap") return {false, "contract.trap"};
      if (what == "get") {
        auto found = state.find(prefix + step.at(1).get<std::string>());
        output += found == state.end() || !found->second ? "-" : to_string(*found->second);
      }
      if (what == "range") {
        const std::string from = step.at(1), to = step.at(2);
        size_t left = step.at(3);
        for (const auto& [key, value] : state) {
          if (!key.starts_with(prefix)) continue;
          const std::string own = key.substr(prefix.size());
          if (own < from || (!to.empty() && own >= to) || left == 0) continue;
          if (value) output += own;
          --left;
        }
      }
      if (what != "call") continue;
      const std::string kind = step.at(3);
      const uint8_t to = unhex(step.at(1).get<std::string>()).value()[0];
      Ended inner = kind == "delegate" && to != 0 && to <= 4 && depth + 1 < kMaxDepth
                        ? enter(self, read_only, step.at(2), depth + 1)
                        : run(to, read_only || kind == "read_only", step.at(2), depth + 1);
      output += (inner.returned ? "" : "!") + inner.output;
    }
    return {true, output};
  }
};

Json random_steps(std::mt19937_64& random, int depth) {
  auto key = [&] { return std::string(1 + random() % 2, char('a' + random() % 3)); };
  Json out = Json::array();
  for (size_t i = 0, count = 1 + random() % 5; i < count; ++i) switch (random() % (depth > 0 ? 9 : 7)) {
      case 0:
      case 1:
        out.push_back({"put", key(), std::to_string(random() % 100)});
        break;
      case 2:
        out.push_back({"erase", key()});
        break;
      case 3:
        out.push_back({"get", key()});
        break;
      case 4:
        out.push_back({"range", key(), random() % 3 ? key() : "", 1 + random() % 4});
        break;
      case 5:
        out.push_back({"event", key()});
        break;
      case 6:
        if (random() % 4 == 0) out.push_back(random() % 2 ? Json{"revert", "no"} : Json{"trap"});
        break;
      default: {
        const char* kinds[] = {"call", "call", "read_only", "delegate"};
        out.push_back({"call", hex(address(uint8_t(random() % 6))), random_steps(random, depth - 1),
                       kinds[random() % 4]});
      }
    }
  return out;
}

TEST_F(FramesTest, NestedCallsDoWhatCopiesOfEverythingWould) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  Model model;
  size_t kept = 0, undone = 0;
  for (int i = 0; i < 3000; ++i) {
    const Json steps = random_steps(random, 4);
    const uint8_t to = uint8_t(1 + random() % 4);
    model.events.clear();
    const auto expected = model.run(to, false, steps);
    const auto [outcome, result] = call(to, steps);
    ASSERT_EQ(outcome.value().returned(), expected.returned) << steps;
    ASSERT_EQ(to_string(outcome->output), expected.output) << steps;
    ASSERT_EQ(state.values, model.state) << steps;
    ASSERT_EQ(result.events.size(), model.events.size()) << steps;
    for (size_t k = 0; k < model.events.size(); ++k)
      ASSERT_EQ(result.events[k].contract + to_string(result.events[k].data).substr(33), model.events[k]);
    (expected.returned ? kept : undone)++;
  }
  EXPECT_GT(kept, 500u);
  EXPECT_GT(undone, 100u);
}

TEST_F(FramesTest, OutOfGasAnywhereLeavesNothing) {
  const Json steps = {{"put", "a", "1"},
                      {"event", "e"},
                      {"call", hex(address(2)), {{"put", "b", "2"}, {"event", "f"}}, "call"},
                      {"erase", "a"},
                      {"put", "c", "3"}};
  const uint64_t used = call(1, steps).first.value().gas_used;
  EXPECT_EQ(used, 7u);
  state.values.clear();
  for (uint64_t gas = 0; gas < used; ++gas) {
    const auto [outcome, result] = call(1, steps, gas);
    EXPECT_EQ(result.gas, gas);
    if (result.status == format::ReceiptStatus::accepted) {  // the inner call ran out, and the outer went on
      EXPECT_EQ(state.values.count(format::contract_state_prefix(address(2)) + "b"), 0u);
      state.values.clear();
      continue;
    }
    EXPECT_EQ(result.status, format::ReceiptStatus::out_of_gas) << gas;
    EXPECT_TRUE(state.values.empty()) << gas;
    EXPECT_TRUE(result.events.empty()) << gas;
  }
}

TEST_F(FramesTest, EndsAtTheDeepestCall) {
  Json steps = {{"put", "deep", "1"}};
  for (int i = 0; i < 80; ++i) steps = {{"call", hex(address(1)), steps, "call"}};
  EXPECT_TRUE(output(1, steps).ends_with("!contract.trap.depth"));
  EXPECT_TRUE(state.values.empty());
}

// At an upgrade the code before it stands in the directory, and must not run on what is half migrated.
TEST_F(FramesTest, NobodyCallsWhatItsConstructorIsAtWorkOn) {
  const std::string self = hex(address(1)), other = hex(address(2));
  const Json again = Json::array({"call", self, Json::array({Json::array({"put", "k", "v"})}), "call"});
  const Json steps = Json::array({again, Json::array({"call", other, Json::array({again}), "call"})});
  FrameContext transaction;
  transaction.protocol = 3;
  Frames frames(state, transaction, scripts);
  const Outcome ended =
      frames.deploy(testing::ScriptModule(), address(1), to_bytes(view("call" + steps.dump())), 1'000'000)
          .value();
  EXPECT_TRUE(ended.returned());
  EXPECT_EQ(to_string(ended.output), "!contract.not_deployed!contract.not_deployed");
  EXPECT_EQ(output(1, steps), "");
}

TEST_F(FramesTest, EventsAreBounded) {
  Json steps = Json::array();
  for (size_t i = 0; i <= kMaxEvents; ++i) steps.push_back({"event", "x"});
  const auto [outcome, result] = call(1, steps);
  EXPECT_EQ(to_string(result.output), "contract.event_limit");
  EXPECT_TRUE(result.events.empty());
  const std::string big(1 << 20, 'x');
  steps.clear();
  for (int i = 0; i < 4; ++i) steps.push_back(Json::array({"event", big}));
  EXPECT_EQ(output(1, steps), "contract.event_limit") << "with its topic an event is larger than its data";
}

TEST_F(FramesTest, AFaultOfTheNodeIsNoVerdict) {
  const auto outcome = call(1, {{"call", hex(address(2)), {{"fault"}}, "call"}}).first;
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().reason, "test.fault");
}

}  // namespace
}  // namespace chengxin::contract
