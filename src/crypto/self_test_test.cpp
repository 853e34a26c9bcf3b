#include "crypto/self_test.h"

#include <gtest/gtest.h>

namespace chengxin::crypto {
namespace {

TEST(SelfTest, PassesAndNamesEachPartThatFails) {
  auto status = self_test();
  EXPECT_TRUE(status) << status.error().to_string();
  for (std::string_view part : kSelfTests) {
    auto failed = self_test(part);
    ASSERT_FALSE(failed) << part;
    EXPECT_EQ(failed.error().reason, "crypto.self_test");
    EXPECT_EQ(failed.error().detail, part);
  }
}

}  // namespace
}  // namespace chengxin::crypto
