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
  Result<ProvenMembers> check(ByteView proof) const {
    return check_members(setup.genesis, chain->ledger->id(), proof);
  }

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
  format::Genesis other = setup.genesis;
  other.validators.members = {{second.key.public_key().point(), 1}};
  EXPECT_EQ(check_members(other, chain->ledger->id(), proof).error().reason, "comet.members_unproven");
  EXPECT_EQ(check_members(setup.genesis, Digest{}, proof).error().reason, "comet.members_unproven");
}

}  // namespace
}  // namespace chengxin::comet
