#include <gtest/gtest.h>

#include <random>

#include "base/cpu.h"
#include "sm2/sign.h"
#include "sm3/sm3.h"

namespace chengxin::sm2 {
namespace {

struct Signed {
  Point key;
  Signature signature;
  Bytes message;
  std::string id;
};

Bytes bytes_of(std::mt19937_64& random, size_t count) {
  Bytes out(count);
  for (uint8_t& byte : out) byte = uint8_t(random());
  return out;
}

Signer signer_of(std::mt19937_64& random) {
  Bytes scalar = bytes_of(random, 32);
  scalar[0] &= 0x7f;  // below n
  return *Signer::from_scalar(scalar);
}

Signed signed_by(const Signer& signer, std::mt19937_64& random, std::string id) {
  Signed out{signer.public_key(), {}, bytes_of(random, random() % 300), std::move(id)};
  Entropy entropy{};
  out.signature = *signer.sign(out.message, entropy, out.id);
  return out;
}

class VerifierTest : public ::testing::TestWithParam<Path> {
 protected:
  void SetUp() override {
    if (!available(GetParam())) GTEST_SKIP() << name(GetParam()) << " is not available here";
    verifier_ = std::make_unique<Verifier>(VerifierOptions{.path = GetParam(),
                                                           .table_bytes = 32 << 20,
                                                           .small_after = 4,
                                                           .large_after = 32,
                                                           .background = false});
  }

  static Check check_of(const Signed& one) { return {&one.key, &one.signature, one.message, one.id}; }

  std::unique_ptr<Verifier> verifier_;
};

// GB/T 32918.5-2017 annex A: its key, message, digest and signature.
TEST_P(VerifierTest, StandardExample) {
  Point key{4};
  const Bytes xy = *unhex(
      "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
      "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13");
  std::copy(xy.begin(), xy.end(), key.begin() + 1);
  const Bytes rs = *unhex(
      "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
      "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa");
  Signature signature;
  std::copy(rs.begin(), rs.end(), signature.begin());
  EXPECT_EQ(hex(*z_of(key)), "b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3");
  EXPECT_TRUE(verifier_->verify(Check{&key, &signature, view("message digest")}));
  EXPECT_FALSE(verifier_->verify(Check{&key, &signature, view("message digesu")}));
  EXPECT_FALSE(verifier_->verify(Check{&key, &signature, view("message digest"), "ALICE123@YAHOO.COM"}));
}

// More than a chunk, keys in all tiers, good and bad mixed; the tables are built between the rounds.
TEST_P(VerifierTest, EachVerdictInItsPlace) {
  std::mt19937_64 random(20261122);
  std::vector<Signer> signers;
  for (int i = 0; i < 20; ++i) signers.push_back(signer_of(random));
  std::vector<Signed> all;
  const std::string ids[] = {std::string(kDefaultId), "", "公证处", std::string(8191, 'x'),
                             std::string(8192, 'x')};
  std::vector<uint8_t> wanted;
  for (int i = 0; i < 1300; ++i) {
    const Signer& signer = signers[random() % 3 ? random() % 3 : random() % signers.size()];
    const std::string& id = ids[random() % 4 ? 0 : random() % 4];
    all.push_back(signed_by(signer, random, id));
    Signed& one = all.back();
    const uint64_t bend = random() % 12;
    if (bend == 0) one.signature[random() % 64] ^= uint8_t(1 << random() % 8);
    if (bend == 1) one.message.push_back(0);
    if (bend == 2) one.id += "x";
    if (bend == 3) one.key[0] = 2;
    if (bend == 4) one.key[1 + random() % 64] ^= 1;
    if (bend == 5) one.id = ids[4];
    wanted.push_back(bend > 5);
  }
  std::vector<Check> checks;
  for (const Signed& one : all) checks.push_back(check_of(one));
  std::vector<uint8_t> verdicts(checks.size());
  for (int round = 0; round < 3; ++round) {
    std::fill(verdicts.begin(), verdicts.end(), uint8_t(0xee));
    verifier_->verify(checks, verdicts);
    EXPECT_EQ(verdicts, wanted) << "round " << round;
    verifier_->build_tables(SIZE_MAX);
  }
  const TableStatistics statistics = verifier_->statistics();
  EXPECT_GT(statistics.unknown_checks, 0u);
  EXPECT_GT(statistics.small_checks, 0u);
  EXPECT_GT(statistics.large_checks, 0u);
  EXPECT_GE(statistics.large, 3u);
}

TEST_P(VerifierTest, FromDigestsAsFromMessages) {
  std::mt19937_64 random(7);
  const Signer signer = signer_of(random);
  for (int i = 0; i < 40; ++i) {
    const Signed one = signed_by(signer, random, std::string(kDefaultId));
    DigestCheck check{&one.key, &one.signature, {}};
    const Digest z = *z_of(one.key);
    const sm3::Message message{z, one.message, {}};
    sm3::hash_many({&message, 1}, {&check.e, 1});
    uint8_t verdict = 0;
    verifier_->verify(std::span(&check, 1), {&verdict, 1});
    EXPECT_EQ(verdict, 1);
    check.e[31] ^= 1;
    verifier_->verify(std::span(&check, 1), {&verdict, 1});
    EXPECT_EQ(verdict, 0);
    verifier_->build_tables(SIZE_MAX);
  }
}

TEST_P(VerifierTest, WithoutMemoryForTablesAllKeysAreUnknown) {
  const Verifier none({.path = GetParam(), .table_bytes = 0, .small_after = 1, .large_after = 2});
  std::mt19937_64 random(8);
  const Signer signer = signer_of(random);
  for (int i = 0; i < 50; ++i) {
    const Signed one = signed_by(signer, random, "");
    EXPECT_TRUE(none.verify(check_of(one)));
  }
  EXPECT_EQ(none.build_tables(SIZE_MAX), 0u);
  EXPECT_EQ(none.statistics().bytes, 0u);
  EXPECT_EQ(none.statistics().unknown_checks, 50u);
}

INSTANTIATE_TEST_SUITE_P(Paths, VerifierTest, ::testing::ValuesIn(kPaths),
                         [](const auto& which) { return std::string(name(which.param)); });

TEST(Paths, TheBestIsOneThatIsThere) {
  EXPECT_TRUE(available(Path::portable));
  EXPECT_TRUE(available(best_path()));
  EXPECT_EQ(available(Path::ifma), cpu().ifma);
  EXPECT_EQ(available(Path::adx), cpu().adx);
  for (Path path : kPaths)
    if (available(path)) {
      EXPECT_GE(int(best_path()), int(path));
    }
}

}  // namespace
}  // namespace chengxin::sm2
