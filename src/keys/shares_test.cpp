#include "keys/shares.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "crypto/random.h"
#include "crypto/sm2.h"
#include "keys/rig_for_tests.h"

namespace chengxin::keys {
namespace {

crypto::Secret secret_of(std::string_view text) { return crypto::to_secret(view(text)); }

struct Shares : testing::Test {
  std::mt19937 random{std::random_device{}()};
  crypto::Sm2PrivateKey key = *crypto::Sm2PrivateKey::generate();
  crypto::Secret secret = crypto::random_secret(32);
  std::vector<crypto::Secret> passphrases = {secret_of("first holder"), secret_of("second holder"),
                                             secret_of("third holder")};

  std::vector<std::string> made(size_t k = 2) {
    return *make_shares(secret, key.public_key().point(), passphrases, {.k = k, .iterations = 5});
  }
  std::string joined(std::vector<std::string> texts, std::vector<crypto::Secret> with) {
    auto out = join_shares(texts, with);
    return out ? (*out == secret ? "ok" : "another secret") : out.error().reason;
  }
};

TEST_F(Shares, AnyKOfThemGiveTheSecretAndFewerDoNot) {
  for (size_t n = 2; n <= 7; ++n)
    for (size_t k = 2; k <= n; ++k) {
      const auto points = *split(secret, k, n);
      for (int subset = 0; subset < 1 << n; ++subset) {
        std::vector<Point> chosen;
        for (size_t i = 0; i < n; ++i)
          if (subset >> i & 1) chosen.push_back(points[i]);
        std::shuffle(chosen.begin(), chosen.end(), random);
        EXPECT_EQ(!chosen.empty() && combine(chosen) == secret, chosen.size() >= k) << k << " of " << n;
      }
    }
}

// k-1 shares fit every secret: with one share more, chosen for it, any secret comes out.
TEST_F(Shares, FewerTellNothing) {
  const auto points = *split(crypto::Secret{42}, 2, 2);
  std::set<uint8_t> possible;
  for (int y = 0; y < 256; ++y)
    possible.insert(combine(std::array{points[0], Point{2, crypto::Secret{uint8_t(y)}}})[0]);
  EXPECT_EQ(possible.size(), 256u);
}

TEST_F(Shares,
       TheFieldIsThatOfTheStandard) {  // FIPS 197 4.2: {57} * {83} = {c1}; by interpolation through x = 1, 2
  // f(x) = 0x57 ^ 0x83 x: f(1), f(2) from 0x83 * 2 = 0x1d
  const std::array points = {Point{1, {0x57 ^ 0x83}}, Point{2, {0x57 ^ 0x1d}}};
  EXPECT_EQ(combine(points)[0], 0x57);
}

TEST_F(Shares, Thresholds) {
  for (auto [k, n] : std::vector<std::pair<size_t, size_t>>{{1, 3}, {0, 3}, {4, 3}, {2, 17}})
    EXPECT_EQ(reason(split(secret, k, n)), "keys.shares_threshold");
}

TEST_F(Shares, OnPaperAndBack) {
  const auto texts = made();
  EXPECT_EQ(texts.size(), 3u);
  EXPECT_EQ(std::count(texts[0].begin(), texts[0].end(), '\n'), 6);
  EXPECT_EQ(joined({texts[0], texts[2]}, {passphrases[0], passphrases[2]}), "ok");
  EXPECT_EQ(joined({texts[2], texts[1], texts[0]}, {passphrases[2], passphrases[1], passphrases[0]}), "ok");
  std::string sloppy;  // as somebody types it
  for (char c : texts[1]) sloppy += c == '-' ? ' ' : c == '0' ? 'o' : c == '1' ? 'l' : char(std::tolower(c));
  EXPECT_EQ(joined({texts[0], "\n" + sloppy + "\n\n"}, {passphrases[0], passphrases[1]}), "ok");
  const auto share = *read_share(texts[1]);
  EXPECT_EQ(share.x, 2);
  EXPECT_EQ(share.fingerprint, fingerprint_of(key.public_key().point()));
}

TEST_F(Shares, EachMistakeHasItsReason) {
  const auto texts = made(), others = made();
  EXPECT_EQ(joined({texts[0]}, {passphrases[0]}), "keys.shares_few");
  EXPECT_EQ(joined({}, {}), "keys.shares_few");
  EXPECT_EQ(joined({texts[0], others[1]}, {passphrases[0], passphrases[1]}), "keys.shares_mixed");
  EXPECT_EQ(joined({texts[0], texts[0]}, {passphrases[0], passphrases[0]}), "keys.shares_repeated");
  EXPECT_EQ(joined({texts[0], texts[1]}, {passphrases[0], passphrases[2]}), "keys.share_passphrase");
  std::vector<crypto::Secret> weak = {secret_of("short"), secret_of("second holder")};
  EXPECT_EQ(reason(make_shares(secret, key.public_key().point(), weak, {.k = 2, .iterations = 5})),
            "keys.passphrase_short");
}

TEST_F(Shares, EveryMistypedDigitIsFoundInItsLine) {
  const auto texts = made();
  size_t line = 1;
  for (size_t at = 0; at < texts[1].size(); ++at) {
    if (texts[1][at] == '\n') ++line;
    if (texts[1][at] == '-' || texts[1][at] == '\n') continue;
    std::string bent = texts[1];
    bent[at] = bent[at] == 'Z' ? 'Y' : 'Z';
    auto out = join_shares(std::array{texts[0], bent}, std::array{passphrases[0], passphrases[1]});
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().reason, "keys.share_damaged");
    // A line's check has ten bits: one mistake in a thousand is found by the checksum of the whole.
    EXPECT_TRUE(out.error().detail.find(fmt::format("line {} ", line)) != std::string::npos ||
                out.error().detail.find("whole") != std::string::npos)
        << out.error().detail;
  }
  std::string cut = texts[1].substr(0, texts[1].rfind('\n', texts[1].size() - 2));
  EXPECT_EQ(reason(read_share(cut)), "keys.share_damaged");
  EXPECT_EQ(reason(read_share("")), "keys.share_damaged");
  EXPECT_EQ(reason(read_share("什么")), "keys.share_damaged");
}

}  // namespace
}  // namespace chengxin::keys
