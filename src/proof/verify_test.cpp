#include <gtest/gtest.h>

#include <random>

#include "format/protocol.h"
#include "proof/sample_for_tests.h"

namespace chengxin::proof {
namespace {

std::string verdict(const Bundle& bundle, const std::optional<Anchor>& anchor = {},
                    const std::optional<Digest>& file = {}) {
  auto facts = verify(encode(bundle), anchor, file);
  return facts ? "ok" : facts.error().reason;
}

TEST(Verify, TakesEveryKindOfGoodBundle) {
  for (SampleOptions options :
       std::vector<SampleOptions>{{},
                                  {.record = false},
                                  {.timestamp = false},
                                  {.transitions = 1},
                                  {.transitions = 3, .weights = {1, 1, 1, 1}},
                                  {.items = 1, .transactions = 1},
                                  {.items = 1000, .transactions = 257, .weights = {3, 3, 3}}}) {
    Sample sample(options);
    auto facts = verify(encode(sample.bundle), sample.anchor, sample.file_digest);
    ASSERT_TRUE(facts) << facts.error().to_string();
    EXPECT_EQ(facts->digest, sample.file_digest);
    EXPECT_EQ(facts->chain_name, "sample");
    EXPECT_EQ(facts->block_height, sample.receipt.height);
    EXPECT_EQ(facts->transitions, options.transitions);
    EXPECT_EQ(facts->timestamp_ms.has_value(), options.timestamp);
    EXPECT_EQ(facts->record.size(), options.record ? 2u : 0u);
    EXPECT_EQ(facts->withheld_fields, options.record ? 1u : 0u);
  }
}

TEST(Verify, DecodesWhatItEncodes) {
  Sample sample({.transitions = 2});
  Bytes bytes = encode(sample.bundle);
  EXPECT_EQ(encode(decode(bytes).value()), bytes);
}

TEST(Verify, EachCheckHasItsOwnReason) {
  Digest other{};
  other[3] = 1;
  auto bent = [](auto change) {
    Sample sample({.transitions = 1});
    change(sample);
    return verdict(sample.bundle);
  };
  EXPECT_EQ(bent([](Sample& s) { s.bundle.item.resize(40); }), "proof.malformed");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.record.clear(); }), "proof.malformed");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.record[0].hash[0] ^= 1; }), "proof.record_mismatch");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.record[2].disclosed->second.value = "\"另一标题\""; }),
            "proof.record_mismatch");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.call = 0; }), "proof.body_malformed");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.call = 2; }), "proof.body_malformed");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.count = 8; }), "proof.body_malformed");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.index = 2; }), "proof.inner_path_mismatch");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.inner_path.pop_back(); }), "proof.inner_path_mismatch");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.signature[40] ^= 1; }), "proof.signature_invalid");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.signer_key[40] ^= 1; }), "proof.signature_invalid");
  EXPECT_EQ(bent([](Sample& s) {
              s.receipt.status = 5;
              s.seal();
            }),
            "proof.not_accepted");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.receipt[10] ^= 1; }), "proof.log_path_mismatch");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.log_index = 11; }), "proof.log_path_mismatch");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.genesis += " "; }), "proof.chain_mismatch");
  EXPECT_EQ(bent([](Sample& s) {
              s.receipt.height = s.header.height + 1;
              s.seal();
            }),
            "proof.chain_mismatch");
  EXPECT_EQ(bent([](Sample& s) {
              s.receipt.time_ms = s.header.time_ms + 1;
              s.seal();
            }),
            "proof.chain_mismatch");
  EXPECT_EQ(bent([](Sample& s) {
              s.header.version = format::kNewestProtocol + 1;
              s.seal();
            }),
            "proof.protocol_unknown");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.transitions.clear(); }), "proof.validators_unproven");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.transitions[0].next_validators[70] ^= 1; }),
            "proof.validators_unproven");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.transitions.push_back(s.bundle.transitions[0]); }),
            "proof.validators_unproven");
  EXPECT_EQ(bent([](Sample& s) {
              s.header.height = 5;  // that of the transition
              s.receipt.height = 4;
              s.seal();
            }),
            "proof.validators_unproven");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.certificate[30] ^= 1; }), "proof.certificate_invalid");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.certificate = {0, 0}; }), "proof.certificate_invalid");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.timestamp[s.bundle.timestamp.size() - 1] ^= 1; }),
            "proof.timestamp_invalid");
  EXPECT_EQ(bent([](Sample& s) { s.bundle.timestamp = Sample().bundle.timestamp; }),
            "proof.timestamp_invalid");

  Sample sample;
  Anchor wrong_chain{other, "x", {}},
      wrong_root{sample.anchor.chain, "x", {Sample().anchor.timestamp_roots[0]}};
  EXPECT_EQ(verdict(sample.bundle, wrong_chain), "proof.anchor_mismatch");
  EXPECT_EQ(verdict(sample.bundle, wrong_root), "proof.anchor_mismatch");
  EXPECT_EQ(verdict(sample.bundle, sample.anchor, other), "proof.file_mismatch");
  EXPECT_EQ(verdict(sample.bundle, sample.anchor, sample.file_digest), "ok");
}

TEST(Verify, TheGenesisMustBeOne) {
  Sample sample({.timestamp = false});
  sample.bundle.genesis = R"({"format":"chengxin/genesis/v2"})";
  sample.header.chain = format::Genesis::chain_id(sample.bundle.genesis);
  sample.body.chain = sample.header.chain;
  sample.sign_body();
  sample.seal();
  EXPECT_EQ(verdict(sample.bundle), "proof.genesis_malformed");
}

TEST(Verify, TwoThirdsAreNotEnough) {
  Sample sample({.timestamp = false, .weights = {1, 1, 1}});
  auto certificate = format::Certificate::decode(sample.bundle.certificate).value();
  certificate.entries.pop_back();
  sample.bundle.certificate = certificate.encode();
  EXPECT_EQ(verdict(sample.bundle), "proof.certificate_invalid");
}

// Whatever one changes in the bytes, the bundle verifies no more: every byte of it is bound to the digest.
TEST(Verify, NoMutationVerifies) {
  Sample sample({.transitions = 1});
  Bytes good = encode(sample.bundle);
  uint64_t seed = std::random_device{}();
  std::mt19937_64 random(seed);
  int rounds = 6000;
  for (int i = 0; i < rounds; ++i) {
    Bytes bytes = good;
    switch (random() % 4) {
      case 0:
        bytes[random() % bytes.size()] ^= uint8_t(1 << random() % 8);
        break;
      case 1:
        bytes[random() % bytes.size()] = uint8_t(random());
        break;
      case 2:
        bytes.resize(random() % bytes.size());
        break;
      case 3:
        bytes.insert(bytes.begin() + long(random() % bytes.size()), uint8_t(random()));
        break;
    }
    if (bytes == good) continue;
    EXPECT_FALSE(verify(bytes, sample.anchor, sample.file_digest)) << "seed " << seed << " round " << i;
  }
}

TEST(Anchor, OnlyItsCanonicalDocumentIsTaken) {
  Sample sample;
  std::string document = sample.anchor.encode();
  EXPECT_EQ(Anchor::decode(document).value().encode(), document);
  EXPECT_EQ(Anchor::decode(document + "\n").error().reason, "proof.anchor_malformed");
  EXPECT_EQ(Anchor::decode("[]").error().reason, "proof.anchor_malformed");
  EXPECT_EQ(Anchor::decode("{").error().reason, "proof.anchor_malformed");
}

}  // namespace
}  // namespace chengxin::proof
