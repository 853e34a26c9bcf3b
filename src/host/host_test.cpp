#include "host/host.h"

#include <gtest/gtest.h>

#include <future>
#include <random>

#include "base/clock.h"
#include "crypto/authority.h"

namespace chengxin::host {
namespace {

struct HostTest : testing::Test {
  fs::path root = fs::path(testing::TempDir()) / ("host-" + std::to_string(std::random_device{}()));
  crypto::Sm2PrivateKey key = crypto::Sm2PrivateKey::generate().value();
  Options options{.root = root,
                  .validator_key = key,
                  .ledger = {},
                  .solo = {},
                  .accounts = {{key.public_key().point(), {"governor"}}}};

  ~HostTest() override { fs::remove_all(root); }

  // A transaction that any chain takes: it registers another key.
  Status submit(const ChainPtr& chain) {
    format::TransactionBody body;
    body.chain = chain->ledger->id();
    body.signer = format::key_id(key.public_key().point());
    body.valid_from_ms = uint64_t(now_ms() - 1000);
    body.valid_until_ms = uint64_t(now_ms() + 60'000);
    auto other = crypto::Sm2PrivateKey::generate().value().public_key().point();
    body.calls = {{"governance", "register_key", format::encode_register_key(other, {"writer"})}};
    ASSIGN(Bytes envelope, format::sign_transaction(body, key, {}));
    ASSIGN(auto admitted, chain->ledger->admit(envelope, now_ms()));
    std::promise<Status> done;
    TRY(chain->sequencer->submit(admitted, [&](Result<order::Committed> outcome) {
      done.set_value(outcome ? Status() : Status(tl::unexpected(outcome.error())));
    }));
    return done.get_future().get();
  }
};

TEST_F(HostTest, ChainsAreFoundAgainAndKnowNothingOfEachOther) {
  Digest a_id, b_id;
  {
    Host host(options);
    ASSERT_TRUE(host.open_all());
    auto a = host.create("a", {}, now_ms()).value(), b = host.create("b-2", {}, now_ms()).value();
    a_id = a->ledger->id();
    b_id = b->ledger->id();
    EXPECT_NE(a_id, b_id);
    ASSERT_TRUE(submit(a));
    ASSERT_TRUE(submit(a));
    EXPECT_EQ(b->ledger->head().header.height, 0u);
    EXPECT_EQ(host.create("a", {}, now_ms()).error().reason, "chain.exists");
    for (const std::string& name :
         std::vector<std::string>{"", "A", "../x", "-a", "a/b", std::string(41, 'a')})
      EXPECT_EQ(host.create(name, {}, now_ms()).error().reason, "chain.name") << name;
  }
  Host again(options);
  ASSERT_TRUE(again.open_all());
  EXPECT_EQ(again.list().size(), 2u);
  EXPECT_EQ(again.find("a").value()->ledger->id(), a_id);
  EXPECT_EQ(again.find(hex(b_id)).value()->name, "b-2");
  EXPECT_GE(again.find("a").value()->ledger->head().header.height, 1u);
  EXPECT_EQ(again.find("c").error().reason, "chain.not_found");
}

TEST_F(HostTest, AChainThatCannotBeRunLeavesNoFolder) {
  const int64_t now = now_ms() / 1000 * 1000;
  const auto root_key =
      crypto::Authority::create_root({"CN", "A", "a", "Root"}, {now, now + 86'400'000}).value();
  format::Node node;
  node.name = node.organisation = "a";
  node.key = key.public_key().point();
  node.address = "a.example:7443";
  format::Genesis genesis;
  genesis.name = "home";
  genesis.created_ms = now;
  genesis.consortium =
      format::Consortium{{{"a", "A", root_key.certificate().der, key.public_key().point()}}, {node}, {}};
  genesis.validators = genesis.consortium->validators();
  genesis.accounts = {{key.public_key().point(), {"governor"}}};
  bool runs = false;
  options.sequencer_of = [&](ledger::Ledger& ledger) -> Result<std::unique_ptr<order::Sequencer>> {
    if (!runs) return fail(Code::unavailable, "engine.not_found");
    return order::make_solo(ledger, key, now_ms, {});
  };
  Host host(options);
  ASSERT_TRUE(host.open_all());
  EXPECT_EQ(host.create_from(genesis.encode()).error().reason, "engine.not_found");
  EXPECT_FALSE(fs::exists(root / "home"));
  runs = true;
  auto made = host.create_from(genesis.encode());
  EXPECT_TRUE(made) << made.error().to_string();
}

TEST_F(HostTest, ObserversHearOfLaterChainsFromTheBeginning) {
  Host host(options);
  ASSERT_TRUE(host.open_all());
  std::mutex mutex;
  std::vector<std::pair<std::string, uint64_t>> heard;
  host.subscribe([&](const ChainPtr& chain, uint64_t height) {
    std::lock_guard lock(mutex);
    heard.emplace_back(chain->name, height);
  });
  auto chain = host.create("late", {}, now_ms()).value();
  ASSERT_TRUE(submit(chain));
  chain->sequencer->stop();
  std::vector<std::pair<std::string, uint64_t>> expected = {{"late", 0}, {"late", 1}};
  EXPECT_EQ(heard, expected);
}

}  // namespace
}  // namespace chengxin::host
