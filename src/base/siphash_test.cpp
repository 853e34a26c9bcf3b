#include "base/siphash.h"

#include <gtest/gtest.h>

namespace chengxin {
namespace {

// The paper's appendix A, and the first two of its reference implementation: key 00 … 0f, message 00, 01, ….
TEST(SipHash, StandardExamples) {
  const SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  Bytes message;
  EXPECT_EQ(siphash(key, message), 0x726fdb47dd0e0e31u);
  message = {0};
  EXPECT_EQ(siphash(key, message), 0x74f839c593dc67fdu);
  for (uint8_t i = 1; i < 15; ++i) message.push_back(i);
  EXPECT_EQ(siphash(key, message), 0xa129ca6149be45e5u);
}

}  // namespace
}  // namespace chengxin
