#include "base/base64url.h"

#include <gtest/gtest.h>

namespace chengxin {
namespace {

TEST(Base64Url, ExamplesOfTheStandards) {
  EXPECT_EQ(base64url(Bytes{}), "");
  EXPECT_EQ(base64url("f"), "Zg");
  EXPECT_EQ(base64url("fo"), "Zm8");
  EXPECT_EQ(base64url("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64url(Bytes{3, 236, 255, 224, 193}), "A-z_4ME");  // RFC 7515 appendix C
  EXPECT_EQ(*unbase64url("A-z_4ME"), (Bytes{3, 236, 255, 224, 193}));
}

TEST(Base64Url, OnlyTheCanonicalForm) {
  for (const char* text : {"A", "Zg==", "Zh", "Zm9", "A+z/4ME", "A-z_ 4ME", "A-z_4ME\n", "Zm9vYmFyA"})
    EXPECT_EQ(unbase64url(text).error().reason, "base.base64") << text;
  for (size_t size = 0; size < 70; ++size) {
    Bytes bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = uint8_t(i * 37 + size);
    EXPECT_EQ(*unbase64url(base64url(bytes)), bytes) << size;
  }
}

}  // namespace
}  // namespace chengxin
