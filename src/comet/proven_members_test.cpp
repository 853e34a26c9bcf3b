#include "comet/impl/proven_members.h"

#include <gtest/gtest.h>

#include "crypto/authority.h"
#include "format/proposal.h"
#include "ledger/testing.h"

// Who is believed to vote on a chain, by who knows its genesis only.
namespace chengxin::comet {
namespace {

using namespace ledger::testing;

struct ProvenMembersTest : ::testing::Test {
  void SetUp() override {
    const auto root =
        crypto::Authority::create_root({"CN", "City", "", "Root"}, {1'600'000'000'000, 2'600'000'000'000})
            .value();
    format::Consortium consortium;
    consortium.organisations = {
        {"city", "City", root.certificate().der, setup.governor.key.public_key().point()}};
    consortium.nodes = {node("one", setup.validator)};
    consortium.nodes[0].service_key = setup.writer.key.public_key().point();
    setup.genesis.consortium = consortium;
    const auto read = format::Genesis::decode(setup.document());
    ASSERT_TRUE(read) << read.error().to_string();
    chain = std::make_unique<LiveChain>(setup);
    chain->signers.push_back(second);
  }
  format::Node node(const std::string& name, const Signer& signer) {
    format::Node out;
    out.name = name;
    out.organisation = "city";
    out.key = signer.key.public_key().point();
    out.service_key = Signer().key.public_key().point();
    std::copy_n(out.key.begin() + 1, 32, out.engine_key.begin());
    std::copy_n(out.key.begin() + 33, 20, out.engine_id.begin());
    out.address = name + ".example:1";
    return out;
  }
  void propose(format::Action action) {
    format::Propose propose;
    propose.actions = {std::move(action)};
    auto added = chain->add(setup.governor, {{"consortium", "propose", propose.encode()}});
    ASSERT_TRUE(added) << added.error().to_string();
    ASSERT_EQ(format::Receipt::decode(added->receipts[0])->status, 0u);
  }
  Result<ProvenMembers> check(ByteView proof) const { return check_members(*chain->ledger, proof); }

  TestChain setup;
  Signer second;
  std::unique_ptr<LiveChain> chain;
};

TEST_F(ProvenMembersTest, AcrossChangesOfTheVoters) {
  EXPECT_FALSE(prove_members(*chain->ledger)) << "no block is certified yet";
  ASSERT_TRUE(chain->add(setup.writer, {put_call("k", view("v"))}));
  auto first = check(prove_members(*chain->ledger).value());
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_EQ(first->height, 1u);
  EXPECT_EQ(first->consortium.nodes.size(), 1u);

  propose(format::AddNode{node("two", second)});
  ASSERT_TRUE(chain->add(setup.writer, {put_call("k", view("w"))}));
  propose(format::RemoveNode{"one"});
  ASSERT_TRUE(chain->add(setup.writer, {put_call("k", view("x"))}));
  const Bytes proof = prove_members(*chain->ledger).value();
  auto now = check(proof);
  ASSERT_TRUE(now) << now.error().to_string();
  EXPECT_EQ(now->height, 5u);
  ASSERT_EQ(now->consortium.nodes.size(), 1u);
  EXPECT_EQ(now->consortium.nodes[0].name, "two");

  for (size_t i = 0; i < proof.size(); ++i) {
    Bytes bent = proof;
    bent[i] ^= 1;
    EXPECT_FALSE(check(bent)) << "byte " << i;
  }
  for (size_t size = 0; size < proof.size(); ++size) EXPECT_FALSE(check(ByteView(proof).first(size)));
  Bytes longer = proof;
  longer.push_back(0);
  EXPECT_FALSE(check(longer));
  EXPECT_FALSE(check(*unhex("ffffffff")));
  LiveChain newcomer{setup};
  EXPECT_TRUE(check_members(*newcomer.ledger, proof));
  TestChain elsewhere;
  LiveChain other{elsewhere};
  EXPECT_EQ(check_members(*other.ledger, proof).error().reason, "comet.members_unproven");
}

// The keys of older voters can make another history from the genesis on, as long as they like. Who has
// certified blocks of the true one does not take it.
TEST_F(ProvenMembersTest, AnotherHistoryIsNotTakenByWhoHasOne) {
  LiveChain fork{setup};
  ASSERT_TRUE(chain->add(setup.writer, {put_call("k", view("v"))}));
  propose(format::AddNode{node("two", second)});
  ASSERT_TRUE(chain->add(setup.writer, {put_call("k", view("w"))}));
  LiveChain newcomer{setup};
  for (int i = 0; i < 9; ++i) {
    ASSERT_TRUE(fork.add(setup.writer, {put_call("f", view(std::to_string(i)))}));
    const Bytes forged = prove_members(*fork.ledger).value();
    EXPECT_TRUE(check_members(*newcomer.ledger, forged)) << "the genesis alone tells nothing of it";
    EXPECT_EQ(check(forged).error().reason, "comet.members_unproven") << i;
  }
  EXPECT_TRUE(check(prove_members(*chain->ledger).value()));
}

}  // namespace
}  // namespace chengxin::comet
