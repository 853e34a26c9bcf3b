#include "crypto/cms.h"

#include <gtest/gtest.h>
#include <openssl/cms.h>

#include "crypto/authority.h"
#include "crypto/impl/sm2_impl.h"
#include "crypto/impl/tongsuo.h"
#include "crypto/random.h"

namespace chengxin::crypto {
namespace {

constexpr int64_t kDay = 86400000, kNow = 1795320000000;
constexpr Validity kYear{kNow - kDay, kNow + 365 * kDay};

struct Person {
  Authority root =
      Authority::create_root({"", "", "", "Root"}, {kNow - 10 * kDay, kNow + 3650 * kDay}).value();
  Sm2PrivateKey key = Sm2PrivateKey::generate().value();
  Certificate signing = issue(Purpose::client), encrypting = issue(Purpose::tls_encrypt);

  Certificate issue(Purpose purpose) {
    return root.issue({purpose, {"", "", "", "person"}, {}, kYear}, key.public_key()).value();
  }
};

template <typename T>
std::string reason(const Result<T>& result) {
  return result ? "" : result.error().reason;
}

TEST(Cms, SignsAttachedAndDetached) {
  Person person;
  Bytes content = random_bytes(1000);
  for (bool detached : {false, true}) {
    CmsSignOptions options{detached, kNow, {person.root.certificate()}};
    Bytes cms = cms_sign(content, person.signing, person.key, options).value();
    std::optional<ByteView> outside = detached ? std::optional<ByteView>(content) : std::nullopt;
    CmsSigned signed_data = cms_verify(cms, outside).value();
    EXPECT_EQ(signed_data.content, detached ? Bytes() : content);
    EXPECT_EQ(signed_data.signer.der, person.signing.der);
    EXPECT_EQ(signed_data.certificates.size(), 2u);
    EXPECT_EQ(reason(cms_verify(cms, detached ? std::nullopt : std::optional<ByteView>(content))),
              "crypto.cms_malformed");
    if (detached) {
      EXPECT_EQ(reason(cms_verify(cms, view("else"))), "crypto.cms_signature");
    }
  }
  EXPECT_EQ(reason(cms_sign(content, person.signing, Sm2PrivateKey::generate().value())),
            "crypto.cms_signer");
}

TEST(Cms, EveryCorruptionOfASignatureIsRefused) {
  Person person;
  Bytes cms = cms_sign(view("content"), person.signing, person.key).value();
  for (size_t i = 0; i < cms.size(); ++i) {
    Bytes bad = cms;
    bad[i] ^= uint8_t(1 << i % 8);
    auto result = cms_verify(bad);
    // Neither the version (1 or 3) nor the certificate is signed; the latter is judged by verify_chain.
    bool version = i == 25 && bad[i] == 3;
    if (result && !version) {
      EXPECT_NE(result->signer.der, person.signing.der) << i;
    }
    ASSERT_FALSE(cms_verify(ByteView(cms).first(i))) << i;
  }
}

TEST(Cms, EncryptsToEachRecipient) {
  Person a, b, stranger;
  Bytes content = random_bytes(1000);
  std::vector<Certificate> both = {a.encrypting, b.encrypting};
  Bytes cms = cms_encrypt(content, both).value();
  EXPECT_TRUE(equal(cms_decrypt(cms, a.encrypting, a.key).value(), content));
  EXPECT_TRUE(equal(cms_decrypt(cms, b.encrypting, b.key).value(), content));
  EXPECT_EQ(reason(cms_decrypt(cms, stranger.encrypting, stranger.key)), "crypto.cms_recipient");
  EXPECT_EQ(reason(cms_decrypt(cms, a.encrypting, stranger.key)), "crypto.decrypt");
  EXPECT_EQ(reason(cms_decrypt(view("junk"), a.encrypting, a.key)), "crypto.cms_malformed");
  EXPECT_EQ(reason(cms_encrypt(content, {})), "crypto.cms_recipient");
  EXPECT_EQ(reason(cms_encrypt(content, std::span(&a.signing, 1))), "crypto.cms_recipient");
  for (size_t i = 0; i < cms.size(); ++i) {
    Bytes bad = cms;
    bad[i] ^= 1;
    auto plain = cms_decrypt(bad, a.encrypting, a.key);
    // CBC does not authenticate: a changed cipher text may open, but never as what was sent, save where the
    // other recipient's part, the version or the content type was changed.
    if (plain && !equal(*plain, content)) {
      EXPECT_GT(i, cms.size() - 1100) << i;
    }
    ASSERT_FALSE(cms_decrypt(ByteView(cms).first(i), a.encrypting, a.key)) << i;
  }
}

TEST(Cms, TongsuoReadsBothAndWeReadIts) {
  using namespace tongsuo;
  using Info = Ptr<CMS_ContentInfo, CMS_ContentInfo_free>;
  Person person;
  Bytes content = random_bytes(100);
  auto root = parse<Ptr<X509, X509_free>, d2i_X509>(person.root.certificate().der);
  auto signer = parse<Ptr<X509, X509_free>, d2i_X509>(person.signing.der);
  auto recipient = parse<Ptr<X509, X509_free>, d2i_X509>(person.encrypting.der);
  Ptr<X509_STORE, X509_STORE_free> store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), root.get());
  X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store.get()), kNow / 1000);
  X509_STORE_set_purpose(store.get(), X509_PURPOSE_ANY);

  auto ours = parse<Info, d2i_CMS_ContentInfo>(cms_sign(content, person.signing, person.key).value());
  ASSERT_TRUE(ours);
  EXPECT_EQ(CMS_verify(ours.get(), nullptr, store.get(), nullptr, nullptr, CMS_BINARY), 1) << last_error();
  auto envelope =
      parse<Info, d2i_CMS_ContentInfo>(cms_encrypt(content, std::span(&person.encrypting, 1)).value());
  ASSERT_TRUE(envelope);
  Bio plain = writer();
  EXPECT_EQ(CMS_decrypt(envelope.get(), person.key.impl().pkey(), recipient.get(), nullptr, plain.get(), 0),
            1)
      << last_error();
  EXPECT_TRUE(equal(written(plain), content));

  Bio input = reader(content);
  Info theirs(CMS_sign(nullptr, nullptr, nullptr, nullptr, CMS_PARTIAL | CMS_BINARY));
  ASSERT_TRUE(
      CMS_add1_signer(theirs.get(), signer.get(), person.key.impl().pkey(), EVP_sm3(), CMS_NOSMIMECAP))
      << last_error();
  ASSERT_EQ(CMS_final(theirs.get(), input.get(), nullptr, CMS_BINARY), 1) << last_error();
  EXPECT_EQ(reason(cms_verify(der<i2d_CMS_ContentInfo>(theirs.get()))), "");
}

}  // namespace
}  // namespace chengxin::crypto
