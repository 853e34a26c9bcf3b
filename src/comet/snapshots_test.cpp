#include "comet/impl/snapshots.h"

#include <gtest/gtest.h>

#include <climits>

#include "comet/application.h"
#include "comet/rig_for_tests.h"
#include "crypto/sm3.h"

// Snapshots between two applications, and what a peer that lies can do with them.
namespace chengxin::comet {
namespace {

using namespace comet::testing;
using Offer = pb::ResponseOfferSnapshot;
using Apply = pb::ResponseApplySnapshotChunk;

// The application of one node, and the engine's part played by hand.
struct Player {
  explicit Player(TestChain& chain) : chain(chain) {
    EXPECT_TRUE(ledger::Ledger::create(path(), chain.document(), chain.options()));
    open();
  }
  fs::path path() const { return folder.path / "chain"; }
  void open() {
    application.reset();
    pool.reset();
    ledger.reset();
    ledger = ledger::Ledger::open(path(), chain.options()).value();
    pool = Pool::open(
               *ledger, folder.path / "pool", [this] { return now_ms; }, [] {}, {})
               .value();
    ApplicationOptions never_stale;
    never_stale.rest_ms = never_stale.stale_ms = INT_MAX;
    application = make_application(
                      *ledger, *pool, [this] { return std::vector{chain.validator.key}; },
                      [this](const Decided& each) { decided = each; }, never_stale)
                      .value();
  }
  void submit(const Bytes& envelope) {
    auto admitted = ledger->admit(envelope, now_ms);
    ASSERT_TRUE(admitted) << admitted.error().to_string();
    std::vector<order::Submission> one;
    one.push_back({*admitted, [](Result<order::Committed>) {}});
    pool->submit(std::move(one));
  }
  std::string address() const {
    const auto bytes = engine_address(chain.genesis.consortium->nodes[0].engine_key);
    return {bytes.begin(), bytes.end()};
  }
  template <typename Request>
  Request request(uint64_t height) const {
    Request out;
    out.set_height(int64_t(height));
    out.mutable_time()->set_seconds(now_ms / 1000);
    out.mutable_time()->set_nanos(int32_t(now_ms % 1000) * 1'000'000);
    out.set_proposer_address(address());
    return out;
  }
  uint64_t at() const { return progress(*ledger).value().engine_height; }

  struct Height {
    std::vector<std::string> txs;
    std::string app_hash;
    int64_t time_ms = 0;
    std::vector<Bytes> envelopes;
  };
  Height play(std::vector<Bytes> envelopes) {
    now_ms += 100;
    for (const Bytes& each : envelopes) submit(each);
    auto asked = request<pb::RequestPrepareProposal>(at() + 1);
    asked.set_max_tx_bytes(1 << 20);
    auto& vote = *asked.mutable_local_last_commit()->add_votes();
    vote.mutable_validator()->set_address(address());
    vote.set_block_id_flag(tendermint::types::BLOCK_ID_FLAG_COMMIT);
    vote.set_vote_extension(extension);
    const auto proposed = application->prepare_proposal(asked).value();
    extension = application->extend_vote(request<pb::RequestExtendVote>(at() + 1)).value().vote_extension();
    Height out{{proposed.txs().begin(), proposed.txs().end()}, {}, now_ms, std::move(envelopes)};
    out.app_hash = follow(out);
    return out;
  }
  // What was decided elsewhere.
  std::string follow(const Height& height) {
    now_ms = height.time_ms;
    auto asked = request<pb::RequestFinalizeBlock>(at() + 1);
    for (const auto& each : height.txs) asked.add_txs(each);
    auto finalized = application->finalize_block(asked);
    EXPECT_TRUE(finalized) << finalized.error().to_string();
    if (!finalized) return {};
    auto committed = application->commit({});
    EXPECT_TRUE(committed) << committed.error().to_string();
    return finalized->app_hash();
  }

  std::vector<pb::Snapshot> list() {
    const auto answer = application->list_snapshots({}).value();
    return {answer.snapshots().begin(), answer.snapshots().end()};
  }
  std::string chunk(const pb::Snapshot& snapshot, uint32_t index) {
    pb::RequestLoadSnapshotChunk asked;
    asked.set_height(snapshot.height());
    asked.set_format(snapshot.format());
    asked.set_chunk(index);
    return application->load_snapshot_chunk(asked).value().chunk();
  }
  Offer::Result offer(const pb::Snapshot& snapshot, const std::string& app_hash) {
    pb::RequestOfferSnapshot asked;
    *asked.mutable_snapshot() = snapshot;
    asked.set_app_hash(app_hash);
    auto answer = application->offer_snapshot(asked);
    EXPECT_TRUE(answer) << answer.error().to_string();
    return answer->result();
  }
  Apply apply(uint32_t index, std::string bytes) {
    pb::RequestApplySnapshotChunk asked;
    asked.set_index(index);
    asked.set_chunk(std::move(bytes));
    asked.set_sender("somebody");
    auto answer = application->apply_snapshot_chunk(asked);
    EXPECT_TRUE(answer) << answer.error().to_string();
    return *answer;
  }

  TestChain& chain;
  TemporaryFolder folder;
  std::unique_ptr<ledger::Ledger> ledger;
  std::unique_ptr<Pool> pool;
  std::unique_ptr<abci::Application> application;
  std::optional<Decided> decided;
  std::string extension;
  int64_t now_ms = kNow;
};

struct SnapshotsTest : ::testing::Test {
  SnapshotsTest() {
    format::Consortium consortium;
    consortium.organisations = {{"city", "City", Bytes(100, 1), chain.governor.key.public_key().point()}};
    format::Node voter;
    voter.name = "one";
    voter.organisation = "city";
    voter.key = chain.validator.key.public_key().point();
    voter.address = "one.example:1";
    voter.engine_key.fill(1);
    consortium.nodes = {voter};
    chain.genesis.consortium = consortium;
    chain.genesis.limits = {64 << 20, 8 << 20, 24 * 3600 * 1000};
  }
  Bytes put() { return chain.envelope(chain.writer, giver->now_ms, {put_call("k", view("v"))}); }
  Bytes keep(size_t bytes) {
    Bytes data(bytes, uint8_t(++salt));
    return chain.envelope(chain.writer, giver->now_ms, {keep_call(data)}, {data});
  }
  void begin() { giver = std::make_unique<Player>(chain); }
  void play(std::vector<Bytes> envelopes = {}) { heights.push_back(giver->play(std::move(envelopes))); }
  const std::string& app_hash(uint64_t engine_height) const { return heights.at(engine_height - 1).app_hash; }

  // All of it, and then the heights after it as its engine would bring them.
  void take(Player& newcomer, const pb::Snapshot& snapshot) {
    ASSERT_EQ(newcomer.offer(snapshot, app_hash(snapshot.height())), Offer::ACCEPT);
    for (uint32_t i = 0; i < snapshot.chunks(); ++i)
      ASSERT_EQ(newcomer.apply(i, giver->chunk(snapshot, i)).result(), Apply::ACCEPT) << i;
    const auto info = newcomer.application->info({}).value();
    ASSERT_EQ(info.last_block_height(), int64_t(snapshot.height()));
    ASSERT_EQ(info.last_block_app_hash(), app_hash(snapshot.height()));
  }
  void follow(Player& newcomer) {
    while (newcomer.at() < heights.size()) {
      const auto& next = heights[newcomer.at()];
      newcomer.now_ms = next.time_ms;
      for (const Bytes& each : next.envelopes) newcomer.submit(each);
      ASSERT_EQ(newcomer.follow(next), next.app_hash) << newcomer.at();
    }
    const auto ours = giver->ledger->head(), theirs = newcomer.ledger->head();
    EXPECT_EQ(theirs.header_hash, ours.header_hash);
    EXPECT_EQ(theirs.certified_height, ours.certified_height);
  }

  TestChain chain;
  std::unique_ptr<Player> giver;
  std::vector<Player::Height> heights;
  int salt = 0;
};

// At every place with regard to the blocks that wait for certificates.
TEST_F(SnapshotsTest, FromAnyHeightTheChainGoesOn) {
  begin();
  for (const bool with : {true, false, true, true, true, false, false, false, true, true, false}) {
    play(with ? std::vector<Bytes>{put()} : std::vector<Bytes>());
    if (heights.size() < 3) continue;
    const auto listed = giver->list();
    ASSERT_FALSE(listed.empty());
    EXPECT_EQ(listed[0].height(), heights.size() - 2);
    Player newcomer(chain);
    take(newcomer, listed[0]);
    EXPECT_EQ(newcomer.decided->engine_height, listed[0].height());
    EXPECT_EQ(newcomer.decided->ledger_height, newcomer.ledger->head().header.height);
    newcomer.open();
    follow(newcomer);
    EXPECT_TRUE(newcomer.ledger->verify(nullptr));
    newcomer.open();
    EXPECT_EQ(newcomer.application->info({})->last_block_app_hash(), heights.back().app_hash);
  }
  const auto before = giver->list();
  giver->open();
  EXPECT_EQ(giver->list()[0].SerializeAsString(), before[0].SerializeAsString())
      << "after a restart the same is given";
}

TEST_F(SnapshotsTest, NodesThatStandAtDifferentHeightsGiveTheSame) {
  begin();
  play({put()});
  while (heights.size() < 66) play();
  EXPECT_EQ(giver->list()[0].height(), 64u);
  while (heights.size() < 70) play({put()});
  EXPECT_EQ(giver->list()[0].height(), 64u);
  Player newcomer(chain);
  take(newcomer, giver->list()[0]);
  follow(newcomer);
}

TEST_F(SnapshotsTest, NothingIsGivenBeforeThereIsAnything) {
  begin();
  EXPECT_TRUE(giver->list().empty());
  for (int i = 0; i < 4; ++i) play();
  EXPECT_TRUE(giver->list().empty()) << "the ledger holds no block";
  play({put()});
  EXPECT_TRUE(giver->list().empty()) << "light blocks up to the second after it are needed";
  EXPECT_EQ(giver->chunk({}, 0), "");
}

TEST_F(SnapshotsTest, ABlockThatIsMoreThanAChunkComesInPieces) {
  begin();
  play({put()});
  play({keep(7 << 20), keep(7 << 20), keep(7 << 20)});
  play();
  play();
  const auto listed = giver->list().at(0);
  EXPECT_EQ(listed.chunks(), 3u);
  EXPECT_EQ(giver->chunk(listed, 1).size(), kMaxChunkBytes);
  Player newcomer(chain);
  take(newcomer, listed);
  follow(newcomer);
}

struct Poisoned : SnapshotsTest {
  void SetUp() override {
    begin();
    for (int i = 0; i < 3; ++i) play({keep(5 << 20), put()});
    play({put()});
    play();
    play();
    honest = giver->list().at(0);
    ASSERT_EQ(honest.chunks(), 3u);
    for (uint32_t i = 0; i < honest.chunks(); ++i) chunks.push_back(giver->chunk(honest, i));
    newcomer = std::make_unique<Player>(chain);
  }
  const std::string& hash() const { return app_hash(honest.height()); }
  // As who lies would: its own hash is right.
  static pb::Snapshot with(pb::Snapshot snapshot, std::string metadata) {
    snapshot.set_metadata(std::move(metadata));
    snapshot.set_hash(to_string(crypto::sm3(view(snapshot.metadata()))));
    return snapshot;
  }
  pb::Snapshot lie(const std::function<void(Snapshot&)>& change) const {
    auto read = Snapshot::decode(view(honest.metadata())).value();
    change(read);
    auto out = with(honest, to_string(read.encode()));
    out.set_chunks(uint32_t(read.chunks.size()));
    return out;
  }
  void nothing_was_taken() {
    EXPECT_EQ(newcomer->ledger->head().header.height, 0u);
    EXPECT_EQ(newcomer->at(), 0u);
  }

  pb::Snapshot honest;
  std::vector<std::string> chunks;
  std::unique_ptr<Player> newcomer;
};

TEST_F(Poisoned, WhatDescribesItIsBelievedInNothing) {
  const std::string metadata = honest.metadata();
  EXPECT_EQ(newcomer->offer(honest, app_hash(honest.height() - 1)), Offer::REJECT_SENDER);
  auto bent = honest;
  bent.set_format(2);
  EXPECT_EQ(newcomer->offer(bent, hash()), Offer::REJECT_FORMAT);
  bent = honest;
  bent.set_hash(std::string(32, 'x'));
  EXPECT_EQ(newcomer->offer(bent, hash()), Offer::REJECT_SENDER);
  bent = honest;
  bent.set_chunks(honest.chunks() + 1);
  EXPECT_EQ(newcomer->offer(bent, hash()), Offer::REJECT_SENDER);
  for (size_t size = 0; size < metadata.size(); size += 7)
    EXPECT_EQ(newcomer->offer(with(honest, metadata.substr(0, size)), hash()), Offer::REJECT_SENDER) << size;
  EXPECT_EQ(newcomer->offer(with(honest, metadata + "x"), hash()), Offer::REJECT_SENDER);
  auto too_many = [](Snapshot& of) {
    of.chunks.insert(of.chunks.begin(), kMaxSnapshotChunks, of.chunks.front());
  };
  EXPECT_EQ(newcomer->offer(lie(too_many), hash()), Offer::REJECT_SENDER);
  auto pieces = [](Snapshot& of) { of.chunks.insert(of.chunks.end(), 9, of.chunks.back()); };
  EXPECT_EQ(newcomer->offer(lie(pieces), hash()), Offer::REJECT_SENDER);
  EXPECT_EQ(newcomer->offer(lie([](Snapshot& of) { of.chunks.clear(); }), hash()), Offer::REJECT_SENDER);
  EXPECT_EQ(newcomer->offer(lie([](Snapshot& of) { std::swap(of.chunks[0], of.chunks[1]); }), hash()),
            Offer::REJECT_SENDER);
  EXPECT_EQ(newcomer->offer(lie([](Snapshot& of) { of.next_validators[0] ^= 1; }), hash()),
            Offer::REJECT_SENDER);
  nothing_was_taken();

  // A header that gives the same application hash but is not the one that was decided: of another time.
  auto header = lie([](Snapshot& of) {
    auto read = format::Header::decode(of.header).value();
    read.time_ms += 1;
    of.header = read.encode();
  });
  ASSERT_EQ(newcomer->offer(header, hash()), Offer::ACCEPT);
  Apply last;
  for (uint32_t i = 0; i < chunks.size(); ++i) last = newcomer->apply(i, chunks[i]);
  EXPECT_EQ(last.result(), Apply::REJECT_SNAPSHOT);
  EXPECT_EQ(last.reject_senders(0), "somebody");
  nothing_was_taken();
  newcomer->open();
  nothing_was_taken();
  take(*newcomer, honest);
  follow(*newcomer);
}

TEST_F(Poisoned, EveryChunkIsCheckedByItself) {
  ASSERT_EQ(newcomer->offer(honest, hash()), Offer::ACCEPT);
  for (uint32_t i = 0; i < chunks.size(); ++i) {
    std::vector<std::string> bad = {chunks[i],
                                    chunks[i].substr(1),
                                    chunks[(i + 1) % chunks.size()],
                                    chunks[i] + "x",
                                    "",
                                    std::string(kMaxChunkBytes + 1, 'x')};
    bad[0][chunks[i].size() / 2] ^= 1;
    for (const std::string& each : bad) {
      const Apply answer = newcomer->apply(i, each);
      EXPECT_EQ(answer.result(), Apply::RETRY);
      ASSERT_EQ(answer.refetch_chunks_size(), 1);
      EXPECT_EQ(answer.refetch_chunks(0), i);
      ASSERT_EQ(answer.reject_senders_size(), 1);
      EXPECT_EQ(answer.reject_senders(0), "somebody");
    }
    ASSERT_EQ(newcomer->apply(i, chunks[i]).result(), Apply::ACCEPT);
  }
  follow(*newcomer);
}

// Hashes that are right for chunks that are not: certificates and a replay find them.
TEST_F(Poisoned, ChunksThatTheirGiverMadeUpAreRefused) {
  for (uint32_t i = 0; i < chunks.size(); ++i) {
    SCOPED_TRACE(i);
    auto bent = chunks;
    bent[i][bent[i].size() - 10] ^= 1;
    const auto snapshot = lie([&](Snapshot& of) { of.chunks[i].hash = crypto::sm3(view(bent[i])); });
    ASSERT_EQ(newcomer->offer(snapshot, hash()), Offer::ACCEPT);
    Apply answer;
    for (uint32_t n = 0; n < bent.size(); ++n) {
      answer = newcomer->apply(n, bent[n]);
      if (answer.result() != Apply::ACCEPT) break;
    }
    EXPECT_EQ(answer.result(), Apply::REJECT_SNAPSHOT);
    EXPECT_EQ(answer.reject_senders_size(), 1);
    EXPECT_EQ(newcomer->apply(i + 1, chunks[0]).result(), Apply::REJECT_SNAPSHOT) << "nothing is offered";
    nothing_was_taken();
  }
  take(*newcomer, honest);
  follow(*newcomer);
}

TEST_F(Poisoned, ChunksOutOfOrderAndOfOtherBlocksAreRefused) {
  ASSERT_EQ(newcomer->offer(honest, hash()), Offer::ACCEPT);
  EXPECT_EQ(newcomer->apply(1, chunks[1]).result(), Apply::REJECT_SNAPSHOT);
  nothing_was_taken();
}

TEST_F(Poisoned, WhatWasTakenBeforeACrashIsGoneOnWith) {
  ASSERT_EQ(newcomer->offer(honest, hash()), Offer::ACCEPT);
  ASSERT_EQ(newcomer->apply(0, chunks[0]).result(), Apply::ACCEPT);
  newcomer->open();
  nothing_was_taken();
  auto importer = newcomer->ledger->importer().value();
  EXPECT_GT(importer->next_height(), 1u);
  importer.reset();
  take(*newcomer, honest);
  follow(*newcomer);
  // A node that lost its engine's home alone is offered what it holds: nothing is replaced.
  Player other(chain);
  take(other, honest);
  other.decided.reset();
  take(other, honest);
  EXPECT_FALSE(other.decided);
  follow(other);
  take(*newcomer, honest);  // and one that was further: back to there, and on again
  follow(*newcomer);
}

TEST_F(Poisoned, WhatWasBegunGoesOnceBlocksAreDecided) {
  for (const bool after_a_crash : {false, true}) {
    Player other(chain);
    ASSERT_EQ(other.offer(honest, hash()), Offer::ACCEPT);
    ASSERT_EQ(other.apply(0, chunks[0]).result(), Apply::ACCEPT);
    ASSERT_TRUE(fs::exists(other.path() / "taking"));
    if (after_a_crash) other.open();
    follow(other);
    EXPECT_FALSE(fs::exists(other.path() / "taking")) << after_a_crash;
  }
}

}  // namespace
}  // namespace chengxin::comet
