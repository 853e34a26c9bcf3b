#include "sm3/sm3.h"

#include <gtest/gtest.h>

#include <random>

namespace chengxin::sm3 {
namespace {

// GB/T 32905-2016 section 5 word for word, over a copy of the padded message.
Digest by_the_book(ByteView message) {
  auto turn = [](uint32_t x, int n) { return n % 32 ? x << n % 32 | x >> (32 - n % 32) : x; };
  Bytes m = to_bytes(message);
  m.push_back(0x80);
  while (m.size() % 64 != 56) m.push_back(0);
  put_be(m, uint64_t(message.size()) * 8);
  uint32_t v[8] = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600,
                   0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e};
  for (size_t at = 0; at < m.size(); at += 64) {
    uint32_t w[68], s[8];
    for (int j = 0; j < 16; ++j) w[j] = get_be<uint32_t>(&m[at + 4 * j]);
    for (int j = 16; j < 68; ++j) {
      uint32_t x = w[j - 16] ^ w[j - 9] ^ turn(w[j - 3], 15);
      w[j] = x ^ turn(x, 15) ^ turn(x, 23) ^ turn(w[j - 13], 7) ^ w[j - 6];
    }
    std::copy_n(v, 8, s);
    auto& [a, b, c, d, e, f, g, h] = s;
    for (int j = 0; j < 64; ++j) {
      uint32_t ss1 = turn(turn(a, 12) + e + turn(j < 16 ? 0x79cc4519 : 0x7a879d8a, j), 7);
      uint32_t ss2 = ss1 ^ turn(a, 12);
      uint32_t tt1 = (j < 16 ? a ^ b ^ c : (a & b) | (a & c) | (b & c)) + d + ss2 + (w[j] ^ w[j + 4]);
      uint32_t tt2 = (j < 16 ? e ^ f ^ g : (e & f) | (~e & g)) + h + ss1 + w[j];
      d = c, c = turn(b, 9), b = a, a = tt1;
      h = g, g = turn(f, 19), f = e, e = tt2 ^ turn(tt2, 9) ^ turn(tt2, 17);
    }
    for (int i = 0; i < 8; ++i) v[i] ^= s[i];
  }
  Bytes out;
  for (uint32_t word : v) put_be(out, word);
  return *to_digest(out);
}

using Random = std::mt19937_64;

Bytes random_bytes(Random& random, size_t size) {
  Bytes out(size);
  for (uint8_t& byte : out) byte = uint8_t(random());
  return out;
}

class Paths : public testing::TestWithParam<Path> {
 protected:
  void SetUp() override {
    if (!available(path)) GTEST_SKIP() << name(path) << " is not available";
  }
  Digest one(Message message) {
    Digest out;
    hash_many(std::span(&message, 1), std::span(&out, 1), path);
    return out;
  }

  Path path = GetParam();
  uint64_t seed = std::random_device{}();
  testing::ScopedTrace trace{__FILE__, __LINE__, testing::Message() << "seed " << seed};
  Random random{seed};
};
INSTANTIATE_TEST_SUITE_P(All, Paths, testing::ValuesIn(kPaths),
                         [](const auto& path) { return std::string(name(path.param)); });

Message split(ByteView message, Random& random) {
  size_t a = random() % (message.size() + 1), b = random() % (message.size() + 1);
  if (a > b) std::swap(a, b);
  return {message.first(a), message.subspan(a, b - a), message.subspan(b)};
}

TEST_P(Paths, ExamplesOfTheStandard) {  // GB/T 32905 A.1, A.2
  std::string second;
  for (int i = 0; i < 16; ++i) second += "abcd";
  // In every lane.
  for (size_t count : {1, 2, 16, 17, 40}) {
    std::vector<Message> messages;
    for (size_t i = 0; i < count; ++i) messages.push_back({i % 2 ? view(second) : view("abc"), {}, {}});
    std::vector<Digest> out(count);
    hash_many(messages, out, path);
    for (size_t i = 0; i < count; ++i)
      ASSERT_EQ(hex(out[i]), i % 2 ? "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"
                                   : "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
  }
}

TEST_P(Paths, EveryLengthAndAlignment) {
  Bytes pool = random_bytes(random, 700);
  std::vector<Message> messages;
  std::vector<Digest> expected;
  for (size_t length = 0; length <= 600; ++length) {
    ByteView message = ByteView(pool).subspan(random() % 64, length);
    messages.push_back(split(message, random));
    expected.push_back(by_the_book(message));
  }
  std::vector<Digest> out(messages.size());
  hash_many(messages, out, path);
  for (size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], expected[i]) << i;
  for (size_t i = 0; i < out.size(); ++i) ASSERT_EQ(one(messages[i]), expected[i]) << i;
}

size_t some_length(Random& random) {
  switch (random() % 8) {
    case 0:
      return random() % 3000;
    case 1:
      return random() % 200 == 0 ? random() % (1 << 20) : 64 * (random() % 20);
    default:
      return random() % 300;
  }
}

TEST_P(Paths, RandomBatches) {
  Bytes pool = random_bytes(random, 1 << 21);
  for (int round = 0; round < 300; ++round) {
    std::vector<Message> messages;
    std::vector<Digest> expected;
    for (size_t count = random() % 71; count > 0; --count) {
      ByteView message = ByteView(pool).subspan(random() % (1 << 20), some_length(random));
      messages.push_back(split(message, random));
      expected.push_back(by_the_book(message));
    }
    std::vector<Digest> out(messages.size());
    hash_many(messages, out, path);
    for (size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], expected[i]) << i << " of " << out.size();
  }
}

TEST_P(Paths, NodesOfEveryCountAndInPlace) {
  for (size_t count = 0; count <= 70; ++count) {
    std::vector<Digest> children(2 * count), expected, apart(count);
    const uint8_t prefix = uint8_t(random());
    for (Digest& child : children) child = *to_digest(random_bytes(random, 32));
    for (size_t i = 0; i < count; ++i) {
      Bytes node = {prefix};
      append(node, children[2 * i]);
      append(node, children[2 * i + 1]);
      expected.push_back(by_the_book(node));
    }
    hash_nodes(prefix, children, apart, path);
    ASSERT_EQ(apart, expected) << count;
    hash_nodes(prefix, children, std::span(children).first(count), path);
    ASSERT_TRUE(std::equal(expected.begin(), expected.end(), children.begin())) << count;
  }
}

TEST_P(Paths, NodesWithEveryLastByte) {  // which alone makes the second block
  std::vector<Digest> children(512), out(256);
  for (size_t i = 0; i < 256; ++i) children[2 * i + 1][31] = uint8_t(i);
  hash_nodes(1, children, out, path);
  for (size_t i = 0; i < 256; ++i) {
    Bytes node(65);
    node[0] = 1;
    node[64] = uint8_t(i);
    ASSERT_EQ(out[i], by_the_book(node)) << i;
  }
}

TEST(Sm3Paths, ThereIsABestOne) {
  EXPECT_TRUE(available(Path::portable));
  EXPECT_TRUE(available(best_path()));
}

}  // namespace
}  // namespace chengxin::sm3
