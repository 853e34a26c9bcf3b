#include "comet/replica.h"

#include <gtest/gtest.h>

#include <future>

#include "base/clock.h"
#include "crypto/tls_for_tests.h"
#include "ledger/testing.h"

// Four nodes with everything that a consortium's chain has: engines in processes of their own, links with
// TLCP, ledgers on disk.
namespace chengxin::comet {
namespace {

using namespace ledger::testing;

constexpr auto kPatience = std::chrono::seconds(60);

template <typename Condition>
bool within_patience(const Condition& condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return condition();
}

struct TestNode {
  explicit TestNode(size_t number) : name("node" + std::to_string(number)) {}

  std::string name;
  TemporaryFolder folder;
  crypto::Authority root = crypto::test_root(name);
  crypto::TlsIdentity identity = crypto::test_identity(root, name);
  crypto::Sm2PrivateKey governor = crypto::Sm2PrivateKey::generate().value();
  std::unique_ptr<Engine> engine;
  EngineKeys engine_keys;
  std::shared_ptr<link::Links> links;
  std::unique_ptr<ledger::Ledger> ledger;
  std::unique_ptr<Replica> replica;

  const crypto::Sm2Point& key() const { return identity.sign_key.public_key().point(); }

  // Links come before the chain: its genesis names their ports.
  void prepare(const std::string& chain) {
    EngineOptions options;
    options.on_failed = [this](const Digest&, const Error& why) {
      if (replica) replica->engine_failed(why);
    };
    engine = Engine::create(options).value();
    engine_keys = engine->keys(folder.path / "engine-keys" / chain, true).value();
    start_links("127.0.0.1:0");
  }

  void start_links(const std::string& listen) {
    link::Options options;
    options.listen = listen;
    auto members = [this]() -> std::optional<format::Consortium> {
      if (!ledger) return std::nullopt;
      auto record = ledger->state(format::kConsortiumKey);
      if (!record || !*record) return std::nullopt;
      auto read = format::Consortium::decode(text(**record));
      return read ? std::optional(std::move(*read)) : std::nullopt;
    };
    links = link::Links::start(
                {identity.sign, identity.encrypt, identity.sign_key, identity.encrypt_key, identity.chain},
                [members](const link::Topic&) {
                  link::Trust trust;
                  if (auto known = members())
                    for (const format::Organisation& each : known->organisations)
                      trust.roots.push_back(crypto::Certificate::from_der(each.root_certificate).value());
                  return trust;
                },
                [members](const link::Topic&, const link::Peer& peer) -> Status {
                  auto known = members();
                  if (known && known->find_node(peer.key)) return {};
                  return fail(Code::forbidden, "link.not_a_member");
                },
                options)
                .value();
  }

  format::Organisation organisation() const {
    return {"org-" + name, name, root.certificate().der, governor.public_key().point()};
  }
  format::Node node() const {
    format::Node out;
    out.name = name;
    out.organisation = "org-" + name;
    out.key = key();
    out.engine_key = engine_keys.validator;
    out.engine_id = engine_keys.id;
    out.address = "127.0.0.1:" + std::to_string(links->port());
    return out;
  }

  void start(const std::string& genesis, const ledger::Options& options) {
    const fs::path place = folder.path / "chain";
    ledger = (fs::exists(place) ? ledger::Ledger::open(place, options)
                                : ledger::Ledger::create(place, genesis, options))
                 .value();
    ReplicaServices services;
    services.engine = [this]() -> Result<Engine*> { return engine.get(); };
    services.keys = [this] { return std::vector{identity.sign_key}; };
    services.engine_keys = folder.path / "engine-keys";
    services.sockets = folder.path;
    services.software = "test";
    services.now_ms = now_ms;
    services.on_consortium = [this](const Digest&) { links->recheck(); };
    services.timeouts.propose_ms = 3000;  // the machine may be busy
    replica = Replica::start(*ledger, folder.path / "engine", services).value();
    replica->set_links(links);
  }
  void stop() {
    if (replica) replica->stop();
    replica.reset();
    ledger.reset();
  }
};

class ReplicaTest : public testing::Test {
 protected:
  static constexpr size_t kNodes = 4;

  void SetUp() override {
    for (size_t i = 0; i < kNodes; ++i) nodes_.push_back(std::make_unique<TestNode>(i));
    format::Consortium consortium;
    for (auto& node : nodes_) {
      node->prepare("test");
      consortium.organisations.push_back(node->organisation());
      consortium.nodes.push_back(node->node());
    }
    consortium.sort();
    chain_.genesis.created_ms = now_ms() - 1000;
    chain_.genesis.validators = consortium.validators();
    chain_.genesis.consortium = consortium;
    for (auto& node : nodes_)
      chain_.genesis.accounts.push_back({node->governor.public_key().point(), {"governor"}});
    for (auto& node : nodes_) node->start(chain_.document(), chain_.options());
  }
  void TearDown() override {
    for (auto& node : nodes_) node->stop();
  }

  // What the clients of that node get.
  std::future<Result<order::Committed>> put(size_t node, const std::string& key) {
    auto told = std::make_shared<std::promise<Result<order::Committed>>>();
    auto out = told->get_future();
    auto admitted = nodes_[node]->ledger->admit(
        chain_.envelope(chain_.writer, now_ms(), {put_call(key, view("v"))}), now_ms());
    if (!admitted) {
      told->set_value(tl::unexpected(admitted.error()));
      return out;
    }
    const Status taken = nodes_[node]->replica->submit(
        *admitted, [told](Result<order::Committed> outcome) { told->set_value(std::move(outcome)); });
    if (!taken) told->set_value(tl::unexpected(taken.error()));
    return out;
  }

  testing::AssertionResult committed(std::future<Result<order::Committed>> outcome) {
    if (outcome.wait_for(kPatience) != std::future_status::ready)
      return testing::AssertionFailure() << "not told";
    auto result = outcome.get();
    if (!result) return testing::AssertionFailure() << result.error().to_string();
    return testing::AssertionSuccess();
  }

  // All of them hold the same chain, and all of it is certified.
  testing::AssertionResult agree(std::vector<size_t> which) {
    const uint64_t height = nodes_[which[0]]->ledger->head().header.height;
    for (size_t i : which) {
      const ledger::Ledger& ledger = *nodes_[i]->ledger;
      if (!within_patience([&] {
            const auto head = ledger.head();
            return head.header.height >= height && head.certified_height == head.header.height;
          }))
        return testing::AssertionFailure()
               << nodes_[i]->name << " is at " << ledger.head().header.height << ", certified "
               << ledger.head().certified_height << ", of " << height;
    }
    for (uint64_t h = 1; h <= height; ++h) {
      const Bytes first = nodes_[which[0]]->ledger->block(h)->header_bytes;
      for (size_t i : which)
        if (nodes_[i]->ledger->block(h)->header_bytes != first)
          return testing::AssertionFailure() << "block " << h << " differs on " << nodes_[i]->name;
    }
    return testing::AssertionSuccess();
  }

  TestChain chain_;
  std::vector<std::unique_ptr<TestNode>> nodes_;
};

TEST_F(ReplicaTest, OrdersAndCertifiesOnEveryNode) {
  for (int round = 0; round < 3; ++round) {
    std::vector<std::future<Result<order::Committed>>> outcomes;
    for (size_t i = 0; i < 40; ++i) outcomes.push_back(put(i % kNodes, fmt::format("{}-{}", round, i)));
    for (auto& each : outcomes) EXPECT_TRUE(committed(std::move(each)));
  }
  ASSERT_TRUE(agree({0, 1, 2, 3}));
  for (auto& node : nodes_)
    for (int i = 0; i < 40; ++i) EXPECT_TRUE(node->ledger->state(fmt::format("test/2-{}", i))->has_value());

  // It rests: three engine heights after the last block nothing more happens.
  const uint64_t height = nodes_[0]->replica->replica_state().progress.engine_height;
  std::this_thread::sleep_for(std::chrono::seconds(2));
  EXPECT_EQ(nodes_[0]->replica->replica_state().progress.engine_height, height);
}

TEST_F(ReplicaTest, OneOfFourMayBeAwayAndComesBack) {
  ASSERT_TRUE(committed(put(0, "all")));
  nodes_[3]->stop();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(committed(put(size_t(i), fmt::format("three-{}", i))));
  ASSERT_TRUE(agree({0, 1, 2}));
  nodes_[3]->start(chain_.document(), chain_.options());
  ASSERT_TRUE(agree({0, 1, 2, 3}));
  ASSERT_TRUE(committed(put(3, "back")));
  ASSERT_TRUE(agree({3, 0, 1, 2}));
}

TEST_F(ReplicaTest, AChainThatItsClockStoppedGoesOn) {
  ASSERT_TRUE(committed(put(3, "before")));
  ASSERT_TRUE(nodes_[3]->engine->stop(nodes_[3]->ledger->id()));
  nodes_[3]->replica->engine_failed({Code::unavailable, "engine.clock_behind", "the clock of a test"});
  EXPECT_EQ(nodes_[3]->replica->state().error().reason, "engine.clock_behind");
  ASSERT_TRUE(committed(put(0, "without it")));
  ASSERT_TRUE(agree({0, 1, 2, 3}));
  ASSERT_TRUE(committed(put(3, "after")));
  EXPECT_TRUE(nodes_[3]->replica->state());
}

}  // namespace
}  // namespace chengxin::comet
