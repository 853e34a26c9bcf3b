#include "crypto/key_exchange.h"

#include <gtest/gtest.h>

namespace chengxin::crypto {
namespace {

Sm2PrivateKey key(std::string_view scalar) {
  return Sm2PrivateKey::from_scalar(unhex(scalar).value()).value();
}

TEST(KeyExchange, StandardExample) {  // GB/T 32918.5-2017 B
  Sm2PrivateKey a = key("81eb26e941bb5af16df116495f90695272ae2cd63d6c4ae1678418be48230029");
  Sm2PrivateKey b = key("785129917d45a9ea5437a59356b82338eaadda6ceb199088f14ae10defa229b5");
  Sm2PrivateKey r_a = key("d4de15474db74d06491c440d305e012400990f3e390c7e87153c12db2ea60bb3");
  Sm2PrivateKey r_b = key("7e07124814b309489125eaed101113164ebf0f3458c5bd88335c1f9d596243d6");
  auto left =
      KeyExchange::start(KeyExchange::initiator, a, kDefaultId, b.public_key(), kDefaultId, r_a).value();
  auto right =
      KeyExchange::start(KeyExchange::responder, b, kDefaultId, a.public_key(), kDefaultId, r_b).value();
  Agreement ours = left.agree(right.ephemeral(), 16).value(),
            theirs = right.agree(left.ephemeral(), 16).value();
  EXPECT_EQ(hex(ours.key), "6c89347354de2484c60b4ab1fde4c6e5");
  EXPECT_EQ(ours.key, theirs.key);
  EXPECT_EQ(hex(theirs.confirmation), "d3a0fe15dee185ceae907a6b595cc32a266ed7b3367e9983a896dc32fa20f8eb");
  EXPECT_EQ(hex(ours.confirmation), "18c7894b3816df16cf07b05c5ec0bef5d655d58f779cc1b400a4f3884644db88");
  EXPECT_EQ(ours.expected, theirs.confirmation);
  EXPECT_EQ(theirs.expected, ours.confirmation);
}

TEST(KeyExchange, AgreesOnlyWhenBothMeanTheSame) {
  Sm2PrivateKey a = Sm2PrivateKey::generate().value(), b = Sm2PrivateKey::generate().value();
  auto run = [&](std::string_view id_seen_by_b, const Sm2PublicKey& key_seen_by_b) {
    auto left = KeyExchange::start(KeyExchange::initiator, a, "alice", b.public_key(), "bob").value();
    auto right = KeyExchange::start(KeyExchange::responder, b, "bob", key_seen_by_b, id_seen_by_b).value();
    Agreement ours = left.agree(right.ephemeral(), 48).value(),
              theirs = right.agree(left.ephemeral(), 48).value();
    EXPECT_EQ(ours.key == theirs.key, ours.expected == theirs.confirmation);
    EXPECT_EQ(ours.key == theirs.key, theirs.expected == ours.confirmation);
    return ours.key == theirs.key;
  };
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(run("alice", a.public_key()));
  EXPECT_FALSE(run("mallory", a.public_key()));
  EXPECT_FALSE(run("alice", Sm2PrivateKey::generate().value().public_key()));
}

TEST(KeyExchange, RefusesBadPointsAndLengths) {
  Sm2PrivateKey a = Sm2PrivateKey::generate().value();
  auto exchange = KeyExchange::start(KeyExchange::initiator, a, "a", a.public_key(), "b").value();
  Sm2Point off = exchange.ephemeral();
  off[64] ^= 1;
  EXPECT_EQ(exchange.agree(off, 16).error().reason, "crypto.public_key");
  EXPECT_EQ(exchange.agree({}, 16).error().reason, "crypto.public_key");
  EXPECT_EQ(exchange.agree(exchange.ephemeral(), 0).error().reason, "crypto.key_length");
}

}  // namespace
}  // namespace chengxin::crypto
