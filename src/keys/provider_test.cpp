#include "keys/provider.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <set>
#include <thread>

#include "crypto/sha256.h"
#include "crypto/sm3.h"
#include "keys/rig_for_tests.h"

// The same tests over every provider: who has another device swaps it in, and nothing else changes.
namespace chengxin::keys {
namespace {

// By Tongsuo, which neither device nor provider used for it.
bool es256_holds(const crypto::Sm2Point& point, const Digest& e, const crypto::Sm2Signature& pair) {
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>("P-256"), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<uint8_t*>(point.data()),
                                        point.size()),
      OSSL_PARAM_construct_end()};
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_fromdata_init(context);
  EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
  ECDSA_SIG* signature = ECDSA_SIG_new();
  ECDSA_SIG_set0(signature, BN_bin2bn(pair.data(), 32, nullptr), BN_bin2bn(pair.data() + 32, 32, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature, &der);
  EVP_PKEY_CTX* verify = EVP_PKEY_CTX_new(key, nullptr);
  EVP_PKEY_verify_init(verify);
  const bool holds = EVP_PKEY_verify(verify, der, size_t(size), e.data(), e.size()) == 1;
  OPENSSL_free(der);
  ECDSA_SIG_free(signature);
  EVP_PKEY_CTX_free(verify);
  EVP_PKEY_CTX_free(context);
  EVP_PKEY_free(key);
  return holds;
}

bool holds(const Key& key, ByteView message, const crypto::Sm2Signature& signature) {
  if (key.algorithm == Algorithm::es256)
    return es256_holds(key.public_key, crypto::Sha256().update(message).finish(), signature);
  return crypto::Sm2PublicKey::from_point(key.public_key)->verify(message, signature);
}

struct Providers : Folder, testing::WithParamInterface<std::string> {
  std::shared_ptr<Provider> provider;
  Info info;

  void SetUp() override {
    auto opened = open_provider(GetParam(), folder);
    ASSERT_TRUE(opened) << opened.error().to_string();
    provider = *opened;
    auto told = provider->info();
    ASSERT_TRUE(told) << told.error().to_string();
    info = *told;
  }
  Status unlock() { return provider->unlock(pin_of(GetParam())); }
  // A key to work with: a new one, or the first that the device has.
  Key key(const std::string& id) {
    if (info.generates) {
      auto made = provider->generate(id, info.algorithms[0]);
      EXPECT_TRUE(made) << made.error().to_string();
      return made ? *made : Key();
    }
    return provider->list()->at(0);
  }
};

TEST_P(Providers, SaysWhatItIs) {
  EXPECT_EQ(info.kind, GetParam());
  EXPECT_FALSE(info.name.empty());
  EXPECT_FALSE(info.algorithms.empty());
}

TEST_P(Providers, SignsWhatOthersVerify) {
  ASSERT_TRUE(unlock());
  const Key own = key("signer");
  for (std::string message : {"", "a", "a longer message, of several words"}) {
    auto signature = provider->sign_message(own.id, view(message));
    ASSERT_TRUE(signature) << signature.error().to_string();
    EXPECT_TRUE(holds(own, view(message), *signature));
    EXPECT_FALSE(holds(own, view(message + "x"), *signature));
  }
  std::vector<Digest> digests(5);
  for (Digest& each : digests) crypto::random_fill(each);
  auto many = provider->sign(own.id, digests);
  ASSERT_TRUE(many);
  EXPECT_EQ(many->size(), 5u);
  EXPECT_EQ(std::set<crypto::Sm2Signature>(many->begin(), many->end()).size(), 5u);
  if (own.algorithm == Algorithm::sm2) {
    auto other_id = provider->sign_message(own.id, view("m"), "ALICE123@YAHOO.COM");
    EXPECT_TRUE(
        crypto::Sm2PublicKey::from_point(own.public_key)->verify(view("m"), *other_id, "ALICE123@YAHOO.COM"));
    EXPECT_EQ(reason(provider->sign_message(own.id, view("m"), std::string(8192, 'x'))), "crypto.id_length");
  }
  if (info.destroys) {
    EXPECT_TRUE(provider->destroy(own.id));
  }
}

TEST_P(Providers, SignsNothingWhileItIsLocked) {
  ASSERT_TRUE(unlock());
  const Key own = key("locked");
  const Digest e{1};
  ASSERT_TRUE(provider->sign(own.id, {&e, 1}));
  provider->lock();
  EXPECT_EQ(reason(provider->sign(own.id, {&e, 1})), "keys.locked");
  if (info.destroys && GetParam() != "software") {
    EXPECT_EQ(reason(provider->destroy(own.id)), "keys.locked");
  }
  if (info.generates) {
    EXPECT_FALSE(provider->generate("another", info.algorithms[0]));
  }
  ASSERT_TRUE(unlock());
  EXPECT_TRUE(provider->sign(own.id, {&e, 1}));
  if (info.destroys) {
    EXPECT_TRUE(provider->destroy(own.id));
  }
}

TEST_P(Providers, AWrongPinIsRefusedAndNotRepeated) {
  const auto refused = provider->unlock(view("9tEst-PiN-0f-mine"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, GetParam() == "software" ? "keys.passphrase" : "keys.pin");
  EXPECT_EQ(refused.error().to_string().find("9tEst-PiN"), std::string::npos);
  EXPECT_TRUE(unlock());
}

TEST_P(Providers, KeysAreMadeListedAndDestroyed) {
  ASSERT_TRUE(unlock());
  if (!info.generates) {
    EXPECT_EQ(reason(provider->generate("new", Algorithm::sm2)), "keys.unsupported");
    EXPECT_EQ(provider->destroy("1").error().reason, "keys.unsupported");
    EXPECT_EQ(provider->list()->size(), 4u);  // two indices, each with two pairs
    return;
  }
  const Key made = key("made-here");
  EXPECT_EQ(reason(provider->generate("made-here", info.algorithms[0])), "keys.exists");
  EXPECT_EQ(reason(provider->generate("../outside", info.algorithms[0])), "keys.name");
  EXPECT_EQ(provider->find("made-here")->public_key, made.public_key);
  EXPECT_TRUE(provider->destroy("made-here"));
  EXPECT_EQ(reason(provider->find("made-here")), "keys.not_found");
  EXPECT_EQ(provider->destroy("made-here").error().reason, "keys.not_found");
  const Digest e{1};
  EXPECT_EQ(reason(provider->sign("made-here", {&e, 1})), "keys.not_found");
}

TEST_P(Providers, DecryptsWhatWasEncryptedToItsKeyOrSaysThatItDoesNot) {
  ASSERT_TRUE(unlock());
  std::string id = info.kind == "sdf" ? "1e" : key("opens").id;
  const Key own = *provider->find(id);
  if (!info.decrypts) {
    EXPECT_EQ(reason(provider->decrypt(id, Bytes(120))), "keys.unsupported");
    if (info.destroys) EXPECT_TRUE(provider->destroy(id));
    return;
  }
  const Bytes cipher = *crypto::Sm2PublicKey::from_point(own.public_key)->encrypt(view("sixteen bytes ok"));
  auto plain = provider->decrypt(id, cipher);
  ASSERT_TRUE(plain) << plain.error().to_string();
  EXPECT_EQ(text(*plain), "sixteen bytes ok");
  for (size_t at = 0; at < cipher.size(); at += 7) {
    Bytes bent = cipher;
    bent[at] ^= 1;
    EXPECT_FALSE(provider->decrypt(id, bent)) << at;
  }
  EXPECT_EQ(reason(provider->decrypt(id, {})), "crypto.decrypt");
  EXPECT_EQ(reason(provider->decrypt("nowhere", cipher)), "keys.not_found");
}

TEST_P(Providers, RandomBytesDiffer) {
  auto first = provider->random(32), second = provider->random(32);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->size(), 32u);
  EXPECT_NE(*first, *second);
}

// What the rest of the platform holds is a key like any other, wherever its number is.
TEST_P(Providers, AnSm2KeyOfItIsAKeyOfOurs) {
  ASSERT_TRUE(unlock());
  const Key own = key("ours");
  auto ours = private_key(provider, own.id);
  if (own.algorithm != Algorithm::sm2) {
    EXPECT_EQ(reason(ours), "keys.unsupported");
    EXPECT_TRUE(provider->destroy(own.id));
    return;
  }
  ASSERT_TRUE(ours);
  auto signature = ours->sign(view("a block's header"));
  ASSERT_TRUE(signature) << signature.error().to_string();
  EXPECT_TRUE(ours->public_key().verify(view("a block's header"), *signature));
  EXPECT_EQ(reason(ours->to_pem()), "crypto.key_held");
  provider->lock();
  EXPECT_EQ(reason(ours->sign(view("m"))), "keys.locked");
}

TEST_P(Providers, ManyThreadsMayAsk) {
  ASSERT_TRUE(unlock());
  const Key own = key("threads");
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int k = 0; k < 5; ++k) {
        const std::string message = std::to_string(i * 10 + k);
        auto signature = provider->sign_message(own.id, view(message));
        good += signature && holds(own, view(message), *signature);
      }
    });
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(good, 20);
  if (info.destroys) {
    EXPECT_TRUE(provider->destroy(own.id));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Providers, testing::Values("software", "sdf", "skf", "pkcs11"),
                         [](const auto& kind) { return kind.param; });

}  // namespace
}  // namespace chengxin::keys
