#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "../measure.h"

// The system's OpenSSL through EVP: EVP_PKEY_verify and EVP_PKEY_sign with a context made once for each key;
// for messages Z_A is computed once for each key and SM3(Z_A || M) fetched once, which is faster than
// EVP_DigestVerify (it hashes Z_A anew each time).
namespace {

struct Key {
  EVP_PKEY* pkey = nullptr;
  EVP_PKEY_CTX *verifying = nullptr, *signing = nullptr;
  uint8_t point[65], z[32], digest[32], over_digest[80], over_message[80];
  size_t digest_size = sizeof over_digest, message_size = sizeof over_message;
  std::vector<uint8_t> message;
};

EVP_MD* sm3 = nullptr;
EVP_MD_CTX* hashing = nullptr;

void hash(uint8_t* out, const void* first, size_t first_size, const void* second = nullptr,
          size_t second_size = 0) {
  EVP_DigestInit_ex2(hashing, sm3, nullptr);
  EVP_DigestUpdate(hashing, first, first_size);
  if (second_size) EVP_DigestUpdate(hashing, second, second_size);
  EVP_DigestFinal_ex(hashing, out, nullptr);
}

EVP_PKEY* from_point(const uint8_t* point) {
  char group[] = "SM2";
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<uint8_t*>(point), 65),
      OSSL_PARAM_construct_end(),
  };
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "SM2", nullptr);
  EVP_PKEY* out = nullptr;
  peers::must(EVP_PKEY_fromdata_init(context) == 1 &&
                  EVP_PKEY_fromdata(context, &out, EVP_PKEY_PUBLIC_KEY, params) == 1,
              "no key");
  EVP_PKEY_CTX_free(context);
  return out;
}

// GB/T 32918.2 section 5.5: entl || id || a || b || G || point.
void z_of(const uint8_t* point, uint8_t* out) {
  std::vector<uint8_t> data = {0, 0x80};
  const char* id = "1234567812345678";
  data.insert(data.end(), id, id + 16);
  EC_GROUP* group = EC_GROUP_new_by_curve_name(NID_sm2);
  BIGNUM *p = BN_new(), *a = BN_new(), *b = BN_new();
  EC_GROUP_get_curve(group, p, a, b, nullptr);
  uint8_t number[32], generator[65];
  for (const BIGNUM* value : {a, b}) {
    BN_bn2binpad(value, number, 32);
    data.insert(data.end(), number, number + 32);
  }
  EC_POINT_point2oct(group, EC_GROUP_get0_generator(group), POINT_CONVERSION_UNCOMPRESSED, generator, 65,
                     nullptr);
  data.insert(data.end(), generator + 1, generator + 65);
  data.insert(data.end(), point + 1, point + 65);
  hash(out, data.data(), data.size());
  BN_free(p), BN_free(a), BN_free(b);
  EC_GROUP_free(group);
}

Key make_key(size_t number) {
  Key key;
  key.pkey = EVP_PKEY_Q_keygen(nullptr, nullptr, "SM2");
  size_t size = 0;
  EVP_PKEY_get_octet_string_param(key.pkey, OSSL_PKEY_PARAM_PUB_KEY, key.point, sizeof key.point, &size);
  if (size != 65) {  // the compressed form is what some releases give
    EVP_PKEY_set_utf8_string_param(key.pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed");
    EVP_PKEY_get_octet_string_param(key.pkey, OSSL_PKEY_PARAM_PUB_KEY, key.point, sizeof key.point, &size);
  }
  peers::must(size == 65, "no point");
  key.signing = EVP_PKEY_CTX_new(key.pkey, nullptr);
  peers::must(EVP_PKEY_sign_init(key.signing) == 1, "no context");
  key.verifying = EVP_PKEY_CTX_new(from_point(key.point), nullptr);
  peers::must(EVP_PKEY_verify_init(key.verifying) == 1, "no context");
  z_of(key.point, key.z);
  key.message = peers::message_of(number, peers::kMessageBytes);
  uint8_t e[32];
  hash(e, key.z, 32, key.message.data(), key.message.size());
  std::memcpy(key.digest, peers::message_of(number, 32).data(), 32);
  peers::must(EVP_PKEY_sign(key.signing, key.over_digest, &key.digest_size, key.digest, 32) == 1 &&
                  EVP_PKEY_sign(key.signing, key.over_message, &key.message_size, e, 32) == 1,
              "not signed");
  return key;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace peers;
  const Bench bench("openssl", OpenSSL_version(OPENSSL_VERSION_STRING), argc, argv);
  sm3 = EVP_MD_fetch(nullptr, "SM3", nullptr);
  hashing = EVP_MD_CTX_new();
  must(sm3 && hashing, "no SM3");
  std::vector<Key> keys;
  for (size_t i = 0; i < kKeys; ++i) keys.push_back(make_key(i));

  bench.run("verify_unknown", "EVP_PKEY_fromdata and context made for each signature; digest given",
            [&](size_t i) {
              Key& key = keys[i % kKeys];
              EVP_PKEY* pkey = from_point(key.point);
              EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(pkey, nullptr);
              must(EVP_PKEY_verify_init(context) == 1 &&
                       EVP_PKEY_verify(context, key.over_digest, key.digest_size, key.digest, 32) == 1,
                   "refused");
              EVP_PKEY_CTX_free(context);
              EVP_PKEY_free(pkey);
            });
  bench.run("verify", "EVP_PKEY_verify, context reused; digest given", [&](size_t i) {
    Key& key = keys[i % kKeys];
    must(EVP_PKEY_verify(key.verifying, key.over_digest, key.digest_size, key.digest, 32) == 1, "refused");
  });
  bench.run("verify_message", "EVP_PKEY_verify, context reused, Z_A kept; SM3 of 200 bytes", [&](size_t i) {
    Key& key = keys[i % kKeys];
    uint8_t e[32];
    hash(e, key.z, 32, key.message.data(), key.message.size());
    must(EVP_PKEY_verify(key.verifying, key.over_message, key.message_size, e, 32) == 1, "refused");
  });
  bench.run("sign", "EVP_PKEY_sign, context reused; digest given", [&](size_t i) {
    uint8_t out[80];
    size_t size = sizeof out;
    must(EVP_PKEY_sign(keys[0].signing, out, &size, keys[i % kKeys].digest, 32) == 1, "not signed");
  });
  uint8_t out[32];
  for (auto [what, size] : {std::pair{"sm3_1k", kHashedBytes}, std::pair{"sm3_node", kNodeBytes}}) {
    const auto data = message_of(1, size);
    bench.run(what, "EVP_Digest, algorithm fetched once, context reused",
              [&](size_t) { hash(out, data.data(), data.size()); });
  }
}
