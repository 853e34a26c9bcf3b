#include "consortium/membership.h"

#include <gtest/gtest.h>

#include "crypto/authority.h"

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

}  // namespace
}  // namespace chengxin::consortium
