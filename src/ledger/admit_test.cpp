#include <gtest/gtest.h>

#include "ledger/impl/verdicts.h"
#include "ledger/testing.h"

namespace chengxin::ledger {
namespace {

using namespace testing;

std::string refusal(const LiveChain& chain, const Bytes& envelope, int64_t now_ms = 0) {
  auto admitted = chain.ledger->admit(envelope, now_ms ? now_ms : chain.time_ms);
  return admitted ? "admitted" : admitted.error().reason;
}

// The same body and attachments with another signature.
Bytes resigned(const Bytes& envelope, const std::function<void(crypto::Sm2Signature&)>& change) {
  auto transaction = format::decode_transaction(envelope).value();
  change(transaction.signature);
  return format::encode_transaction(transaction.body_bytes, transaction.signature, transaction.attachments);
}

class AdmitTest : public ::testing::Test {
 protected:
  Bytes put(std::string_view key) {
    return setup.envelope(setup.writer, chain.time_ms, {put_call(key, view("1"))});
  }
  SignatureCounts counts() const { return chain.ledger->signature_counts(); }

  TestChain setup;
  LiveChain chain{setup};
};

TEST_F(AdmitTest, AVerdictIsKeptAndIsOfThatSignatureOnly) {
  const Bytes good = put("a");
  const Bytes bad = resigned(good, [](auto& signature) { signature[50] ^= 1; });
  EXPECT_EQ(refusal(chain, bad), "transaction.signature_invalid");
  EXPECT_EQ(refusal(chain, good), "admitted") << "a forgery of the same body poisons nothing";
  EXPECT_EQ(counts().checked, 2u);
  EXPECT_EQ(refusal(chain, bad), "transaction.signature_invalid");
  EXPECT_EQ(refusal(chain, good), "admitted");
  EXPECT_EQ(counts().checked, 2u);
  EXPECT_EQ(counts().remembered, 2u);
  // A known good verdict does not carry over to any other signature of the body.
  for (size_t i : {size_t(0), size_t(31), size_t(32), size_t(63)})
    EXPECT_EQ(refusal(chain, resigned(good, [&](auto& signature) { signature[i] ^= 0x80; })),
              "transaction.signature_invalid");
  EXPECT_EQ(refusal(chain, resigned(good, [](auto& signature) { signature = {}; })),
            "transaction.signature_invalid");
}

TEST_F(AdmitTest, TheFullHashNamesKeyBodyAndSignature) {
  auto known = [](const Signer& signer) {
    return KnownAccount{{signer.key.public_key().point(), true, {}}, signer.key.public_key()};
  };
  const KnownAccount first = known(setup.writer), second = known(setup.governor);
  const auto one = format::decode_transaction(put("a")).value(),
             other = format::decode_transaction(put("a")).value();
  const std::vector<Digest> names = {
      full_hash({first, one.hash, one.signature}), full_hash({second, one.hash, one.signature}),
      full_hash({first, other.hash, one.signature}), full_hash({first, one.hash, other.signature})};
  for (size_t i = 0; i < names.size(); ++i)
    for (size_t k = 0; k < i; ++k) EXPECT_NE(names[i], names[k]);
  EXPECT_EQ(names[0], full_hash({first, one.hash, one.signature}));
}

TEST_F(AdmitTest, AllButTheSignatureIsAskedAnew) {
  const Bytes kept = put("a"), expiring = put("b"), executed = put("c");
  for (const Bytes* each : {&kept, &expiring, &executed}) EXPECT_EQ(refusal(chain, *each), "admitted");
  const auto before = counts();
  EXPECT_EQ(refusal(chain, expiring, chain.time_ms + 3600'000), "transaction.expired");
  ASSERT_TRUE(chain.add_block({&executed, 1}));
  EXPECT_EQ(refusal(chain, executed), "transaction.duplicate");
  ASSERT_TRUE(
      chain.add(setup.governor, {{"governance", "revoke_key", format::encode_revoke_key(setup.writer.id)}}));
  EXPECT_EQ(refusal(chain, kept), "transaction.signer_revoked");
  EXPECT_EQ(counts().checked, before.checked + 1) << "that of the revocation";
}

TEST_F(AdmitTest, AKeyRevokedWhileItsTransactionWaitsIsNotExecuted) {
  const Bytes waiting = put("a");
  const auto admitted = chain.ledger->admit(waiting, chain.time_ms).value();
  ASSERT_TRUE(
      chain.add(setup.governor, {{"governance", "revoke_key", format::encode_revoke_key(setup.writer.id)}}));
  auto executed = chain.ledger->execute({&admitted, 1}, chain.time_ms + 1).value();
  ASSERT_EQ(executed.dropped.size(), 1u);
  EXPECT_EQ(executed.dropped[0].second.reason, "transaction.signer_revoked");
}

TEST_F(AdmitTest, ManyAtOnceAreJudgedAsOneByOne) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const Signer stranger;
  std::vector<Bytes> envelopes;
  for (int i = 0; i < 200; ++i) {
    Bytes envelope =
        random() % 8 ? put("k") : setup.envelope(stranger, chain.time_ms, {put_call("k", view("1"))});
    switch (random() % 6) {
      case 0:
        envelope = resigned(envelope,
                            [&](auto& signature) { signature[random() % 64] ^= uint8_t(1 << random() % 8); });
        break;
      case 1:
        envelope.resize(random() % envelope.size());
        break;
      case 2:
        if (!envelopes.empty()) envelope = envelopes[random() % envelopes.size()];
        break;
      default:
        break;
    }
    envelopes.push_back(std::move(envelope));
  }
  const Bytes executed = put("x");
  ASSERT_TRUE(chain.add_block({&executed, 1}));
  envelopes.insert(envelopes.begin() + 77, executed);

  const std::vector<ByteView> views(envelopes.begin(), envelopes.end());
  const auto together = chain.ledger->admit(views, chain.time_ms);
  ASSERT_TRUE(chain.reopen()) << "with nothing kept";
  ASSERT_EQ(together.size(), envelopes.size());
  for (size_t i = 0; i < envelopes.size(); ++i) {
    EXPECT_EQ(together[i] ? "admitted" : together[i].error().reason, refusal(chain, envelopes[i])) << i;
    if (together[i]) {
      EXPECT_EQ((*together[i])->hash, format::decode_transaction(envelopes[i])->hash);
    }
  }
}

TEST(Verdicts, TheTableKeepsTheNewestAndForgetsTheRest) {
  using Verdict = Verdicts::Verdict;
  Verdicts verdicts;
  std::mt19937_64 random(11);
  std::vector<Digest> names(200'000);
  for (Digest& name : names)
    for (size_t i = 0; i < name.size(); i += 8) {
      const uint64_t word = random();
      std::memcpy(&name[i], &word, 8);
    }
  for (size_t i = 0; i < names.size(); ++i) {
    const Verdict verdict = i % 3 ? Verdict::good : Verdict::bad;
    verdicts.keep({&names[i], 1}, {&verdict, 1});
  }
  std::vector<Verdict> found(names.size());
  verdicts.find(names, found);
  size_t lately = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    if (found[i] == Verdict::unknown) continue;
    EXPECT_EQ(found[i], i % 3 ? Verdict::good : Verdict::bad);
    lately += i >= names.size() - 16'384;
  }
  EXPECT_GT(lately, 16'000u) << "a quarter of the table's size ago";
  EXPECT_EQ(found[0], Verdict::unknown) << "it is bounded";
}

}  // namespace
}  // namespace chengxin::ledger
