#include "crypto/self_test.h"  // this file is not called self_test.cpp, for *_test.cpp are tests

#include "crypto/hmac.h"
#include "crypto/random.h"
#include "crypto/sm2.h"
#include "crypto/sm3.h"
#include "crypto/sm4.h"

namespace chengxin::crypto {
namespace {

Bytes bytes(std::string_view text) { return unhex(text).value(); }

// Each gives an answer that must equal what is expected; both as bytes, so that a forced failure can spoil
// any of them.
struct Answer {
  Bytes is, should_be;
};

Answer test_sm3() {  // GB/T 32905 A.1
  return {to_bytes(sm3(view("abc"))),
          bytes("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0")};
}

Answer test_hmac() {  // as OpenSSL 3.0 computes it
  return {to_bytes(hmac_sm3(view("key"), view("The quick brown fox jumps over the lazy dog"))),
          bytes("bd4a34077888162b210645b8ebf74b9af357303789357a27c7fc457244ebd398")};
}

const Bytes& sm4_key() {  // GB/T 32907 A.1: key and plain text are the same
  static const Bytes key = bytes("0123456789abcdeffedcba9876543210");
  return key;
}

Answer test_sm4() {  // GB/T 32907 A.1: in counter mode the block becomes the key stream
  return {sm4_ctr(sm4_key(), sm4_key(), Bytes(16)).value_or(Bytes()),
          bytes("681edf34d206965e86b3e94f536e4246")};
}

Answer test_gcm() {  // RFC 8998 A.1
  Bytes nonce = bytes("00001234567800000000abcd");
  Bytes associated = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  Bytes sealed = bytes(
      "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
      "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
      "83de3541e4c2b58177e065a9bf7b62ec");
  Bytes plain = sm4_gcm_decrypt(sm4_key(), nonce, associated, sealed).value_or(Bytes());
  return {plain, bytes("aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
                       "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa")};
}

Result<Sm2PrivateKey> example_key() {  // GB/T 32918.5 A.2
  return Sm2PrivateKey::from_scalar(
      bytes("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"));
}

Answer test_verify() {  // GB/T 32918.5 A.2: the right one, and one bit beside it
  Bytes signature = bytes(
      "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
      "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa");
  auto key = example_key();
  if (!key) return {{}, {1, 0}};
  bool right = key->public_key().verify(view("message digest"), signature);
  signature[63] ^= 1;
  bool wrong = key->public_key().verify(view("message digest"), signature);
  return {{right, wrong}, {1, 0}};
}

Answer test_sign() {  // pairwise consistency: nonces are random, so there is no known answer
  auto key = Sm2PrivateKey::generate();
  if (!key) return {{}, {1}};
  auto signature = key->sign(view("self test"));
  return {{uint8_t(signature && key->public_key().verify(view("self test"), *signature))}, {1}};
}

Answer test_decrypt() {  // GB/T 32918.5 C.2
  auto key = example_key();
  if (!key) return {{}, {1}};
  Bytes cipher = bytes(
      "307c022004ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73"
      "022100e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"
      "042059983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"
      "041321886ca989ca9c7d58087307ca93092d651efa");
  return {key->decrypt(cipher).value_or(Bytes()), to_bytes(view("encryption standard"))};
}

Answer test_random() {
  Bytes before = random_bytes(16);
  for (int i = 0; i < 64; ++i) {
    Bytes next = random_bytes(16);
    if (next == before) return {{0}, {1}};
    before = std::move(next);
  }
  int ones = 0;
  for (uint8_t byte : random_bytes(2500)) ones += __builtin_popcount(byte);
  return {{uint8_t(ones > 9500 && ones < 10500)}, {1}};  // 7 standard deviations of 20,000 fair bits
}

}  // namespace

Status self_test(std::string_view force_failure) {
  static constexpr Answer (*kTests[])() = {test_sm3,    test_hmac, test_sm4,     test_gcm,
                                           test_verify, test_sign, test_decrypt, test_random};
  static_assert(std::size(kTests) == std::size(kSelfTests));
  for (size_t i = 0; i < std::size(kTests); ++i) {
    Answer answer = kTests[i]();
    if (kSelfTests[i] == force_failure && !answer.is.empty()) answer.is[0] ^= 1;
    if (answer.is != answer.should_be) return fail(Code::internal, "crypto.self_test", "{}", kSelfTests[i]);
  }
  return {};
}

}  // namespace chengxin::crypto
