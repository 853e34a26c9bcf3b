#include "crypto/sm3.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <random>

namespace chengxin::crypto {
namespace {

TEST(Sm3, StandardExamples) {  // GB/T 32905 A.1, A.2
  EXPECT_EQ(hex(sm3(view("abc"))), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
  std::string text;
  for (int i = 0; i < 16; ++i) text += "abcd";
  EXPECT_EQ(hex(sm3(view(text))), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
  EXPECT_EQ(hex(sm3(ByteView())), "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b");
}

TEST(Sm3, AgreesWithTongsuoAtEveryLengthAndSplit) {
  std::mt19937_64 random(20261122);
  Bytes bytes(4096);
  for (auto& byte : bytes) byte = uint8_t(random());
  Sm3 streamed;
  for (size_t size = 0; size < 1000; ++size) {
    ByteView message = ByteView(bytes).subspan(random() % 3000, size);
    Digest expected;
    ASSERT_EQ(EVP_Digest(message.data(), message.size(), expected.data(), nullptr, EVP_sm3(), nullptr), 1);
    ASSERT_EQ(sm3(message), expected) << size;
    for (ByteView rest = message; !rest.empty();) {
      size_t taken = 1 + random() % std::min<size_t>(rest.size(), 150);
      streamed.update(rest.first(taken));
      rest = rest.subspan(taken);
    }
    ASSERT_EQ(streamed.finish(), expected) << size;
    size_t cut = size == 0 ? 0 : random() % size;
    ASSERT_EQ(sm3({message.first(cut), {}, message.subspan(cut)}), expected) << size;
  }
}

TEST(Sm3, MessagesAboveFourGibibits) {  // the length in bits leaves 32 bits; the digest is OpenSSL 3.0's
  Bytes chunk(1 << 20, 0x5a);
  Sm3 hash;
  for (int i = 0; i < 513; ++i) hash.update(chunk);
  EXPECT_EQ(hex(hash.finish()), "3ae7a4dcc78a67ad1842d291c1cdb564c220b9e9ac42019d0b4d3523bd09592c");
}

}  // namespace
}  // namespace chengxin::crypto
