#include "crypto/sha256.h"

#include <gtest/gtest.h>

namespace chengxin::crypto {
namespace {

// FIPS 180-4 examples as published by NIST: "abc", the empty message, a million times "a".
TEST(Sha256, StandardVectors) {
  Sha256 hash;
  EXPECT_EQ(hex(hash.update(view("abc")).finish()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(hash.finish()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (int i = 0; i < 1000; ++i) hash.update(view(std::string(1000, 'a')));
  EXPECT_EQ(hex(hash.finish()), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace chengxin::crypto
