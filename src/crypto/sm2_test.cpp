#include "crypto/sm2.h"

#include <gtest/gtest.h>

#include <thread>

#include "crypto/random.h"
#include "crypto/sm3.h"

namespace chengxin::crypto {
namespace {

constexpr std::string_view kN = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123";

Bytes bytes(std::string_view text) { return unhex(text).value(); }
Bytes pair(std::string_view r, std::string_view s) { return bytes(std::string(r) + std::string(s)); }

// GB/T 32918.5-2017 A.2 (signature): key, message "message digest", default id.
struct Example {
  Sm2PrivateKey key =
      Sm2PrivateKey::from_scalar(bytes("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"))
          .value();
  std::string r = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3";
  std::string s = "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";
  ByteView message = view("message digest");
};

TEST(Sm2, StandardSignature) {
  Example example;
  EXPECT_EQ(hex(example.key.public_key().point()),
            "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
            "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13");
  EXPECT_TRUE(example.key.public_key().verify(example.message, pair(example.r, example.s)));
  EXPECT_FALSE(example.key.public_key().verify(view("message digesu"), pair(example.r, example.s)));
  EXPECT_FALSE(
      example.key.public_key().verify(example.message, pair(example.r, example.s), "ALICE123@YAHOO.COM"));
}

TEST(Sm2, SignsUnderAnyId) {
  Sm2PrivateKey key = Sm2PrivateKey::generate().value();
  for (std::string_view id : {kDefaultId, std::string_view("ALICE123@YAHOO.COM"), std::string_view()}) {
    auto signature = key.sign(view("message"), id).value();
    EXPECT_TRUE(key.public_key().verify(view("message"), signature, id));
    EXPECT_FALSE(key.public_key().verify(view("message"), signature, "another"));
  }
  std::string longest(8191, 'i'), longer(8192, 'i');
  EXPECT_TRUE(key.public_key().verify({}, key.sign({}, longest).value(), longest));
  EXPECT_EQ(key.sign({}, longer).error().reason, "crypto.id_length");
}

TEST(Sm2, SignsManyAtOnce) {
  const Sm2PrivateKey key = Sm2PrivateKey::generate().value();
  std::vector<Bytes> texts;
  for (size_t i = 0; i < 50; ++i) texts.push_back(random_bytes(5 * i));
  const std::vector<ByteView> messages(texts.begin(), texts.end());
  for (const std::string_view id : {kDefaultId, std::string_view("ALICE123@YAHOO.COM")}) {
    const auto made = key.sign_many(messages, id).value();
    ASSERT_EQ(made.size(), messages.size());
    for (size_t i = 0; i < made.size(); ++i) {
      EXPECT_TRUE(key.public_key().verify(messages[i], made[i], id)) << i;
      EXPECT_FALSE(key.public_key().verify(messages[i], made[(i + 1) % made.size()], id)) << i;
    }
  }
  std::vector<Digest> digests;
  for (const ByteView message : messages)
    digests.push_back(sm3({*sm2::z_of(key.public_key().point()), message}));
  const auto made = key.sign_many(digests).value();
  ASSERT_EQ(made.size(), digests.size());
  for (size_t i = 0; i < made.size(); ++i) EXPECT_TRUE(key.public_key().verify(messages[i], made[i])) << i;
  EXPECT_TRUE(key.sign_many(std::span<const ByteView>()).value().empty());
  EXPECT_EQ(key.sign_many(messages, std::string(8192, 'i')).error().reason, "crypto.id_length");
}

TEST(Sm2, RefusesValuesOutOfRange) {
  Example example;
  const Sm2PublicKey& key = example.key.public_key();
  const std::string zero(64, '0'), one = std::string(63, '0') + "1", ones(64, 'f');
  const std::string n(kN), before_n = n.substr(0, 63) + "2", after_n = n.substr(0, 63) + "4";
  for (const std::string& edge : {zero, one, n, before_n, after_n, ones}) {
    EXPECT_FALSE(key.verify(example.message, pair(edge, example.s))) << edge;
    EXPECT_FALSE(key.verify(example.message, pair(example.r, edge))) << edge;
    for (const std::string& other : {zero, one, n, before_n, ones})
      EXPECT_FALSE(key.verify(example.message, pair(edge, other))) << edge << other;
  }
  EXPECT_FALSE(key.verify(example.message, pair(one, before_n)));  // r + s = n
  Bytes good = pair(example.r, example.s);
  for (size_t size = 0; size < 64; ++size)
    EXPECT_FALSE(key.verify(example.message, ByteView(good).first(size)));
  good.push_back(0);
  EXPECT_FALSE(key.verify(example.message, good));
}

TEST(Sm2, EveryFlippedBitOfASignatureIsNoticed) {
  Example example;
  Bytes good = pair(example.r, example.s);
  for (size_t bit = 0; bit < 512; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= uint8_t(1 << bit % 8);
    ASSERT_FALSE(example.key.public_key().verify(example.message, bad)) << bit;
  }
}

TEST(Sm2, RefusesPointsOffTheCurve) {
  Sm2Point point = Example().key.public_key().point();
  auto reason = [](ByteView bytes) { return Sm2PublicKey::from_point(bytes).error().reason; };
  Sm2Point off = point;
  off[64] ^= 1;
  EXPECT_EQ(reason(off), "crypto.public_key");
  EXPECT_EQ(reason(bytes("00")), "crypto.public_key");
  EXPECT_EQ(reason({}), "crypto.public_key");
  EXPECT_EQ(reason(ByteView(point).first(64)), "crypto.public_key");
  Sm2Point hybrid = point;
  hybrid[0] = 7;
  EXPECT_EQ(reason(hybrid), "crypto.public_key");
  Sm2Point above{};  // x = y = 2^256 - 1, above p
  above.fill(0xff);
  above[0] = 4;
  EXPECT_EQ(reason(above), "crypto.public_key");
  Sm2Point zero{};
  zero[0] = 4;
  EXPECT_EQ(reason(zero), "crypto.public_key");
}

TEST(Sm2, PrivateKeyRange) {
  auto reason = [](const std::string& text) {
    auto key = Sm2PrivateKey::from_scalar(bytes(text));
    return key ? std::string() : key.error().reason;
  };
  std::string n(kN);
  EXPECT_EQ(reason(std::string(64, '0')), "crypto.private_key");
  EXPECT_EQ(reason(n), "crypto.private_key");
  EXPECT_EQ(reason(n.substr(0, 63) + "2"), "crypto.private_key");  // n-1 has no inverse of 1+d
  EXPECT_EQ(reason(n.substr(0, 63) + "1"), "");
  EXPECT_EQ(reason(std::string(63, '0') + "1"), "");
  EXPECT_EQ(reason(std::string(62, '0')), "crypto.private_key");
}

TEST(Sm2, StandardEncryption) {  // GB/T 32918.5-2017 C.2, in the DER form of GB/T 35276 7.2
  Example example;
  std::string x = "04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73";
  std::string y = "e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0";
  std::string c3 = "59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766";
  std::string c2 = "21886ca989ca9c7d58087307ca93092d651efa";
  std::string body = "0220" + x + "022100" + y + "0420" + c3 + "0413" + c2;
  Bytes cipher = bytes("307c" + body);
  EXPECT_EQ(to_string(example.key.decrypt(cipher).value()), "encryption standard");
  for (size_t i = 0; i < cipher.size(); ++i) {
    Bytes bad = cipher;
    bad[i] ^= 0x10;
    auto plain = example.key.decrypt(bad);
    ASSERT_FALSE(plain) << i;
    EXPECT_EQ(plain.error().reason, "crypto.decrypt");
    ASSERT_FALSE(example.key.decrypt(ByteView(cipher).first(i))) << i;
  }
}

TEST(Sm2, EncryptsBytesOfAnyLength) {
  Sm2PrivateKey key = Sm2PrivateKey::generate().value();
  for (size_t size : {1, 31, 32, 33, 255, 256, 1000, 65536}) {
    Bytes plain = random_bytes(size);
    EXPECT_EQ(key.decrypt(key.public_key().encrypt(plain).value()).value(), plain) << size;
  }
  for (int i = 0; i < 1000; ++i) {  // of one byte, 4 have a key stream of zero, which is drawn again
    const Bytes plain = random_bytes(1);
    const Bytes cipher = key.public_key().encrypt(plain).value();
    ASSERT_EQ(key.decrypt(cipher).value(), plain) << hex(cipher);
  }
  EXPECT_EQ(key.public_key().encrypt({}).error().reason, "crypto.plain_length");
  EXPECT_EQ(key.public_key().encrypt(Bytes(65537)).error().reason, "crypto.plain_length");
}

TEST(Sm2, PemRoundTrip) {
  Sm2PrivateKey key = Sm2PrivateKey::generate().value();
  auto same = [&](const Sm2PrivateKey& other) {
    return other.public_key().point() == key.public_key().point();
  };
  std::string plain = key.to_pem().value(), sealed = key.to_pem("correct horse").value();
  EXPECT_TRUE(same(Sm2PrivateKey::from_pem(plain).value()));
  EXPECT_TRUE(same(Sm2PrivateKey::from_pem(sealed, "correct horse").value()));
  EXPECT_NE(sealed.find("BEGIN ENCRYPTED PRIVATE KEY"), sealed.npos);
  EXPECT_EQ(Sm2PrivateKey::from_pem(sealed, "wrong").error().reason, "crypto.passphrase");
  EXPECT_EQ(Sm2PrivateKey::from_pem(sealed).error().reason, "crypto.passphrase");
  EXPECT_EQ(Sm2PrivateKey::from_pem("nothing").error().reason, "crypto.key_format");
  EXPECT_EQ(Sm2PrivateKey::from_pem("").error().reason, "crypto.key_format");
  std::string pem = key.public_key().to_pem();
  EXPECT_EQ(Sm2PublicKey::from_pem(pem).value().point(), key.public_key().point());
  EXPECT_EQ(Sm2PublicKey::from_pem(plain).error().reason, "crypto.key_format");
}

TEST(Sm2, ManyThreads) {
  Sm2PrivateKey key = Sm2PrivateKey::generate().value();
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 100; ++round) {
        std::string message = fmt::format("{} {}", i, round);
        auto signature = key.sign(view(message));
        if (!signature || !key.public_key().verify(view(message), *signature) ||
            key.public_key().verify(view(message + "x"), *signature))
          ++failures;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace chengxin::crypto
