#include "crypto/sm3.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <random>

#include "sm3/sm3.h"

namespace chengxin::crypto {
namespace {

TEST(Sm3, StandardExamples) {  // GB/T 32905 A.1, A.2
  EXPECT_EQ(hex(sm3(view("abc"))), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
  std::string text;
  for (int i = 0; i < 16; ++i) text += "abcd";
  EXPECT_EQ(hex(sm3(view(text))), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
  EXPECT_EQ(hex(sm3(ByteView())), "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b");
}

using Random = std::mt19937_64;

Bytes random_bytes(Random& random, size_t size) {
  Bytes out(size);
  for (uint8_t& byte : out) byte = uint8_t(random());
  return out;
}

Digest tongsuo(ByteView message) {
  Digest out;
  EXPECT_EQ(EVP_Digest(message.data(), message.size(), out.data(), nullptr, EVP_sm3(), nullptr), 1);
  return out;
}

TEST(Sm3, AgreesWithTongsuoAtManyLengthsAndSplits) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  const Bytes bytes = random_bytes(random, 8192);
  Sm3 streamed;
  for (size_t round = 0; round < 100'000; ++round) {
    const size_t size = round < 1000 ? round : random() % (random() % 20 ? 300 : 4096);
    ByteView message = ByteView(bytes).subspan(random() % 4096, size);
    const Digest expected = tongsuo(message);
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

TEST(Sm3, LanesAgreeWithTongsuo) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  const Bytes bytes = random_bytes(random, 1 << 21);
  for (sm3::Path path : sm3::kPaths) {
    if (!sm3::available(path)) continue;
    for (int round = 0; round < 400; ++round) {
      std::vector<sm3::Message> messages;
      std::vector<Digest> expected;
      for (size_t count = random() % 71; count > 0; --count) {
        const size_t size = random() % 5000 == 0 ? random() % (1 << 20) : random() % 301;
        const ByteView message = ByteView(bytes).subspan(random() % (1 << 20), size);
        size_t a = random() % (size + 1), b = a + random() % (size - a + 1);
        messages.push_back({message.first(a), message.subspan(a, b - a), message.subspan(b)});
        expected.push_back(tongsuo(message));
      }
      std::vector<Digest> out(messages.size());
      sm3::hash_many(messages, out, path);
      ASSERT_EQ(out, expected) << sm3::name(path);

      std::vector<Digest> nodes(expected.size() / 2);
      sm3::hash_nodes(1, std::span(expected).first(2 * nodes.size()), nodes, path);
      for (size_t i = 0; i < nodes.size(); ++i) {
        Bytes node = {1};
        append(node, expected[2 * i]);
        append(node, expected[2 * i + 1]);
        ASSERT_EQ(nodes[i], tongsuo(node)) << sm3::name(path);
      }
    }
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
