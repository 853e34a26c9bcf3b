#include "ledger/impl/speculation.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "ledger/testing.h"

// Transactions that run ahead of their turn, against the same ones run in turn: over a state in memory whose
// reads can fail. For races: cmake -S . -B build-tsan -G Ninja -DCMAKE_CXX_FLAGS=-fsanitize=thread, then
// ninja -C build-tsan ledger_test && build-tsan/bin/ledger_test --gtest_filter='Speculation*:Crew*'
namespace chengxin::ledger {
namespace {

const BlockFrame kFrame{.height = 7, .time_ms = 1, .version = format::kFirstProtocol};

// The arguments are steps of two bytes: 'g' key (what is there goes to the output), 'p' key (writes what was
// read so far, and the key), 'e' key (erases), 'r' key (the keys from there on go to the output), 'x' _
// (refuses).
Result<CallResult> steps(const CallContext& context) {
  CallResult out;
  for (size_t i = 0; i + 1 < context.arguments.size(); i += 2) {
    const std::string key = {'c', '/', char(context.arguments[i + 1])};
    switch (context.arguments[i]) {
      case 'g': {
        ASSIGN(auto value, context.state.get(key));
        append(out.output, value.value_or(Bytes{'-'}));
        break;
      }
      case 'p': {
        Bytes value = to_bytes(crypto::sm3(out.output));
        context.state.put(key, std::move(value));
        break;
      }
      case 'e':
        context.state.erase(key);
        break;
      case 'r': {
        ASSIGN(auto rows, context.state.range(key, "c0", 3));
        for (const auto& row : rows) append(out.output, row.first);
        break;
      }
      default:
        return ended(format::ReceiptStatus::refused, "test.refused");
    }
  }
  return out;
}

class EveryCall : public Deployed {
 public:
  uint32_t since_version() const override { return format::kFirstProtocol; }
  const std::vector<std::string>& reads() const override { return prefixes_; }
  const std::vector<std::string>& writes() const override { return prefixes_; }
  Result<CallResult> call(const CallContext& context, const format::Call&) const override {
    return steps(context);
  }

 private:
  const std::vector<std::string> prefixes_{"c/"};
};

struct Fixture {
  const Methods methods{{}, std::make_shared<EveryCall>()};
  const AccountPtr signer = std::make_shared<const KnownAccount>(
      KnownAccount{{}, crypto::Sm2PrivateKey::generate().value().public_key()});
  merkle::StateUpdates stored;
  std::vector<AdmittedTransaction> candidates;
  std::atomic<uint64_t> reads = 0, failing = UINT64_MAX;  // which of the reads fails, once

  Status count() {
    if (reads++ != failing) return {};
    return fail(Code::internal, "test.read");
  }
  StateReader reader() {
    return {[this](const Bytes& key) -> Result<std::optional<Bytes>> {
              TRY(count());
              auto found = stored.find(key);
              return found == stored.end() ? std::nullopt : found->second;
            },
            [this](const Bytes& from, const Bytes& to, size_t limit) -> Result<StateRows> {
              TRY(count());
              return merged_range(stored, from, to, limit, [] { return StateRows(); });
            }};
  }
  void add(std::string_view arguments) {
    Admitted out;
    out.body.calls = {{"any", "call", to_bytes(view(arguments))}};
    candidates.push_back(std::make_shared<const Admitted>(std::move(out)));
  }

  struct Ran {
    std::string outcomes;  // of all, up to an error
    merkle::StateUpdates changes;
    bool operator==(const Ran&) const = default;
  };
  Result<Ran> run(Crew* crew) {
    reads = 0;
    StateLayer state(reader());
    Speculation speculation(methods, kFrame, state, candidates, crew, [&](size_t) { return signer; });
    Ran out;
    for (size_t i = 0; i < candidates.size(); ++i) {
      speculation.reach(i, kBlockGas);
      ASSIGN(const Outcome outcome, speculation.run(i, signer));
      out.outcomes += fmt::format("{}:{};", uint32_t(outcome.status), text(outcome.output));
    }
    out.changes = state.take();
    return out;
  }
};

// Calls over so many keys: the fewer, the more of them meet.
void fill(Fixture& all, std::mt19937_64& random, size_t keys) {
  const auto key = [&] { return char('A' + random() % keys); };
  for (size_t i = 0; i < keys; i += 2) all.stored[{'c', '/', uint8_t('A' + i)}] = Bytes{uint8_t(i)};
  for (size_t i = 0; i < 60; ++i) {
    std::string arguments;
    for (size_t k = 0, count = 1 + random() % 4; k < count; ++k) {
      arguments += "ggpppperx"[random() % 100 == 0 ? 8 : random() % (k == 0 ? 2 : 8)];
      arguments += key();
    }
    all.add(arguments);
  }
}

TEST(SpeculationTest, TheSameAsOneAfterAnother) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  Crew two(2), four(4), eight(8);
  for (int round = 0; round < 60; ++round) {
    Fixture all;
    fill(all, random, round % 3 == 0 ? 3 : round % 3 == 1 ? 30 : 160);
    const auto expected = all.run(nullptr);
    ASSERT_TRUE(expected);
    for (Crew* crew : {&two, &four, &eight}) {
      const auto ran = all.run(crew);
      ASSERT_TRUE(ran);
      ASSERT_EQ(ran->outcomes, expected->outcomes) << crew->size();
      ASSERT_EQ(ran->changes, expected->changes) << crew->size();
    }
  }
}

// A read that fails ends the block or, met ahead, nothing; never does it make another block.
TEST(SpeculationTest, AReadThatFails) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  Crew crew(4);
  Fixture all;
  fill(all, random, 40);
  const auto expected = all.run(nullptr);
  ASSERT_TRUE(expected);
  size_t ended = 0, forgotten = 0;
  all.run(&crew).value();
  for (uint64_t at = 0, count = all.reads + 10; at < count; ++at) {
    all.failing = at;
    const auto ran = all.run(&crew);
    if (ran) {
      ASSERT_EQ(*ran, *expected) << at;
      ++forgotten;
    } else {
      ASSERT_EQ(ran.error().reason, "test.read") << at;
      ++ended;
    }
  }
  EXPECT_GT(forgotten, 0u);
  all.failing = 0;
  EXPECT_FALSE(all.run(nullptr));
}

// The second of two reads what only the first has written: that it breaks before is nobody's fault.
TEST(SpeculationTest, WhatOnlyBreaksAhead) {
  Crew crew(4);
  Fixture all;
  for (int i = 0; i < 20; ++i) all.add("gApAgB");
  std::string too_many;  // reads for a speculation to keep
  for (int i = 0; i < 5000; ++i) too_many += "gZ";
  all.add(too_many);
  all.add("rApQ");
  const auto expected = all.run(nullptr);
  const auto ran = all.run(&crew);
  ASSERT_TRUE(expected && ran);
  EXPECT_EQ(*ran, *expected);
}

TEST(CrewTest, EachOnceWhoeverCalls) {
  Crew crew(4);
  std::atomic<size_t> wrong = 0;
  const auto rounds = [&] {
    for (size_t count = 0; count < 200; ++count) {
      std::vector<std::atomic<int>> done(count);
      crew.each(count, [&](size_t i) { ++done[i]; });
      for (const auto& each : done) wrong += each != 1;
    }
  };
  std::thread other(rounds);
  rounds();
  other.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace chengxin::ledger
