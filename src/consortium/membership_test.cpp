#include "consortium/membership.h"

#include <gtest/gtest.h>

#include "crypto/authority.h"
#include "format/protocol.h"

namespace chengxin::consortium {
namespace {

crypto::Sm2Point new_key() { return crypto::Sm2PrivateKey::generate().value().public_key().point(); }

// A key that was replaced: whoever has its secret must not outlast the node's own use of it.
TEST(Membership, AReplacedKeyIsGoodUntilTheNewOneIsSeen) {
  const auto root =
      crypto::Authority::create_root({"CN", "City", "", "Root"}, {1'600'000'000'000, 2'600'000'000'000})
          .value();
  Record record;
  record.chain.fill(1);
  record.height = 5;
  record.consortium.organisations = {{"city", "City", root.certificate().der, new_key()}};
  format::Node node;
  node.name = "city-1";
  node.organisation = "city";
  node.key = new_key();
  record.consortium.nodes = {node};
  const crypto::Sm2Point old = new_key(), revoked = new_key();
  record.revocations.entries = {{"city-1", "", true, old, {}, 4},
                                {"city-1", "stolen", false, revoked, {}, 3}};
  Membership membership;
  membership.set(record);

  auto reason = [&](const crypto::Sm2Point& key, link::Purpose purpose = link::Purpose::content) {
    link::Peer peer;
    peer.key = key;
    peer.root = root.certificate();
    auto status = membership.admits({record.chain, purpose}, peer);
    return status ? std::string() : status.error().reason;
  };
  const link::Topic topic{record.chain, link::Purpose::content};
  EXPECT_EQ(reason(revoked), "link.revoked");
  EXPECT_EQ(reason(old), "");
  EXPECT_TRUE(membership.same_node(topic, node.key, old));
  EXPECT_EQ(reason(node.key), "");
  EXPECT_EQ(reason(old), "link.revoked");
  EXPECT_EQ(reason(old, link::Purpose::member), "link.not_a_member");
  EXPECT_FALSE(membership.same_node(topic, node.key, old));
  EXPECT_EQ(reason(new_key()), "link.not_a_member");
}

crypto::Authority new_root(const char* name) {
  return crypto::Authority::create_root({"CN", "City", "", name}, {1'600'000'000'000, 2'600'000'000'000})
      .value();
}

// A root in the place of another: both are good while the organisation's own proposal is voted on.
TEST(Membership, AProposedRootIsGoodBesideThePresentOne) {
  const auto present = new_root("one").certificate(), next = new_root("two").certificate(),
             strange = new_root("three").certificate();
  Record record;
  record.chain.fill(1);
  record.consortium.organisations = {{"bay", "Bay", strange.der, new_key()},
                                     {"city", "City", present.der, new_key()}};
  format::Node node;
  node.name = "city-1";
  node.organisation = "city";
  node.key = new_key();
  record.consortium.nodes = {node};
  Membership membership;
  auto reasons = [&] {
    membership.set(record);
    std::string out;
    for (const auto& each : {present, next, strange}) {
      link::Peer peer;
      peer.key = node.key;
      peer.root = each;
      const auto status = membership.admits({record.chain, link::Purpose::content}, peer);
      out += (status ? "good" : status.error().reason) + " ";
    }
    return out + std::to_string(membership.trust({record.chain, link::Purpose::content}).roots.size());
  };
  const std::string no = "link.organisation_unknown ";
  EXPECT_EQ(reasons(), "good " + no + no + "2");
  record.proposed_roots = {{"city", next.der}};
  EXPECT_EQ(reasons(), "good good " + no + "3");
  record.consortium.organisations[1].root_certificate = next.der;
  record.proposed_roots = {{"bay", present.der}};
  EXPECT_EQ(reasons(), "good good " + no + "4") << "it may not have seen the vote yet";
  EXPECT_EQ(reasons(), no + "good " + no + "3") << "it has; what another proposes is for its own nodes";
}

// Not the root but its key on the record identifies a node: one that missed the vote is let in all the same.
TEST(Membership, AFormerRootIsGoodForEachNodeUntilItComesUnderThePresentOne) {
  const auto former = new_root("one"), present = new_root("two");
  Record record;
  record.chain.fill(1);
  record.height = 5;
  record.consortium.organisations = {{"city", "City", former.certificate().der, new_key()}};
  for (const char* name : {"city-1", "city-2"}) {
    format::Node node;
    node.name = name;
    node.organisation = "city";
    node.key = new_key();
    record.consortium.nodes.push_back(node);
  }
  const auto first = record.consortium.nodes[0].key, second = record.consortium.nodes[1].key;
  const Bytes crl =
      former.issue_crl(std::vector<crypto::Revocation>(), 1, {1'600'000'000'000, 2'600'000'000'000})->der;
  record.crls = {crl};
  Membership membership;
  membership.set(record);
  auto good = [&](const crypto::Sm2Point& key, const crypto::Authority& root,
                  link::Purpose purpose = link::Purpose::content) {
    link::Peer peer;
    peer.key = key;
    peer.root = root.certificate();
    return membership.admits({record.chain, purpose}, peer).has_value();
  };
  EXPECT_TRUE(good(first, former));
  record.height = 6;
  record.consortium.organisations[0].root_certificate = present.certificate().der;
  record.crls.clear();
  for (int i = 0; i < 2; ++i, ++record.height) {  // another block changes nothing
    membership.set(record);
    for (auto purpose : {link::Purpose::content, link::Purpose::engine, link::Purpose::member}) {
      EXPECT_TRUE(good(first, former, purpose));
      EXPECT_FALSE(good(new_key(), former, purpose)) << "a root lets nobody in";
    }
    const auto trust = membership.trust({record.chain, link::Purpose::content});
    EXPECT_EQ(trust.roots.size(), 2u);
    ASSERT_EQ(trust.crls.size(), 1u) << "what it took back stays so";
    EXPECT_EQ(trust.crls[0].der, crl);
  }
  EXPECT_TRUE(good(first, present));
  EXPECT_FALSE(good(first, former));
  EXPECT_FALSE(good(first, former, link::Purpose::member));
  EXPECT_TRUE(good(second, former)) << "each for itself";
  EXPECT_TRUE(good(second, present));
  membership.set(record);
  EXPECT_EQ(membership.trust({record.chain, link::Purpose::content}).roots.size(), 1u);
  EXPECT_FALSE(good(second, former));
}

TEST(Membership, AProtocolThatThisProgramDoesNotKnowIsWarnedOf) {
  const format::Action known = format::SetProtocol{{format::kNewestProtocol, 9}},
                       unknown = format::SetProtocol{{format::kNewestProtocol + 1, 9}};
  EXPECT_TRUE(unknown_here(std::vector{known, format::Action(format::RemoveNode{"a"})}).empty());
  const auto told = unknown_here(std::vector{known, unknown});
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].reason, "consortium.warn_protocol");
}

}  // namespace
}  // namespace chengxin::consortium
