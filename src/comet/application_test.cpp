#include "comet/application.h"

#include <gtest/gtest.h>

#include <climits>

#include "comet/impl/standing.h"
#include "ledger/testing.h"

// What one application answers; several of them together: tests/simulator.
namespace chengxin::comet {
namespace {

namespace pb = tendermint::abci;
using namespace ledger::testing;

// Holds what it is given, and knows nobody.
class SmallPool final : public Pool {
 public:
  explicit SmallPool(ledger::Ledger& ledger) : ledger_(ledger) {}
  void set_peers(Peers*) override {}
  void submit(std::vector<order::Submission> all) override {
    for (auto& each : all) waiting.push_back(each.transaction);
  }
  void receive(const crypto::Sm2Point&, std::vector<Bytes>) override {}
  void receive_block(const crypto::Sm2Point&, uint64_t, std::vector<Bytes>) override {}
  size_t room_ahead() const override { return 0; }
  std::vector<Bytes> unsettled(int64_t, size_t) override { return {}; }
  std::vector<Bytes> give(std::span<const Digest>, size_t) const override { return {}; }
  std::vector<ledger::AdmittedTransaction> candidates(size_t, size_t count) const override {
    return {waiting.begin(), waiting.begin() + std::ptrdiff_t(std::min(count, waiting.size()))};
  }
  Result<std::vector<ledger::AdmittedTransaction>> find(std::span<const Digest> ids, int64_t,
                                                        const crypto::Sm2Point*, bool) override {
    std::vector<ledger::AdmittedTransaction> out;
    for (const Digest& id : ids)
      for (const auto& each : waiting)
        if (each->hash == id) out.push_back(each);
    if (out.size() != ids.size()) return fail(Code::unavailable, "pool.missing");
    return out;
  }
  Status keep(uint64_t height, std::span<const ledger::AdmittedTransaction>) override {
    if (keep_fails) return fail(Code::unavailable, "file.full");
    kept.push_back(height);
    return {};
  }
  void committed(uint64_t, const ledger::Ledger::Executed* executed) override {
    if (!executed) return;
    for (const auto& each : executed->included) std::erase(waiting, each);
  }
  void refused(const ledger::AdmittedTransaction& each, const Error& why) override {
    refusals.push_back(why.reason);
    std::erase(waiting, each);
  }
  bool empty() const override { return waiting.empty(); }
  void stop() override {}
  Counts counts() const override { return {}; }

  ledger::Ledger& ledger_;
  std::vector<ledger::AdmittedTransaction> waiting;
  std::vector<uint64_t> kept;
  std::vector<std::string> refusals;
  bool keep_fails = false;
};

// A chain of one voter, this one, and an observer.
struct ApplicationTest : ::testing::Test {
  static constexpr int64_t kStart = 1'700'000'000'000;
  TestChain chain;
  TemporaryFolder folder;
  format::Consortium consortium;
  std::unique_ptr<ledger::Ledger> ledger;
  std::unique_ptr<SmallPool> pool;
  std::unique_ptr<abci::Application> application;
  std::vector<Decided> decisions;
  ApplicationOptions options;
  int64_t now_ms = kStart + 1000;

  void SetUp() override {
    consortium.organisations = {{"city", "City", Bytes(100, 1), chain.governor.key.public_key().point()}};
    format::Node voter{.name = "one",
                       .organisation = "city",
                       .key = chain.validator.key.public_key().point(),
                       .address = "one.example:1"};
    voter.engine_key.fill(1);
    voter.engine_id.fill(0x11);
    format::Node observer = voter;
    observer.name = "two";
    observer.key = Signer().key.public_key().point();
    observer.engine_key.fill(2);
    observer.engine_id.fill(0x22);
    observer.address = "two.example:1";
    observer.role = format::NodeRole::observer;
    consortium.nodes = {voter, observer};
    chain.genesis.consortium = consortium;
    auto created = ledger::Ledger::create(folder.path / "chain", chain.document(), chain.options());
    ASSERT_TRUE(created) << created.error().to_string();
    ledger = std::move(*created);
    options.rest_ms = options.stale_ms = INT_MAX;
    start();
  }
  void start() {
    pool = std::make_unique<SmallPool>(*ledger);
    auto made = make_application(
        *ledger, *pool, [&] { return std::vector{chain.validator.key}; },
        [this](const Decided& each) { decisions.push_back(each); }, options);
    ASSERT_TRUE(made) << made.error().to_string();
    application = std::move(*made);
  }
  void reopen() {
    application.reset();
    pool.reset();
    ledger.reset();
    ledger = ledger::Ledger::open(folder.path / "chain", chain.options()).value();
    start();
  }
  std::string address() const {
    const auto bytes = engine_address(consortium.nodes[0].engine_key);
    return std::string(bytes.begin(), bytes.end());
  }
  template <typename Request>
  Request request(uint64_t height) {
    Request out;
    out.set_height(int64_t(height));
    out.mutable_time()->set_seconds(now_ms / 1000);
    out.mutable_time()->set_nanos(int32_t(now_ms % 1000) * 1'000'000);
    out.set_proposer_address(address());
    return out;
  }
  pb::RequestInitChain init() {
    pb::RequestInitChain out;
    out.set_chain_id(hex(ledger->id()).substr(0, 48));
    out.set_initial_height(1);
    out.mutable_consensus_params()->mutable_abci()->set_vote_extensions_enable_height(1);
    auto& validator = *out.add_validators();
    validator.mutable_pub_key()->set_ed25519(std::string(32, '\1'));
    validator.set_power(1);
    return out;
  }
  ledger::AdmittedTransaction submit(int64_t from_ms, int64_t until_ms) {
    auto body = chain.body(chain.writer, now_ms, {put_call("k", view("v"))});
    body.valid_from_ms = uint64_t(from_ms);
    body.valid_until_ms = uint64_t(until_ms);
    auto admitted =
        ledger->admit(format::sign_transaction(body, chain.writer.key, {}).value(), from_ms).value();
    pool->waiting.push_back(admitted);
    return admitted;
  }
  ledger::AdmittedTransaction submit() { return submit(now_ms - 1000, now_ms + 60'000); }

  // A height as the engine goes through it; what the extensions of the last one said is in `extension`.
  std::string extension;
  std::vector<std::string> propose(uint64_t height) {
    auto asked = request<pb::RequestPrepareProposal>(height);
    asked.set_max_tx_bytes(1 << 20);
    auto& vote = *asked.mutable_local_last_commit()->add_votes();
    vote.mutable_validator()->set_address(address());
    vote.set_block_id_flag(tendermint::types::BLOCK_ID_FLAG_COMMIT);
    vote.set_vote_extension(extension);
    auto answer = application->prepare_proposal(asked);
    EXPECT_TRUE(answer) << answer.error().to_string();
    return {answer->txs().begin(), answer->txs().end()};
  }
  bool accepts(uint64_t height, const std::vector<std::string>& txs) {
    auto asked = request<pb::RequestProcessProposal>(height);
    for (const auto& each : txs) asked.add_txs(each);
    return application->process_proposal(asked).value().status() == pb::ResponseProcessProposal::ACCEPT;
  }
  std::string extend(uint64_t height) {
    return application->extend_vote(request<pb::RequestExtendVote>(height)).value().vote_extension();
  }
  bool verifies(uint64_t height, const std::string& bytes) {
    pb::RequestVerifyVoteExtension asked;
    asked.set_height(int64_t(height));
    asked.set_validator_address(address());
    asked.set_vote_extension(bytes);
    return application->verify_vote_extension(asked).value().status() ==
           pb::ResponseVerifyVoteExtension::ACCEPT;
  }
  Result<pb::ResponseFinalizeBlock> finalize(uint64_t height, const std::vector<std::string>& txs) {
    auto asked = request<pb::RequestFinalizeBlock>(height);
    for (const auto& each : txs) asked.add_txs(each);
    return application->finalize_block(asked);
  }
  std::string play(uint64_t height) {
    now_ms += 100;
    const auto txs = propose(height);
    EXPECT_TRUE(accepts(height, txs));
    extension = extend(height);
    auto finalized = finalize(height, txs);
    EXPECT_TRUE(finalized) << finalized.error().to_string();
    auto committed = application->commit({});
    EXPECT_TRUE(committed) << committed.error().to_string();
    return finalized->app_hash();
  }
};

TEST_F(ApplicationTest, CertifiesABlockTwoHeightsLaterAndRests) {
  const std::string before = application->init_chain(init()).value().app_hash();
  EXPECT_EQ(play(1), before);
  submit();
  const std::string decided = play(2);
  EXPECT_NE(decided, before);
  EXPECT_TRUE(extension.empty());
  const std::string signed_then = play(3);
  EXPECT_NE(signed_then, decided);
  EXPECT_FALSE(extension.empty());
  EXPECT_EQ(ledger->head().certified_height, 0u);
  EXPECT_EQ(play(4), signed_then);
  EXPECT_EQ(ledger->head().certified_height, 1u);
  EXPECT_EQ(play(5), signed_then);
  ASSERT_EQ(decisions.size(), 5u);
  EXPECT_EQ(decisions[1].ledger_height, 1u);
  EXPECT_EQ(decisions[2].ledger_height, 0u);
  EXPECT_EQ(pool->kept, std::vector<uint64_t>{2});
}

TEST_F(ApplicationTest, AfterARestABlockOnlyBringsTheTimeUp) {
  options.rest_ms = -1;
  start();
  submit();
  EXPECT_TRUE(propose(1).empty()) << "when the last block was is not known";
  play(1);
  play(2);
  ASSERT_EQ(decisions.size(), 2u);
  EXPECT_EQ(decisions[0].ledger_height, 0u);
  EXPECT_EQ(decisions[1].ledger_height, 1u) << "something waited all the time: no rest";
  play(3);
  play(4);
  submit();
  EXPECT_TRUE(propose(5).empty());
  play(5);
  options.stale_ms = -1;
  start();
  submit();
  options.rest_ms = INT_MAX;
  start();
  submit();
  play(6);
  ASSERT_EQ(decisions.back().ledger_height, 2u);
  submit();
  EXPECT_TRUE(propose(7).empty()) << "a long time is too long even so";
  play(7);
  play(8);
  EXPECT_EQ(decisions.back().ledger_height, 3u) << "but not twice in a row";
}

TEST_F(ApplicationTest, RefusesAnEngineOfAnotherGenesis) {
  auto reason = [&](auto change) {
    auto bent = init();
    change(bent);
    auto answer = application->init_chain(bent);
    return answer ? std::string("taken") : answer.error().reason;
  };
  EXPECT_EQ(reason([](auto&) {}), "taken");
  EXPECT_EQ(reason([](auto& r) { r.set_chain_id("other"); }), "comet.genesis");
  EXPECT_EQ(reason([](auto& r) { r.set_initial_height(2); }), "comet.genesis");
  EXPECT_EQ(reason([](auto& r) { r.mutable_validators(0)->set_power(2); }), "comet.genesis");
  EXPECT_EQ(
      reason([](auto& r) { r.mutable_validators(0)->mutable_pub_key()->set_ed25519(std::string(32, 'x')); }),
      "comet.genesis");
  EXPECT_EQ(reason([](auto& r) { r.clear_validators(); }), "comet.genesis");
  EXPECT_EQ(reason([](auto& r) { r.set_app_state_bytes("{}"); }), "comet.genesis");
  EXPECT_EQ(reason([](auto& r) { r.clear_consensus_params(); }), "comet.genesis");
  play(1);
  EXPECT_EQ(reason([](auto&) {}), "comet.genesis");
}

TEST_F(ApplicationTest, AdmitsNodesOfTheChainOnly) {
  auto code = [&](const std::string& path) {
    pb::RequestQuery asked;
    asked.set_path(path);
    return application->query(asked).value().code();
  };
  EXPECT_EQ(code("/p2p/filter/id/" + hex(consortium.nodes[0].engine_id)), 0u);
  EXPECT_EQ(code("/p2p/filter/id/" + hex(consortium.nodes[1].engine_id)), 0u);
  EXPECT_EQ(code("/p2p/filter/addr/127.0.0.1:4711"), 0u);
  for (const char* path :
       {"/p2p/filter/id/", "/p2p/filter/id/3333333333333333333333333333333333333333",
        "/p2p/filter/addr/10.0.0.1:26656", "/p2p/filter/addr/127.0.0.100.example:1", "/", ""})
    EXPECT_NE(code(path), 0u) << path;
}

TEST_F(ApplicationTest, TheAlarmRingsWhileSomethingWaits) {
  auto code = [&](std::string_view tx) {
    pb::RequestCheckTx asked;
    asked.set_tx(std::string(tx));
    return application->check_tx(asked).value().code();
  };
  EXPECT_NE(code(kWakeTransaction), 0u);
  submit();
  EXPECT_EQ(code(kWakeTransaction), 0u);
  EXPECT_NE(code("something else"), 0u);
  play(1);  // its certificate is owed
  EXPECT_EQ(code(kWakeTransaction), 0u);
  play(2);
  EXPECT_EQ(code(kWakeTransaction), 0u);
  play(3);
  EXPECT_NE(code(kWakeTransaction), 0u);
}

TEST_F(ApplicationTest, WhatDoesNotFitIsToldAndWhatComesTooEarlyWaits) {
  const auto early = submit(now_ms + 5000, now_ms + 60'000);
  submit(now_ms - 60'000, now_ms - 1);
  const auto good = submit();
  const auto data = BlockData::decode(view(propose(1).at(0))).value();
  EXPECT_EQ(data.contents, std::vector<Digest>{good->hash});
  EXPECT_TRUE(pool->refusals.empty()) << "another block may be decided, in which it fits";
  EXPECT_EQ(pool->waiting.size(), 3u);
  now_ms += 6000;
  play(1);
  EXPECT_TRUE(ledger->transaction(early->hash));
  EXPECT_EQ(pool->refusals, std::vector<std::string>{"transaction.expired"});
}

TEST_F(ApplicationTest, AProposalHoldsNoMoreThanTheEngineAllows) {
  for (int i = 0; i < 40; ++i) submit();
  auto asked = request<pb::RequestPrepareProposal>(1);
  asked.set_max_tx_bytes(500);
  auto answer = application->prepare_proposal(asked).value();
  ASSERT_EQ(answer.txs_size(), 1);
  EXPECT_LE(answer.txs(0).size() + 16, 500u);
  EXPECT_GE(BlockData::decode(view(answer.txs(0))).value().contents.size(), 12u);
  asked.set_max_tx_bytes(0);
  EXPECT_EQ(application->prepare_proposal(asked).value().txs_size(), 0);
}

TEST_F(ApplicationTest, NoVoteForWhatCouldNotBeKept) {
  submit();
  pool->keep_fails = true;
  EXPECT_FALSE(accepts(1, propose(1)));
  pool->keep_fails = false;
  EXPECT_TRUE(accepts(1, propose(1)));
}

TEST_F(ApplicationTest, ExtensionsHoldWhatTheHeightBeforeDecided) {
  EXPECT_TRUE(verifies(1, ""));
  EXPECT_FALSE(verifies(1, "x"));
  submit();
  play(1);
  const std::string good = extend(2), again = extend(2);
  EXPECT_NE(good, again);
  EXPECT_TRUE(verifies(2, good));
  EXPECT_TRUE(verifies(2, again));
  EXPECT_FALSE(verifies(2, ""));
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bent = good;
    bent[i] ^= 1;
    EXPECT_FALSE(verifies(2, bent)) << "byte " << i;
  }
  EXPECT_FALSE(verifies(2, good + "x"));
}

TEST_F(ApplicationTest, FindsItselfAgainAnywhere) {
  submit();
  play(1);
  const auto note = progress(*ledger).value();
  EXPECT_EQ(note.engine_height, 1u);
  EXPECT_EQ(note.decided, 1u);
  const auto before = application->info({}).value().SerializeAsString();
  const std::string signature = extend(2);
  reopen();
  EXPECT_EQ(application->info({}).value().SerializeAsString(), before);
  EXPECT_TRUE(verifies(2, signature));
  submit();
  const auto txs = propose(2);
  extension = extend(2);
  auto first = finalize(2, txs);
  ASSERT_TRUE(first);
  const auto waiting = pool->waiting;
  reopen();  // before the commit
  pool->waiting = waiting;
  auto second = finalize(2, txs);
  ASSERT_TRUE(second) << second.error().to_string();
  EXPECT_EQ(first->SerializeAsString(), second->SerializeAsString());
  ASSERT_TRUE(application->commit({}));
  reopen();
  play(3);
  EXPECT_EQ(ledger->head().certified_height, 1u);
  play(4);
  EXPECT_EQ(ledger->head().certified_height, 2u);
}

TEST_F(ApplicationTest, HaltsOnWhatCannotBe) {
  auto reason = [](const auto& answer) { return answer ? std::string("taken") : answer.error().reason; };
  EXPECT_EQ(reason(finalize(2, {})), "comet.height");
  EXPECT_EQ(reason(application->commit({})), "comet.height");
  EXPECT_EQ(reason(finalize(1, {"garbage"})), "comet.block_data");
  BlockData unknown;
  unknown.contents.push_back(Digest{});
  EXPECT_EQ(reason(finalize(1, {to_string(unknown.encode())})), "comet.disagreement");
  EXPECT_EQ(ledger->head().header.height, 0u);
  EXPECT_EQ(progress(*ledger).value().engine_height, 0u);
}

TEST_F(ApplicationTest, MisbehaviourIsKeptAndShown) {
  auto asked = request<pb::RequestFinalizeBlock>(1);
  for (size_t i = 0; i < kMaxMisbehaviours + 3; ++i) {
    auto& each = *asked.add_misbehavior();
    each.set_type(i % 2 == 0 ? pb::DUPLICATE_VOTE : pb::LIGHT_CLIENT_ATTACK);
    each.mutable_validator()->set_address(i % 3 == 0 ? address() : std::string(20, 'x'));
    each.set_height(int64_t(i));
  }
  ASSERT_TRUE(application->finalize_block(asked));
  EXPECT_TRUE(progress(*ledger).value().misbehaviours.empty());
  ASSERT_TRUE(application->commit({}));
  reopen();
  const auto all = progress(*ledger).value().misbehaviours;
  ASSERT_EQ(all.size(), kMaxMisbehaviours);
  EXPECT_EQ(all.front().engine_height, 3u);
  EXPECT_EQ(all.front().kind, "light_client_attack");
  EXPECT_EQ(all.front().node, chain.validator.key.public_key().point());
  EXPECT_EQ(all.back().node, crypto::Sm2Point());
  play(2);
  EXPECT_EQ(progress(*ledger).value().misbehaviours, all);
}

TEST(BlockData, HasOneSpelling) {
  BlockData data;
  data.certificate = ledger::CertifiedHeight{7, {{{0, {}}, {3, {}}}}};
  data.contents = {Digest{1}, Digest{2}};
  const Bytes bytes = data.encode();
  const auto read = BlockData::decode(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->encode(), bytes);
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(BlockData::decode(ByteView(bytes).first(size)));
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(BlockData::decode(longer));
  data.contents = {Digest{1}, Digest{1}};
  EXPECT_EQ(BlockData::decode(data.encode()).error().reason, "comet.block_data");
  EXPECT_FALSE(BlockData::decode(BlockData().encode()));
}

}  // namespace
}  // namespace chengxin::comet
