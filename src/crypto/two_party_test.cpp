#include "crypto/two_party.h"

#include <gtest/gtest.h>

#include "crypto/key_exchange.h"
#include "crypto/sm2_delegate.h"

namespace chengxin::crypto {
namespace {

template <typename T>
std::string reason(const Result<T>& result) {
  return result ? "ok" : result.error().reason;
}

TEST(TwoParty, MakesOrdinarySignaturesOfAKeyThatNobodyHas) {
  auto client = *Sm2PrivateKey::generate(), server = *Sm2PrivateKey::generate();
  auto joint = two_party::joint_key(client, two_party::partial_key(server).value());
  ASSERT_TRUE(joint) << joint.error().to_string();
  EXPECT_EQ(two_party::joint_key(server, two_party::partial_key(client).value())->point(), joint->point());
  EXPECT_NE(joint->point(), client.public_key().point());
  for (std::string message : {"", "pay 5", "a longer message"}) {
    auto request = two_party::begin(*joint, view(message));
    auto answer = two_party::answer(server, request->point, request->e);
    ASSERT_TRUE(answer);
    auto signature = two_party::finish(client, *joint, *request, *answer);
    ASSERT_TRUE(signature) << signature.error().to_string();
    EXPECT_TRUE(joint->verify(view(message), *signature));
    EXPECT_FALSE(joint->verify(view(message + "x"), *signature));
  }
}

TEST(TwoParty, NeitherSideAloneNorWithAnother) {
  auto client = *Sm2PrivateKey::generate(), server = *Sm2PrivateKey::generate(),
       other = *Sm2PrivateKey::generate();
  auto joint = two_party::joint_key(client, two_party::partial_key(server).value()).value();
  auto request = *two_party::begin(joint, view("m"));
  auto answer = *two_party::answer(server, request.point, request.e);
  EXPECT_EQ(reason(two_party::finish(other, joint, request, answer)), "crypto.two_party");
  EXPECT_EQ(
      reason(two_party::finish(client, joint, request, *two_party::answer(other, request.point, request.e))),
      "crypto.two_party");
  for (size_t at = 0; at < answer.size(); ++at) {
    Bytes bent = answer;
    bent[at] ^= 1;
    EXPECT_EQ(reason(two_party::finish(client, joint, request, bent)), "crypto.two_party") << at;
  }
  EXPECT_EQ(reason(two_party::finish(client, joint, request, {})), "crypto.two_party");
  Sm2Point off = request.point;
  off[64] ^= 1;
  EXPECT_EQ(reason(two_party::answer(server, off, request.e)), "crypto.public_key");
  EXPECT_EQ(reason(two_party::joint_key(client, off)), "crypto.public_key");
}

TEST(Delegate, SignsByAskingAndChecksWhatItGets) {
  auto key = *Sm2PrivateKey::generate();
  bool broken = false;
  auto ours = delegated_key(key.public_key(), {.sign =
                                                   [&](std::span<const Digest> digests) {
                                                     auto made = key.sign_many(digests);
                                                     if (broken) made->back()[3] ^= 1;
                                                     return made;
                                                   },
                                               .decrypt = nullptr});
  EXPECT_TRUE(is_delegated(ours));
  EXPECT_TRUE(key.public_key().verify(view("m"), *ours.sign(view("m"))));
  EXPECT_TRUE(key.public_key().verify(view("m"), *ours.sign(view("m"), "ALICE"), "ALICE"));
  broken = true;
  EXPECT_EQ(reason(ours.sign(view("m"))), "crypto.sign");
  EXPECT_EQ(reason(ours.decrypt(*key.public_key().encrypt(view("x")))), "crypto.key_held");
  EXPECT_EQ(reason(ours.to_pem()), "crypto.key_held");
  EXPECT_EQ(reason(KeyExchange::start(KeyExchange::initiator, ours, "A", key.public_key(), "B")),
            "crypto.key_held");
  EXPECT_EQ(reason(two_party::partial_key(ours)), "crypto.key_held");
}

}  // namespace
}  // namespace chengxin::crypto
