#include <gtest/gtest.h>

#include "contract/registry.h"
#include "contract/testing.h"
#include "ledger/testing.h"

// Blocks by several threads, against the same blocks by one: every byte that they write.
namespace chengxin::contract {
namespace {

using namespace format;
using ledger::testing::LiveChain;
using ledger::testing::Signer;
using ledger::testing::TestChain;

constexpr std::string_view kInterface = "function run(bytes steps) returns (bytes)";
constexpr size_t kThreads[] = {1, 2, 4, 8};

// The same chain, once for each number of threads.
struct ParallelTest : ::testing::Test {
  TestChain setup;
  std::vector<Signer> writers;  // some are revoked on the way
  std::vector<std::unique_ptr<LiveChain>> chains;
  std::mt19937_64 random;

  void SetUp() override {
    setup.genesis.protocol = kContractsProtocol;
    const auto registry = std::make_shared<Registry>(
        Engines{{ContractEngine::wasm, std::make_shared<testing::ScriptEngine>()}});
    for (const size_t threads : kThreads) {
      auto& chain = *chains.emplace_back(std::make_unique<LiveChain>(setup));
      chain.ledger.reset();
      ledger::Options options = with_contracts(registry, setup.options());
      options.threads = threads;
      chain.ledger = ledger::Ledger::open(chain.path(), options).value();
    }
    for (const char* name : {"c", "d"}) deploy(name);
  }
  void govern(Call call, const std::vector<Bytes>& attachments = {}) {
    const Bytes envelope = setup.envelope(setup.governor, chains[0]->time_ms, {std::move(call)}, attachments);
    ASSERT_EQ(block({envelope}).dropped.size(), 0u);
  }
  void deploy(std::string name) {
    const ContractPackage package{ContractEngine::wasm, to_bytes(view("code")),
                                  parse_interface(kInterface).value().json(), Digest{1}, "test"};
    const Bytes bytes = package.encode(), version = ContractVersionRef{name, 1, {}}.encode();
    govern({"contract", "propose", ContractPropose{name, crypto::sm3(bytes)}.encode()}, {bytes});
    govern({"contract", "approve", version});
    govern({"contract", "deploy", version});
  }

  void register_writers() {
    writers = std::vector<Signer>(8);
    for (const Signer& each : writers)
      govern({"governance", "register_key", encode_register_key(each.key.public_key().point(), {"writer"})});
  }

  // Executes and commits on all; what the chain with one thread made.
  ledger::Ledger::Executed block(const std::vector<Bytes>& envelopes) {
    std::optional<ledger::Ledger::Executed> first;
    for (size_t i = 0; i < chains.size(); ++i) {
      LiveChain& chain = *chains[i];
      const std::vector<ByteView> views(envelopes.begin(), envelopes.end());
      std::vector<ledger::AdmittedTransaction> admitted;
      for (auto& each : chain.ledger->admit(views, chain.time_ms)) admitted.push_back(each.value());
      auto executed = chain.ledger->execute(admitted, ++chain.time_ms).value();
      const auto certificate =
          ledger::testing::certify(executed, chain.ledger->head().next_validators, chain.signers);
      EXPECT_TRUE(chain.ledger->commit(executed, certificate));
      if (i == 0)
        first = std::move(executed);
      else
        compare(*first, executed, kThreads[i]);
    }
    return *first;
  }
  static void compare(const ledger::Ledger::Executed& one, const ledger::Ledger::Executed& many,
                      size_t threads) {
    ASSERT_EQ(one.receipts, many.receipts) << threads << " threads";
    ASSERT_EQ(one.dropped.size(), many.dropped.size());
    for (size_t i = 0; i < one.dropped.size(); ++i) {
      EXPECT_EQ(one.dropped[i].first->hash, many.dropped[i].first->hash);
      EXPECT_EQ(one.dropped[i].second.to_string(), many.dropped[i].second.to_string());
    }
    ASSERT_EQ(hex(one.header_bytes), hex(many.header_bytes)) << threads << " threads";
  }

  // A list of steps of those, each of which is a list of words: braces alone would make objects of some.
  static Json list(std::vector<std::vector<Json>> words) { return Json(words); }
  uint64_t pick(uint64_t bound) { return random() % bound; }
  static Call run(const Json& steps, std::string name = "c") {
    static const Interface interface = parse_interface(kInterface).value();
    const std::string text = steps.dump();
    return {std::move(name), "run",
            encode(interface.function("run")->inputs, Json::array({"0x" + hex(view(text))})).value()};
  }
  Json steps(size_t keys, int depth) {
    const auto key = [&] { return fmt::format("k{:03}", pick(keys)); };
    Json out = Json::array();
    for (size_t i = 0, count = 1 + pick(4); i < count; ++i) switch (pick(depth > 0 ? 12 : 10)) {
        case 0:
        case 1:
          out.push_back({"put", key(), std::to_string(pick(100))});
          break;
        case 2:
          out.push_back({"erase", key()});
          break;
        case 3:
          if (pick(4) == 0) out.push_back({"range", key(), key(), 1 + pick(5)});
          break;
        case 4:
          out.push_back({"event", key()});
          break;
        case 5:
          if (pick(6) == 0) out.push_back({"revert", "no"});
          break;
        case 6:
          if (pick(6) == 0) out.push_back({"trap"});
          break;
        case 10:
        case 11:
          out.push_back({"call", hex(contract_address(pick(2) ? "c" : "d")), steps(keys, depth - 1),
                         pick(3)   ? "call"
                         : pick(2) ? "read_only"
                                   : "delegate"});
          break;
        default:
          out.push_back({"get", key()});
      }
    return out;
  }
  // A transaction of a random kind.
  Bytes transaction(size_t keys) {
    const int64_t now = chains[0]->time_ms;
    const Signer& writer = writers[pick(writers.size())];
    switch (pick(40)) {
      case 0:
        return setup.envelope(setup.governor, now,
                              {{"governance", "revoke_key", encode_revoke_key(writer.id)}});
      case 1:
        return setup.envelope(setup.governor, now,
                              {{"governance", "register_key",
                                encode_register_key(Signer().key.public_key().point(), {"writer"})}});
      case 2:
        return setup.envelope(setup.governor, now,
                              {{"contract", pick(2) ? "freeze" : "unfreeze",
                                ContractReason{pick(2) ? "c" : "d", "because"}.encode()}});
      case 3: {  // long enough to be run ahead
        const Bytes data = chains[0]->items(2000);
        return setup.envelope(setup.writer, now, {ledger::testing::anchor_call()}, {data});
      }
      case 4:
        return setup.envelope(setup.writer, now, {ledger::testing::put_call("k", chains[0]->items(1))});
      case 5:
        return setup.envelope(setup.governor, now, {run(list({{"burn", 60'000'000}, {"get", "k001"}}))});
      default: {
        std::vector<Call> calls;
        for (size_t i = 0; i <= pick(3) / 2; ++i) calls.push_back(run(steps(keys, 2), pick(2) ? "c" : "d"));
        return setup.envelope(writer, now, std::move(calls));
      }
    }
  }
};

TEST_F(ParallelTest, BlocksAreThoseOfOneThread) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  random.seed(seed);
  std::map<std::string, size_t> dropped;
  size_t accepted = 0;
  for (int round = 0; round < 24 && !HasFatalFailure(); ++round) {
    const size_t keys = round % 3 == 0 ? 4 : round % 3 == 1 ? 60 : 900;
    std::vector<Bytes> envelopes;
    register_writers();
    for (const char* name : {"c", "d"})
      envelopes.push_back(
          setup.envelope(setup.governor, chains[0]->time_ms,
                         {{"contract", "unfreeze", ContractReason{name, "because"}.encode()}}));
    for (int i = 0; i < 150; ++i) {
      if (pick(30) == 0) envelopes.push_back(envelopes[pick(envelopes.size())]);
      envelopes.push_back(transaction(keys));
    }
    // More than a block may use: anywhere, where a freeze may come before, and in the last round before any.
    if (round % 8 == 7)
      for (int i = 0; i < 40; ++i)
        envelopes.insert(
            envelopes.begin() + std::ptrdiff_t(round == 23 ? 2 : pick(envelopes.size())),
            setup.envelope(setup.governor, chains[0]->time_ms, {run(list({{"burn", 90'000'000}}))}));
    const auto made = block(envelopes);
    for (const auto& [transaction, error] : made.dropped) ++dropped[error.reason];
    for (const Bytes& each : made.receipts) accepted += Receipt::decode(each).value().status == 0;
  }
  EXPECT_GT(accepted, 500u);
  for (const char* reason : {"transaction.duplicate", "transaction.signer_revoked", "transaction.block_full"})
    EXPECT_GT(dropped[reason], 0u) << reason;
  for (const auto& chain : chains) {
    const auto verified = chain->ledger->verify({});
    EXPECT_TRUE(verified) << verified.error().to_string();
  }
}

// It would break the node if it came first, and comes second.
TEST_F(ParallelTest, AFaultThatOnlyRunningAheadMeets) {
  register_writers();
  const int64_t now = chains[0]->time_ms;
  std::vector<Bytes> envelopes = {setup.envelope(writers[0], now, {run(list({{"put", "armed", "1"}}))})};
  for (int i = 0; i < 40; ++i)
    envelopes.push_back(setup.envelope(writers[1], now, {run(list({{"fault_unless", "armed"}}))}));
  EXPECT_EQ(block(envelopes).receipts.size(), envelopes.size());
  const Bytes broken = setup.envelope(writers[0], now, {run(list({{"fault_unless", "other"}}))});
  for (const auto& chain : chains) {
    std::vector<ledger::AdmittedTransaction> admitted;
    for (int i = 0; i < 30; ++i)
      admitted.push_back(
          chain->ledger
              ->admit(i == 20 ? broken : setup.envelope(writers[2], now, {run(list({{"get", "armed"}}))}),
                      now)
              .value());
    EXPECT_EQ(chain->ledger->execute(admitted, now + 10).error().reason, "test.fault");
  }
}

}  // namespace
}  // namespace chengxin::contract
