#include "access/one_time_code.h"

#include <gtest/gtest.h>

namespace chengxin::access {
namespace {

constexpr int64_t kNow = 1'790'000'000'000;

TEST(OneTimeCode, VectorsOfRfc4226) {
  const char* codes[] = {"755224", "287082", "359152", "969429", "338314",
                         "254676", "287922", "162583", "399871", "520489"};
  for (uint64_t counter = 0; counter < 10; ++counter)
    EXPECT_EQ(hotp(CodeAlgorithm::sha1, view("12345678901234567890"), counter, 6), codes[counter]);
}

TEST(OneTimeCode, VectorsOfRfc6238) {
  struct Row {
    int64_t seconds;
    const char *sha1, *sha256;
  };
  const Row rows[] = {{59, "94287082", "46119246"},         {1111111109, "07081804", "68084774"},
                      {1111111111, "14050471", "67062674"}, {1234567890, "89005924", "91819424"},
                      {2000000000, "69279037", "90698825"}, {20000000000, "65353130", "77737706"}};
  for (const Row& row : rows) {
    EXPECT_EQ(hotp(CodeAlgorithm::sha1, view("12345678901234567890"), uint64_t(row.seconds / 30), 8),
              row.sha1);
    EXPECT_EQ(
        hotp(CodeAlgorithm::sha256, view("12345678901234567890123456789012"), uint64_t(row.seconds / 30), 8),
        row.sha256);
  }
}

TEST(OneTimeCode, VectorOfGmt0021) {
  EXPECT_EQ(sm3_code(*unhex("1234567890abcdef1234567890abcdef"), 1313998979, 1234, "5678", 6), "814095");
}

TEST(OneTimeCode, ACodeIsGoodOnceAndForAStepBeforeAndAfter) {
  const Bytes secret(20, 7);
  for (auto algorithm : {CodeAlgorithm::sm3, CodeAlgorithm::sha1, CodeAlgorithm::sha256}) {
    const int64_t step = kNow / kCodeStepMs;
    int64_t last = 0;
    for (int64_t away : {-1, 0, 1}) {
      auto used = check_code(algorithm, secret, one_time_code(algorithm, secret, step + away), kNow, last);
      ASSERT_TRUE(used) << away;
      last = *used;
      EXPECT_EQ(check_code(algorithm, secret, one_time_code(algorithm, secret, step + away), kNow, last)
                    .error()
                    .reason,
                "access.code_used");
    }
    EXPECT_EQ(check_code(algorithm, secret, "12345", kNow, 0).error().reason, "access.code_wrong");
    EXPECT_EQ(check_code(algorithm, secret, "", kNow, 0).error().reason, "access.code_wrong");
  }
}

TEST(OneTimeCode, AClockThatIsADayOffIsNamed) {
  const Bytes secret(20, 9);
  const int64_t step = kNow / kCodeStepMs, day = 2880;
  const auto of = [&](int64_t away) {
    return check_code(CodeAlgorithm::sha1, secret, one_time_code(CodeAlgorithm::sha1, secret, step + away),
                      kNow, 0)
        .error();
  };
  EXPECT_EQ(of(-day).reason, "access.code_clock");
  EXPECT_NE(of(-day).detail.find("1440 minutes behind"), std::string::npos) << of(-day).detail;
  EXPECT_EQ(of(day).reason, "access.code_clock");
  EXPECT_EQ(of(day).detail.find("1440"), std::string::npos) << "when a later code will be good is not told";
  EXPECT_EQ(of(-2).reason, "access.code_clock");
  EXPECT_EQ(of(5 * day).reason, "access.code_wrong");
}

TEST(OneTimeCode, SecretsInBase32) {  // RFC 4648 10, without padding
  EXPECT_EQ(base32(view("")), "");
  EXPECT_EQ(base32(view("f")), "MY");
  EXPECT_EQ(base32(view("foobar")), "MZXW6YTBOI");
  EXPECT_EQ(otpauth_address(CodeAlgorithm::sha1, view("foobar"), "张"),
            "otpauth://totp/"
            "Chengxin:%E5%BC%A0?secret=MZXW6YTBOI&issuer=Chengxin&algorithm=SHA1&digits=6&period=30");
}

}  // namespace
}  // namespace chengxin::access
