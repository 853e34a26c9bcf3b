#include "comet/peers.h"

#include <fstream>
#include <random>

#include "comet/messages.h"
#include "comet/net_for_tests.h"
#include "comet/rig_for_tests.h"
#include "link/link_for_tests.h"

namespace chengxin::comet {
namespace {

using namespace testing;

constexpr int kHeadMs = 40;

PeersOptions quick() {
  PeersOptions options;
  options.head_ms = kHeadMs;
  options.unsettled_ms = 100;
  options.reply_ms = 200;
  return options;
}

bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 4'000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

// A node on a network.
struct Linked : Node {
  Linked(FakeNet& net, TestChain& test, uint8_t number, PoolOptions with = {},
         PeersOptions peers_with = quick())
      : Node(test, with), key(peer_key(number)), links(net, key), peers_options(peers_with) {
    start();
  }
  ~Linked() { stop(); }
  void start() {
    Self self;
    self.key = key;
    self.software = "0.5.0";
    self.now_ms = [this] { return now_ms; };
    self.engine_height = [this] { return engine_height; };
    self.light_block = [this](uint64_t height) -> std::optional<Bytes> {
      if (height > engine_height) return std::nullopt;
      return Bytes{uint8_t(height), key[64]};
    };
    peers = LinkPeers::start(links, *chain.ledger, *pool, self, peers_options);
    if (!members.empty()) peers->set_members(members);
  }
  void stop() {
    if (peers) peers->stop();
    peers.reset();
  }
  void restart() {
    stop();
    reopen();
    start();
  }
  void know(std::vector<Member> all) {
    members = std::move(all);
    peers->set_members(members);
  }
  PeerState state_of(const crypto::Sm2Point& other) {
    for (const PeerState& each : peers->states())
      if (each.key == other) return each;
    return {};
  }
  uint64_t height() { return chain.ledger->head().header.height; }

  crypto::Sm2Point key;
  FakeNet::FakeLinks links;
  PeersOptions peers_options;
  std::vector<Member> members;
  std::shared_ptr<LinkPeers> peers;
};

std::vector<Member> members_of(size_t count) {
  std::vector<Member> out;
  for (size_t i = 1; i <= count; ++i) out.push_back({"node-" + std::to_string(i), peer_key(uint8_t(i)), {}});
  return out;
}

// Some nodes of one chain, and an engine made by hand.
struct Cluster {
  explicit Cluster(size_t count, uint64_t seed = 1, Weather weather = {}, PoolOptions with = {})
      : net(seed, weather) {
    for (size_t i = 1; i <= count; ++i)
      nodes.push_back(std::make_unique<Linked>(net, test, uint8_t(i), with));
    for (auto& node : nodes) node->know(members_of(count));
  }
  bool all_linked() {
    return eventually([&] {
      for (auto& node : nodes) {
        const auto states = node->peers->states();
        if (size_t(
                std::count_if(states.begin(), states.end(), [](auto& each) { return each.heard_ms != 0; })) +
                1 <
            nodes.size())
          return false;
      }
      return true;
    });
  }
  // What the proposer would put into a block of its own.
  std::vector<Digest> proposal(Linked& proposer, int64_t time_ms) {
    const auto candidates = proposer.pool->candidates(1 << 20, 300);
    auto executed = proposer.chain.ledger->execute(candidates, time_ms).value();
    for (const auto& [transaction, why] : executed.dropped) proposer.pool->refused(transaction, why);
    std::vector<Digest> out;
    for (const auto& each : executed.included) out.push_back(each->hash);
    return out;
  }

  TestChain test;
  FakeNet net;
  std::vector<std::unique_ptr<Linked>> nodes;
};

TEST(Peers, WhatOneIsHandedAllHold) {
  Cluster cluster(4);
  ASSERT_TRUE(cluster.all_linked());
  for (int i = 0; i < 200; ++i) {
    auto& node = *cluster.nodes[size_t(i) % 4];
    node.submit(i % 10 == 0 ? node.anchor(50) : node.put(std::to_string(i)));
  }
  for (auto& node : cluster.nodes)
    EXPECT_TRUE(eventually([&] { return node->pool->counts().transactions == 200; }));
  for (auto& node : cluster.nodes) {
    EXPECT_EQ(node->pool->counts().received, 150u) << "each once";
    EXPECT_EQ(node->chain.ledger->signature_counts().checked, 200u) << "and checked once";
    EXPECT_EQ(node->pool->counts().asked, 0u);
  }
}

TEST(Peers, EverybodyKnowsWhereEverybodyStands) {
  Cluster cluster(3);
  auto& ahead = *cluster.nodes[0];
  ASSERT_TRUE(ahead.chain.add(cluster.test.writer, {put_call("k", view("v"))}));
  ahead.engine_height = 9;
  ahead.now_ms = kNow + 7'000;
  auto& other = *cluster.nodes[1];
  ASSERT_TRUE(eventually([&] { return other.state_of(ahead.key).certified_height == 1; }));
  ASSERT_TRUE(eventually([&] { return other.state_of(ahead.key).engine_height == 9; }));
  const PeerState state = other.state_of(ahead.key);
  EXPECT_EQ(state.name, "node-1");
  EXPECT_EQ(state.ledger_height, 1u);
  EXPECT_EQ(state.software, "0.5.0");
  EXPECT_TRUE(eventually([&] { return other.state_of(ahead.key).clock_ahead_ms == 7'000; }));
  EXPECT_FALSE(state.disagrees);
  // Another first block.
  ASSERT_TRUE(other.chain.add(cluster.test.writer, {put_call("other", view("v"))}));
  EXPECT_TRUE(eventually([&] { return other.state_of(ahead.key).disagrees; }));
  EXPECT_TRUE(eventually([&] { return ahead.state_of(other.key).disagrees; }));
}

TEST(Peers, LightBlocksComeFromWhoHasThem) {
  Cluster cluster(3);
  ASSERT_TRUE(cluster.all_linked());
  cluster.nodes[2]->engine_height = 5;
  auto block = cluster.nodes[0]->peers->light_block(5, 5'000);
  ASSERT_TRUE(block);
  EXPECT_EQ(*block, (Bytes{5, 3}));
  EXPECT_EQ(cluster.nodes[0]->peers->light_block(6, 5'000).error().reason, "peers.no_light_block");
}

TEST(Peers, WhoIsNoMemberAnyMoreIsCut) {
  Cluster cluster(3);
  ASSERT_TRUE(cluster.all_linked());
  cluster.nodes[0]->know({members_of(3)[0], members_of(3)[1]});
  EXPECT_TRUE(eventually([&] { return cluster.nodes[0]->peers->states().size() == 1; }));
  EXPECT_TRUE(eventually([&] { return cluster.nodes[1]->state_of(peer_key(1)).linked; }));
}

// A node that missed many blocks has them before the engine asks for them.
TEST(Peers, WhoIsBehindFetchesBlocksInBulk) {
  Cluster cluster(3);
  std::vector<std::vector<Bytes>> blocks;
  for (int b = 0; b < 40; ++b) {
    std::vector<Bytes> block;
    for (int i = 0; i < 20; ++i)
      block.push_back(i == 0 ? cluster.nodes[0]->anchor(20)
                             : cluster.nodes[0]->put(std::to_string(b * 100 + i)));
    blocks.push_back(block);
    for (size_t n = 0; n < 2; ++n) ASSERT_TRUE(cluster.nodes[n]->chain.add_block(block));
  }
  auto& behind = *cluster.nodes[2];
  ASSERT_TRUE(eventually([&] { return behind.pool->counts().ahead_bytes > 0; }));
  EXPECT_TRUE(behind.peers->catching_up());
  for (size_t b = 0; b < blocks.size(); ++b) {
    std::vector<Digest> ids;
    for (const Bytes& each : blocks[b]) ids.push_back(format::decode_transaction(each).value().hash);
    ASSERT_TRUE(behind.decide(ids, cluster.nodes[0]->chain.ledger->block(b + 1)->header.time_ms));
    behind.peers->decided();
  }
  EXPECT_EQ(behind.chain.ledger->head().header_hash, cluster.nodes[0]->chain.ledger->head().header_hash);
  EXPECT_LE(behind.pool->counts().asked, 40u) << "of 800: nearly all were here before they were needed";
  EXPECT_TRUE(eventually([&] { return !behind.peers->catching_up(); }));
}

// Without room for what lies ahead, and names that nobody knows any more: by blocks, when they are needed.
TEST(Peers, DecidedBlocksAreFoundWithoutPrefetching) {
  PoolOptions options;
  options.max_ahead_bytes = 0;
  Cluster cluster(2, 1, {}, options);
  const std::vector<Bytes> block = {cluster.nodes[0]->anchor(20), cluster.nodes[0]->put("a")};
  ASSERT_TRUE(cluster.nodes[0]->chain.add_block(block));
  ASSERT_TRUE(cluster.all_linked());
  std::vector<Digest> ids;
  for (const Bytes& each : block) ids.push_back(format::decode_transaction(each).value().hash);
  ASSERT_TRUE(cluster.nodes[1]->decide(ids, cluster.nodes[0]->chain.ledger->head().header.time_ms));
}

// A block larger than a message comes in parts.
TEST(Peers, LargeBlocksComeInParts) {
  Cluster cluster(2);
  auto& source = *cluster.nodes[0];
  std::vector<Bytes> block;
  for (int i = 0; i < 7; ++i) block.push_back(source.anchor(30'000));  // 960 kB each
  ASSERT_TRUE(source.chain.add_block(block));
  std::vector<Digest> ids;
  for (const Bytes& each : block) ids.push_back(format::decode_transaction(each).value().hash);
  ASSERT_TRUE(cluster.all_linked());
  ASSERT_TRUE(cluster.nodes[1]->decide(ids, source.chain.ledger->head().header.time_ms));
}

// A peer of our own making, on the same network.
struct Stranger {
  Stranger(FakeNet& net, Linked& victim, uint8_t number) : links(net, peer_key(number)) {
    link::Handlers handlers{[this](const link::ConnectionPtr& made) {
                              std::lock_guard lock(mutex);
                              connection = made;
                            },
                            [this](const link::ConnectionPtr& from, Bytes message) {
                              if (auto known = decode(message); known && on_message)
                                on_message(*from, *known);
                            },
                            [this](const link::ConnectionPtr&, const Error&) { closed = true; }};
    keeper = links.keep({victim.chain.ledger->id(), link::Purpose::content}, {}, victim.key, handlers);
    EXPECT_TRUE(eventually([&] {
      std::lock_guard lock(mutex);
      return connection != nullptr;
    }));
  }
  ~Stranger() {
    keeper.reset();
    connection->close("over");
    EXPECT_TRUE(eventually([&] { return closed.load(); }));
  }
  std::function<void(link::Connection&, const Message&)> on_message;
  FakeNet::FakeLinks links;
  std::mutex mutex;
  link::ConnectionPtr connection;
  link::Links::Keeper keeper;
  std::atomic<bool> closed = false;
};

TEST(Peers, AMalformedMessageEndsTheLink) {
  Cluster cluster(1);
  Stranger stranger(cluster.net, *cluster.nodes[0], 9);
  ASSERT_TRUE(stranger.connection->send({200}));  // of a later version
  ASSERT_TRUE(stranger.connection->send(encode(AskLightBlock{1, 1})));
  EXPECT_TRUE(eventually([&] { return cluster.nodes[0]->state_of(peer_key(9)).counts.unknown_kind == 1; }));
  EXPECT_FALSE(stranger.closed);
  ASSERT_TRUE(stranger.connection->send({1, 2, 3}));
  EXPECT_TRUE(eventually([&] { return stranger.closed.load(); }));
}

TEST(Peers, AFloodDoesNotKeepOthersOut) {
  Cluster cluster(2);
  ASSERT_TRUE(cluster.all_linked());
  Stranger flooder(cluster.net, *cluster.nodes[0], 9);
  std::mt19937_64 random(3);
  Bytes junk = cluster.nodes[1]->anchor(4'000);
  Broadcast message;
  for (int i = 0; i < 20; ++i) {
    junk[junk.size() / 2] = uint8_t(random());  // other attachments, good signature
    message.envelopes.push_back(junk);
    Bytes forged = junk;
    forged[20] ^= 1;
    message.envelopes.push_back(forged);
  }
  const Bytes encoded = encode(message);  // once: the flooder is faster than who reads
  std::atomic<bool> over = false;
  std::thread flood([&] {
    while (!over) static_cast<void>(flooder.connection->send(encoded));
  });
  for (int i = 0; i < 100; ++i) cluster.nodes[1]->submit(cluster.nodes[1]->put(std::to_string(i)));
  EXPECT_TRUE(eventually([&] {
    const auto candidates = cluster.nodes[0]->pool->candidates(SIZE_MAX, SIZE_MAX);
    return std::count_if(candidates.begin(), candidates.end(),
                         [](auto& each) { return each->attachments.empty(); }) == 100;
  }));
  EXPECT_TRUE(eventually([&] { return cluster.nodes[0]->state_of(peer_key(9)).counts.inbox_dropped > 0; }));
  over = true;
  flood.join();
  EXPECT_EQ(cluster.nodes[0]->state_of(peer_key(2)).counts.inbox_dropped, 0u);
}

TEST(Peers, QuestionsAreBoundedByABudget) {
  PeersOptions options = quick();
  options.answer_bytes_per_second = 100'000;
  options.answer_burst_bytes = 300'000;
  TestChain test;
  FakeNet net;
  Linked node(net, test, 1, {}, options);
  const Bytes envelope = node.anchor(3'000);
  ASSERT_TRUE(node.chain.add_block(std::span(&envelope, 1)));
  std::atomic<size_t> given = 0;
  Stranger greedy(net, node, 9);
  {
    std::lock_guard lock(greedy.mutex);
    greedy.on_message = [&](link::Connection&, const Message& message) {
      if (std::get_if<GiveBlocks>(&message)) ++given;
    };
  }
  const int64_t begun_ns = steady_ns();
  for (uint32_t i = 0; i < 200; ++i)
    ASSERT_TRUE(greedy.connection->send(encode(AskBlocks{i, 1, 0, 1 << 20})));
  EXPECT_TRUE(eventually([&] { return node.state_of(peer_key(9)).counts.questions_dropped > 0; }));
  EXPECT_TRUE(eventually([&] { return given >= 3; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const double seconds = double(steady_ns() - begun_ns) / 1e9;
  EXPECT_LE(double(given) * 96'000, 300'000 + 100'000 * seconds + 2 * 100'000);
}

// Lies: other content under a name, signatures that do not hold, blocks that are none. The truth comes from
// somebody else.
TEST(Peers, ALiarCostsTimeOnly) {
  Cluster cluster(2);
  auto& honest = *cluster.nodes[0];
  auto& victim = *cluster.nodes[1];
  ASSERT_TRUE(cluster.all_linked());
  const std::vector<Bytes> block = {honest.anchor(20), honest.put("a"), honest.put("b")};
  ASSERT_TRUE(honest.chain.add_block(block));
  Stranger liar(cluster.net, victim, 9);
  {
    std::lock_guard lock(liar.mutex);
    liar.on_message = [&](link::Connection& from, const Message& message) {
      Bytes forged = block[1];
      forged[forged.size() - 1] ^= 1;
      if (std::get_if<Ask>(&message)) static_cast<void>(from.send(encode(Give{{forged, honest.put("c")}})));
      if (auto* ask = std::get_if<AskBlocks>(&message))
        static_cast<void>(from.send(encode(
            GiveBlocks{ask->request, {{ask->height, ask->first, 3, {forged, forged, honest.put("d")}}}})));
    };
  }
  HeadNotice boast;
  boast.ledger_height = 1'000'000;
  boast.oldest_height = 1;
  ASSERT_TRUE(liar.connection->send(encode(boast)));
  ASSERT_TRUE(eventually([&] { return victim.peers->catching_up(); }));
  std::vector<Digest> ids;
  for (const Bytes& each : block) ids.push_back(format::decode_transaction(each).value().hash);
  const crypto::Sm2Point first = peer_key(9);
  auto found = victim.pool->find(ids, honest.chain.ledger->head().header.time_ms, &first, true);
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_EQ(names(*found), ids);
  EXPECT_LE(victim.pool->counts().ahead_bytes, PoolOptions().max_ahead_bytes);
  liar.connection->close("before its handlers go");
}

// Everything at once: clients at all nodes, messages lost, doubled and late, nodes that miss blocks, are
// started again, and catch up. All that was accepted comes to a block once, and all ledgers are the same.
class PeersStory : public ::testing::TestWithParam<uint64_t> {};

TEST_P(PeersStory, AllAcceptedIsOrderedOnceAndLedgersAgree) {
  const uint64_t seed = GetParam();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  PoolOptions options;
  options.grace_ms = 5;
  options.fetch_ms = 300;
  Cluster cluster(4, seed, {0.1, 0.1, 0.3, 20, size_t(1) << 20}, options);
  int64_t time_ms = kNow;
  struct Decided {
    std::vector<Digest> ids;
    int64_t time_ms;
  };
  std::vector<Decided> decided;
  std::vector<uint64_t> engine(4, 0);  // decided heights that the node has executed
  int submitted = 0;
  auto follow = [&](size_t n, uint64_t up_to) {
    for (; engine[n] < up_to; ++engine[n]) {
      const Decided& each = decided[engine[n]];
      ASSERT_TRUE(cluster.nodes[n]->decide(each.ids, each.time_ms))
          << "node " << n << " height " << engine[n] + 1;
      cluster.nodes[n]->engine_height = engine[n] + 1;
      cluster.nodes[n]->peers->decided();
    }
  };
  auto round = [&](bool calm) {
    const size_t p = random() % 4;
    auto& proposer = *cluster.nodes[p];
    follow(p, decided.size());
    time_ms += 5;
    const auto ids = cluster.proposal(proposer, time_ms);
    if (ids.empty()) return;
    size_t votes = 0;
    for (size_t n = 0; n < 4; ++n) {
      if (!calm && n != p && random() % 4 == 0) continue;  // does not hear of it
      follow(n, decided.size());
      auto found = cluster.nodes[n]->pool->find(ids, time_ms, &proposer.key, false);
      if (!found) {
        EXPECT_EQ(found.error().reason, "pool.missing") << found.error().to_string();
        continue;
      }
      EXPECT_TRUE(cluster.nodes[n]->pool->keep(decided.size() + 1, *found));
      ++votes;
    }
    if (votes >= 3) decided.push_back({ids, time_ms});
    if (!calm && random() % 8 == 0) {
      const size_t n = random() % 4;
      if (cluster.nodes[n]->pool->counts().own == 0) cluster.nodes[n]->restart();
    }
  };
  for (int r = 0; r < 25; ++r) {
    for (uint64_t i = random() % 30; i > 0; --i, ++submitted) {
      auto& node = *cluster.nodes[random() % 4];
      node.submit(random() % 5 == 0 ? node.anchor(1 + random() % 60)
                                    : node.put("k" + std::to_string(submitted)));
    }
    round(false);
  }
  auto waiting = [&] {
    return std::any_of(cluster.nodes.begin(), cluster.nodes.end(),
                       [](auto& n) { return n->pool->counts().own > 0; });
  };
  for (int r = 0; r < 200 && waiting(); ++r) {
    round(true);
    for (size_t n = 0; n < 4; ++n) follow(n, decided.size());
  }
  size_t transactions = 0;
  for (const Decided& each : decided) transactions += each.ids.size();
  EXPECT_EQ(transactions, size_t(submitted)) << "each once";
  for (auto& node : cluster.nodes) {
    EXPECT_EQ(node->chain.ledger->head().header_hash, cluster.nodes[0]->chain.ledger->head().header_hash);
    for (auto& outcome : node->outcomes.wait()) {
      ASSERT_TRUE(outcome) << outcome.error().to_string();
      EXPECT_EQ(node->chain.ledger->transaction(outcome->transaction)->height, outcome->height);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, PeersStory, ::testing::Range<uint64_t>(1, 3));

// The same over TLCP.
TEST(PeersOverLinks, TransactionsAndHeads) {
  const crypto::Authority root = crypto::test_root("Ministry");
  TestChain test;
  std::vector<std::unique_ptr<link::Node>> linked;
  std::vector<std::unique_ptr<Node>> nodes;
  for (int i = 0; i < 3; ++i) {
    linked.emplace_back(new link::Node{crypto::test_identity(root, "node-" + std::to_string(i))});
    nodes.push_back(std::make_unique<Node>(test));
  }
  std::vector<Member> members;
  for (auto& node : linked) {
    node->registry.roots = {root.certificate()};
    for (auto& other : linked) node->registry.set_member(test.chain(), other->key(), true);
    node->start();
    members.push_back({"node", node->key(), node->address()});
  }
  std::vector<std::shared_ptr<LinkPeers>> peers;
  for (size_t i = 0; i < 3; ++i) {
    Self self;
    self.key = linked[i]->key();
    self.now_ms = [] { return kNow; };
    peers.push_back(
        LinkPeers::start(*linked[i]->links, *nodes[i]->chain.ledger, *nodes[i]->pool, self, quick()));
    peers[i]->set_members(members);
  }
  for (auto& each : peers)
    ASSERT_TRUE(eventually([&] {
      const auto states = each->states();
      return std::count_if(states.begin(), states.end(), [](auto& s) { return s.heard_ms != 0; }) == 2;
    }));
  for (int i = 0; i < 60; ++i) {
    auto& node = *nodes[size_t(i) % 3];
    node.submit(i % 6 == 0 ? node.anchor(500) : node.put(std::to_string(i)));
  }
  for (auto& node : nodes) EXPECT_TRUE(eventually([&] { return node->pool->counts().transactions == 60; }));
  const auto ids = names(nodes[0]->pool->candidates(SIZE_MAX, SIZE_MAX));
  for (auto& node : nodes) ASSERT_TRUE(node->decide(ids, kNow + 1));
  for (auto& node : nodes)
    for (auto& outcome : node->outcomes.wait()) EXPECT_TRUE(outcome);
  for (auto& each : peers) each->stop();
}

}  // namespace
}  // namespace chengxin::comet
