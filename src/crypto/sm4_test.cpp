#include "crypto/sm4.h"

#include <gtest/gtest.h>

#include "crypto/random.h"

namespace chengxin::crypto {
namespace {

Bytes bytes(std::string_view text) { return unhex(text).value(); }
const Bytes kKey = bytes("0123456789abcdeffedcba9876543210");
const std::string kPlain =
    "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
    "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa";
const Bytes kNonce = bytes("00001234567800000000abcd");
const Bytes kAssociated = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");

// One block, as the key stream of counter mode over zeros.
Bytes block(ByteView key, ByteView plain) { return sm4_ctr(key, plain, Bytes(16)).value(); }

TEST(Sm4, StandardExamples) {  // GB/T 32907 A.1, A.2
  EXPECT_EQ(hex(block(kKey, kKey)), "681edf34d206965e86b3e94f536e4246");
  Bytes value = kKey;
  for (int i = 0; i < 1000000; ++i) value = block(kKey, value);
  EXPECT_EQ(hex(value), "595298c7c6fd271f0402f804c33d3f66");
}

TEST(Sm4, AuthenticatedModesOfRfc8998) {  // A.1, A.2
  EXPECT_EQ(hex(sm4_gcm_encrypt(kKey, kNonce, kAssociated, bytes(kPlain)).value()),
            "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
            "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
            "83de3541e4c2b58177e065a9bf7b62ec");
  EXPECT_EQ(hex(sm4_ccm_encrypt(kKey, kNonce, kAssociated, bytes(kPlain)).value()),
            "48af93501fa62adbcd414cce6034d895dda1bf8f132f042098661572e7483094"
            "fd12e518ce062c98acee28d95df4416bed31a2f04476c18bb40c84a74b97dc5b"
            "16842d4fa186f56ab33256971fa110f4");
}

// GCM encrypts as counter mode from the nonce and 2 on (SP 800-38D 7.1). The two are different code: GCM's
// counts many blocks at once where the processor can.
TEST(Sm4, GcmIsCounterModeOfEveryLength) {
  Bytes counter = kNonce;
  append(counter, Bytes{0, 0, 0, 2});
  std::vector<size_t> sizes;
  for (size_t size = 0; size <= 1100; ++size) sizes.push_back(size);
  sizes.insert(sizes.end(), {3071, 3072, 3073, 4096, 16'384, 16'500, 1'000'003});
  for (size_t size : sizes) {
    const Bytes key = random_bytes(16), plain = random_bytes(size);
    const Bytes sealed = sm4_gcm_encrypt(key, kNonce, kAssociated, plain).value();
    ASSERT_EQ(Bytes(sealed.begin(), sealed.end() - 16), sm4_ctr(key, counter, plain).value()) << size;
    ASSERT_EQ(sm4_gcm_decrypt(key, kNonce, kAssociated, sealed).value(), plain) << size;
  }
}

TEST(Sm4, AuthenticatedModesNoticeEveryChange) {
  using Mode = Result<Bytes> (*)(ByteView, ByteView, ByteView, ByteView);
  const std::pair<Mode, Mode> modes[] = {{sm4_gcm_encrypt, sm4_gcm_decrypt},
                                         {sm4_ccm_encrypt, sm4_ccm_decrypt}};
  for (auto [seal, open] : modes)
    for (size_t size : {0, 1, 15, 16, 17, 100}) {
      Bytes plain = random_bytes(size), sealed = seal(kKey, kNonce, kAssociated, plain).value();
      EXPECT_EQ(open(kKey, kNonce, kAssociated, sealed).value(), plain);
      for (size_t i = 0; i < sealed.size(); ++i) {
        Bytes bad = sealed;
        bad[i] ^= 1;
        ASSERT_EQ(open(kKey, kNonce, kAssociated, bad).error().reason, "crypto.decrypt") << size << " " << i;
      }
      EXPECT_EQ(open(kKey, kNonce, {}, sealed).error().reason, "crypto.decrypt");
      EXPECT_EQ(open(kKey, bytes("000000000000000000000000"), kAssociated, sealed).error().reason,
                "crypto.decrypt");
      EXPECT_EQ(open(kKey, kNonce, kAssociated, Bytes(15)).error().reason, "crypto.cipher_length");
    }
  Bytes empty = sm4_ccm_encrypt(kKey, bytes("00112233445566"), {}, {}).value();
  EXPECT_EQ(empty.size(), 16u);
  EXPECT_TRUE(sm4_ccm_decrypt(kKey, bytes("00112233445566"), {}, empty));
}

TEST(Sm4, WhatIsSealedOpensWithItsKeyAndContextOnly) {
  const Bytes key(16, 1), plain = to_bytes(view("at rest"));
  const Bytes sealed = sm4_gcm_seal(key, view("row 1"), plain).value();
  EXPECT_EQ(sealed.size(), plain.size() + kSm4SealBytes);
  EXPECT_NE(sm4_gcm_seal(key, view("row 1"), plain).value(), sealed) << "a fresh nonce";
  EXPECT_EQ(sm4_gcm_unseal(key, view("row 1"), sealed).value(), plain);
  EXPECT_EQ(sm4_gcm_unseal(key, view("row 2"), sealed).error().reason, "crypto.decrypt");
  EXPECT_EQ(sm4_gcm_unseal(Bytes(16, 2), view("row 1"), sealed).error().reason, "crypto.decrypt");
  for (size_t i = 0; i < sealed.size(); ++i) {
    Bytes bent = sealed;
    bent[i] ^= 1;
    EXPECT_FALSE(sm4_gcm_unseal(key, view("row 1"), bent)) << i;
    EXPECT_EQ(sm4_gcm_unseal(key, view("row 1"), ByteView(sealed).first(i)).error().reason, "crypto.decrypt");
  }
  EXPECT_EQ(sm4_gcm_seal(Bytes(15), {}, plain).error().reason, "crypto.key_length");
}

TEST(Sm4, CbcPadsAndChecksThePadding) {
  Bytes iv = random_bytes(16);
  for (size_t size = 0; size < 50; ++size) {
    Bytes plain = random_bytes(size), cipher = sm4_cbc_encrypt(kKey, iv, plain).value();
    EXPECT_EQ(cipher.size(), size / 16 * 16 + 16);
    EXPECT_EQ(sm4_cbc_decrypt(kKey, iv, cipher).value(), plain);
  }
  Bytes cipher = sm4_cbc_encrypt(kKey, iv, Bytes(16)).value();
  cipher[15] ^= 0xff;  // the padding byte becomes ef
  EXPECT_EQ(sm4_cbc_decrypt(kKey, iv, cipher).error().reason, "crypto.decrypt");
  EXPECT_EQ(sm4_cbc_decrypt(kKey, iv, Bytes(17)).error().reason, "crypto.cipher_length");
  EXPECT_EQ(sm4_cbc_decrypt(kKey, iv, {}).error().reason, "crypto.cipher_length");
}

TEST(Sm4, CounterAndSectorModes) {
  Bytes long_key = random_bytes(32), tweak = random_bytes(16);
  for (size_t size : {16, 17, 31, 32, 33, 512}) {
    Bytes plain = random_bytes(size);
    Bytes sector = sm4_xts_encrypt(long_key, tweak, plain).value();
    EXPECT_EQ(sector.size(), size);
    EXPECT_NE(sector, plain);
    EXPECT_EQ(sm4_xts_decrypt(long_key, tweak, sector).value(), plain);
    EXPECT_EQ(sm4_ctr(kKey, tweak, sm4_ctr(kKey, tweak, plain).value()).value(), plain);
  }
  Bytes carry = bytes("ffffffffffffffffffffffffffffffff");
  Bytes stream = sm4_ctr(kKey, carry, Bytes(32)).value();
  EXPECT_TRUE(equal(ByteView(stream).subspan(16), block(kKey, Bytes(16))));
  EXPECT_TRUE(sm4_ctr(kKey, carry, {}).value().empty());
}

TEST(Sm4, RefusesWrongLengths) {
  Bytes n16(16), n12(12), data(32);
  for (size_t size : {0, 15, 17, 24, 32}) {
    EXPECT_EQ(sm4_ctr(Bytes(size), n16, data).error().reason, "crypto.key_length");
    EXPECT_EQ(sm4_cbc_encrypt(Bytes(size), n16, data).error().reason, "crypto.key_length");
    EXPECT_EQ(sm4_gcm_encrypt(Bytes(size), n12, {}, data).error().reason, "crypto.key_length");
    EXPECT_EQ(sm4_ccm_decrypt(Bytes(size), n12, {}, data).error().reason, "crypto.key_length");
  }
  EXPECT_EQ(sm4_xts_encrypt(kKey, n16, data).error().reason, "crypto.key_length");
  EXPECT_EQ(sm4_xts_encrypt(Bytes(32), n16, data).error().reason, "crypto.key_length");  // equal halves
  EXPECT_EQ(sm4_xts_encrypt(random_bytes(32), n16, Bytes(15)).error().reason, "crypto.cipher_length");
  EXPECT_EQ(sm4_ctr(kKey, n12, data).error().reason, "crypto.nonce_length");
  EXPECT_EQ(sm4_gcm_encrypt(kKey, n16, {}, data).error().reason, "crypto.nonce_length");
  EXPECT_EQ(sm4_ccm_encrypt(kKey, Bytes(6), {}, data).error().reason, "crypto.nonce_length");
  EXPECT_EQ(sm4_ccm_encrypt(kKey, Bytes(14), {}, data).error().reason, "crypto.nonce_length");
  EXPECT_EQ(sm4_ccm_encrypt(kKey, Bytes(13), {}, Bytes(65536)).error().reason, "crypto.cipher_length");
}

}  // namespace
}  // namespace chengxin::crypto
