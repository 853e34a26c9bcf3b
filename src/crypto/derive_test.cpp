#include "crypto/derive.h"

#include <gtest/gtest.h>

namespace chengxin::crypto {
namespace {

// By OpenSSL 3.0's command line: what installations have sealed opens with these.
TEST(DerivedKey, IsWhatItWasForEveryUse) {
  const Bytes key = unhex("000102030405060708090a0b0c0d0e0f").value();
  const auto derived = [&](std::string_view use, size_t bytes) { return hex(derived_key(key, use, bytes)); };
  EXPECT_EQ(derived("access codes", 16), "ea2a95a31f2f65e2414bf7893515dc79");
  EXPECT_EQ(derived("access rows", 32), "cf8096b1b2bd4cdf3a8c974f14609ceebde7bd45d3750d87c741de8f54003c3c");
  EXPECT_EQ(derived("access sessions", 32),
            "926be27dff28c60298325c43b788918a8498dae03822c8662b4e9848be70c10e");
  EXPECT_EQ(derived("chengxin access", 32),
            "e5b261ec79fa594ff0c005e9dd07f5482a63aeea140616a040eacb85fc4eaf4a");
  EXPECT_EQ(derived("chengxin/credential/once/offer/v1", 16), "18402ffe500ef34ac3c0e8490d650bef");
  EXPECT_EQ(derived("chengxin/directory/seal/v1", 16), "e0242f8c5459fb720fddea89b8aa8b25");
  EXPECT_EQ(derived("chengxin/gateway/v1", 16), "59cb0e995f99a37f270790429411fcb8");
}

}  // namespace
}  // namespace chengxin::crypto
